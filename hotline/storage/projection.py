"""What an event changes beside its stream's state, in outbox, wake-ups and test calls: the one place where that is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hotline.domain import call_events as ce
from hotline.domain import events as ev
from hotline.domain import testcall_events as te
from hotline.domain.testcall_state import PREFIX as OF_TEST
from hotline.storage.codec import to_us
from hotline.storage.store import Writes
from hotline.storage.test_rows import ended_row, missed_row

Project = Callable[[Writes, Mapping[str, str], int, str, int, Any], None]
"""Adds what an event changes: rows to add to, owner of new rows by channel, event id, stream, time (microseconds), event."""


def _text_queued(writes: Writes, owner: Mapping[str, str], event_id: int, stream: str, at: int, _: ev.MtQueued) -> None:
    writes.queued.append((event_id, stream, "sms", "due", at, "", owner["sms"]))


def _order_queued(writes: Writes, owner: Mapping[str, str], event_id: int, stream: str, at: int, _: ev.BillingQueued) -> None:
    writes.queued.append((event_id, stream, "billing", "due", at, "", owner["billing"]))


def _text_accepted(writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, _at: int, event: ev.MtAccepted) -> None:
    if event.done:
        writes.done.append((event.mt,))


def _order_answered(
    writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, _at: int, event: ev.Billed | ev.BillingRefused | ev.Activated
) -> None:
    writes.done.append((event.order,))


def _settled(writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, _at: int, event: ev.DeadLetterSettled) -> None:
    writes.done.append((event.row,))


def _text_failed(writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, at: int, event: ev.MtFailed) -> None:
    writes.changed.append(("dead", event.reason, "", at, event.mt))


def _order_failed(writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, at: int, event: ev.BillingFailed) -> None:
    writes.changed.append(("dead", event.reason, "", at, event.order))


def _retried(writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, at: int, event: ev.DeadLetterRetried) -> None:
    writes.changed.append(("due", "", "", at, event.row))


def _wake_set(writes: Writes, _o: Mapping[str, str], event_id: int, stream: str, _at: int, event: ev.WakeSet) -> None:
    writes.wakes.append((to_us(event.due), event_id, stream))


def _offer_made(writes: Writes, _o: Mapping[str, str], event_id: int, stream: str, _at: int, event: ev.OfferMade) -> None:
    writes.wakes.append((to_us(event.valid_until), event_id, stream))


def _wake_fired(writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, _at: int, event: ev.WakeFired) -> None:
    writes.woken.append((to_us(event.due), event.wake))


def _call_queued(writes: Writes, owner: Mapping[str, str], event_id: int, stream: str, at: int, _: ce.CallBackQueued) -> None:
    writes.queued.append((event_id, stream, "call", "due", at, "", owner.get("call", "")))


def _call_tried(
    writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, _at: int, event: ce.CallBackTried | ce.CallBackEnded
) -> None:
    if event.attempt:
        writes.done.append((event.attempt,))


def _test_queued(writes: Writes, owner: Mapping[str, str], event_id: int, stream: str, at: int, _: te.TestCallPlanned) -> None:
    writes.queued.append((event_id, stream, "test", "due", at, "", owner.get("test", "")))


def _test_weighed(writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, _at: int, event: te.TestCallWeighed) -> None:
    writes.done.append((event.row,))


def _alarm_queued(
    writes: Writes,
    owner: Mapping[str, str],
    event_id: int,
    stream: str,
    at: int,
    _: te.AlarmRaised | te.AlarmEnded | te.MeasuringStopped | te.MeasuringResumed,
) -> None:
    writes.queued.append((event_id, stream, "alarm", "due", at, "", owner.get("alarm", "")))


def _alarm_sent(writes: Writes, _o: Mapping[str, str], _id: int, _stream: str, _at: int, event: te.AlarmSent) -> None:
    writes.done.append((event.row,))


def _test_ended(writes: Writes, _o: Mapping[str, str], event_id: int, stream: str, _at: int, event: te.TestCallEnded) -> None:
    writes.tests.append(ended_row(stream.removeprefix(OF_TEST), event_id, event))


def _slot_missed(writes: Writes, _o: Mapping[str, str], event_id: int, _stream: str, _at: int, event: te.TestSlotMissed) -> None:
    writes.tests.append(missed_row(event_id, event))


def _test_corrected(writes: Writes, _o: Mapping[str, str], _id: int, stream: str, _at: int, event: te.TestCallCorrected) -> None:
    writes.corrected.append((event.ending, event.was, stream.removeprefix(OF_TEST)))


PROJECT: Mapping[type[ev.Event], Project] = {
    ev.MtQueued: _text_queued,
    ev.MtAccepted: _text_accepted,
    ev.MtFailed: _text_failed,
    ev.BillingQueued: _order_queued,
    ev.Billed: _order_answered,
    ev.BillingRefused: _order_answered,
    ev.Activated: _order_answered,
    ev.BillingFailed: _order_failed,
    ev.DeadLetterRetried: _retried,
    ev.DeadLetterSettled: _settled,
    ev.OfferMade: _offer_made,
    ev.WakeSet: _wake_set,
    ev.WakeFired: _wake_fired,
    ce.CallBackQueued: _call_queued,
    ce.CallBackTried: _call_tried,
    ce.CallBackEnded: _call_tried,
    te.TestCallPlanned: _test_queued,
    te.TestCallWeighed: _test_weighed,
    te.TestCallEnded: _test_ended,
    te.TestSlotMissed: _slot_missed,
    te.TestCallCorrected: _test_corrected,
    te.AlarmRaised: _alarm_queued,
    te.AlarmEnded: _alarm_queued,
    te.MeasuringStopped: _alarm_queued,
    te.MeasuringResumed: _alarm_queued,
    te.AlarmSent: _alarm_sent,
}
"""HOT: the kinds of events that change the outbox or the wake-ups, each with what adds its one change to the rows of a commit.

A change of a row that already is in that state, and the end of one that is gone, change nothing; nor does a wake-up that
fires at another time than it was set for.
"""
