"""Test calls for reports: how many of each sort, their post-dial delays, the calls behind a figure, and one call.

Days are YYYYMMDD in the zone that was set when the call was planned. Counts come from `test_count` and `test_delay`, which every
commit keeps equal to the rows of `test_call`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from hotline.domain.testcall_events import FormSigned
from hotline.storage.codec import from_us
from hotline.storage.queries.timeline import Entry, entry_of, timeline
from hotline.storage.schema import event, test_call, test_count, test_delay

MANUAL, SECOND_ROUTE = "manual", "second-route"
"""Sources of calls that staff made by hand and entered, and of those that were made because others had failed."""
APART = (MANUAL, SECOND_ROUTE)
"""Both are shown apart and are in no rate: which calls there are of them hangs on how others ended, or on a person's choice."""
RATED = "plan"
"""Names all calls that rates are made of, whatever their source: those of slots, and those that a person asked for."""
_ORIGINS = ("TestCallPlanned", "TestSlotMissed")
MOST_EVENTS = 200
"""Events of one call that are read; an honest one has below ten, and as many more as a person corrects."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which calls are counted.

    Attributes:
        first, last: days, both inclusive.
        kind: "call" or "sms".
        plan: name of a plan, "" for all.
    """

    first: int
    last: int
    kind: str = "call"
    plan: str = ""


class Count(NamedTuple):
    """How many calls have these values; `cause` is the Q.850 cause."""

    day: int
    hour: int
    plan: str
    route: str
    number: str
    source: str
    ending: str
    cause: int
    calls: int


def counts(connection: sa.Connection, chosen: Chosen) -> list[Count]:
    """How many calls there are of each sort, by day and hour; those that are shown apart are among them."""
    t = test_count.c
    columns = (t.day, t.hour, t.plan, t.route, t.number, t.source, t.ending, t.cause_q850, t.calls)
    query = sa.select(*columns).where(*_within(test_count, chosen), t.calls != 0).order_by(*test_count.primary_key)
    return [Count(*row) for row in connection.execute(query)]


class DelayCount(NamedTuple):
    """How many calls of a route had a post-dial delay of so many milliseconds."""

    route: str
    pdd_ms: int
    calls: int


def delays(connection: sa.Connection, chosen: Chosen) -> list[DelayCount]:
    """Post-dial delays by route, shortest first, without the calls that are shown apart."""
    t = test_delay.c
    query = (
        sa.select(t.route, t.pdd_ms, sa.cast(sa.func.sum(t.calls), sa.BigInteger))
        .where(*_within(test_delay, chosen), t.source.not_in(APART))
        .group_by(t.route, t.pdd_ms)
        .order_by(t.route, t.pdd_ms)
    )
    return [DelayCount(*row) for row in connection.execute(query)]


def _within(table: sa.Table, chosen: Chosen) -> list[sa.ColumnElement[bool]]:
    found = [table.c.day.between(chosen.first, chosen.last), table.c.kind == chosen.kind]
    return [*found, table.c.plan == chosen.plan] if chosen.plan else found


def newest(connection: sa.Connection, chosen: Chosen) -> datetime | None:
    """When the latest call of the chosen days was planned: how old the figures are; None when there is no call."""
    t = test_call.c
    query = sa.select(t.planned_at).where(*_within(test_call, chosen)).order_by(t.day.desc(), t.hour.desc(), t.planned_at.desc())
    found = connection.execute(query.limit(1)).scalar_one_or_none()
    return None if found is None else from_us(found)


def signed_forms(connection: sa.Connection, first: str, last: str) -> list[str]:
    """The streams of forms, from the first to the last of a name, that were signed."""
    e = event.c
    query = sa.select(e.stream).where(e.stream.between(first, last), e.kind == FormSigned.__name__)
    return sorted(connection.execute(query).scalars())


# -- the calls behind a figure


@dataclass(frozen=True, slots=True)
class Behind:
    """Which calls are listed: those of a figure.

    Attributes:
        chosen: the days, the kind and the plan.
        route, number, source: "" for any; source RATED is every one but those in APART.
        endings: any of these; empty for any.
        hour, cause: None for any.
    """

    chosen: Chosen
    route: str = ""
    number: str = ""
    source: str = ""
    endings: frozenset[str] = field(default_factory=frozenset)
    hour: int | None = None
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the next one begins after this call."""

    day: int
    hour: int
    planned_us: int
    id: str


@dataclass(frozen=True, slots=True)
class Call:
    """An attempt that has ended or was missed; the fields are those of the table's columns."""

    id: str
    plan: str
    kind: str
    route: str
    number: str
    caller_id: str
    source: str
    day: int
    hour: int
    planned_at: datetime
    dialled_at: datetime | None
    ending: str
    ending_was: str
    pdd_ms: int | None
    answer_ms: int | None
    talk_ms: int | None
    heard: str
    cause_q850: int
    sip_code: int
    dial_status: str
    why: str
    recording: str
    event: int

    @property
    def place(self) -> Place:
        """Where it stands in a list."""
        return Place(self.day, self.hour, round(self.planned_at.timestamp() * 1_000_000), self.id)


