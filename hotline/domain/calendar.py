"""Working days, hours and greetings, in the configured zone.

China's public holidays and the weekend days that are worked instead (调休) come from the package chinesecalendar, which
knows the years that the State Council has announced; in later years Saturdays and Sundays are days off until it is updated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import chinese_calendar

MORNING, AFTERNOON, EVENING, NEW_YEAR = "morning", "afternoon", "evening", "new_year"
"""What callers are greeted with."""
_SPRING_FESTIVAL = chinese_calendar.Holiday.spring_festival.value
_SATURDAY = 5
DAY_MIN = 1440
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From minute `start` of a day up to minute `end` (0 to 1440); an end before the start lies on the next day."""

    start: int
    end: int

    @classmethod
    def of(cls, text: str) -> Span:
        """Read "HH:MM-HH:MM"; "" is never. Raises ValueError."""
        if not text:
            return cls(0, 0)
        start, _, end = text.partition("-")
        return cls(_minutes(start), _minutes(end))

    def holds(self, minute: int) -> bool:
        """Whether a minute lies in it, counted from the beginning of its day (from 1440 on: of the next day)."""
        return self.start <= minute < (self.end if self.start <= self.end else self.end + DAY_MIN)

    def minutes(self) -> Iterator[int]:
        """The minutes of the clock, 0 to 1439, that lie in it on whichever day it began."""
        return (minute % DAY_MIN for minute in range(self.start, self.end if self.start <= self.end else self.end + DAY_MIN))


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    found = int(hours) * 60 + int(minutes)
    if not 0 <= found <= 24 * 60:
        raise ValueError(f"{text}: no time of a day; allowed: 00:00 to 24:00")
    return found


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days and hours of the hotline's agents.

    Attributes:
        zone: of days and hours.
        working, off: hours on working days, and on days off.
        holidays, working_days, new_year: exceptions of the operator's own.
    """

    zone: dt.tzinfo
    working: Span = Span(0, 1440)
    off: Span = Span(0, 1440)
    holidays: frozenset[dt.date] = field(default_factory=frozenset)
    working_days: frozenset[dt.date] = field(default_factory=frozenset)
    new_year: frozenset[dt.date] = field(default_factory=frozenset)

    def is_working_day(self, day: dt.date) -> bool:
        """Whether people work on a day."""
        if day in self.working_days:
            return True
        if day in self.holidays:
            return False
        try:
            return _is_workday(day)
        except NotImplementedError:  # a year that has not been announced
            return day.weekday() < _SATURDAY

    def agents_answer(self, now: dt.datetime) -> bool:
        """Whether agents answer at a time, aware. Hours over midnight are those of the day on which they begin."""
        local = now.astimezone(self.zone)
        day, minute = local.date(), local.hour * 60 + local.minute
        return self._hours(day).holds(minute) or self._hours(day - dt.timedelta(days=1)).holds(minute + DAY_MIN)

    def open_time(self, since: dt.datetime, until: dt.datetime) -> dt.timedelta:
        """For how long agents answer between two times, both aware; nothing where `until` is not later.

        It is time that passes: an hour that a summer-time zone leaves out is none, one that it has twice counts twice.
        """
        total, since = dt.timedelta(0), since.astimezone(dt.UTC)
        until = until.astimezone(dt.UTC)
        while since < until:
            end = self._same_offset(since, min(until, since + _DAY))
            offset = self._offset(since)
            total += self._open_wall_time((since + offset).replace(tzinfo=None), (end + offset).replace(tzinfo=None))
            since = end
        return total

    def _offset(self, at: dt.datetime) -> dt.timedelta:
        return at.astimezone(self.zone).utcoffset() or dt.timedelta(0)

    def _same_offset(self, since: dt.datetime, until: dt.datetime) -> dt.datetime:
        """`until`, or the second before it at which the zone's clocks are put forward or back; at most once a day."""
        offset = self._offset(since)
        if self._offset(until) == offset:
            return until
        same, other = 0, int((until - since).total_seconds()) + 1
        while other - same > 1:
            middle = (same + other) // 2
            if self._offset(since + dt.timedelta(seconds=middle)) == offset:
                same = middle
            else:
                other = middle
        return min(until, since + dt.timedelta(seconds=other))

    def _open_wall_time(self, since: dt.datetime, until: dt.datetime) -> dt.timedelta:
        """As `open_time`, between two readings of a clock that is not put forward or back."""
        total, done, day = dt.timedelta(0), since, since.date() - dt.timedelta(days=1)
        while day <= until.date():
            hours, midnight = self._hours(day), dt.datetime.combine(day, dt.time())
            last = hours.end if hours.start <= hours.end else hours.end + DAY_MIN
            begins = max(done, midnight + dt.timedelta(minutes=hours.start))
            ends = min(until, midnight + dt.timedelta(minutes=last))
            if begins < ends:
                total, done = total + (ends - begins), ends
            day += dt.timedelta(days=1)
        return total

    def _hours(self, day: dt.date) -> Span:
        return self.working if self.is_working_day(day) else self.off

    def greeting(self, now: dt.datetime) -> str:
        """What a caller is greeted with: NEW_YEAR, MORNING (from 5), AFTERNOON (from 12) or EVENING (from 18)."""
        local = now.astimezone(self.zone)
        if self._is_new_year(local.date()):
            return NEW_YEAR
        if 5 <= local.hour < 12:
            return MORNING
        return AFTERNOON if 12 <= local.hour < 18 else EVENING

    def _is_new_year(self, day: dt.date) -> bool:
        if day in self.new_year or (day.month, day.day) == (1, 1):
            return True
        try:
            off, name = _detail(day)  # a weekend day worked instead has the festival's name, too
        except NotImplementedError:
            return False
        return bool(off and name == _SPRING_FESTIVAL)


@lru_cache(maxsize=16)
def _detail(day: dt.date) -> tuple[bool, str | None]:
    """As chinese_calendar has it. Raises: NotImplementedError."""
    off, name = chinese_calendar.get_holiday_detail(day)
    return off, name


@lru_cache(maxsize=16)
def _is_workday(day: dt.date) -> bool:
    """As chinese_calendar has it. Raises: NotImplementedError."""
    return bool(chinese_calendar.is_workday(day))
