"""Two processes on one PostgreSQL that both serve calls: one dials call-backs, and the other takes over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from hotline.dialling import EVERY_S, LEASE_S, LEAVE_S, Dialling
from hotline.domain import call_commands as cc
from hotline.feeding import Feeder
from hotline.storage.opening import writing_engine
from hotline.storage.queries.due import still_due
from hotline.storage.queries.leases import release
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from ivr.ami_wire import Message
from ivr.originate import CallBacks
from ivr.queue_view import QueueView
from tests.kit.ami import Rig, block
from tests.kit.databases import on
from tests.storage.driver import START, Driven, sound

AGENTS = 2
MEMBER = "Event: QueueMember; Queue: help; Membership: dynamic; Status: 1; Paused: 0; InCall: 0"


class Readers:
    """Runs queries at once; while `away`, none."""

    def __init__(self, url: str) -> None:
        self._engine, self.away = writing_engine(url), False

    def run(self, query: Any, *args: Any) -> Deferred[Any]:
        if self.away:
            return fail(StorageError("gone"))
        with self._engine.begin() as connection:
            return succeed(query(connection, *args))


class Process:
    """One process: ledger, relay, feeder, and its turn to dial. Asterisk tells each the same of its queue."""

    def __init__(self, url: str, owner: str, clock: Clock) -> None:
        self.owner, self.driven, self.readers, self.rig = owner, Driven(url, owner=owner), Readers(url), Rig()
        self.clock, self.lives = clock, True
        view = QueueView("help", self.now)
        view.status([Message(block(MEMBER, Name=f"a{n}", Location=f"PJSIP/a{n}")[:-4]) for n in range(AGENTS)])
        reader = cast(Reader, self.readers)
        self.relay = CallBacks(
            self.rig.client,
            view,
            lambda command: succeed(self.driven.run(command)),
            lambda command, then: (self.driven.run(command), then()),  # type: ignore[arg-type,return-value]
            lambda row: self.readers.run(still_due, row, owner),
            self.now,
            clock,
        )
        self.driven.ledger.on_calls = self.relay.offer
        self.feeder = Feeder(owner, reader, reader, outbound=None, billing=None, calls=self.relay, reactor=clock)
        self.dialling = Dialling(owner, reader, self.relay, clock, shared=True)
        self.dialling.start()
        self.feeder.start()

    def now(self) -> Any:
        return START + timedelta(seconds=self.clock.seconds())

    def dialled(self) -> list[str]:
        """Whom Asterisk was told to dial since the last time; it answers what it was asked."""
        found = []
        for action in self.rig.link.actions():
            if action["Action"] == "CoreShowChannels":
                self.rig.link.answer(action, "Response: Success; EventList: start")
                done = block("Event: CoreShowChannelsComplete; EventList: Complete", ActionID=action["ActionID"])
                self.rig.link.give(done)
            elif action["Action"] == "Originate":
                self.rig.link.answer(action)
                found.append(action["ChannelId"])
        return found

    def ask(self, stream: str) -> None:
        command = cc.AskCallBack(stream=stream, id=f"ask-{stream}", call="1.1", number=stream, queued_at=START)
        assert self.driven.run(command).result == "taken"

    def die(self) -> None:
        """It is killed: no lease is given back."""
        self.lives = False
        for loop in (self.feeder._loop, self.dialling._loop):
            if loop.running:
                loop.stop()
        self.relay.stop()

    def end(self) -> None:
        if self.lives:
            self.die()
        self.driven.ledger.stop()


@pytest.fixture
def two(postgres_url: str) -> Iterator[list[Process]]:
    clock = Clock()
    made = [Process(postgres_url, owner, clock) for owner in ("a", "b")]
    yield made
    for each in made:
        each.end()
    sound(postgres_url)


def wait(two: list[Process], seconds: float) -> Counter[str]:
    """Time passes for both; who dialled how many."""
    found: Counter[str] = Counter()
    for _ in range(round(seconds * 2)):
        two[0].clock.advance(0.5)
        for each in two:
            if each.lives:
                found[each.owner] += len(each.dialled())
    return +found


def streams(first: int, number: int) -> list[str]:
    return [f"86137{each:08d}" for each in range(first, first + number)]


def test_together_they_ring_no_more_than_agents_are_free(two: list[Process], postgres_url: str) -> None:
    a, b = two
    for stream in streams(0, 3):
        a.ask(stream)
    for stream in streams(10, 3):
        b.ask(stream)
    assert wait(two, 4 * EVERY_S) == {"a": AGENTS}
    assert (a.relay.live(), a.relay.pending(), b.relay.pending()) == (AGENTS, 6, 0)
    owners = Counter(row.owner for row in on(postgres_url)("SELECT owner FROM outbox WHERE channel = 'call'"))
    assert owners == {"a": 6}


def test_the_other_takes_over_when_the_lease_runs_out(two: list[Process], postgres_url: str) -> None:
    a, b = two
    for stream in streams(0, 3):
        a.ask(stream)
    assert wait(two, EVERY_S + 1) == {"a": AGENTS}
    a.die()
    b.ask(streams(10, 1)[0])
    assert wait(two, 2 * EVERY_S) == {}, "the lease of the dead one still holds"
    on(postgres_url)("UPDATE lease SET until = 0 WHERE owner = 'a'")
    assert wait(two, 4 * EVERY_S) == {"b": AGENTS}, "what the dead one had dialled is not dialled again"
    noted = on(postgres_url)("SELECT body FROM event WHERE kind = 'CallBackTried'")
    assert [row.body.count('"failed"') for row in noted] == [1, 1]


def test_a_lease_that_is_given_back_is_taken_at_once(two: list[Process]) -> None:
    a, b = two
    wait(two, EVERY_S)
    assert (a.relay.granted, b.relay.granted) == (True, False)
    a.dialling.stop()
    a.readers.run(release, "a")
    assert not a.relay.granted
    wait(two, EVERY_S)
    assert b.relay.granted


def test_who_can_not_renew_it_dials_nobody_before_another_may(two: list[Process]) -> None:
    a, b = two
    wait(two, EVERY_S)
    a.readers.away = b.readers.away = True
    wait(two, LEASE_S - LEAVE_S - EVERY_S)
    assert a.relay.granted
    wait(two, EVERY_S)
    assert not a.relay.granted
    a.readers.away = False
    wait(two, EVERY_S)
    assert a.relay.granted
