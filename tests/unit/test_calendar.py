"""The hotline's days, hours and greetings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hotline.domain.calendar import AFTERNOON, EVENING, MORNING, NEW_YEAR, Calendar, Span

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
OFFICE = Calendar(SHANGHAI, Span.of("09:00-18:00"), Span.of(""))
NIGHT = Calendar(SHANGHAI, Span.of("22:00-06:00"), Span.of(""))


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """A local time, as the program has times: in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


# -- spans


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("09:00-18:00", [540, 1079], [0, 539, 1080, 1439, 1980]),
        ("00:00-24:00", [0, 1439], [1440]),
        ("22:00-06:00", [1320, 1439, 1440, 1799], [0, 359, 360, 1319, 1800]),
        ("18:00-00:00", [1080, 1439], [0, 1079, 1440]),
        ("24:00-06:00", [1440, 1799], [0, 359, 1439]),
        ("09:00-09:00", [], [0, 539, 540, 541, 1980]),
        ("", [], [0, 720, 1439, 1440]),
    ],
)
def test_a_span(text: str, inside: list[int], outside: list[int]) -> None:
    span = Span.of(text)
    assert [minute for minute in inside + outside if span.holds(minute)] == inside


@pytest.mark.parametrize("text", ["24:01-25:00", "09:00-99:00", "09:00", "nine-ten"])
def test_no_span(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Span.of(text)


# -- days


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-01-01", False),
        ("2026-01-02", False),
        ("2026-01-04", True),  # a Sunday, worked for Friday the 2nd
        ("2026-02-14", True),  # a Saturday, worked for the Spring Festival
        ("2026-02-16", False),
        ("2026-02-17", False),
        ("2026-02-23", False),
        ("2026-02-24", True),
        ("2026-02-28", True),
        ("2026-03-07", False),  # a Saturday like any other
        ("2026-09-20", True),  # a Sunday, worked for the National Day
        ("2026-10-01", False),
        ("2026-10-10", True),
    ],
)
def test_holidays_and_moved_working_days(day: str, works: bool) -> None:
    assert OFFICE.is_working_day(date.fromisoformat(day)) is works
    assert OFFICE.agents_answer(at(f"{day} 12:00")) is works


def test_exceptions_of_the_operator() -> None:
    off, on, both = date(2026, 3, 3), date(2026, 3, 7), date(2026, 3, 8)
    calendar = Calendar(SHANGHAI, holidays=frozenset({off, both}), working_days=frozenset({on, both}))
    assert not calendar.is_working_day(off)
    assert calendar.is_working_day(on)
    assert calendar.is_working_day(both), "who names a day as worked means it"


@pytest.mark.parametrize("year", [1999, 2090])
def test_a_year_that_is_not_known_has_weekends_and_new_years_day_alone(year: int) -> None:
    monday = next(day for day in (date(year, 5, n) for n in range(1, 8)) if day.weekday() == 0)
    week = [OFFICE.is_working_day(monday + timedelta(days=n)) for n in range(7)]
    assert week == [True] * 5 + [False] * 2
    assert OFFICE.greeting(at(f"{year}-01-01 10:00")) == NEW_YEAR
    assert OFFICE.greeting(at(f"{year}-02-10 10:00")) == MORNING


# -- hours


@pytest.mark.parametrize(
    ("time", "answer"),
    [("08:59:59", False), ("09:00:00", True), ("17:59:59", True), ("18:00:00", False)],
)
def test_the_hours_begin_and_end_to_the_minute(time: str, answer: bool) -> None:
    assert OFFICE.agents_answer(at(f"2026-03-03 {time}")) is answer


@pytest.mark.parametrize(
    ("time", "answer"),
    [
        ("2026-03-05 21:59", False),
        ("2026-03-05 22:00", True),
        ("2026-03-06 05:59", True),  # Thursday's night
        ("2026-03-06 06:00", False),
        ("2026-03-07 01:00", True),  # Friday's night goes on into Saturday
        ("2026-03-07 22:30", False),
        ("2026-03-09 01:00", False),  # a Monday, but Sunday's night
        ("2026-03-09 23:00", True),
    ],
)
def test_hours_over_midnight_are_those_of_the_day_on_which_they_begin(time: str, answer: bool) -> None:
    assert NIGHT.agents_answer(at(time)) is answer


def test_days_off_have_hours_of_their_own() -> None:
    calendar = Calendar(SHANGHAI, Span.of("09:00-18:00"), Span.of("10:00-12:00"))
    assert not calendar.agents_answer(at("2026-03-07 09:30"))
    assert calendar.agents_answer(at("2026-03-07 10:30"))
    assert calendar.agents_answer(at("2026-03-06 09:30"))


def test_without_hours_agents_always_answer() -> None:
    assert all(Calendar(SHANGHAI).agents_answer(at(f"2026-02-17 {hour:02}:00")) for hour in range(24))


# -- zones


def test_a_day_is_that_of_the_zone() -> None:
    sunday_in_utc = datetime(2026, 3, 8, 23, 0, tzinfo=UTC)  # Monday 07:00 in Shanghai, Sunday 19:00 in New York
    early = Span.of("07:00-20:00")
    assert Calendar(SHANGHAI, early, Span.of("")).agents_answer(sunday_in_utc)
    assert not Calendar(NEW_YORK, early, Span.of("")).agents_answer(sunday_in_utc)
    assert OFFICE.greeting(sunday_in_utc) == MORNING


