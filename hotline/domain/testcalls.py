"""The rules of one attempt, in its stream "test:ID": dialled once, in time or not at all, and ended once.

Whatever became of a call is told by the dialler in one command; what happened in it becomes an event each, with its own time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hotline.domain import testcall_commands as tc
from hotline.domain import testcall_events as te
from hotline.domain.calendar import Calendar
from hotline.domain.errors import TestCallRefused
from hotline.domain.rates.endings import Ending
from hotline.domain.step import Step
from hotline.domain.testcall_state import TestCall

DIAL, LATE = "dial", "late"
"""Results of NoteDialled."""
ENTERED = frozenset(Ending) - {Ending.MISSED}
"""Endings that a person may enter or set: only a slot that nobody dialled was missed."""
NOTE_MOST = 500
"""Characters of a person's note."""


def _call(step: Step) -> TestCall:
    state: object = step.state
    if not isinstance(state, TestCall):
        raise TestCallRefused("this is no test call's stream")
    return state


def local_day(at: datetime, calendar: Calendar) -> tuple[int, int]:
    """Day (YYYYMMDD) and hour of a time, in the zone."""
    local = at.astimezone(calendar.zone)
    return local.year * 10_000 + local.month * 100 + local.day, local.hour


def dialled(step: Step, command: tc.NoteDialled) -> None:
    """Let an attempt be dialled, unless its grace has passed: then it has ended as missed."""
    if _call(step).ending:
        step.result = LATE
        return
    command_id = command.id or str(command.row)
    facts = te.TestCallDialled(
        command.plan,
        command.kind,
        command.route,
        command.number,
        command.caller_id,
        command.source,
        command.planned_at,
        command.row,
        command.expect,
    )
    if step.now - command.planned_at > timedelta(seconds=step.desk.testing.grace_s):
        step.begin(_ended(step, facts, tc.NoteTestCall(stream=command.stream, ending=Ending.MISSED, why="late")), command_id)
        step.result = LATE
        return
    step.begin(facts, command_id)
    step.result = DIAL


def ended(step: Step, command: tc.NoteTestCall) -> None:
    """Note what became of an attempt; one that has ended stays as it is. Raises TestCallRefused for one never dialled."""
    call = _call(step)
    if call.ending:
        return
    facts = call.dialled
    if facts is None:
        raise TestCallRefused("this attempt was never dialled")
    step.cause = command.id
    from_ = command.dialled_at
    if command.rang_at is not None and (pdd_ms := _ms(from_, command.rang_at)) is not None:
        step.cause = str(step.record(te.TestCallRang(command.rang_at, pdd_ms, command.early_media)))
    if command.answered_at is not None and (answer_ms := _ms(from_, command.answered_at)) is not None:
        step.cause = str(step.record(te.TestCallAnswered(command.answered_at, answer_ms)))
    if (heard := command.heard) is not None:
        fields = (getattr(heard, name) for name in te.TestCallHeard.__struct_fields__)
        step.cause = str(step.record(te.TestCallHeard(*fields)))
    step.record(_ended(step, facts, command))


def _ended(step: Step, facts: te.TestCallDialled, command: tc.NoteTestCall) -> te.TestCallEnded:
    day, hour = local_day(facts.planned_at, step.desk.calendar)
    began, rang, answered, over = command.dialled_at, command.rang_at, command.answered_at, command.ended_at
    first = min((at for at in (rang, answered) if at is not None), default=None)
    heard = command.heard
    return te.TestCallEnded(
        facts.plan,
        facts.kind,
        facts.route,
        facts.number,
        facts.caller_id,
        facts.source,
        facts.planned_at,
        day,
        hour,
        Ending(command.ending).value,
        began,
        over,
        _ms(began, first),
        _ms(began, answered),
        _ms(answered, over),
        heard.what if heard is not None else "",
        command.sip_code,
        command.cause_q850,
        command.dial_status,
        command.why,
        heard.recording if heard is not None else "",
    )


def entered(step: Step, command: tc.EnterTestCall) -> None:
    """Note a test call that a person made by hand. Raises TestCallRefused for an ending that is none, or a future time."""
    call = _call(step)
    if call.ending:
        return
    if command.ending not in ENTERED:
        raise TestCallRefused(f"{command.ending!r} is no ending; give one of {', '.join(sorted(ENTERED))}")
    if command.planned_at > step.now + timedelta(minutes=1):
        raise TestCallRefused("a test call that was made lies in the past")
    _person(command.by, command.note)
    day, hour = local_day(command.planned_at, step.desk.calendar)
    event = te.TestCallEnded(
        plan=command.plan,
        kind="call",
        route=command.route,
        number=command.number,
        caller_id=command.caller_id,
        source="manual",
        planned_at=command.planned_at,
        day=day,
        hour=hour,
        ending=command.ending,
        dialled_at=command.planned_at,
        pdd_ms=command.pdd_ms,
        answer_ms=command.answer_ms,
        talk_ms=command.talk_ms,
        by=command.by,
        note=command.note,
    )
    step.begin(event, command.id or command.stream)


def corrected(step: Step, command: tc.CorrectTestCall) -> None:
    """Set another ending, for a reason.

    Raises: TestCallRefused for a call that has not ended or was never dialled, for what is no other ending of it, and where it
    is not said who sets it and why.
    """
    call = _call(step)
    if not call.ending:
        raise TestCallRefused("this test call has not ended; there is nothing to correct")
    if call.ending == Ending.MISSED:
        raise TestCallRefused("this call was never dialled, so it has no other ending; enter one that was made by hand")
    if command.ending not in ENTERED:
        raise TestCallRefused(f"{command.ending!r} is no ending of a call; give one of {', '.join(sorted(ENTERED))}")
    if command.ending == call.ending:
        raise TestCallRefused(f"{command.ending!r} is its ending already")
    _person(command.by, command.note)
    if not command.note.strip():
        raise TestCallRefused("a correction needs a reason")
    step.begin(te.TestCallCorrected(command.ending, call.ending, command.by, command.note), command.id or command.stream)


def marked(step: Step, command: tc.MarkRecording) -> None:
    """Note that a call's recording is a template now, and by whom. Raises TestCallRefused for a call that has not ended."""
    if not _call(step).ending:
        raise TestCallRefused("this test call has not ended; it has no recording")
    _person(command.by, command.name)
    step.begin(te.TestCallMarked(command.name, command.by, command.replaced), command.id or command.stream)


def _person(by: str, note: str) -> None:
    if not by.strip():
        raise TestCallRefused("it must be said who enters this")
    if len(note) > NOTE_MOST or not note.isprintable():
        raise TestCallRefused(f"a note has at most {NOTE_MOST} characters on one line")


def _ms(since: datetime | None, until: datetime | None) -> int | None:
    """Whole milliseconds from one time to another, never below 0; None where one of them is not known."""
    if since is None or until is None:
        return None
    return max(0, round((until - since).total_seconds() * 1000))
