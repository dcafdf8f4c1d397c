"""hotline.feeding and hotline.binding: which process sends what, on an outbox in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from hotline import binding, feeding
from hotline.binding import Binding
from hotline.domain import commands as cmd
from hotline.domain.call_events import CallBackQueued
from hotline.domain.events import BillingQueued, MtQueued
from hotline.feeding import EVERY_S, LEASE_S, Feeder
from hotline.storage.queries.due import Due
from hotline.storage.queries.leases import Scope
from hotline.storage.store import StorageError
from sms import outbound as outbound_module
from sms.outbound import Outbound
from sms.pdu import SubmitSmResp
from tests.kit.edge import FakeLink, settings


class Database:
    """Outbox rows and leases of several processes; `run` stands for both readers of each."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rows: dict[int, dict[str, Any]] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.away = False
        self.during: list[Callable[[], None]] = []
        self.done: list[str] = []

    def run(self, function: Any, *args: Any) -> Deferred[Any]:
        if self.away:
            return fail(StorageError("gone"))
        self.done.append(function.__name__)
        result = getattr(self, function.__name__)(*args)
        if function.__name__ == "due" and self.during:
            self.during.pop(0)()
        return succeed(result)

    def queue(self, row: int, owner: str = "", smsc: str = "main", channel: str = "sms", stream: str = "") -> None:
        event: Any = MtQueued("hi", "help", smsc, "", 1)
        if channel == "billing":
            event = BillingQueued("charge", "10", 500, "2026-03")
        elif channel == "call":
            event = CallBackQueued("8613800000001", datetime(2026, 3, 2, tzinfo=UTC), 1, row)
        self.rows[row] = {"owner": owner, "channel": channel, "event": event, "stream": stream or f"86138{row:08d}"}

    def _live(self, name: str) -> str:
        owner, until = self.leases.get(name, ("", 0.0))
        return owner if until > self.clock.seconds() else ""

    # The functions of hotline.storage.queries.

    def take(self, name: str, owner: str, seconds: float) -> bool:
        if self._live(name) not in ("", owner):
            return False
        self.leases[name] = owner, self.clock.seconds() + seconds
        return True

    def renew(self, owner: str, seconds: float) -> bool:
        return self.take(f"process:{owner}", owner, seconds)

    def adopt(self, owner: str, channel: str, limit: int, scope: Scope | None = None) -> list[int]:
        adopted = []
        for row, each in sorted(self.rows.items()):
            free = each["channel"] == channel and each["owner"] != owner and not self._live(f"process:{each['owner']}")
            if free and len(adopted) < limit and (scope is None or self._within(scope, each["event"].smsc)):
                each["owner"] = owner
                adopted.append(row)
        return adopted

    def _within(self, scope: Scope, smsc: str) -> bool:
        return smsc in scope.smscs or (scope.others is not None and smsc not in scope.others)

    def give_back(self, owner: str, rows: list[int]) -> None:
        for row in rows:
            if self.rows[row]["owner"] == owner:
                self.rows[row]["owner"] = ""

    def due(self, channel: str, owner: str, limit: int, without: Any = ()) -> list[Due]:
        mine = [
            Due(row, each["stream"], datetime.now(UTC), each["event"])
            for row, each in sorted(self.rows.items())
            if each["channel"] == channel and each["owner"] == owner and row not in without
        ]
        return mine[:limit]


class Billing:
    """A billing relay that holds what it is offered."""

    def __init__(self) -> None:
        self.held: dict[int, Any] = {}
        self.offers = 0

    def offer(self, rows: Any, *, waited_s: float = 0.0) -> None:
        for row, _stream, event in rows:
            self.offers += 1
            self.held.setdefault(row, event)

    def pending(self) -> int:
        return len(self.held)


class Calls:
    """A relay of call-backs that holds what it is offered."""

    granted = True

    def __init__(self) -> None:
        self.held: dict[int, bool] = {}

    def offer(self, rows: Any, *, left: bool = False) -> None:
        for row, _stream, _event in rows:
            self.held.setdefault(row, left)

    def pending(self) -> int:
        return len(self.held)

    def release(self) -> list[int]:
        left = [*self.held]
        self.held.clear()
        return left