@pytest.mark.parametrize(
    ("day", "opens"),  # New York puts its clocks on on 8 March 2026 and back on 1 November
    [("2026-03-06", 14), ("2026-03-09", 13), ("2026-10-30", 13), ("2026-11-02", 14)],
)
def test_hours_follow_the_summer_time_of_another_zone(day: str, opens: int) -> None:
    calendar = Calendar(NEW_YORK, Span.of("09:00-18:00"), Span.of(""))
    begins = datetime.fromisoformat(day).replace(hour=opens, tzinfo=UTC)
    assert calendar.agents_answer(begins)
    assert not calendar.agents_answer(begins - timedelta(minutes=1))
    assert calendar.agents_answer(begins + timedelta(hours=9, minutes=-1))
    assert not calendar.agents_answer(begins + timedelta(hours=9))


def test_the_hour_that_comes_twice_is_open_twice() -> None:
    calendar = Calendar(NEW_YORK, Span.of("00:00-24:00"), Span.of("01:00-02:00"))
    minutes = [datetime(2026, 11, 1, 4, 0, tzinfo=UTC) + timedelta(minutes=n) for n in range(5 * 60)]
    assert sum(map(calendar.agents_answer, minutes)) == 120


# -- greetings


@pytest.mark.parametrize(
    ("time", "greeting"),
    [
        ("2026-03-03 04:59", EVENING),
        ("2026-03-03 05:00", MORNING),
        ("2026-03-03 11:59", MORNING),
        ("2026-03-03 12:00", AFTERNOON),
        ("2026-03-03 17:59", AFTERNOON),
        ("2026-03-03 18:00", EVENING),
        ("2026-03-03 23:59", EVENING),
        ("2026-01-01 08:00", NEW_YEAR),
        ("2026-02-17 08:00", NEW_YEAR),
        ("2026-02-23 23:00", NEW_YEAR),
        ("2026-02-24 08:00", MORNING),
        ("2026-02-14 08:00", MORNING),  # worked for the Spring Festival, and no part of it
        ("2026-10-01 08:00", MORNING),
    ],
)
def test_greetings(time: str, greeting: str) -> None:
    assert OFFICE.greeting(at(time)) == greeting


def test_further_days_of_new_year() -> None:
    calendar = Calendar(SHANGHAI, new_year=frozenset({date(2090, 2, 10)}))
    assert calendar.greeting(at("2090-02-10 08:00")) == NEW_YEAR
    assert calendar.greeting(at("2090-02-11 08:00")) == MORNING


# -- how long agents answer


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        ("2026-11-27T17:00", "2026-11-30T09:30", 90),  # over a weekend
        ("2026-11-27T08:00", "2026-11-27T20:00", 540),
        ("2026-11-27T10:00", "2026-11-27T10:20", 20),
        ("2026-11-28T00:00", "2026-11-30T09:00", 0),
        ("2026-09-30T17:30", "2026-10-08T10:00", 90),  # the National Day's holidays
        ("2026-02-13T17:00", "2026-02-14T10:00", 120),  # a Saturday that is worked
        ("2026-11-27T10:20", "2026-11-27T10:00", 0),  # backwards
        ("2026-11-27T10:00", "2026-11-27T10:00", 0),
    ],
)
def test_open_time(since: str, until: str, minutes: int) -> None:
    assert OFFICE.open_time(at(since), at(until)) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("hours", "since", "until", "minutes"),
    [
        ("00:00-24:00", "2026-03-08T00:00", "2026-03-09T00:00", 23 * 60),
        ("00:00-24:00", "2026-11-01T00:00", "2026-11-02T00:00", 25 * 60),
        ("02:30-10:00", "2026-03-08T00:00", "2026-03-09T00:00", 7 * 60),  # 2:30 does not exist: from 3:00 on
        ("01:30-10:00", "2026-11-01T00:00", "2026-11-02T00:00", 9 * 60),  # 1:30 to 2:00, 1:30 to 10:00
        ("22:00-06:00", "2026-11-01T00:00", "2026-11-02T00:00", (6 + 1 + 2) * 60),
    ],
)
def test_open_time_where_clocks_are_put_forward_or_back(hours: str, since: str, until: str, minutes: int) -> None:
    calendar = Calendar(NEW_YORK, Span.of(hours), Span.of(hours))
    assert calendar.open_time(at(since, NEW_YORK), at(until, NEW_YORK)) == timedelta(minutes=minutes)


@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK, ZoneInfo("Australia/Lord_Howe")])
@pytest.mark.parametrize(
    ("working", "off"), [("09:00-18:00", ""), ("22:00-06:00", "20:00-23:00"), ("00:00-24:00", "10:00-09:00")]
)
@pytest.mark.parametrize("day", ["2026-03-07", "2026-04-03", "2026-10-02", "2026-10-31"])
def test_open_time_is_the_minutes_in_which_agents_answer(zone: ZoneInfo, working: str, off: str, day: str) -> None:
    calendar = Calendar(zone, Span.of(working), Span.of(off))
    since = at(f"{day}T12:10", zone)
    minutes = [since + timedelta(minutes=each) for each in range(3 * 1440)]
    assert calendar.open_time(since, since + timedelta(days=3)) == timedelta(minutes=sum(map(calendar.agents_answer, minutes)))
