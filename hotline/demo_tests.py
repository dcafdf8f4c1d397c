"""Test calls of the demo without a real Asterisk: a day of them that lies behind, and those of today as their slots come.

Who is called is played, by a seed, so that each demo shows the same day: mostly the greeting, a weak evening hour, now and then a
busy line. All else is as in the real thing: slots, rules, alarms, the table and its reports.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hotline.batch import Outcome
from hotline.desk import desk_of
from hotline.domain.commands import Command
from hotline.domain.rates.endings import Ending
from hotline.domain.slots import attempt_id, slots
from hotline.domain.step import Desk
from hotline.domain.testcall_commands import Heard, NoteAlarmSent, NoteDialled, NoteTestCall, OpenSlot, WeighTestCall
from hotline.domain.testcall_events import TestCallPlanned
from hotline.domain.testcall_faults import Fault
from hotline.domain.testcalls import LATE
from hotline.ledger import Ledger
from hotline.storage.opening import open_store

Row = tuple[int, str, TestCallPlanned]
"""Id of the outbox's row, stream, event."""
LISTENED_MS = 6000
WEAK_HOUR = 20
"""The hour of the day in which more calls fail, in the zone."""
FAILURES: Sequence[tuple[Ending, int, int, int]] = (
    (Ending.BUSY, 486, 17, 40),
    (Ending.NO_ANSWER, 480, 19, 20),
    (Ending.CONGESTION, 503, 34, 20),
    (Ending.ANSWERED_SILENT, 200, 16, 8),
    (Ending.ANSWERED_WRONG_PROMPT, 200, 16, 6),
    (Ending.UNREACHABLE, 480, 20, 6),
)
"""How calls fail that do: ending, SIP code, Q.850 cause, and how often, relative to each other."""


def played(attempt: str, hour: int) -> dict[str, Any]:
    """What becomes of an attempt, from its id alone: ending, SIP code, cause, milliseconds to ringing and answer."""
    draw = Random(attempt)  # noqa: S311 - a play, not a secret
    failing = 0.3 if hour == WEAK_HOUR else 0.004
    rang_ms = round(1600 + 900 * draw.betavariate(2, 3) + (2500 if draw.random() < 0.02 else 0))
    if draw.random() < 0.01:
        return {"ending": Ending.OWN_FAULT, "why": Fault.NO_CHANNEL.value}
    if draw.random() >= failing:
        return {"ending": Ending.ANSWERED_OK, "sip_code": 200, "cause": 16, "rang_ms": rang_ms, "answer_ms": rang_ms + 350}
    ending, code, cause, _ = draw.choices(FAILURES, [each[-1] for each in FAILURES])[0]
    answer_ms = rang_ms + 350 if code == 200 else None
    return {"ending": ending, "sip_code": code, "cause": cause, "rang_ms": rang_ms, "answer_ms": answer_ms}


def steps(row: Row, hour: int, began: datetime) -> Iterator[Command]:
    """The dialler's commands for a row, in their order, for a call that was dialled at `began`."""
    number, plan_stream, event = row
    stream, found = f"test:{event.attempt}", played(event.attempt, hour)
    yield NoteDialled(
        stream=stream,
        id=f"test:{number}:dial",
        plan=event.plan,
        kind=event.kind,
        route=event.route,
        number=event.number,
        caller_id=event.caller_id,
        source=event.source,
        planned_at=event.planned_at,
        row=number,
    )
    yield NoteTestCall(stream=stream, id=f"test:{number}:end", **_ending(found, began))
    yield WeighTestCall(
        stream=plan_stream, id=f"test:{number}:weigh", attempt=event.attempt, ending=found["ending"].value, row=number
    )