class Desk:
    """A desk that binds its gate when it is started."""

    def __init__(self, process: Process, name: str) -> None:
        self.smsc, self.gate, self.link = process.outbound.gates[name].smsc, process.outbound.gates[name], FakeLink(100)
        self.trouble, self.running = "", False
        self.stopping: Deferred[None] | None = None

    def start(self) -> None:
        self.running = True
        self.gate.opened(self.link)  # type: ignore[arg-type]

    def stop(self) -> Deferred[None]:
        self.running = False
        self.gate.halt()
        self.gate.closed(self.link, self.link.session.open)  # type: ignore[arg-type]
        self.link = FakeLink(100)
        return self.stopping or succeed(None)


class Process:
    """One process: its relays, its feeder, its binding."""

    def __init__(self, database: Database, owner: str = "a", *, shared: bool = False, smscs: tuple[str, ...] = ("main",)) -> None:
        self.database, self.owner = database, owner
        self.outbound = Outbound([settings(name=name) for name in smscs], self.note, database.clock, valid_s=1e9)
        self.billing, self.calls = Billing(), Calls()
        reader: Any = database
        relays: Any = {"outbound": self.outbound, "billing": self.billing, "calls": self.calls}
        self.feeder = Feeder(owner, reader, reader, reactor=database.clock, **relays)
        self.desks = [Desk(self, name) for name in smscs]
        self.binding = Binding(owner, reader, self.desks, self.outbound, database.clock, shared=shared)  # type: ignore[arg-type]

    def note(self, command: cmd.Command, then: Callable[[], None]) -> None:
        assert isinstance(command, cmd.NoteAccepted)
        del self.database.rows[command.mt]
        then()

    def start(self) -> Process:
        self.binding.start()
        self.feeder.start()
        return self

    def kill(self) -> None:
        """No more sign of life."""
        for loop in (self.feeder._loop, self.binding._loop):
            if loop.running:
                loop.stop()

    def sent(self) -> list[int]:
        """Rows submitted so far."""
        return [token.mt.row for desk in self.desks for _, token in desk.link.submitted]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(clock: Clock) -> Database:
    return Database(clock)


def looks(clock: Clock, count: int = 1) -> None:
    clock.pump([EVERY_S] * count)


def test_what_a_former_process_left_is_sent(database: Database, clock: Clock) -> None:
    for row in range(1, 6):
        database.queue(row, owner="" if row % 2 else "dead")
    assert Process(database).start().sent() == [1, 2, 3, 4, 5]


def test_what_another_process_queued_is_sent_soon(database: Database, clock: Clock) -> None:
    process = Process(database).start()
    database.queue(7)
    looks(clock)
    assert process.sent() == [7]
    looks(clock, 5)
    assert process.sent() == [7], "once"


def test_a_dead_letter_that_is_retried_while_the_outbox_is_looked_at(database: Database, clock: Clock) -> None:
    process = Process(database).start()
    database.queue(1, owner="a")
    database.queue(2, owner="z")
    database.during.append(process.feeder.retried)
    database.queue(3)
    looks(clock)
    database.queue(4, owner="a")
    looks(clock)
    assert 4 in process.sent()


def test_more_than_memory_holds(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_module, "HELD_MAX", 40)
    monkeypatch.setattr(feeding, "AT_ONCE", 7)
    for row in range(1, 301):
        database.queue(row, owner="dead")
    process = Process(database).start()
    most = 0
    for _ in range(200):
        looks(clock)
        most = max(most, process.outbound.held())
        link = process.desks[0].link
        for token in link.session.open[:15]:
            process.outbound.answered(process.desks[0].gate, token, SubmitSmResp(1, 0, "x"))
            link.session.open.remove(token)
        process.outbound.turn_ended()
        process.outbound.pump()
    assert database.rows == {}
    assert sorted(process.sent()) == list(range(1, 301)), "each once"
    assert most <= 40


