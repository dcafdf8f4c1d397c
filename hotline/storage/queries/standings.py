"""How each test plan stands: what its stream knows, its newest attempts, today's endings, and who was not told of its alarms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from hotline.domain.rates.endings import VALID
from hotline.domain.testcall_events import AlarmRaised
from hotline.domain.testplan_state import PREFIX, Plan
from hotline.storage.codec import decode_event, from_us
from hotline.storage.queries.plans import plan_states
from hotline.storage.queries.test_calls import APART, Call, call_row
from hotline.storage.schema import event, outbox, test_call, test_count

LOOK_BACK_DAYS = (1, 31)
"""Attempts are looked for in so many days before today, first in few: nearly always the newest is of today."""
ALARM_CAUSE = "alarm:"
"""What the cause of a text to staff begins with; "ROW:NUMBER" follows."""


@dataclass(frozen=True, slots=True)
class Untold:
    """Somebody who was not told of an alarm, or of its end, up to now.

    Attributes:
        what: "alarm" (not told to everybody, and still tried), "text" (one that the SMSC has not taken), "hook" (given up).
        since: since when it waits or failed; None for a hook.
        whom: the number or the hook's address; "" for an alarm.
        reason: why a text is a dead letter, or "".
    """

    what: str
    since: datetime | None = None
    whom: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One plan.

    Attributes:
        state: what its stream knows.
        counts: today's attempts by ending, without those that reports show apart.
        last, valid: likewise its newest attempt that has ended or was missed, and the newest that counts; None where there was
            none in LOOK_BACK_DAYS.
        alarm: what raised the alarm that is on.
        untold: see Untold.
    """

    state: Plan = field(default_factory=Plan)
    counts: Mapping[str, int] = field(default_factory=dict)
    last: Call | None = None
    valid: Call | None = None
    alarm: AlarmRaised | None = None
    untold: tuple[Untold, ...] = ()


def standings(connection: sa.Connection, names: Collection[str], now: datetime, staff: Collection[str]) -> dict[str, Standing]:
    """How these plans stand.

    Args:
        connection: any that can read.
        names: of the plans.
        now: aware, in the zone of days.
        staff: the numbers that are told of alarms by text.
    """
    if not names:
        return {}
    states = plan_states(connection, names)
    last, valid = _newest(connection, names, now, None), _newest(connection, names, now, VALID)
    counts, untold = _counts(connection, names, now), _untold(connection, states, staff)
    return {
        name: Standing(
            states.get(name, Plan()),
            counts.get(name, {}),
            last.get(name),
            valid.get(name),
            _alarm(connection, name, states.get(name)),
            tuple(untold.get(name, ())),
        )
        for name in names
    }


def _day(at: datetime) -> int:
    return at.year * 10_000 + at.month * 100 + at.day


def _counts(connection: sa.Connection, names: Collection[str], now: datetime) -> dict[str, dict[str, int]]:
    t = test_count.c
    calls = sa.cast(sa.func.sum(t.calls), sa.BigInteger)
    wanted = (t.day == _day(now), t.source.not_in(APART), t.plan.in_(names))
    found: dict[str, dict[str, int]] = {}
    for plan, ending, number in connection.execute(sa.select(t.plan, t.ending, calls).where(*wanted).group_by(t.plan, t.ending)):
        if number:
            found.setdefault(plan, {})[ending] = number
    return found


def _newest(
    connection: sa.Connection, names: Collection[str], now: datetime, endings: Collection[str] | None
) -> dict[str, Call]:
    """The newest attempt of each plan, found by the counts: `test_call` is looked at in one hour of each plan alone."""
    t, found = test_count.c, dict[str, Call]()
    for days in LOOK_BACK_DAYS:
        since, missing = _day(now - timedelta(days=days)), set(names) - set(found)
        wanted = [t.day >= since, t.source.not_in(APART), t.calls > 0, t.plan.in_(missing)]
        wanted += [t.ending.in_(sorted(endings))] if endings is not None else []
        query = sa.select(t.plan, sa.func.max(t.day * 100 + t.hour)).where(*wanted).group_by(t.plan)
        for plan, hour in connection.execute(query).all():
            call = _newest_in(connection, plan, hour, endings)
            if call is not None:
                found[plan] = call
    return found


def _newest_in(connection: sa.Connection, plan: str, hour: int, endings: Collection[str] | None) -> Call | None:
    t = test_call.c
    wanted = [t.day == hour // 100, t.hour == hour % 100, t.plan == plan, t.source.not_in(APART)]
    wanted += [t.ending.in_(sorted(endings))] if endings is not None else []
    newest = sa.select(t.id).where(*wanted).order_by(t.planned_at.desc(), t.id.desc()).limit(1)
    attempt = connection.execute(newest).scalar_one_or_none()
    return None if attempt is None else call_row(connection, attempt)


def _alarm(connection: sa.Connection, name: str, plan: Plan | None) -> AlarmRaised | None:
    if plan is None or not plan.alarm:
        return None
    query = sa.select(event.c.kind, event.c.body).where(event.c.id == plan.alarm, event.c.stream == PREFIX + name)
    row = connection.execute(query).one_or_none()
    raised = decode_event(row.kind, row.body) if row is not None else None
    return raised if isinstance(raised, AlarmRaised) else None


def _untold(connection: sa.Connection, states: Mapping[str, Plan], staff: Collection[str]) -> dict[str, list[Untold]]:
    found: dict[str, list[Untold]] = {}
    c = outbox.c
    for row in connection.execute(sa.select(c.stream, c.since).where(c.channel == "alarm").order_by(c.since)):
        found.setdefault(row.stream.removeprefix(PREFIX), []).append(Untold("alarm", from_us(row.since)))
    for name, text in _texts(connection, staff):
        found.setdefault(name, []).append(text)
    for name, plan in states.items():
        found.setdefault(name, []).extend(Untold("hook", whom=url) for url in plan.unreached)
    return found


def _texts(connection: sa.Connection, staff: Collection[str]) -> list[tuple[str, Untold]]:
    """Texts to staff that wait or are dead letters, each with its plan: their cause names the alarm, and that its plan."""
    columns = (outbox.c.stream, outbox.c.since, outbox.c.reason, event.c.cause)
    joined = sa.and_(event.c.id == outbox.c.id, event.c.stream == outbox.c.stream)
    wanted = (outbox.c.channel == "sms", outbox.c.stream.in_(staff), event.c.cause.startswith(ALARM_CAUSE))
    rows = connection.execute(sa.select(*columns).join(event, joined).where(*wanted).order_by(outbox.c.since)).all()
    alarms = {row.cause: row.cause.split(":")[1] for row in rows}
    ids = [int(each) for each in alarms.values() if each.isdecimal()]
    of_alarms = sa.select(event.c.id, event.c.stream).where(event.c.id.in_(ids))
    plans: dict[int, str] = {row.id: row.stream for row in connection.execute(of_alarms)}
    texts = []
    for row in rows:
        stream = plans.get(int(alarms[row.cause])) if alarms[row.cause].isdecimal() else None
        if stream is not None:
            texts.append((stream.removeprefix(PREFIX), Untold("text", from_us(row.since), row.stream, row.reason)))
    return texts
