"""《每日接通率测试表》: the connection rate of a day or a span of days, from one reading of the database.

Everything is added up from the same counts, so the sums of its parts are equal whichever way they are divided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from hotline.domain.rates import percentiles
from hotline.domain.rates.connection import NETWORK_FLOORS, SYSTEM_TARGET, excluded, rates
from hotline.domain.rates.intervals import Rate
from hotline.domain.testcall_events import FormSigned
from hotline.domain.testplan import TestPlan
from hotline.domain.testplan_state import FORM_PREFIX
from hotline.reports.figures import (
    ENDINGS,
    By,
    Compared,
    ConnectionRate,
    Delay,
    Group,
    Limit,
    Signed,
    Wanted,
)
from hotline.storage.queries import test_calls as q
from hotline.storage.queries.asking import Asked, asked
from hotline.storage.queries.timeline import timeline

LIMITS = (
    ("fixed-mobile", percentiles.FIXED_TO_MOBILE),
    ("mobile-fixed", percentiles.MOBILE_TO_FIXED),
    ("mobile-mobile", percentiles.MOBILE_TO_MOBILE),
)
FORM = "connection-rate"
"""What the form is called in commands and events."""
NETWORK_FLOOR = NETWORK_FLOORS["local"]
"""Compared with where no plan says otherwise."""
WEEK = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Targets:
    """What the rates are compared with, 0..1; the agent rate is within `agent_within_s` seconds.

    Of several plans it is the lowest floor of the network, for none of them promises more of a mixture, and the highest of the
    hotline's targets.
    """

    network: float = NETWORK_FLOOR
    system: float = SYSTEM_TARGET
    agent: float = 0.80
    agent_within_s: int = 20

    @classmethod
    def of(cls, plans: Iterable[TestPlan], plan: str, kind: str, *, agent: float, agent_within_s: int) -> Targets:
        """Those of the plan, or of all plans of the kind where it is ""."""
        chosen = [each for each in plans if each.kind == kind and plan in ("", each.name)]
        network = min((each.network_floor for each in chosen), default=NETWORK_FLOOR)
        return cls(network, max((each.target for each in chosen), default=SYSTEM_TARGET), agent, agent_within_s)


def connection_rate(
    connection: sa.Connection, wanted: Wanted, targets: Targets, zone: ZoneInfo, made_at: datetime
) -> ConnectionRate:
    """Read the figures, in the one transaction that `connection` is in.

    Args:
        connection: any that can read.
        wanted: the days and the rest.
        targets: what the rates are compared with.
        zone: of days and hours.
        made_at: the time now, aware.
    """
    chosen = _chosen(wanted, wanted.first, wanted.last)
    counts = q.counts(connection, chosen)
    ours = _rated(counts)
    named = ours or counts  # calls that are in no rate do not change what the form says was measured
    whole = _group("", ours, targets)
    manual, second_route = (_group("", [each for each in counts if each.source == source], targets) for source in q.APART)
    people = _asked(connection, wanted, targets, zone)
    agent = Rate.of("agent", people.in_time, people.calls, targets.agent)
    network, system, asr = whole.rates
    divided = {by: _divided(by, ours, targets) for by in _KEYS}
    delays = _delays(q.delays(connection, chosen))
    return ConnectionRate(
        first=wanted.first,
        last=wanted.last,
        zone=str(zone),
        kind=wanted.kind,
        plan=wanted.plan,
        plans=_names(named, "plan"),
        routes=_names(named, "route"),
        numbers=_names(named, "number"),
        attempts=whole.attempts,
        valid=whole.valid,
        rates=(network, system, agent, asr),
        endings=whole.endings,
        excluded=whole.excluded,
        by_what=wanted.by,
        by=divided[wanted.by],
        hours=divided["hour"],
        days=divided["day"],
        routes_by=divided["route"],
        numbers_by=divided["number"],
        causes=divided["cause"],
        asked=sum(each.calls for each in ours if each.source == "asked"),
        manual=manual,
        second_route=second_route,
        delays=delays,
        limits=_limits(delays),
        compared=_compared(connection, wanted, targets),
        agent_within_s=targets.agent_within_s,
        newest=q.newest(connection, chosen),
        made_at=made_at,
        signed=_signed(connection, wanted),
        signed_days=_signed_days(connection, wanted),
        over=wanted.last < made_at.astimezone(zone).date(),
    )


def form_stream(day: date) -> str:
    """The stream of a day's form."""
    return f"{FORM_PREFIX}{FORM}:{day_number(day)}"


def _signed(connection: sa.Connection, wanted: Wanted) -> Signed | None:
    """What was signed; only the form of a whole day is."""
    if not _signable(wanted):
        return None
    found = next((each for each in timeline(connection, form_stream(wanted.first)) if each.kind == FormSigned.__name__), None)
    if found is None:
        return None
    return Signed(found.body["by"], found.at, msgspec.json.decode(found.body["figures"], type=ConnectionRate))