def _ending(found: dict[str, Any], began: datetime) -> dict[str, Any]:
    def after(milliseconds: int | None) -> datetime | None:
        return began + timedelta(milliseconds=milliseconds) if milliseconds is not None else None

    if found["ending"] is Ending.OWN_FAULT:
        return {"ending": Ending.OWN_FAULT.value, "why": found["why"]}
    answer_ms: int | None = found["answer_ms"]
    what = {Ending.ANSWERED_OK: "greeting_morning", Ending.ANSWERED_WRONG_PROMPT: "closed"}.get(found["ending"], "silence")
    return {
        "ending": found["ending"].value,
        "dialled_at": began,
        "rang_at": after(found["rang_ms"]),
        "answered_at": after(answer_ms),
        "ended_at": after((answer_ms or found["rang_ms"]) + LISTENED_MS),
        "heard": Heard(what) if answer_ms is not None else None,
        "sip_code": found["sip_code"],
        "cause_q850": found["cause"],
        "dial_status": "ANSWER" if answer_ms is not None else "",
    }


class PlayedDialler:
    """The relay of test calls where nobody is dialled; all on the reactor's thread."""

    def __init__(self, ledger: Ledger, clock: Any) -> None:
        """Take the ledger, and the reactor's time."""
        self._ledger, self._desk, self._clock = ledger, ledger.desk, clock
        self._live: set[int] = set()

    def offer(self, rows: Iterable[Row], *, left: bool = False) -> None:  # noqa: ARG002 - as the real one's
        """Play these rows' calls."""
        for row in rows:
            if row[0] not in self._live:
                self._live.add(row[0])
                hour = row[2].planned_at.astimezone(self._desk.calendar.zone).hour
                self._do(row[0], steps(row, hour, datetime.now(UTC)))

    def pending(self) -> int:
        """How many calls are under way."""
        return len(self._live)

    def stop(self) -> None:
        """Nothing is to be ended."""

    def _do(self, row: int, left: Iterator[Command]) -> None:
        command = next(left, None)
        if command is None:
            self._live.discard(row)
            return

        def done(outcome: Outcome) -> None:
            if outcome.result == LATE:
                next(left)
            wait_s = 3.0 if isinstance(command, NoteDialled) else 0.0
            self._clock.callLater(wait_s, self._do, row, left)

        self._ledger.put(command, done)


def play_days(settings: Any, days: int = 2) -> int:
    """Put the test calls of the last `days` days into the settings' database, which nobody serves yet; returns how many."""
    desk, now = desk_of(settings), datetime.now(UTC)
    past = _Past(str(settings.database.url), desk, now - timedelta(days=days))
    try:
        for plan in settings.test_plan:
            for at in slots(plan, now - timedelta(days=days), now - timedelta(minutes=1), desk.calendar):
                attempt = attempt_id(plan.name, at)
                past.at = at
                past.do(OpenSlot(stream=plan.stream, id=f"slot:{attempt}", attempt=attempt, planned_at=at))
                past.dial()
        return past.calls
    finally:
        past.ledger.stop()


class _Past:
    """A ledger whose clock stands where it is put."""

    def __init__(self, url: str, desk: Desk, at: datetime) -> None:
        self.at, self.calls, self._desk = at, 0, desk
        self._rows: list[Row] = []
        self._alarms: list[tuple[int, str, Any]] = []
        self.ledger = Ledger(
            lambda: open_store(url),
            desk,
            now=lambda: self.at,
            in_reactor=lambda function, *args: function(*args),
            later=lambda _seconds, function, *args: function(*args),
            owner={"sms": "", "billing": "", "call": "", "test": "", "alarm": ""},
        )
        self.ledger.on_tests = self._rows.extend
        self.ledger.on_alarms = self._alarms.extend
        self.ledger.start()

    def do(self, command: Command) -> Outcome:
        """Carry out a command; waits for it."""
        heard: queue.Queue[Outcome] = queue.Queue()
        self.ledger.put(command, heard.put)
        outcome = heard.get(timeout=30)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def dial(self) -> None:
        """Play what was planned, and what a second route is tried by because of it."""
        hour = self.at.astimezone(self._desk.calendar.zone).hour
        while self._rows:
            row = self._rows.pop(0)
            for command in steps(row, hour, self.at):
                self.do(command)
            self.calls += 1
        while self._alarms:
            number, stream, _ = self._alarms.pop(0)
            self.do(NoteAlarmSent(stream=stream, row=number))
