"""Rows of the table `test_call` from the events that end an attempt; the columns stand in the table's order."""

from __future__ import annotations

from datetime import datetime

from hotline.domain.testcall_events import TestCallEnded, TestSlotMissed
from hotline.storage.codec import to_us
from hotline.storage.schema import test_call
from hotline.storage.store import TestRow

_COLUMNS = [column.name for column in test_call.columns]
MISSED = "missed"
"""The ending of a slot that was not dialled."""


def ended_row(attempt: str, event_id: int, event: TestCallEnded) -> TestRow:
    """The row of an attempt that has ended."""
    return (
        attempt,
        event.day,
        event.hour,
        event.plan,
        event.kind,
        event.route,
        event.number,
        event.caller_id,
        event.source,
        to_us(event.planned_at),
        _us(event.dialled_at),
        event.ending,
        "",
        event.pdd_ms,
        event.answer_ms,
        event.talk_ms,
        event.heard,
        event.sip_code,
        event.cause_q850,
        event.dial_status,
        event.why,
        event.recording,
        event_id,
    )


def missed_row(event_id: int, event: TestSlotMissed) -> TestRow:
    """The row of a slot that was not dialled."""
    at = to_us(event.planned_at)
    who = (event.plan, event.kind, event.route, event.number, event.caller_id, event.source)
    return (event.attempt, event.day, event.hour, *who, at, None, MISSED, "", *[None] * 3, "", 0, 0, "", event.why, "", event_id)


def corrected_row(row: TestRow, ending: str, was: str) -> TestRow:
    """The row after a person's correction."""
    at = _COLUMNS.index("ending")
    return (*row[:at], ending, was, *row[at + 2 :])


def _us(at: datetime | None) -> int | None:
    return to_us(at) if at is not None else None
