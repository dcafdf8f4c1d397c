"""What waits in the outbox, for people and for figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from hotline.domain.testcall_events import TestCallPlanned
from hotline.storage.codec import from_us
from hotline.storage.schema import chain, event, outbox, wake

TESTS_MOST = 1000
"""Test calls under way that are looked at, the oldest; there are hardly ever more at once."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the outbox with the event that queued it.

    Attributes:
        id: id of the event.
        stream: the subscriber's MSISDN, or that of a test plan.
        channel: "sms", "billing", "call", "test" or "alarm".
        state: "due" or "dead".
        since: when it came into this state.
        reason: why it is dead, in words, or "".
        owner: the process that sends it, or "".
        kind: the event's class's name.
        body: the event's fields as JSON has them.
    """

    id: int
    stream: str
    channel: str
    state: str
    since: datetime
    reason: str
    owner: str
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of the whole store.

    Attributes:
        due, dead: rows of the outbox by channel; channels without any are absent.
        oldest_due: since when the oldest due row of each channel waits; a test call waits from when it should be over.
        events: all events ever.
        wakes: wake-ups that are set.
    """

    due: Mapping[str, int]
    dead: Mapping[str, int]
    oldest_due: Mapping[str, datetime]
    events: int
    wakes: int


_JOINED = sa.select(outbox, event.c.kind, event.c.body).join(
    event, sa.and_(event.c.id == outbox.c.id, event.c.stream == outbox.c.stream)
)


def _waiting(row: Any) -> Waiting:
    return Waiting(
        id=row.id,
        stream=row.stream,
        channel=row.channel,
        state=row.state,
        since=from_us(row.since),
        reason=row.reason,
        owner=row.owner,
        kind=row.kind,
        body=msgspec.json.decode(row.body),
    )


def waiting(connection: sa.Connection, state: str | None, limit: int, channel: str | None = None) -> list[Waiting]:
    """Up to `limit` rows in that state and of that channel (None: all), those that wait longest first."""
    query = _JOINED.order_by(outbox.c.since, outbox.c.id).limit(limit)
    if state is not None:
        query = query.where(outbox.c.state == state)
    if channel is not None:
        query = query.where(outbox.c.channel == channel)
    return [_waiting(row) for row in connection.execute(query)]


def waiting_row(connection: sa.Connection, row: int) -> Waiting | None:
    """The row with that id, or None when it was sent, settled or never there."""
    found = connection.execute(_JOINED.where(outbox.c.id == row)).one_or_none()
    return None if found is None else _waiting(found)


def _first_over(connection: sa.Connection) -> datetime:
    """When the first of the test calls under way should be over; their rows are there until then, which is no delay."""
    tests = sa.and_(outbox.c.channel == "test", outbox.c.state == "due")
    bodies = connection.execute(_JOINED.where(tests).order_by(outbox.c.id).limit(TESTS_MOST)).all()
    return min(_over(msgspec.json.decode(row.body, type=TestCallPlanned)) for row in bodies)


def _over(call: TestCallPlanned) -> datetime:
    """The latest time at which a call of a phone has been listened to, or the third text of a test by text has been answered."""
    takes_s = 3 * call.ring_s if call.kind == "sms" else call.ring_s + call.listen_s
    return call.planned_at + timedelta(seconds=takes_s)


def figures(connection: sa.Connection) -> Figures:
    """Figures for the metrics and the status page."""
    by_state: dict[str, dict[str, int]] = {"due": {}, "dead": {}}
    oldest: dict[str, datetime] = {}
    grouped = sa.select(outbox.c.state, outbox.c.channel, sa.func.count(), sa.func.min(outbox.c.since))
    for state, channel, number, since in connection.execute(grouped.group_by(outbox.c.state, outbox.c.channel)):
        by_state[state][channel] = number
        if state == "due":
            oldest[channel] = from_us(since)
    if "test" in oldest:
        oldest["test"] = _first_over(connection)
    return Figures(
        due=by_state["due"],
        dead=by_state["dead"],
        oldest_due=oldest,
        events=int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(chain.c.seq), 0))).scalar_one()),
        wakes=int(connection.execute(sa.select(sa.func.count()).select_from(wake)).scalar_one()),
    )
