"""When a plan's calls are due: one moment in each slot, the same for whoever asks, so that processes need not agree on it.

A day's hours are cut into slots from their beginning, and anew where busy hours begin and end. That is in real seconds, so a
day on which the clocks change has as many slots as it has hours. Each call comes at a moment of its slot that is drawn from the
plan's name and the slot's beginning: nobody can prepare for it, and every process draws the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256

from hotline.domain.calendar import DAY_MIN, Calendar, Span
from hotline.domain.testplan import TestPlan

HOUR_S = 3600
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_KEPT = 4096
"""Days of plans whose cuts are kept; every slot asks for those of three days, several times."""


def attempt_id(plan: str, at: datetime, nth: int = 1) -> str:
    """The id of the attempt of a plan in the slot that comes at `at`, aware; `nth` beside others of the same moment."""
    return f"{plan}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" + (f"-{nth}" if nth > 1 else "")


def slots(plan: TestPlan, after: datetime, until: datetime, calendar: Calendar) -> Iterator[datetime]:
    """The moments at which a plan's calls are due, later than `after` up to and with `until`, in order, aware UTC."""
    day, last = (after.astimezone(calendar.zone) - 2 * _DAY).date(), until.astimezone(calendar.zone).date()
    while day <= last:
        for at in _of_day(plan, day, calendar, after, until):
            if after < at <= until:
                yield at
        day += _DAY


def next_slot(plan: TestPlan, after: datetime, calendar: Calendar, within: timedelta = timedelta(days=60)) -> datetime | None:
    """The first moment later than `after` at which a call is due; None when there is none `within` that time."""
    return next(slots(plan, after, after + within, calendar), None)


@lru_cache(maxsize=_KEPT)
def window(plan: TestPlan, day: date, calendar: Calendar) -> tuple[datetime, datetime] | None:
    """Beginning and end of a plan's calls that begin on a local day, aware UTC; None on a day without calls."""
    if plan.days != "all" and calendar.is_working_day(day) != (plan.days == "working"):
        return None
    span = Span.of(plan.hours)
    end = span.end if span.end > span.start else span.end + DAY_MIN
    return _instant(day, span.start, calendar), _instant(day, end, calendar)


def asked_on(plan: TestPlan, at: datetime, calendar: Calendar) -> date:
    """The local day to whose question a call at `at` belongs: that on which the hours began in which it lies."""
    day = at.astimezone(calendar.zone).date()
    before = window(plan, day - _DAY, calendar)
    return day - _DAY if before is not None and before[0] <= at < before[1] else day


def deadline(plan: TestPlan, at: datetime, calendar: Calendar) -> datetime:
    """By when the question to which `at` belongs is to be answered: the first `show_by` in its hours, else their end."""
    day = asked_on(plan, at, calendar)
    begins, ends = window(plan, day, calendar) or (_instant(day, 0, calendar), _instant(day, DAY_MIN, calendar))
    if not plan.show_by:
        return ends
    minute = Span.of(f"00:00-{plan.show_by}").end
    shown = _instant(day, minute, calendar)
    return min(shown if shown > begins else _instant(day, minute + DAY_MIN, calendar), ends)


def _instant(day: date, minute: int, calendar: Calendar) -> datetime:
    """A minute of a local day, from 1440 on of the next, as an instant; one that the clocks leave out is moved on by as much."""
    day, minute = day + _DAY * (minute // DAY_MIN), minute % DAY_MIN
    return datetime.combine(day, time(minute // 60, minute % 60), calendar.zone).astimezone(UTC)


def slot_of(plan: TestPlan, at: datetime, calendar: Calendar) -> tuple[datetime, float]:
    """Beginning of the slot in which `at` lies, and its length in seconds; `at` itself and 0 where it lies in none."""
    for back in range(2):
        day = at.astimezone(calendar.zone).date() - _DAY * back
        for begins, ends, long in _stretches(plan, day, calendar):
            if begins <= at < ends:
                return begins + long * ((at - begins) // long), long.total_seconds()
    return at, 0.0


def _of_day(plan: TestPlan, day: date, calendar: Calendar, after: datetime, until: datetime) -> Iterator[datetime]:
    """The moments of a day's slots that may lie later than `after`, up to `until`."""
    for begins, end, long in _stretches(plan, day, calendar):
        if end <= after:
            continue
        if after > begins:  # go straight to the slot that counts
            begins += long * ((after - begins) // long)  # noqa: PLW2901
        while begins < until and end - begins > long / 20:  # less is what rounding to microseconds has left of a day
            length = min(long, end - begins)
            if length < 2 * _SECOND:  # an id names a second; beginnings lie a second apart at least, so moments keep to theirs
                length = min(length, _SECOND - timedelta(microseconds=begins.microsecond))
            yield begins + length * _drawn(plan.name, begins)
            begins += long  # noqa: PLW2901


@lru_cache(maxsize=_KEPT)
def _stretches(plan: TestPlan, day: date, calendar: Calendar) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """A day's calls cut where busy hours begin and end: beginning and end of each stretch, and how long its slots are."""
    hours = window(plan, day, calendar)
    if hours is None:
        return ()
    begins, end = hours
    found = []
    usual = timedelta(seconds=plan.every_s or HOUR_S / plan.calls_per_hour)
    busy = Span.of(plan.busy_hours) if plan.busy_calls_per_hour else Span(0, 0)
    often = timedelta(seconds=HOUR_S / plan.busy_calls_per_hour) if busy != Span(0, 0) else usual
    minutes = (busy.start, busy.end if busy.end > busy.start else busy.end + DAY_MIN)
    days = (day - _DAY, day, day + _DAY) if busy != Span(0, 0) else ()
    for each in days:
        starts, ends = (min(max(_instant(each, minute, calendar), begins), end) for minute in minutes)
        if starts > begins:
            found.append((begins, starts, usual))
        if ends > starts:
            found.append((starts, ends, often))
        begins = max(begins, ends)
    if begins < end:
        found.append((begins, end, usual))
    return tuple(found)


def _drawn(name: str, begins: datetime) -> float:
    """From 0 up to 0.9: late enough in a slot, a call would be under way with the next one."""
    digest = sha256(f"{name}|{begins.timestamp():.3f}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 * 0.9
