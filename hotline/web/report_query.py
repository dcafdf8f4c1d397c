"""What a request for test calls or a report asks for: days, division, filters."""

from __future__ import annotations

from datetime import date, timedelta
from typing import cast

from twisted.web.server import Request

from hotline.domain.rates.endings import Ending
from hotline.reports.figures import BYS, By, Wanted, day_of_text
from hotline.web.http import Refusal, one_of, query, whole_number
from hotline.web.report_ports import CallsWanted

MOST_DAYS = 3660
KINDS = ("call", "sms")
SOURCES = ("plan", "asked", "second-route", "manual")
NAME_MOST = 64
"""Characters of a filter; the longest honest one is a plan's name."""


def day(request: Request, name: str, default: date) -> date:
    """A parameter that is a day, YYYY-MM-DD; raises Refusal 422 naming it."""
    text = query(request, name)
    if not text:
        return default
    try:
        return day_of_text(text)
    except ValueError:
        message = f"`{name}` is no day"
        raise Refusal(422, "bad_parameter", message, "Give YYYY-MM-DD, such as 2026-11-25.") from None


def span(request: Request, today: date) -> tuple[date, date]:
    """The days asked for, both inclusive; today where none is named. Raises Refusal 422."""
    first = day(request, "from", day(request, "to", today))
    last = day(request, "to", first)
    if last < first:
        raise Refusal(422, "bad_parameter", "`to` is before `from`", "Give the first day as `from`.")
    if last - first > timedelta(days=MOST_DAYS):
        raise Refusal(422, "bad_parameter", f"more than {MOST_DAYS} days are asked for", "Ask for fewer.")
    return first, last


def wanted(request: Request, today: date) -> Wanted:
    """Which report. Raises Refusal 422."""
    first, last = span(request, today)
    by = cast("By | None", one_of(request, "by", BYS)) or ("hour" if first == last else "day")
    return Wanted(first, last, by, one_of(request, "kind", KINDS) or "call", _name(request, "plan"))


def calls_wanted(request: Request, today: date) -> CallsWanted:
    """Which calls. Raises Refusal 422."""
    first, last = span(request, today)
    on = day(request, "day", first) if query(request, "day") else None
    return CallsWanted(
        on or first,
        on or last,
        kind=one_of(request, "kind", KINDS) or "call",
        plan=_name(request, "plan"),
        route=_name(request, "route"),
        number=_name(request, "number"),
        source=one_of(request, "source", SOURCES) or "",
        endings=_endings(request),
        hour=_maybe(request, "hour", 23),
        cause=_maybe(request, "cause", 255),
        after=query(request, "after"),
    )


def _name(request: Request, name: str) -> str:
    text = query(request, name)
    if len(text) > NAME_MOST or not text.isprintable():
        raise Refusal(422, "bad_parameter", f"`{name}` is no name", "Leave it out for all.")
    return text


def _endings(request: Request) -> tuple[str, ...]:
    endings = tuple(each for each in query(request, "ending").split(",") if each)
    unknown = [each for each in endings if each not in frozenset(Ending)]
    if unknown:
        known = ", ".join(Ending)
        raise Refusal(422, "bad_parameter", f"`ending` has what is none: {unknown[0][:40]!r}", f"Endings are {known}.")
    return endings


def _maybe(request: Request, name: str, most: int) -> int | None:
    return whole_number(request, name, 0, most) if query(request, name) else None