_CALL = [test_call.c[name] for name in Call.__dataclass_fields__]


def calls(connection: sa.Connection, behind: Behind, *, limit: int, after: Place | None = None) -> list[Call]:
    """The first `limit` calls behind a figure, in the order in which they were planned, after the place where a page ended.

    Only the hours in which `test_count` has such calls are looked through, so calls that are rare are found as fast as others.
    """
    found: list[str] = []
    for day, hour in _hours(connection, behind, after):
        found += _ids(connection, behind, day, hour, limit - len(found), after)
        if len(found) >= limit:
            break
    rows = connection.execute(sa.select(*_CALL).where(test_call.c.id.in_(found))) if found else ()
    by_id = {row.id: _call(row) for row in rows}
    return [by_id[each] for each in found]


def _hours(connection: sa.Connection, behind: Behind, after: Place | None) -> Iterator[tuple[int, int]]:
    t = test_count.c
    wanted = [*_within(test_count, behind.chosen), *_filters(test_count, behind), t.calls != 0]
    if after is not None:
        wanted.append(sa.or_(t.day > after.day, sa.and_(t.day == after.day, t.hour >= after.hour)))
    query = sa.select(t.day, t.hour).where(*wanted).distinct().order_by(t.day, t.hour)
    yield from connection.execute(query).all()


def _ids(connection: sa.Connection, behind: Behind, day: int, hour: int, limit: int, after: Place | None) -> Collection[str]:
    t = test_call.c
    wanted = [t.day == day, t.hour == hour, *_filters(test_call, behind)]
    wanted += _within(test_call, behind.chosen)[1:]
    if after is not None and (day, hour) == (after.day, after.hour):
        later = sa.and_(t.planned_at == after.planned_us, t.id > after.id)
        wanted += [t.planned_at >= after.planned_us, sa.or_(t.planned_at > after.planned_us, later)]
    query = sa.select(t.id).where(*wanted).order_by(t.day, t.hour, t.planned_at, t.id).limit(limit)
    return connection.execute(query).scalars().all()


def _filters(table: sa.Table, behind: Behind) -> list[sa.ColumnElement[bool]]:
    c = table.c
    found = [c[name] == value for name in ("route", "number") if (value := getattr(behind, name))]
    if behind.source:
        found.append(c.source.not_in(APART) if behind.source == RATED else c.source == behind.source)
    if behind.endings:
        found.append(c.ending.in_(sorted(behind.endings)))
    if behind.hour is not None:
        found.append(c.hour == behind.hour)
    if behind.cause is not None:
        found.append(c.cause_q850 == behind.cause)
    return found


def _call(row: sa.Row[tuple[object, ...]]) -> Call:
    fields = dict(row._mapping)
    fields["planned_at"] = from_us(row.planned_at)
    fields["dialled_at"] = None if row.dialled_at is None else from_us(row.dialled_at)
    return Call(**fields)


# -- one call


@dataclass(frozen=True, slots=True)
class CallTold:
    """A call with the event that planned it or found it missed, and those of its own stream, oldest first."""

    call: Call
    events: list[Entry]


def one_call(connection: sa.Connection, attempt: str) -> CallTold | None:
    """The attempt with that id, or None when there is none that has ended."""
    row = connection.execute(sa.select(*_CALL).where(test_call.c.id == attempt)).one_or_none()
    if row is None:
        return None
    call = _call(row)
    told = timeline(connection, f"test:{attempt}", limit=MOST_EVENTS)
    origin = next((int(each.body["row"]) for each in told if each.kind == "TestCallDialled"), call.event)
    if all(each.id != origin for each in told):
        columns = (event.c.id, event.c.at, event.c.kind, event.c.cause, event.c.body)
        first = connection.execute(sa.select(*columns).where(event.c.id == origin)).one_or_none()
        if first is not None and first.kind in _ORIGINS:
            told.insert(0, entry_of(first.id, from_us(first.at), first.kind, first.cause, msgspec.json.decode(first.body)))
    return CallTold(call, told)


def call_row(connection: sa.Connection, attempt: str) -> Call | None:
    """The attempt with that id, without its events."""
    row = connection.execute(sa.select(*_CALL).where(test_call.c.id == attempt)).one_or_none()
    return None if row is None else _call(row)