@pytest.mark.parametrize("count", [6, 7, 8, 14, 50])
def test_more_orders_than_are_read_at_once(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(feeding, "AT_ONCE", 7)
    for row in range(1, count + 1):
        database.queue(row, owner="dead", channel="billing")
    process = Process(database).start()
    seen: set[int] = set()
    for _ in range(60):
        looks(clock)
        assert process.billing.pending() <= 14
        seen |= process.billing.held.keys()
        for row in list(process.billing.held)[:3]:
            del process.billing.held[row], database.rows[row]
    assert seen == set(range(1, count + 1))


def test_the_database_goes_away_and_comes_back(database: Database, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    process = Process(database).start()
    database.away = True
    database.queue(1)
    looks(clock, 5)
    assert len(caplog.records) == 1
    database.away = False
    looks(clock)
    assert process.sent() == [1]


def test_a_bug_does_not_end_the_looks(database: Database, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    process = Process(database).start()

    def bug() -> None:
        raise ZeroDivisionError

    database.queue(1)
    database.during.append(bug)
    looks(clock)
    database.queue(9, owner="a")
    process.outbound.offer([(9, database.rows[9]["stream"], database.rows[9]["event"])])
    assert "can't be fed" in caplog.text
    looks(clock)
    assert process.sent() == [1, 9], "what was offered meanwhile is read with the rest"


def test_a_process_that_was_stopped_for_long(database: Database, clock: Clock) -> None:
    """Its rows were sent by another meanwhile."""
    one = Process(database, "a")
    one.feeder.start()
    for row in range(1, 4):
        database.queue(row, owner="a")
    looks(clock)
    one.feeder.retried()
    looks(clock)
    assert one.outbound.rows() == {1, 2, 3}
    one.feeder.stop()
    clock.advance(LEASE_S + 1)
    for row in (1, 3):
        database.rows[row]["owner"] = "b"
    database.leases["process:b"] = "b", clock.seconds() + 100
    one.feeder.start()
    assert one.outbound.rows() == {2}


def test_without_an_smsc(database: Database, clock: Clock) -> None:
    database.queue(1)
    Process(database, smscs=()).start()
    looks(clock, 3)
    assert database.rows[1]["owner"] == "", "left for a process that has one"


def test_stopping_waits_for_the_look_under_way(database: Database, clock: Clock) -> None:
    process = Process(database).start()
    stopped: list[Any] = []
    process.feeder.stop().addBoth(stopped.append)
    assert stopped == [None]
    process.feeder.stop().addBoth(stopped.append)
    assert stopped == [None, None]
    slow: Deferred[Any] = Deferred()
    process.feeder.start()
    database.run = lambda *_: slow  # type: ignore[method-assign, assignment]
    looks(clock)
    process.feeder.stop().addBoth(stopped.append)
    assert len(stopped) == 2
    slow.errback(StorageError("gone"))
    assert len(stopped) == 3
    assert clock.getDelayedCalls() == []


# -- who uses an SMSC


def test_alone_on_sqlite_all_are_used_at_once(database: Database, clock: Clock) -> None:
    process = Process(database, smscs=("main", "other"))
    process.binding.start()
    assert [desk.running for desk in process.desks] == [True, True]
    assert database.leases == {}
    assert clock.getDelayedCalls() == []


def test_one_process_uses_an_smsc_the_other_stands_by(database: Database, clock: Clock) -> None:
    one = Process(database, "a", shared=True).start()
    two = Process(database, "b", shared=True).start()
    assert (one.desks[0].running, two.desks[0].running) == (True, False)
    assert two.desks[0].trouble == "", "standing by is no trouble"
    looks(clock, 30)
    assert (one.desks[0].running, two.desks[0].running) == (True, False)
    database.queue(1, owner="b")
    two.outbound.offer([(1, database.rows[1]["stream"], database.rows[1]["event"])])
    looks(clock, 2)
    assert (one.sent(), two.sent(), two.outbound.held()) == ([1], [], 0), "a text of the one that stands by goes out by the other"


def test_takeover(database: Database, clock: Clock) -> None:
    one = Process(database, "a", shared=True).start()
    two = Process(database, "b", shared=True).start()
    one.kill()
    database.queue(1, owner="a")
    looks(clock, int((LEASE_S + 2 * EVERY_S) / EVERY_S))
    assert two.desks[0].running
    assert two.sent() == [1]


def test_a_lease_that_was_lost(database: Database, clock: Clock) -> None:
    one = Process(database, "a", shared=True).start()
    database.queue(1, owner="a")
    one.feeder.retried()
    looks(clock)
    assert one.outbound.held() == 1
    database.leases["smsc:main"] = "b", clock.seconds() + 1000
    leaving: Deferred[None] = Deferred()
    one.desks[0].stopping = leaving
    looks(clock)
    assert not one.desks[0].running
    leaving.callback(None)
    looks(clock)
    assert one.outbound.held() == 0
    assert database.rows[1]["owner"] == ""
    database.leases.clear()
    looks(clock, 3)
    assert one.desks[0].running
    assert one.sent() == [1]


@pytest.mark.parametrize(("away_s", "runs"), [(6, True), (14, False)])
def test_the_database_is_away(database: Database, clock: Clock, away_s: int, runs: bool) -> None:
    """Before another may take the SMSC it is left."""
    one = Process(database, "a", shared=True).start()
    database.away = True
    clock.pump([1.0] * away_s)
    assert one.desks[0].running is runs
    assert away_s < binding.LEASE_S
    database.away = False
    clock.pump([1.0] * 4)
    assert one.desks[0].running


def test_two_smscs_of_two_processes(database: Database, clock: Clock) -> None:
    database.leases |= {"smsc:main": ("a", 1000.0), "smsc:other": ("b", 1000.0)}
    one = Process(database, "a", shared=True, smscs=("main", "other")).start()
    two = Process(database, "b", shared=True, smscs=("main", "other")).start()
    assert [desk.running for desk in one.desks] == [True, False]
    assert [desk.running for desk in two.desks] == [False, True]
    for row, smsc in enumerate(["main", "other", "", "unknown"], 1):
        database.queue(row, smsc=smsc)
    looks(clock, 2)
    assert (one.sent(), two.sent()) == ([1, 3, 4], [2])


def test_stopping_a_binding(database: Database, clock: Clock) -> None:
    one = Process(database, "a", shared=True).start()
    one.binding.stop()
    looks(clock, 3)
    assert not one.desks[0].running


def test_call_backs_that_a_former_process_left_are_offered_as_such(database: Database, clock: Clock) -> None:
    database.queue(1, "dead", channel="call")
    process = Process(database).start()
    looks(clock)
    assert process.calls.held == {1: True}
    database.queue(2, "dead", channel="call")
    looks(clock)
    assert process.calls.held == {1: True, 2: True}


def test_call_backs_are_fed_again_after_the_database_was_away(database: Database, clock: Clock) -> None:
    database.queue(1, "a", channel="call")
    database.away = True
    process = Process(database).start()
    database.away = False
    looks(clock)
    assert process.calls.held == {1: True}


def test_no_more_call_backs_are_read_than_memory_has_room_for(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "AT_ONCE", 2)
    for row in range(1, 6):
        database.queue(row, "a", channel="call")
    process = Process(database).start()
    assert list(process.calls.held) == [1, 2]
    process.calls.held.clear()
    for row in (1, 2):
        del database.rows[row]
    looks(clock)
    assert list(process.calls.held) == [3, 4]


def test_who_does_not_dial_gives_its_call_backs_back(database: Database, clock: Clock) -> None:
    database.queue(1, "a", channel="call")
    process = Process(database).start()
    assert list(process.calls.held) == [1]
    process.calls.granted = False
    clock.advance(EVERY_S)
    assert process.calls.held == {}
    assert database.rows[1]["owner"] == ""
    process.calls.granted = True
    clock.advance(EVERY_S)
    assert list(process.calls.held) == [1]