def _signable(wanted: Wanted) -> bool:
    return wanted.first == wanted.last and not wanted.plan and wanted.kind == "call"


def _signed_days(connection: sa.Connection, wanted: Wanted) -> tuple[date, ...]:
    """Days whose signed figures may be others than those that are shown for them here."""
    if _signable(wanted) or wanted.kind != "call":
        return ()
    streams = q.signed_forms(connection, form_stream(wanted.first), form_stream(wanted.last))
    return tuple(day_of(int(each.rpartition(":")[2])) for each in streams)


def day_number(day: date) -> int:
    """A day as the tables have it: YYYYMMDD."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of(number: int) -> date:
    """The day of a YYYYMMDD. Raises ValueError when there is no such day."""
    return date(number // 10_000, number // 100 % 100, number % 100)


def _chosen(wanted: Wanted, first: date, last: date) -> q.Chosen:
    return q.Chosen(day_number(first), day_number(last), wanted.kind, wanted.plan)


def _names(counts: Iterable[q.Count], field: str) -> tuple[str, ...]:
    return tuple(sorted({getattr(each, field) for each in counts} - {""}))


_KEYS: dict[By, Callable[[q.Count], int | str]] = {
    "hour": lambda each: each.hour,
    "day": lambda each: each.day,
    "route": lambda each: each.route,
    "number": lambda each: each.number,
    "cause": lambda each: each.cause,
}


def _divided(by: By, counts: Sequence[q.Count], targets: Targets) -> tuple[Group, ...]:
    key = _KEYS[by]
    parts: dict[int | str, list[q.Count]] = {}
    for each in counts:
        parts.setdefault(key(each), []).append(each)
    return tuple(_group(_written(by, value), part, targets) for value, part in sorted(parts.items()))


def _written(by: By, value: int | str) -> str:
    if isinstance(value, str):
        return value
    if by == "day":
        return day_of(value).isoformat()
    return f"{value:02}" if by == "hour" else str(value)


def _group(key: str, counts: Iterable[q.Count], targets: Targets) -> Group:
    found: Counter[str] = Counter()
    for each in counts:
        found[each.ending] += each.calls
    endings = {str(ending): found.pop(ending, 0) for ending in ENDINGS}
    endings |= found  # of a newer version, perhaps; it is in no rate, but it is shown
    attempts, apart = sum(endings.values()), excluded(endings)
    measured = rates(endings, network=targets.network, system=targets.system)
    return Group(key, attempts, attempts - sum(apart.values()), endings, apart, measured)


def _rated(counts: Iterable[q.Count]) -> list[q.Count]:
    return [each for each in counts if each.source not in q.APART]


def _asked(connection: sa.Connection, wanted: Wanted, targets: Targets, zone: ZoneInfo) -> Asked:
    since = datetime.combine(wanted.first, time(), zone).astimezone(UTC)
    until = datetime.combine(wanted.last + timedelta(days=1), time(), zone).astimezone(UTC)
    return asked(connection, since, until, targets.agent_within_s)


def _compared(connection: sa.Connection, wanted: Wanted, targets: Targets) -> tuple[Compared, ...]:
    length = wanted.last - wanted.first + timedelta(days=1)
    spans: list[tuple[str, date, date]] = [("before", wanted.first - length, wanted.first - timedelta(days=1))]
    if length == timedelta(days=1):
        spans += [("week", wanted.last - WEEK, wanted.last), ("month", wanted.last.replace(day=1), wanted.last)]
    found = []
    for name, first, last in spans:
        counts = q.counts(connection, _chosen(wanted, first, last))
        group = _group("", _rated(counts), targets)
        found.append(Compared(name, first, last, group.attempts, group.rates))  # type: ignore[arg-type]
    return tuple(found)


def _delays(found: Sequence[q.DelayCount]) -> tuple[Delay, ...]:
    """Of all, then of each route; nothing when no call had one."""
    if not found:
        return ()
    routes: dict[str, list[tuple[int, int]]] = {}
    for route, pdd_ms, calls in found:
        routes.setdefault(route, []).append((pdd_ms, calls))
    return (_delay("", [pair for part in routes.values() for pair in part]), *(_delay(*each) for each in routes.items()))


def _delay(key: str, pairs: Sequence[tuple[int, int]]) -> Delay:
    times = percentiles.times(pairs)
    if times is None:
        raise ValueError(f"{key}: no delays")
    return Delay(key, times.calls, times.mean_ms, times.p50_ms, times.p95_ms, times.max_ms)


def _limits(delays: Sequence[Delay]) -> tuple[Limit, ...]:
    return tuple(Limit(way, limit.mean_ms, limit.max_ms, _kept(limit, delays)) for way, limit in LIMITS)


def _kept(limit: percentiles.Limit, delays: Sequence[Delay]) -> bool | None:
    return delays[0].mean_ms <= limit.mean_ms and delays[0].max_ms <= limit.max_ms if delays else None
