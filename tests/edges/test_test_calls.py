"""ivr.test_calls: which test calls are dialled, once, and what is noted of them; an Asterisk whose side is given by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from hotline.batch import Outcome
from hotline.domain.commands import Command
from hotline.domain.errors import DomainError
from hotline.domain.testcall_commands import Heard, NoteDialled, NoteTestCall, WeighTestCall
from hotline.domain.testcall_events import TestCallPlanned
from hotline.storage.store import StorageError
from ivr.channel_list import APPEAR_S
from ivr.test_calls import AGAIN_S, LOST_S, PROOF_S, SETTLE_S, STOP_S, Surroundings, TestCalls
from ivr.test_hearing import Hearing, recording_of
from tests.kit.ami import T0, Rig, block, stamp

GRACE_S = 60
SOUND = b"RIFF" + bytes(100)


class Ledger:
    """What the relay needs of a ledger; `ended` are attempts that have an ending."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.late: set[int] = set()
        self.ended: dict[str, str] = {}
        self.notes: list[NoteTestCall] = []
        self.weighed: list[tuple[int, str]] = []
        self.due: set[int] = set()
        self.error: Exception | None = None
        self.held: list[tuple[Command, Callable[[], None]]] | None = None

    def execute(self, command: Command) -> Deferred[Outcome]:
        assert isinstance(command, NoteDialled)
        if self.error is not None:
            return succeed(Outcome(self.error))
        repeated = command.id in self.ids
        self.ids.add(command.id)
        return succeed(Outcome(repeated=repeated, result=None if repeated else "late" if command.row in self.late else "dial"))

    def insist(self, command: Command, then: Callable[[], None]) -> None:
        if self.held is not None:
            self.held.append((command, then))
            return
        if isinstance(command, NoteTestCall):
            if command.id not in self.ids:
                self.notes.append(command)
                self.ended[command.stream.removeprefix("test:")] = command.ending
        else:
            assert isinstance(command, WeighTestCall)
            self.weighed.append((command.row, command.ending))
            self.due.discard(command.row)
        self.ids.add(command.id)
        then()

    def endings(self) -> list[str]:
        return [each.ending for each in self.notes]


