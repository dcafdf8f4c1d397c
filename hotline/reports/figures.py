"""The connection rate as a frozen value: what every page, file and answer of it shows. Ratios are 0..1, delays milliseconds."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from hotline.domain.rates import endings
from hotline.domain.rates.endings import Ending
from hotline.domain.rates.intervals import Rate, Verdict
from hotline.domain.rates.sizing import settled

By = Literal["hour", "day", "route", "number", "cause"]
BYS: tuple[By, ...] = ("hour", "day", "route", "number", "cause")
ANSWERED = tuple(each for each in Ending if each in endings.ANSWERED)
REACHED = tuple(each for each in Ending if each in endings.NETWORK_GOOD)
FAILED = tuple(each for each in Ending if each in endings.VALID - endings.NETWORK_GOOD)
EXCLUDED = tuple(each for each in Ending if each in endings.EXCLUDED)
VALID = (*REACHED, *FAILED)
ENDINGS = (*VALID, *EXCLUDED)
"""All classes of endings in the order in which forms show them, so that those of one kind stand together."""


_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
"""Beyond them there are no test calls, and the periods before and after a day must still be days."""


def day_of_text(text: str) -> date:
    """A day as people give it, YYYY-MM-DD, from 2000 to 2199. Raises ValueError."""
    found = date.fromisoformat(text)
    if not _FIRST_DAY <= found <= _LAST_DAY:
        raise ValueError(f"{text} is not between {_FIRST_DAY} and {_LAST_DAY}")
    return found


class Wanted(msgspec.Struct, frozen=True):
    """Which report: days (both inclusive), how it is divided, which calls."""

    first: date
    last: date
    by: By = "hour"
    kind: str = "call"
    plan: str = ""


class Group(msgspec.Struct, frozen=True):
    """Some of the calls: of an hour, a day, a route, a number, a cause, or all of them.

    Attributes:
        key: "08", "2026-11-25", the route's name, the number, the Q.850 cause; "" for all.
        attempts: all, excluded ones too.
        valid: those that the rates are of.
        endings: how many ended so, for every class.
        excluded: how many of them are no valid ones, by class.
        rates: network, system and asr.
    """

    key: str
    attempts: int
    valid: int
    endings: dict[str, int]
    excluded: dict[str, int]
    rates: tuple[Rate, ...]

    def rate(self, name: str) -> Rate:
        """The rate of that name. Raises StopIteration when there is none (the caller's fault)."""
        return next(each for each in self.rates if each.name == name)


class Delay(msgspec.Struct, frozen=True):
    """Post-dial delays of a route, or of all ("")."""

    key: str
    calls: int
    mean_ms: float
    p50_ms: int
    p95_ms: int
    max_ms: int


class Limit(msgspec.Struct, frozen=True):
    """What a post-dial delay may be on average and at most, by who calls whom; `kept` is None where there is no delay."""

    way: str
    mean_ms: int
    max_ms: int
    kept: bool | None


class Compared(msgspec.Struct, frozen=True):
    """The rates of other days: `name` is before (as many days just before), week or month (up to the last day)."""

    name: Literal["before", "week", "month"]
    first: date
    last: date
    attempts: int
    rates: tuple[Rate, ...]


class Signed(msgspec.Struct, frozen=True):
    """A day that a person signed: `figures` are those that were signed, and stay so whatever is corrected later."""

    by: str
    at: datetime
    figures: ConnectionRate


class ConnectionRate(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one day or a span of days.

    Attributes:
        first, last: days in `zone`, both inclusive.
        kind, plan: which calls; plan "" for all.
        plans, routes, numbers: of the calls there are.
        by_what, by: how `by` is divided; its groups add up to the whole.
        attempts, valid, endings, excluded: of all calls but those that are apart, as in Group.
        asked: how many of these a person asked for, apart from the plans' slots.
        rates: network, system, agent, asr.
        hours, days, routes_by, numbers_by, causes: the same calls divided in other ways.
        manual, second_route: apart, in none of the other figures: calls made by hand, and those by another route that were made
            because calls had failed.
        delays: of all, then of each route, without those.
        limits: of the delays.
        agent_within_s: the T of the agent rate.
        newest: when the latest call was planned; None when there is none.
        made_at: when this was read.
        signed: of a day that was signed, who signed what; the figures here are those of now.
        signed_days: which of these days were signed, where this is not the form of one whole day; the figures are those of now.
        over: the last day had ended when this was read; until then verdicts may turn.
    """

    report: str = "connection-rate"
    first: date
    last: date
    zone: str
    kind: str
    plan: str
    plans: tuple[str, ...]
    routes: tuple[str, ...]
    numbers: tuple[str, ...]
    attempts: int
    valid: int
    rates: tuple[Rate, ...]
    endings: dict[str, int]
    excluded: dict[str, int]
    by_what: By
    by: tuple[Group, ...]
    hours: tuple[Group, ...]
    days: tuple[Group, ...]
    routes_by: tuple[Group, ...]
    numbers_by: tuple[Group, ...]
    causes: tuple[Group, ...]
    manual: Group
    delays: tuple[Delay, ...]
    limits: tuple[Limit, ...]
    compared: tuple[Compared, ...]
    agent_within_s: int
    newest: datetime | None
    made_at: datetime
    asked: int = 0
    second_route: Group = Group("", 0, 0, {}, {}, ())
    signed: Signed | None = None
    signed_days: tuple[date, ...] = ()
    over: bool = True

    def rate(self, name: str) -> Rate:
        """The rate of that name. Raises StopIteration when there is none (the caller's fault)."""
        return next(each for each in self.rates if each.name == name)

    @property
    def as_signed(self) -> ConnectionRate:
        """What is shown, divided as asked for: the figures that were signed, or those of now where nobody has."""
        if self.signed is None:
            return self
        then = self.signed.figures
        return msgspec.structs.replace(then, by_what=self.by_what, by=then.divided(self.by_what))

    def divided(self, by: By) -> tuple[Group, ...]:
        """The calls divided so."""
        divisions: dict[By, tuple[Group, ...]] = {
            "hour": self.hours,
            "day": self.days,
            "route": self.routes_by,
            "number": self.numbers_by,
            "cause": self.causes,
        }
        return divisions[by]

    def provisional(self, figure: Rate) -> bool:
        """Whether a verdict may still turn: the day lasts, and one who looks after every call can't rely on it yet.

        An interval that is looked at again and again says "fail" of a good day far more often than in 2.5 % of days;
        `sizing.settled` is the verdict that bears it.
        """
        if self.over or figure.target is None or figure.verdict in (None, Verdict.NOT_ENOUGH):
            return False
        return settled(figure.numerator, figure.denominator, figure.target) is Verdict.NOT_ENOUGH

    @property
    def whole(self) -> Group:
        """All calls as one group."""
        return Group("", self.attempts, self.valid, self.endings, self.excluded, self.rates)
