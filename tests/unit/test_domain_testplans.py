"""A plan's slots, what its calls add up to, and its alarms."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from hotline.domain import testcall_commands as tc
from hotline.domain import testcall_events as te
from hotline.domain.errors import TestCallRefused
from hotline.domain.slots import attempt_id, slots
from hotline.domain.step import Desk
from tests.kit.plans import SHANGHAI, START, plan, plans_desk
from tests.kit.subject import Subject

STREAM = "plan:daily"
MINUTE = timedelta(minutes=1)


def subject(desk: Desk | None = None, **fields: Any) -> Subject:
    """A plan that has not called yet; of `fields`, or as `desk` knows it."""
    return Subject(desk or plans_desk(plan(**fields)), START, stream=STREAM)


def open_slot(at: Subject, planned_at: datetime | None = None, by: str = "") -> str:
    """A slot comes, now unless said otherwise; returns its attempt."""
    when = planned_at or at.now
    attempt = attempt_id("daily", when)
    at.do(tc.OpenSlot(stream=STREAM, id=f"slot:{attempt}", attempt=attempt, planned_at=when, by=by))
    return attempt


def weigh(at: Subject, attempt: str, ending: str) -> None:
    row = next(i for i, event, _, _ in at.stored if isinstance(event, te.TestCallPlanned) and event.attempt == attempt)
    at.do(tc.WeighTestCall(stream=STREAM, id=f"test:{row}:weigh", attempt=attempt, ending=ending, row=row))


def call(at: Subject, ending: str = "answered-ok", by: str = "") -> None:
    """A slot comes, its call ends, and the next slot comes some minutes later."""
    weigh(at, open_slot(at, by=by), ending)
    at.pass_time(minutes=3)


def events(at: Subject, kind: type[Any]) -> list[Any]:
    return [event for _, event, _, _ in at.stored if isinstance(event, kind)]


def test_a_slot_becomes_a_call_with_all_that_the_dialler_needs() -> None:
    at = subject(ring_s=30, listen_s=8, expect=("greeting_morning",), proof=True)
    attempt = open_slot(at)
    assert attempt == "daily-20261125T040000Z"
    assert at.result == "planned"
    [(_, event, cause, _)] = at.last
    assert event == te.TestCallPlanned(
        attempt, "daily", "call", "mobile", "10198", "13900000001", START, 20261125, 30, 8, ("greeting_morning",), True
    )
    assert cause == f"slot:{attempt}"
    assert list(at.state.live) == [attempt]
    assert at.state.last_slot == START


def test_a_slot_that_comes_up_late_is_missed() -> None:
    at = subject()
    open_slot(at, START - 61 * timedelta(seconds=1))
    assert at.result == "missed"
    [(_, event, _, _)] = at.last
    assert (event.why, event.day, event.hour, event.route) == ("late", 20261125, 11, "mobile")
    assert at.state.live == {}
    open_slot(at, START - timedelta(seconds=60))
    assert at.result == "planned"


def test_no_more_calls_at_once_than_the_plan_allows() -> None:
    at = subject(at_once=2)
    first = open_slot(at)
    at.pass_time(seconds=1)
    open_slot(at)
    at.pass_time(seconds=1)
    open_slot(at)
    assert (at.result, at.last[0][1].why) == ("missed", "at_once")
    weigh(at, first, "busy")
    at.pass_time(seconds=1)
    open_slot(at)
    assert at.result == "planned"


def test_a_person_asks_for_a_call() -> None:
    at = subject(adaptive=True)
    attempt = open_slot(at, by="amy")
    event = at.last[0][1]
    assert (event.source, event.by) == ("asked", "amy")
    assert at.state.last_slot is None
    weigh(at, attempt, "answered-ok")
    assert (at.state.good, at.state.valid) == (0, 0)


def test_a_plan_that_is_not_set_any_more_opens_no_slots_but_settles_its_calls() -> None:
    at = subject()
    attempt = open_slot(at)
    at.desk = plans_desk(plan(name="other"))
    with pytest.raises(TestCallRefused, match=r"no \[\[test_plan\]\] 'daily'; known: other"):
        open_slot(at, START + MINUTE)
    weigh(at, attempt, "busy")
    assert at.state.live == {}


def test_a_call_is_weighed_once_and_settles_its_row() -> None:
    at = subject()
    attempt = open_slot(at)
    row = at.last[0][0]
    weigh(at, attempt, "busy")
    assert at.last[0][1] == te.TestCallWeighed(attempt, "busy", 20261125, row, "plan", 24, 1)
    weigh(at, attempt, "answered-ok")  # the ledger knows such a repetition by its id
    assert (at.last[0][1].source, at.state.good) == ("unknown", 0)
    assert (at.state.good, at.state.valid) == (0, 1)


@pytest.mark.parametrize(
    ("ending", "good", "valid"),
    [("answered-ok", 1, 1), ("busy", 0, 1), ("answered-silent", 0, 1), ("own-fault", 0, 0), ("missed", 0, 0), ("number", 0, 0)],
)
def test_own_faults_wrong_numbers_and_missed_slots_do_not_count(ending: str, good: int, valid: int) -> None:
    at = subject()
    call(at, ending)
    assert (at.state.good, at.state.valid) == (good, valid)
    assert at.state.calls == valid - good


def test_each_day_of_the_zone_counts_anew() -> None:
    at = subject(at_once=2)
    late = open_slot(at, START)
    at.now = datetime(2026, 11, 25, 16, 0, 1, tzinfo=START.tzinfo)  # a second past midnight in Shanghai
    call(at)
    assert (at.state.day, at.state.good) == (20261126, 1)
    weigh(at, late, "answered-ok")
    assert (at.state.day, at.state.good) == (20261126, 1)


# -- adaptive plans


def day_of(at: Subject, ending: str = "answered-ok") -> int:
    """Let all slots of the rest of the day come; returns how many were dialled."""
    plans = at.desk.plans["daily"]
    before = len(events(at, te.TestCallPlanned))
    for when in slots(plans, at.now, datetime(2026, 11, 25, 16, tzinfo=START.tzinfo), SHANGHAI):
        at.now = when
        attempt = open_slot(at, when)
        if at.result == "planned":
            weigh(at, attempt, ending)
    return len(events(at, te.TestCallPlanned)) - before


def test_an_adaptive_plan_stops_when_its_question_is_answered() -> None:
    at = subject(adaptive=True, calls_per_hour=120, target=0.90)
    dialled = day_of(at)
    verdicts = events(at, te.TestVerdictReached)
    assert [(each.verdict, each.good, each.valid, each.day) for each in verdicts] == [("pass", dialled, dialled, 20261125)]
    assert dialled < 200
    assert at.result == "decided"
    assert events(at, te.TestSlotMissed) == []


def test_an_adaptive_plan_that_fails_stops_soon() -> None:
    at = subject(adaptive=True, calls_per_hour=120, target=0.90)
    dialled = day_of(at, "busy")
    assert [each.verdict for each in events(at, te.TestVerdictReached)] == ["fail"]
    assert dialled < 40


def test_an_adaptive_plan_asks_anew_the_next_day() -> None:
    at = subject(adaptive=True, calls_per_hour=120, target=0.90)
    day_of(at)
    at.now = datetime(2026, 11, 25, 17, tzinfo=START.tzinfo)
    open_slot(at)
    assert at.result == "planned"


def test_an_adaptive_plan_spreads_its_calls_over_the_time_that_is_left() -> None:
    at = subject(adaptive=True, calls_per_hour=120, target=0.90)
    day_of(at)
    times = [event.planned_at for event in events(at, te.TestCallPlanned)]
    assert times[-1] - times[0] > timedelta(hours=2)


def test_a_night_s_question_is_not_asked_anew_at_midnight() -> None:
    at = subject(adaptive=True, calls_per_hour=60, target=0.90, hours="22:00-06:00")
    night = datetime(2026, 11, 25, 14, tzinfo=START.tzinfo)
    for when in slots(at.desk.plans["daily"], night, night + timedelta(hours=8), SHANGHAI):
        at.now = when
        attempt = open_slot(at, when)
        if at.result == "planned":
            weigh(at, attempt, "answered-ok")
    planned = events(at, te.TestCallPlanned)
    verdicts = [(each.verdict, each.day, each.good) for each in events(at, te.TestVerdictReached)]
    assert verdicts == [("pass", 20261125, len(planned))]
    assert planned[0].planned_at < night + timedelta(hours=2) < planned[-1].planned_at
    at.now = night + timedelta(days=1, minutes=1)
    open_slot(at)
    assert at.result == "planned"


def test_slots_that_an_adaptive_plan_would_not_have_dialled_are_not_missed() -> None:
    at = subject(adaptive=True, calls_per_hour=120, target=0.90)
    open_slot(at)
    at.now = START + timedelta(hours=2)
    found = list(slots(at.desk.plans["daily"], START, at.now - MINUTE, SHANGHAI))
    for when in found:
        open_slot(at, when)
    assert 0 < len(events(at, te.TestSlotMissed)) < len(found) / 2


# -- alarms


def fail_until_alarm(at: Subject, most: int = 200) -> int:
    """Every second call fails; returns how many came before something was done about it."""
    for number in range(1, most):
        call(at, "congestion" if number % 2 else "answered-ok")
        if events(at, te.AlarmRaised) or at.state.trying is not None:
            return number
    raise AssertionError("no alarm")


def test_three_failures_in_a_row_sound_the_alarm() -> None:
    at = subject()
    for _ in range(100):
        call(at)
    call(at, "busy")
    call(at, "busy")
    assert events(at, te.AlarmRaised) == []
    call(at, "busy")
    [alarm] = events(at, te.AlarmRaised)
    assert (alarm.plan, alarm.route, alarm.blames, alarm.failed) == ("daily", "mobile", "unknown", 3)
    assert at.state.alarm > 0


def test_a_rate_that_drops_sounds_the_alarm_once() -> None:
    at = subject()
    for _ in range(200):
        call(at)
    assert fail_until_alarm(at) < 60
    for number in range(20):
        call(at, "congestion" if number % 2 else "answered-ok")
    assert len(events(at, te.AlarmRaised)) == 1
    assert events(at, te.AlarmRaised)[0].why == "cusum"


def test_a_good_rate_ends_the_alarm_once_and_the_next_drop_sounds_it_again() -> None:
    at = subject()
    for _ in range(3):
        call(at, "busy")
    for _ in range(400):
        call(at)
    [ended] = events(at, te.AlarmEnded)
    raised = next(i for i, event, _, _ in at.stored if isinstance(event, te.AlarmRaised))
    assert (ended.of, ended.plan, ended.route) == (raised, "daily", "mobile")
    assert at.state.alarm == 0
    for _ in range(3):
        call(at, "busy")
    assert len(events(at, te.AlarmRaised)) == 2


def test_an_alarm_of_a_plan_that_is_not_set_any_more_ends_once() -> None:
    at = subject()
    fail_until_alarm(at)
    raised, since = at.state.alarm, at.state.alarm_at
    close = tc.CloseAlarm(stream=STREAM, id=f"alarm:{raised}:close")
    at.do(close)
    assert events(at, te.AlarmEnded) == []  # it is set, so its calls tell
    known, at.desk = at.desk, replace(at.desk, plans={})
    for _ in range(2):
        at.do(close)
    assert events(at, te.AlarmEnded) == [te.AlarmEnded("daily", "mobile", raised, since, "removed")]
    assert (at.state.alarm, at.state.alarm_at, at.state.failed) == (0, None, 0)
    at.desk = known
    for _ in range(3):  # set again, it begins anew
        call(at, "busy")
    assert len(events(at, te.AlarmRaised)) == 2


def test_own_faults_sound_no_alarm() -> None:
    at = subject()
    for _ in range(50):
        call(at, "own-fault")
    assert events(at, te.AlarmRaised) == []


@pytest.mark.parametrize(
    ("endings", "blames"),
    [
        (["answered-ok"] * 3, "route"),
        (["answered-ok", "busy", "answered-ok"], "route"),
        (["busy", "answered-ok", "congestion"], "hotline"),
        (["busy"] * 3, "hotline"),
        (["own-fault"] * 3, "not_compared"),
    ],
)
def test_a_second_route_tells_who_is_to_blame(endings: list[str], blames: str) -> None:
    at = subject(second_route="fixed")
    for _ in range(3):
        call(at, "busy")
    assert events(at, te.AlarmRaised) == []
    assert events(at, te.SecondRouteTried) == [te.SecondRouteTried("fixed", 3, "in_a_row")]
    tried = [event for event in events(at, te.TestCallPlanned) if event.source == "second-route"]
    assert [event.route for event in tried] == ["fixed"] * 3
    for event, ending in zip(tried, endings, strict=True):
        assert events(at, te.AlarmRaised) == []
        weigh(at, event.attempt, ending)
    [alarm] = events(at, te.AlarmRaised)
    assert (alarm.blames, alarm.route, alarm.why) == (blames, "mobile", "in_a_row")
    assert at.state.trying is None
    assert at.state.valid == 3


def test_the_plan_goes_on_while_the_second_route_is_tried() -> None:
    at = subject(second_route="fixed")
    for _ in range(3):
        call(at, "busy")
    for _ in range(3):
        call(at, "busy")
    assert len(events(at, te.SecondRouteTried)) == 1
    assert len([event for event in events(at, te.TestCallPlanned) if event.source == "plan"]) == 6


def test_who_was_told_of_an_alarm() -> None:
    at = subject()
    for _ in range(3):
        call(at, "busy")
    row = next(i for i, event, _, _ in at.stored if isinstance(event, te.AlarmRaised))
    at.do(tc.NoteAlarmSent(stream=STREAM, row=row, unreached=("http://127.0.0.1:1/",)))
    assert at.last[0][1] == te.AlarmSent(row, ("http://127.0.0.1:1/",))


def test_staff_are_told_by_text() -> None:
    amy = Subject(plans_desk(), START)
    words = {"plan": "daily", "route": "mobile", "failed": "3", "calls": "9"}
    [text] = amy.do(tc.TellStaff(stream=amy.stream, id="alarm:1:x", key="alarm_hotline", words=words))
    assert "zh:alarm_hotline" in text
    assert "plan=daily" in text


def test_a_call_that_the_plan_does_not_know_settles_its_row_and_counts_nowhere() -> None:
    """Such as one of a row that was made again by hand: else it would wait in the outbox for ever."""
    at = subject()
    call(at)
    before = (at.state.good, at.state.valid, at.state.watch)
    at.do(tc.WeighTestCall(stream=STREAM, id="test:99:weigh", attempt="daily-x", ending="busy", row=99))
    [weighed] = [event for _, event, _, _ in at.last]
    assert (weighed.row, weighed.ending) == (99, "busy")
    assert (at.state.good, at.state.valid, at.state.watch) == before


def test_an_alarm_that_is_over_before_the_second_route_has_told_is_not_raised() -> None:
    """It could never end: the watch is well already."""
    at = subject(second_route="other", at_once=200)
    for _ in range(3):
        call(at, "busy")
    second = [event for event in events(at, te.TestCallPlanned) if event.source == "second-route"]
    assert len(second) == 3
    while at.state.watch.alarm:
        call(at)
    for each in second:
        weigh(at, each.attempt, "answered-ok")
    assert events(at, te.AlarmRaised) == events(at, te.AlarmEnded) == []
    for _ in range(3):
        call(at, "busy")
    assert len(events(at, te.SecondRouteTried)) == 2


@pytest.mark.parametrize("per_hour", [7, 60])
def test_an_adaptive_plan_in_doubt_dials_every_slot(per_hour: int) -> None:
    """Its moments lie unevenly in their slots; half of them are nearer to the one before than a slot is long."""
    which = plan(adaptive=True, calls_per_hour=per_hour, show_by="13:00", at_once=200)
    at = subject(plans_desk(which))
    due = list(slots(which, START, START + timedelta(hours=1), SHANGHAI))
    results = []
    for each in due:
        at.pass_time(seconds=(each - at.now).total_seconds())
        open_slot(at, each)
        results.append(at.result)
    assert results == ["planned"] * per_hour