class Desk(Rig):
    """An Asterisk, and our relay. `sound`: what the recording of an answered call holds; `heard`: what listening says."""

    def __init__(self, folder: Path, ledger: Ledger | None = None, *, up: bool = True, at_once: int = 50) -> None:
        super().__init__(up=False)
        self.folder, self.ledger = folder, ledger or Ledger()
        self.sound: bytes | None = SOUND
        self.heard: Heard | Exception = Heard("greeting_morning")
        self.listened: list[str] = []
        self.dialled: list[dict[str, str]] = []
        self.living: list[str] = []
        self.refuses = ""
        around = Surroundings(
            channel=lambda planned: f"PJSIP/{planned.number}@route-{planned.route}" if planned.route != "gone" else "",
            still_due=lambda row: succeed(row in self.ledger.due),
            ended=lambda attempt: succeed(self.ledger.ended.get(attempt, "")),
            hearing=Hearing(self._listen, self._is_code, folder),
            grace_s=GRACE_S,
            at_once=at_once,
        )
        self.relay = TestCalls(self.client, self.ledger.execute, self.ledger.insist, around, self.now, self.clock)
        if up:
            self.client.start()
            self.let_in()

    def _listen(self, planned: TestCallPlanned, path: Path) -> Deferred[tuple[Heard, bool]]:
        self.listened.append(path.name)
        heard = self.heard
        return fail(heard) if isinstance(heard, Exception) else succeed((heard, heard.what == "greeting_morning"))

    def _is_code(self, digits: str, caller_id: str, since: datetime, until: datetime) -> bool:
        assert since <= until
        return "4711" in digits

    def plan(self, row: int, *, left: bool = False, ago_s: float = 0, **fields: Any) -> TestCallPlanned:
        """The ledger plans a call."""
        wanted: dict[str, Any] = {"ring_s": 40, "listen_s": 6, "kind": "call", "route": "mobile", **fields}
        planned = TestCallPlanned(
            attempt=f"daily-{row}", plan="daily", number="10198", caller_id="13900000001",
            planned_at=self.now() - timedelta(seconds=ago_s), day=20261123, **wanted,
        )  # fmt: skip
        self.ledger.due.add(row)
        self.relay.offer([(row, "plan:daily", planned)], left=left)
        self.take()
        return planned

    def wait(self, seconds: float) -> None:
        while seconds > 0:
            self.clock.advance(min(0.5, seconds))
            seconds -= 0.5
            self.take()

    def take(self) -> None:
        """Asterisk answers what it is asked."""
        if not self.client.up:
            return
        for action in self.link.actions():
            if action["Action"] == "CoreShowChannels":
                self.link.answer(action, "Response: Success; EventList: start")
                for each in self.living:
                    self.link.give(block(f"Event: CoreShowChannel; {each}", ActionID=action["ActionID"]))
                self.link.give(block("Event: CoreShowChannelsComplete; EventList: Complete", ActionID=action["ActionID"]))
            elif action["Action"] == "Originate" and self.refuses:
                self.link.answer(action, f"Response: Error; Message: {self.refuses}")
            elif action["Action"] == "Originate":
                self.dialled.append(action)
                self.link.answer(action)
            elif action["Action"] == "Ping":
                self.link.answer(action, "Response: Success; Ping: Pong")

    def tell(self, row: int, event: str, **headers: object) -> None:
        whose = "DestUniqueid" if event.startswith("Dial") else "Uniqueid"
        at = stamp(self.clock.seconds())
        self.link.give(block(f"Event: {event}; {whose}: test-call-{row}; Timestamp: {at}", **headers))

    def busy(self, row: int) -> None:
        self.tell(row, "DialBegin")
        self.tell(row, "HangupRequest", Cause=17, TechCause=486)
        self.tell(row, "OriginateResponse", Response="Failure", Reason=0)
        self.tell(row, "Hangup", Cause=17, TechCause=486)

    def answered(self, row: int, *, keys: str = "", received: int | str = 300) -> None:
        """It rings for a second, is answered, and Asterisk hangs up after listening."""
        self.tell(row, "DialBegin")
        self.clock.advance(1)
        self.tell(row, "DialState", DialStatus="RINGING")
        self.clock.advance(1)
        self.tell(row, "DialEnd", DialStatus="ANSWER")
        self.tell(row, "OriginateResponse", Response="Success", Reason=4)
        self.over(row, keys=keys, received=received)

    def over(self, row: int, *, keys: str = "", received: int | str = 300) -> None:
        for key in keys:
            self.tell(row, "DTMFEnd", Digit=key, Direction="Received")
        self.clock.advance(6)
        if self.sound is not None:
            path = self.folder / recording_of(TestCallPlanned(f"daily-{row}", "", "", "", "", "", T0, 20261123, 1, 1))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.sound)
        self.tell(row, "UserEvent", UserEvent="ShouwenTest", Received=received, Lost=3, Jitter="0.002")
        self.tell(row, "Hangup", Cause=16)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_call_is_dialled_by_its_route_and_noted_when_all_is_in(desk: Desk) -> None:
    desk.plan(7)
    (action,) = desk.dialled
    assert action["Channel"] == "PJSIP/10198@route-mobile"
    assert (action["ChannelId"], action["Context"], action["Timeout"]) == ("test-call-7", "shouwen-test", "40000")
    assert action["CallerID"] == '"" <13900000001>'
    assert (action["Async"], action.get("EarlyMedia")) == ("true", None)
    desk.busy(7)
    (note,) = desk.ledger.notes
    assert (note.stream, note.id, note.ending, note.sip_code, note.cause_q850) == ("test:daily-7", "test:7:end", "busy", 486, 17)
    assert desk.ledger.weighed == [(7, "busy")]
    assert desk.relay.pending() == 0
    assert desk.listened == []


