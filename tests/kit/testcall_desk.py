"""A relay of test calls, a ledger for it, and an Asterisk whose side is given by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from hotline.batch import Outcome
from hotline.domain.commands import Command
from hotline.domain.testcall_commands import Heard, NoteDialled, NoteTestCall, WeighTestCall
from hotline.domain.testcall_events import TestCallPlanned
from ivr.test_calls import Surroundings, TestCalls
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
