"""What is to be looked at again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hotline.domain.events import Event
from hotline.storage.codec import decode_event, from_us, to_us
from hotline.storage.schema import event, wake


@dataclass(frozen=True, slots=True)
class Wake:
    """A wake-up: `id` is that of the event that set it (WakeSet or OfferMade), which is `event`."""

    id: int
    due: datetime
    stream: str
    event: Event


def due_wakes(connection: sa.Connection, before: datetime, limit: int) -> list[Wake]:
    """The first `limit` wake-ups due at `before` (aware) or earlier, in the order in which they are due."""
    rows = connection.execute(
        sa.select(wake.c.id, wake.c.due, wake.c.stream, event.c.kind, event.c.body)
        .join(event, sa.and_(event.c.id == wake.c.id, event.c.stream == wake.c.stream))
        .where(wake.c.due <= to_us(before))
        .order_by(wake.c.due, wake.c.id)
        .limit(limit)
    )
    return [Wake(row.id, from_us(row.due), row.stream, decode_event(row.kind, row.body)) for row in rows]