def test_an_answered_call_is_listened_to(desk: Desk) -> None:
    planned = desk.plan(1)
    desk.answered(1)
    (note,) = desk.ledger.notes
    assert note.ending == "answered-ok"
    assert note.heard is not None
    assert (note.heard.recording, note.heard.code) == (recording_of(planned), "")
    assert (note.heard.received, note.heard.lost, note.heard.jitter_ms) == (300, 3, 2.0)
    times = [note.dialled_at, note.rang_at, note.answered_at, note.ended_at]
    assert times == [T0 + timedelta(seconds=each) for each in (0, 1, 2, 8)]
    assert desk.listened == ["daily-1.wav"]


@pytest.mark.parametrize(
    ("what", "ending"),
    [
        ("greeting_morning", "answered-ok"),
        ("main", "answered-wrong-prompt"),
        ("busy-tone", "answered-wrong-prompt"),
        ("ring-back", "answered-wrong-prompt"),
        ("speech", "answered-wrong-prompt"),
        ("silence", "answered-silent"),
    ],
)
def test_what_was_heard_decides(desk: Desk, what: str, ending: str) -> None:
    desk.heard = Heard(what)
    desk.plan(1)
    desk.answered(1)
    assert desk.ledger.endings() == [ending]


def test_where_no_packet_came_nobody_listens(desk: Desk) -> None:
    desk.sound = bytes(44)
    desk.plan(1)
    desk.answered(1, received=0)
    (note,) = desk.ledger.notes
    assert note.ending == "answered-silent"
    assert note.heard is not None
    assert (note.heard.what, note.heard.recording) == ("one-way", "")
    assert desk.listened == []


def test_sound_without_a_recording_is_our_own_fault(desk: Desk) -> None:
    desk.sound = None
    desk.plan(1)
    desk.answered(1)
    assert desk.ledger.endings() == ["own-fault"]
    desk.plan(2)
    desk.answered(2, received=3)  # who hangs up at once leaves none
    desk.plan(3)
    desk.answered(3, received="")
    assert desk.ledger.endings()[1:] == ["answered-silent", "answered-silent"]
    assert [note.heard.what for note in desk.ledger.notes[1:] if note.heard is not None] == ["unheard", "unheard"]


def test_listening_that_fails_is_our_own_fault(desk: Desk) -> None:
    desk.heard = OSError("the disk is gone")
    desk.plan(1)
    desk.answered(1)
    (note,) = desk.ledger.notes
    assert note.ending == "own-fault"
    assert "OSError" in note.why


@pytest.mark.parametrize(("keys", "code", "ending"), [("4711", "yes", "answered-ok"), ("47", "no", "answered-wrong-prompt")])
def test_a_plan_with_proof_needs_the_code(desk: Desk, keys: str, code: str, ending: str) -> None:
    desk.plan(1, proof=True)
    assert desk.dialled[0]["Variable"] == f"SHOUWEN_LISTEN_S={6 + PROOF_S}"
    desk.answered(1, keys=keys)
    (note,) = desk.ledger.notes
    assert note.heard is not None
    assert (note.heard.code, note.ending) == (code, ending)


def test_no_more_than_allowed_are_under_way(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at_once=2)
    for row in (1, 2, 3):
        desk.plan(row)
    assert len(desk.dialled) == 2
    desk.busy(1)
    desk.take()
    assert len(desk.dialled) == 3


def test_a_row_that_is_offered_again_is_dialled_once(desk: Desk) -> None:
    desk.plan(1)
    desk.plan(1, left=True)
    desk.busy(1)
    desk.wait(5)
    assert len(desk.dialled) == 1
    assert desk.ledger.endings() == ["busy"]


