"""Tests by text: what each text must bring about, and what becomes of a test that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from hotline.batch import Outcome
from hotline.domain.commands import CancelService, Command
from hotline.domain.errors import TestCallRefused
from hotline.domain.testcall_commands import NoteDialled, NoteTestCall, SendTestText, WeighTestCall
from hotline.domain.testcall_events import TestCallPlanned
from hotline.storage.queries.timeline import Entry
from hotline.storage.store import StorageError
from hotline.testcalls.texts import AGAIN_S, TextTests, Words
from tests.kit.plans import START

PHONE, SERVICE, ROW = "8613900000009", "10655123", 7
PLANNED = TestCallPlanned("texts-1", "texts", "sms", "peer", "101", PHONE, START, 20261125, 5, 6)
TEXTS = ["DZ 101", "Y", "TD 101"]


class World:
    """The ledger and the streams that a test by text sees; `outcomes` are those of NoteDialled."""

    def __init__(self, ends: tuple[str, str] | None = (PHONE, SERVICE), outcome: Outcome | None = None) -> None:
        self.commands: list[Command] = []
        self.streams: dict[str, list[Entry]] = {PHONE: [], SERVICE: []}
        self.clock, self.ids, self.outcome = Clock(), 100, outcome or Outcome(result="dial")
        self.tests = TextTests(
            self._execute, self._insist, self._events, lambda _stream: succeed(0), lambda _event: ends,
            Words("DZ", "Y", "TD"), lambda: START + timedelta(seconds=self.clock.seconds()), self.clock,
        )  # fmt: skip

    def _execute(self, command: Command) -> Deferred[Outcome]:
        self.commands.append(command)
        if isinstance(command, NoteDialled):
            return succeed(self.outcome)
        self.ids += 1
        return succeed(Outcome(result=self.ids))

    def _insist(self, command: Command, then: Callable[[], None]) -> None:
        self.commands.append(command)
        then()

    def _events(self, stream: str, after: int) -> Deferred[Sequence[Entry]]:
        return succeed([entry for entry in self.streams[stream] if entry.id > after])

    def happens(self, stream: str, kind: str, **body: Any) -> int:
        """Something happened in a stream; returns the event's id."""
        self.ids += 1
        at = START + timedelta(seconds=self.clock.seconds())
        self.streams[stream].append(Entry(self.ids, at, kind, "x", body))
        self.tests.streams_changed({stream})
        return self.ids

    def answered(self, kind: str, **body: Any) -> None:
        """The phone's text has come, its answer is decided and taken by the SMSC."""
        self.happens(PHONE, "TextReceived", text="…")
        self.happens(PHONE, kind, **({"code": "101"} | body))
        self.happens(PHONE, "MtAccepted", mt=self.happens(PHONE, "MtQueued", key=kind.lower()), done=True)

    def sent(self) -> list[str]:
        return [command.text for command in self.commands if isinstance(command, SendTestText)]

    def ended(self) -> NoteTestCall:
        [note] = [command for command in self.commands if isinstance(command, NoteTestCall)]
        return note


def started(**options: Any) -> World:
    world = World(**options)
    world.tests.offer([(ROW, "plan:texts", PLANNED)])
    return world


def test_three_texts_prove_the_way_in_and_out() -> None:
    world = started()
    for kind in ("OfferMade", "Activated", "Cancelled"):
        world.clock.advance(1)
        world.happens(SERVICE, "MtAccepted", mt=world.tests._live[ROW].text, done=True)
        world.answered(kind)
    assert world.sent() == TEXTS
    note = world.ended()
    assert (note.ending, note.dialled_at, note.why) == ("answered-ok", START + timedelta(seconds=1), "")
    assert world.commands[-1] == WeighTestCall(
        stream="plan:texts", id="test:7:weigh", attempt="texts-1", ending="answered-ok", row=ROW
    )
    assert world.tests.pending() == 0
    assert not world.clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("happened", "ending", "why"),
    [
        ([], "own-fault", "not_taken"),
        ([(SERVICE, "MtAccepted", {"done": True})], "no-answer", ""),
        ([(SERVICE, "MtFailed", {"reason": "no such number"})], "rejected", "no such number"),
        ([(PHONE, "TextReceived", {})], "answered-silent", ""),
        ([(PHONE, "TextReceived", {}), (PHONE, "MtQueued", {"key": "list"})], "answered-wrong-prompt", ""),
        ([(PHONE, "TextReceived", {}), (PHONE, "HelpGiven", {})], "answered-wrong-prompt", ""),
        ([(PHONE, "TextReceived", {}), (PHONE, "OfferMade", {"code": "10"})], "answered-silent", ""),
    ],
)
def test_a_test_that_goes_wrong_is_classified_and_leaves_nothing(
    happened: list[tuple[str, str, dict[str, Any]]], ending: str, why: str
) -> None:
    world = started()
    for stream, kind, body in happened:
        world.happens(stream, kind, **({"mt": world.tests._live[ROW].text} if stream == SERVICE else {}), **body)
    world.clock.advance(5)
    note = world.ended()
    assert note.ending == ending
    assert why in note.why
    assert [command.code for command in world.commands if isinstance(command, CancelService)] == ["101"]
    assert world.tests.pending() == 0


def test_an_smsc_that_is_set_no_more_is_an_own_fault_and_stops_nobody() -> None:
    world = started(ends=None)
    assert (world.ended().ending, world.sent()) == ("own-fault", [])
    assert world.ended().why == "no_smsc: peer"
    assert world.tests.pending() == 0


def test_a_test_that_a_former_process_began_is_not_taken_up() -> None:
    world = started(outcome=Outcome(repeated=True))
    assert (world.ended().ending, world.sent()) == ("own-fault", [])


def test_a_test_that_comes_late_is_only_weighed() -> None:
    world = started(outcome=Outcome(result="late"))
    assert [type(command) for command in world.commands] == [NoteDialled, WeighTestCall]


def test_after_the_stop_a_test_is_left_to_the_next_process() -> None:
    world = started()
    world.tests.stop()
    world.answered("OfferMade")
    world.clock.advance(10)
    assert world.sent() == TEXTS[:1]
    assert not [command for command in world.commands if isinstance(command, NoteTestCall | WeighTestCall)]


def test_a_test_that_could_not_be_announced_is_tried_again() -> None:
    """Nobody else reads its row again while this process lives."""
    world = started(outcome=Outcome(StorageError("disk full")))
    assert world.sent() == []
    world.outcome = Outcome(result="dial")
    world.clock.advance(AGAIN_S)
    assert world.sent() == TEXTS[:1]
    assert world.tests.pending() == 1


def test_a_test_that_the_rules_refuse_is_settled() -> None:
    world = started(outcome=Outcome(TestCallRefused("no")))
    assert isinstance(world.commands[-1], WeighTestCall)
    assert (world.commands[-1].ending, world.tests.pending()) == ("own-fault", 0)


def test_an_answer_that_can_never_be_sent_ends_the_test() -> None:
    world = started()
    world.happens(SERVICE, "MtAccepted", mt=world.tests._live[ROW].text, done=True)
    world.happens(PHONE, "TextReceived", text="…")
    world.happens(PHONE, "OfferMade", code="101")
    world.happens(PHONE, "MtFailed", mt=world.happens(PHONE, "MtQueued", key="offer"), reason="no such number")
    assert world.ended().ending == "answered-silent"
