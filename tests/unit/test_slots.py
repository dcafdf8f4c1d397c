"""When a plan's calls are due: slots, busy hours, days, and zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hotline.domain.calendar import Calendar
from hotline.domain.slots import asked_on, attempt_id, deadline, next_slot, slot_of, slots, window
from hotline.domain.testplan import TestPlan

SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"))
BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
LORD_HOWE = Calendar(ZoneInfo("Australia/Lord_Howe"))
"""Its clocks change by half an hour."""
DAY = timedelta(days=1)


def plan(**fields: object) -> TestPlan:
    wanted = {"name": "daily", "route": "a", "number": "10198", "caller_id": "13900000001", **fields}
    return TestPlan(**wanted)  # type: ignore[arg-type]


def of_day(which: TestPlan, day: date, calendar: Calendar = SHANGHAI) -> list[datetime]:
    begins = datetime(day.year, day.month, day.day, tzinfo=calendar.zone)
    ends = datetime.combine(day + DAY, begins.time(), calendar.zone)
    tick = timedelta(microseconds=1)
    return list(slots(which, begins.astimezone(UTC) - tick, ends.astimezone(UTC) - tick, calendar))


def test_so_many_calls_an_hour() -> None:
    found = of_day(plan(calls_per_hour=16), date(2026, 11, 25))
    assert len(found) == 384
    by_hour = [sum(at.astimezone(SHANGHAI.zone).hour == hour for at in found) for hour in range(24)]
    assert by_hour == [16] * 24


def test_each_call_comes_within_its_own_slot_and_not_at_its_beginning() -> None:
    found = of_day(plan(every_s=600), date(2026, 11, 25))
    begins = datetime(2026, 11, 25, tzinfo=SHANGHAI.zone)
    into = [(at - begins).total_seconds() % 600 for at in found]
    assert len(found) == 144
    assert [int((at - begins).total_seconds() // 600) for at in found] == list(range(144))
    assert max(into) < 540
    assert len({round(each) for each in into}) > 100


def test_every_process_draws_the_same_moments_and_each_plan_its_own() -> None:
    day = date(2026, 11, 25)
    assert of_day(plan(every_s=600), day) == of_day(plan(every_s=600), day)
    assert not set(of_day(plan(every_s=600), day)) & set(of_day(plan(every_s=600, name="other"), day))


def test_busy_hours_have_their_own_number_of_calls() -> None:
    found = of_day(plan(calls_per_hour=4, busy_hours="19:00-22:00", busy_calls_per_hour=30), date(2026, 11, 25))
    by_hour = [sum(at.astimezone(SHANGHAI.zone).hour == hour for at in found) for hour in range(24)]
    assert by_hour == [4] * 19 + [30] * 3 + [4] * 2


def test_hours_of_a_day() -> None:
    found = of_day(plan(calls_per_hour=6, hours="08:30-10:00"), date(2026, 11, 25))
    local = [at.astimezone(SHANGHAI.zone) for at in found]
    assert len(found) == 9
    assert min(local).strftime("%H:%M") >= "08:30"
    assert max(local).strftime("%H:%M") < "10:00"


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    night = plan(calls_per_hour=2, hours="22:00-02:00", days="working")
    friday, saturday, sunday = date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 29)
    assert window(night, saturday, SHANGHAI) is None
    hours = [[at.astimezone(SHANGHAI.zone).hour for at in of_day(night, day)] for day in (friday, saturday, sunday)]
    assert sorted(set(hours[0])) == [0, 1, 22, 23]
    assert sorted(set(hours[1])) == [0, 1]
    assert hours[2] == []


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 10, 1), False),  # National Day, a Thursday
        (date(2026, 9, 20), True),  # a Sunday that is worked instead
        (date(2026, 11, 25), True),
        (date(2026, 11, 28), False),
    ],
)
def test_holidays_and_moved_working_days(day: date, working: bool) -> None:
    assert bool(of_day(plan(calls_per_hour=1, days="working"), day)) is working
    assert bool(of_day(plan(calls_per_hour=1, days="off"), day)) is not working


@pytest.mark.parametrize(
    ("calendar", "day", "hours"),
    [
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (BERLIN, date(2026, 6, 1), 24),
        (LORD_HOWE, date(2026, 4, 5), 24.5),
        (LORD_HOWE, date(2026, 10, 4), 23.5),
    ],
)
def test_a_day_on_which_clocks_change_has_a_slot_for_each_real_quarter(calendar: Calendar, day: date, hours: float) -> None:
    found = of_day(plan(calls_per_hour=4), day, calendar)
    assert len(found) == hours * 4
    assert all(late > early for early, late in pairwise(found))
    assert len({attempt_id("daily", at) for at in found}) == len(found)


def test_hours_that_the_clocks_leave_out_and_repeat() -> None:
    """02:30 does not come on the day in March; in October the hours from 2 to 3 come twice, and are called in twice."""
    early = plan(calls_per_hour=4, hours="02:00-03:00")
    assert len(of_day(early, date(2026, 10, 25), BERLIN)) == 8
    assert of_day(early, date(2026, 3, 29), BERLIN) == []
    assert len(of_day(plan(calls_per_hour=4, hours="01:00-04:00"), date(2026, 3, 29), BERLIN)) == 8


def test_no_slot_is_lost_or_repeated_wherever_one_begins_to_look() -> None:
    every = plan(calls_per_hour=3, hours="22:00-06:00")
    first = datetime(2026, 11, 24, tzinfo=UTC)
    whole = list(slots(every, first, first + 5 * DAY, SHANGHAI))
    pieces: list[datetime] = []
    at = first
    while at < first + 5 * DAY:
        after, at = at, min(at + timedelta(minutes=7, seconds=13), first + 5 * DAY)
        pieces += slots(every, after, at, SHANGHAI)
    assert pieces == whole
    walked, at = [], first
    while (found := next_slot(every, at, SHANGHAI)) is not None and found <= first + 5 * DAY:
        walked.append(found)
        at = found
    assert walked == whole


@pytest.mark.parametrize("busy", [{}, {"busy_hours": "10:00-12:00", "busy_calls_per_hour": 50}])
def test_slots_are_the_same_wherever_one_begins_to_look(busy: dict[str, Any]) -> None:
    which, day = plan(calls_per_hour=7, **busy), date(2026, 11, 25)
    whole = of_day(which, day)
    for at in whole:
        assert next_slot(which, at - timedelta(microseconds=1), SHANGHAI) == at


def test_a_plan_without_a_day_has_no_next_slot() -> None:
    always_off = Calendar(ZoneInfo("Asia/Shanghai"), working_days=frozenset(date(2026, 11, 1) + DAY * n for n in range(90)))
    assert next_slot(plan(calls_per_hour=1, days="off"), datetime(2026, 11, 2, tzinfo=UTC), always_off) is None


@pytest.mark.parametrize(
    ("fields", "local"),
    [
        ({}, "2026-11-26 00:00"),
        ({"hours": "08:00-18:00"}, "2026-11-25 18:00"),
        ({"hours": "08:00-20:00", "show_by": "18:00"}, "2026-11-25 18:00"),
        ({"hours": "22:00-02:00"}, "2026-11-26 02:00"),
        ({"show_by": "24:00"}, "2026-11-26 00:00"),
        ({"days": "off"}, "2026-11-26 00:00"),
    ],
)
def test_by_when_the_days_question_is_to_be_answered(fields: dict[str, str], local: str) -> None:
    at = datetime(2026, 11, 25, 3, tzinfo=UTC)
    found = deadline(plan(calls_per_hour=1, **fields), at, SHANGHAI)
    assert found.astimezone(SHANGHAI.zone).strftime("%Y-%m-%d %H:%M") == local


@pytest.mark.parametrize(
    ("show_by", "local", "until"),
    [
        ("", "25 22:30", "26 06:00"),
        ("", "26 03:00", "26 06:00"),  # of the night that began the day before
        ("04:00", "25 22:30", "26 04:00"),
        ("04:00", "26 03:00", "26 04:00"),
        ("04:00", "26 05:00", "26 04:00"),  # it has passed, and the next night has its own
        ("23:00", "25 22:30", "25 23:00"),
        ("24:00", "25 22:30", "26 00:00"),
        ("07:00", "26 03:00", "26 06:00"),  # after the hours nothing more can be shown
    ],
)
def test_hours_over_midnight_are_one_question(show_by: str, local: str, until: str) -> None:
    at = datetime.strptime(f"2026-11-{local}", "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI.zone)
    night = plan(calls_per_hour=1, hours="22:00-06:00", show_by=show_by)
    found = deadline(night, at, SHANGHAI)
    assert found.astimezone(SHANGHAI.zone).strftime("%d %H:%M") == until
    assert asked_on(night, at, SHANGHAI) == date(2026, 11, 25)


def test_busy_hours_that_begin_within_a_slot_have_all_their_calls() -> None:
    busy = {"busy_hours": "09:00-11:00", "busy_calls_per_hour": 60}
    found = of_day(plan(calls_per_hour=1, hours="08:30-12:00", **busy), date(2026, 11, 25))
    by_hour = [sum(at.astimezone(SHANGHAI.zone).hour == hour for at in found) for hour in range(8, 12)]
    assert by_hour == [1, 60, 60, 1]


def test_busy_hours_over_midnight() -> None:
    found = of_day(plan(calls_per_hour=2, busy_hours="22:00-02:00", busy_calls_per_hour=12), date(2026, 11, 25))
    by_hour = [sum(at.astimezone(SHANGHAI.zone).hour == hour for at in found) for hour in range(24)]
    assert by_hour == [12] * 2 + [2] * 20 + [12] * 2


@pytest.mark.parametrize("per_hour", [3600, 3500, 3000, 2000, 1801])
def test_no_two_calls_of_a_plan_come_in_the_same_second(per_hour: int) -> None:
    """They would have one id, and the second would be lost without a word."""
    found = of_day(plan(calls_per_hour=per_hour, hours="08:00-10:00"), date(2026, 11, 25))
    assert len(found) == len({attempt_id("daily", at) for at in found}) == per_hour * 2


def test_the_next_slot_of_a_quick_plan_is_found_at_once() -> None:
    """Each slot that was walked blocks the process: from the beginning of the day before yesterday there are 200,000."""
    quick = plan(calls_per_hour=1800, busy_hours="10:00-12:00", busy_calls_per_hour=3600)
    began = process_time()
    for hour in range(0, 24, 3):
        at = datetime(2026, 11, 25, hour, tzinfo=UTC)
        found = next_slot(quick, at, SHANGHAI)
        assert found is not None
        assert found - at < timedelta(seconds=4)
    assert process_time() - began < 0.5


def test_where_a_slot_begins() -> None:
    which, day = plan(calls_per_hour=7, busy_hours="10:00-12:00", busy_calls_per_hour=50), date(2026, 11, 25)
    found = of_day(which, day)
    begins = [slot_of(which, at, SHANGHAI)[0] for at in found]
    assert len(set(begins)) == len(found)
    assert all(begin <= at for begin, at in zip(begins, found, strict=True))
    assert all(abs((late - early).total_seconds() - 3600 / 7) < 0.001 for early, late in pairwise(begins[:70]))
    outside = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert slot_of(plan(calls_per_hour=1, hours="08:00-09:00"), outside, SHANGHAI) == (outside, 0.0)