def test_a_test_by_text_is_not_ours(desk: Desk) -> None:
    desk.plan(1, kind="sms")
    assert (desk.relay.pending(), desk.dialled) == (0, [])


# -- in time or not at all


def test_a_late_row_is_weighed_as_missed_and_never_dialled(desk: Desk) -> None:
    desk.ledger.late.add(1)
    desk.plan(1)
    assert (desk.dialled, desk.ledger.notes, desk.ledger.weighed) == ([], [], [(1, "missed")])


def test_while_there_is_no_link_a_row_waits_until_it_is_late(tmp_path: Path) -> None:
    desk = Desk(tmp_path, up=False)
    desk.plan(1)
    desk.wait(GRACE_S - 2)
    assert desk.ledger.ids == set()
    desk.ledger.late.add(1)
    desk.wait(5)
    assert desk.ledger.weighed == [(1, "missed")]


def test_a_link_that_comes_in_time_is_used(tmp_path: Path) -> None:
    desk = Desk(tmp_path, up=False)
    desk.plan(1)
    desk.wait(10)
    desk.client.start()
    desk.let_in()
    desk.take()
    assert len(desk.dialled) == 1


def test_a_ledger_that_can_store_nothing_is_asked_again(desk: Desk) -> None:
    desk.ledger.error = StorageError("full")
    desk.plan(1)
    assert desk.dialled == []
    desk.ledger.error = None
    desk.wait(AGAIN_S + 1.5)
    assert len(desk.dialled) == 1


def test_what_the_rules_refuse_is_our_own_fault_and_does_not_come_back(desk: Desk) -> None:
    desk.ledger.error = DomainError("no")
    desk.plan(1)
    desk.wait(10)
    assert (desk.dialled, desk.ledger.weighed, desk.relay.pending()) == ([], [(1, "own-fault")], 0)


# -- our own faults


def test_a_route_that_is_gone_is_our_own_fault(desk: Desk) -> None:
    desk.plan(1, route="gone")
    assert (desk.dialled, desk.ledger.endings()) == ([], ["own-fault"])
    assert "gone" in desk.ledger.notes[0].why


def test_a_refusal_of_asterisk_is_our_own_fault(desk: Desk) -> None:
    desk.refuses = "Permission denied"
    desk.plan(1)
    assert desk.ledger.endings() == ["own-fault"]
    assert "Permission denied" in desk.ledger.notes[0].why


def test_an_endpoint_that_is_missing_is_our_own_fault(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "OriginateResponse", Response="Failure", Reason=0)
    assert desk.ledger.notes == []
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.endings() == ["own-fault"]


