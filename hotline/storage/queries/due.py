"""What the relays are to send: rows of the outbox that are due, with what has become of them so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from hotline.domain.events import Event, MtAccepted
from hotline.storage.codec import decode_event, from_us
from hotline.storage.schema import event, outbox

CHUNK = 500
"""Values in one IN list."""


@dataclass(frozen=True, slots=True)
class Due:
    """A row that is to be sent.

    Attributes:
        id: id of the event that queued it.
        stream: the subscriber's MSISDN.
        since: when it became due.
        event: MtQueued, BillingQueued or CallBackQueued.
        accepted: of an MtQueued: the parts that the SMSC has taken already, part number to message id; only the
            others are to be sent.
    """

    id: int
    stream: str
    since: datetime
    event: Event
    accepted: dict[int, str] = field(default_factory=dict)


def due(connection: sa.Connection, channel: str, owner: str, limit: int, without: Collection[int] = ()) -> list[Due]:
    """The first `limit` rows of `channel` that are due, are `owner`'s, and are not among the ids `without`; by id."""
    rows = connection.execute(
        sa.select(outbox.c.id, outbox.c.stream, outbox.c.since, event.c.kind, event.c.body)
        .join(event, sa.and_(event.c.id == outbox.c.id, event.c.stream == outbox.c.stream))
        .where(outbox.c.channel == channel, outbox.c.state == "due", outbox.c.owner == owner)
        .order_by(outbox.c.id)
        .limit(limit + len(without))
    )
    excluded = frozenset(without)
    found = [row for row in rows if row.id not in excluded][:limit]
    taken = _accepted(connection, {row.id: row.stream for row in found}) if channel == "sms" else {}
    return [Due(row.id, row.stream, from_us(row.since), decode_event(row.kind, row.body), taken.get(row.id, {})) for row in found]


def _accepted(connection: sa.Connection, mts: dict[int, str]) -> dict[int, dict[int, str]]:
    """The parts taken of each of these texts (id to stream)."""
    taken: dict[int, dict[int, str]] = {}
    streams = sorted(set(mts.values()))
    for start in range(0, len(streams), CHUNK):
        rows = connection.execute(
            sa.select(event.c.body)
            .where(event.c.stream.in_(streams[start : start + CHUNK]), event.c.id > min(mts), event.c.kind == MtAccepted.__name__)
            .order_by(event.c.id)
        )
        for mt, parts in _parts(row.body for row in rows):
            if mt in mts:
                taken.setdefault(mt, {}).update(parts)
    return taken


def _parts(bodies: Iterable[str]) -> Iterable[tuple[int, dict[int, str]]]:
    for body in bodies:
        accepted = decode_event(MtAccepted.__name__, body)
        if isinstance(accepted, MtAccepted):
            yield accepted.mt, accepted.parts


def still_due(connection: sa.Connection, row: int, owner: str) -> bool:
    """Whether a row still waits and is `owner`'s."""
    mine = sa.and_(outbox.c.id == row, outbox.c.state == "due", outbox.c.owner == owner)
    return connection.execute(sa.select(outbox.c.id).where(mine)).first() is not None
