"""What each kind of event changes in the outbox and among the wake-ups."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from hotline.domain import call_events as ce
from hotline.domain import events as ev
from hotline.domain import testcall_events as te
from hotline.domain.rules import Rules
from hotline.storage.codec import to_us
from hotline.storage.projection import PROJECT
from hotline.storage.rebuild import Rebuilt
from hotline.storage.schema import test_call
from hotline.storage.store import Writes
from hotline.storage.test_rows import ended_row, missed_row

WHO, ID, AT = "8613800000001", 34, 1_000_000
DUE = datetime(2026, 11, 24, 8, tzinfo=UTC)

WAY = ("a", "10198", "13900000001")
PLANNED = te.TestCallPlanned("daily-1", "daily", "call", *WAY, DUE, 20261124, 40, 6)
ENDED = te.TestCallEnded("daily", "call", *WAY, "plan", DUE, 20261124, 16, "busy", DUE, DUE, 400, sip_code=486, cause_q850=17)
MISSED = te.TestSlotMissed("daily-1", "daily", *WAY, DUE, 20261124, 16, "late")
CHANGES: list[tuple[ev.Event, str, tuple[Any, ...]]] = [
    (ev.MtQueued("hello", "help", "", "", 0), "queued", (ID, WHO, "sms", "due", AT, "", "ours")),
    (ev.BillingQueued("charge", "10", 500, "k"), "queued", (ID, WHO, "billing", "due", AT, "", "theirs")),
    (ev.MtAccepted(18, {1: "m1"}, "sim", True, True), "done", (18,)),
    (ev.Billed(18, "charge", "10"), "done", (18,)),
    (ev.BillingRefused(18, "charge", "10", "no_credit"), "done", (18,)),
    (ev.Activated("10", 500, 18), "done", (18,)),
    (ev.DeadLetterSettled(18, "amy", "rang him"), "done", (18,)),
    (ev.MtFailed(18, "no such number"), "changed", ("dead", "no such number", "", AT, 18)),
    (ev.BillingFailed(18, "unknown operator"), "changed", ("dead", "unknown operator", "", AT, 18)),
    (ev.DeadLetterRetried(18, "amy"), "changed", ("due", "", "", AT, 18)),
    (ev.WakeSet(DUE, "charge", "10"), "wakes", (to_us(DUE), ID, WHO)),
    (ev.OfferMade("10", 500, DUE), "wakes", (to_us(DUE), ID, WHO)),
    (ev.WakeFired(18, DUE), "woken", (to_us(DUE), 18)),
    (ce.CallBackQueued(WHO, DUE, 1, 2), "queued", (ID, WHO, "call", "due", AT, "", "voices")),
    (ce.CallBackTried(18, "busy"), "done", (18,)),
    (ce.CallBackEnded("reached", 18), "done", (18,)),
    (PLANNED, "queued", (ID, WHO, "test", "due", AT, "", "dialler")),
    (te.TestCallWeighed("daily-1", "busy", 20261124, 18), "done", (18,)),
    (ENDED, "tests", ended_row(WHO, ID, ENDED)),
    (MISSED, "tests", missed_row(ID, MISSED)),
    (te.TestCallCorrected("busy", "protocol", "amy", "seen"), "corrected", ("busy", "protocol", WHO)),
    (te.AlarmRaised("daily", "a", "cusum", "route", 9, 3), "queued", (ID, WHO, "alarm", "due", AT, "", "bell")),
    (te.AlarmEnded("daily", "a", 18, DUE), "queued", (ID, WHO, "alarm", "due", AT, "", "bell")),
    (te.MeasuringStopped("daily", "a", 6, DUE), "queued", (ID, WHO, "alarm", "due", AT, "", "bell")),
    (te.MeasuringResumed("daily", "a", 18, DUE), "queued", (ID, WHO, "alarm", "due", AT, "", "bell")),
    (te.AlarmSent(18), "done", (18,)),
]
OWNERS = {"sms": "ours", "billing": "theirs", "call": "voices", "test": "dialler", "alarm": "bell"}


def changes(event: ev.Event) -> dict[str, list[Any]]:
    """The rows that an event adds to a commit, by the name of their list."""
    writes = Writes()
    PROJECT[type(event)](writes, OWNERS, ID, WHO, AT, event)
    return {each.name: rows for each in fields(writes) if (rows := getattr(writes, each.name))}


@pytest.mark.parametrize(("event", "rows", "row"), CHANGES, ids=lambda value: type(value).__name__)
def test_an_event_changes_one_row(event: ev.Event, rows: str, row: tuple[Any, ...]) -> None:
    assert changes(event) == {rows: [row]}


def test_every_kind_is_tried_here() -> None:
    assert {type(event) for event, _, _ in CHANGES} == set(PROJECT)


def test_a_call_back_that_ends_between_its_attempts_voids_none() -> None:
    assert changes(ce.CallBackEnded("reached")) == {}


def test_a_text_that_is_taken_in_part_stays() -> None:
    assert changes(ev.MtAccepted(18, {1: "m1"}, "sim", False, True)) == {}


# -- the same, made again


def rebuilt(*happened: ev.Event, stream: str = WHO) -> Rebuilt:
    """What events make whose ids are 1, 2, 3 … and whose times are 10, 20, 30 …"""
    made = Rebuilt(stream)
    for number, event in enumerate(happened, 1):
        made.apply(number, number * 10, event, Rules())
    return made


TEXT = ev.MtQueued("hello", "help", "", "", 0)
FAILED = ev.MtFailed(1, "no such number")


@pytest.mark.parametrize(
    ("then", "row"),
    [
        ([], ("sms", "due", 10, "")),
        ([FAILED], ("sms", "dead", 20, "no such number")),
        ([FAILED, ev.MtFailed(1, "again")], ("sms", "dead", 20, "no such number")),
        ([FAILED, ev.DeadLetterRetried(1, "amy")], ("sms", "due", 30, "")),
        ([FAILED, ev.DeadLetterSettled(1, "amy", "")], None),
        ([ev.MtAccepted(1, {1: "m"}, "sim", True, True), FAILED], None),
        ([ev.MtFailed(9, "another")], ("sms", "due", 10, "")),
    ],
)
def test_a_row_of_the_outbox(then: list[ev.Event], row: tuple[Any, ...] | None) -> None:
    assert rebuilt(TEXT, *then).outbox.get(1) == row
    assert len(rebuilt(TEXT, *then).outbox) == (row is not None)


def test_a_wake_up_is_spent_only_by_its_own_firing() -> None:
    wake = ev.WakeSet(DUE, "charge", "10")
    assert rebuilt(wake).wakes == {1: to_us(DUE)}
    assert rebuilt(wake, ev.WakeFired(1, DUE.replace(hour=9))).wakes == {1: to_us(DUE)}
    assert rebuilt(wake, ev.WakeFired(1, DUE)).wakes == {}


# -- rows of test calls


def test_the_row_of_a_call_has_what_its_event_says_by_name() -> None:
    row = dict(zip((column.name for column in test_call.columns), ended_row("daily-1", ID, ENDED), strict=True))
    names = ("plan", "kind", "route", "number", "caller_id", "source", "day", "hour", "ending", "pdd_ms", "sip_code")
    for name in names:
        assert row[name] == getattr(ENDED, name), name
    assert (row["id"], row["planned_at"], row["dialled_at"], row["event"]) == ("daily-1", to_us(DUE), to_us(DUE), ID)
    missed = dict(zip((column.name for column in test_call.columns), missed_row(ID, MISSED), strict=True))
    assert (missed["ending"], missed["why"], missed["id"], missed["event"]) == ("missed", "late", "daily-1", ID)
    assert [name for name, value in missed.items() if value is None] == ["dialled_at", "pdd_ms", "answer_ms", "talk_ms"]


def test_a_corrected_call_is_made_again_with_its_last_ending() -> None:
    made = rebuilt(ENDED, te.TestCallCorrected("own-fault", "busy", "amy", "cable"), stream="test:daily-1")
    row = dict(zip((column.name for column in test_call.columns), made.tests["daily-1"], strict=True))
    assert (row["ending"], row["ending_was"], row["sip_code"]) == ("own-fault", "busy", 486)