def test_a_hang_up_whose_answer_never_comes_is_noted_after_a_while(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    desk.tell(1, "HangupRequest", Cause=17, TechCause=486)
    desk.tell(1, "Hangup", Cause=17)
    assert desk.ledger.notes == []
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.endings() == ["busy"]


def lose(desk: Desk) -> None:
    desk.link.abortConnection()
    desk.clock.pump([0.25] * 6)


def test_a_call_whose_end_was_missed_with_the_link_is_our_own_fault(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    desk.wait(APPEAR_S)
    lose(desk)
    desk.let_in()
    desk.wait(2)
    (note,) = desk.ledger.notes
    assert note.ending == "own-fault"
    assert "link" in note.why


def test_a_call_that_outlives_the_link_is_followed_and_heard(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    lose(desk)
    desk.living = ["Uniqueid: test-call-1; ChannelState: 6"]
    desk.let_in()
    desk.wait(2)
    assert desk.ledger.notes == []
    desk.over(1)
    (note,) = desk.ledger.notes
    assert (note.ending, note.answered_at) == ("answered-ok", None)


def test_a_call_that_outlives_the_link_and_is_not_answered_is_our_own_fault(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    lose(desk)
    desk.living = ["Uniqueid: test-call-1; ChannelState: 5"]
    desk.let_in()
    desk.wait(2)
    desk.busy(1)
    assert desk.ledger.endings() == ["own-fault"]


def test_a_link_that_stays_away_ends_its_calls(desk: Desk) -> None:
    desk.plan(1)
    lose(desk)
    desk.switch.there = False
    desk.link.abortConnection()
    desk.wait(LOST_S + 2)
    assert desk.ledger.endings() == ["own-fault"]
    assert desk.ledger.weighed == [(1, "own-fault")]


def test_a_call_that_vanishes_unseen_is_found_by_asking(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    desk.wait(70)
    assert desk.ledger.endings() == ["own-fault"]


# -- a process before ours


def begun(desk: Desk, row: int = 1) -> None:
    """Another process has announced the row."""
    desk.ledger.ids.add(f"test:{row}:dial")


def test_a_row_that_was_announced_and_never_dialled_is_not_dialled_now(desk: Desk) -> None:
    begun(desk)
    desk.plan(1, left=True)
    desk.wait(2)
    assert desk.dialled == []
    (note,) = desk.ledger.notes
    assert (note.ending, note.why) == ("own-fault", "the process ended in mid-call")
    assert desk.ledger.weighed == [(1, "own-fault")]


def test_a_call_that_outlived_its_process_is_followed_to_its_end(desk: Desk) -> None:
    begun(desk)
    desk.living = ["Uniqueid: test-call-1; ChannelState: 6"]
    desk.plan(1, left=True)
    desk.wait(2)
    assert desk.ledger.notes == []
    desk.over(1)
    assert (desk.dialled, desk.ledger.endings()) == ([], ["answered-ok"])


def test_an_ending_that_was_noted_and_not_weighed_is_weighed_as_it_was(desk: Desk) -> None:
    begun(desk)
    desk.ledger.ended["daily-1"] = "busy"
    desk.plan(1, left=True)
    assert (desk.ledger.notes, desk.ledger.weighed) == ([], [(1, "busy")])


def test_a_row_that_is_settled_or_anothers_is_left_alone(desk: Desk) -> None:
    planned = desk.plan(1, left=True)
    desk.busy(1)
    desk.relay.offer([(1, "plan:daily", planned)], left=True)  # read before it was settled
    desk.wait(2)
    assert (len(desk.dialled), desk.ledger.endings(), desk.relay.pending()) == (1, ["busy"], 0)


def test_rows_wait_while_nothing_can_be_noted_and_none_is_dialled_again(desk: Desk) -> None:
    desk.ledger.held = []
    planned = desk.plan(1)
    desk.busy(1)
    desk.relay.offer([(1, "plan:daily", planned)], left=True)
    desk.wait(5)
    assert (len(desk.dialled), desk.relay.pending()) == (1, 1)
    held, desk.ledger.held = desk.ledger.held, None
    for command, then in held:
        desk.ledger.insist(command, then)
    assert (desk.ledger.endings(), desk.ledger.weighed, desk.relay.pending()) == (["busy"], [(1, "busy")], 0)


def test_the_end_of_the_process_waits_for_what_has_ended_only(desk: Desk) -> None:
    desk.ledger.held = []
    desk.plan(1)
    desk.plan(2)
    desk.busy(1)
    stopped: list[None] = []
    desk.relay.stop().addCallback(stopped.append)
    assert stopped == []
    held, desk.ledger.held = desk.ledger.held, None
    for command, then in held:
        desk.ledger.insist(command, then)
    assert stopped == [None]
    desk.plan(3)
    desk.wait(2)
    assert len(desk.dialled) == 2  # and it dials nothing more


def test_the_end_of_the_process_does_not_wait_for_ever(desk: Desk) -> None:
    desk.ledger.held = []
    desk.plan(1)
    desk.busy(1)
    stopped: list[None] = []
    desk.relay.stop().addCallback(stopped.append)
    desk.clock.advance(STOP_S)
    assert stopped == [None]
