"""Working days, hours and greetings, in the configured zone.

China's public holidays and the weekend days that are worked instead (调休) come from the package chinesecalendar, which
knows the years that the State Council has announced; in later years Saturdays and Sundays are days off until it is updated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field

import chinese_calendar

MORNING, AFTERNOON, EVENING, NEW_YEAR = "morning", "afternoon", "evening", "new_year"
"""What callers are greeted with."""
_SPRING_FESTIVAL = chinese_calendar.Holiday.spring_festival.value
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a day, from minute `start` up to minute `end` (0 to 1440); an end before the start lies on the next day."""

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
        """Whether a minute of the day (0 to 1439) lies in it."""
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


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
    holidays: Collection[dt.date] = field(default_factory=frozenset)
    working_days: Collection[dt.date] = field(default_factory=frozenset)
    new_year: Collection[dt.date] = field(default_factory=frozenset)

    def is_working_day(self, day: dt.date) -> bool:
        """Whether people work on a day."""
        if day in self.working_days:
            return True
        if day in self.holidays:
            return False
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError:  # a year that has not been announced
            return day.weekday() < _SATURDAY

    def agents_answer(self, now: dt.datetime) -> bool:
        """Whether agents answer at a time, aware."""
        local = now.astimezone(self.zone)
        span = self.working if self.is_working_day(local.date()) else self.off
        return span.holds(local.hour * 60 + local.minute)

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
            _, name = chinese_calendar.get_holiday_detail(day)
        except NotImplementedError:
            return False
        return bool(name == _SPRING_FESTIVAL)
