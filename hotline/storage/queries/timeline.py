"""The events of one stream, oldest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from hotline.storage.codec import from_us
from hotline.storage.schema import event


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored event: `kind` is its class's name, `cause` the id of an event or command, `body` its fields as JSON has them.

    `at` is when it happened where the event says so itself, as those of calls do, which are stored some together; else when it
    was stored.

    The body of an event whose words are past their retention has the field "erased" beside empty words.
    """

    id: int
    at: datetime
    kind: str
    cause: str
    body: dict[str, Any]


def timeline(connection: sa.Connection, stream: str, after_id: int = 0, limit: int = 500) -> list[Entry]:
    """The first `limit` events of `stream` with an id above `after_id`, oldest first."""
    columns = event.c
    rows = connection.execute(
        sa.select(columns.id, columns.at, columns.kind, columns.cause, columns.body)
        .where(columns.stream == stream, columns.id > after_id)
        .order_by(columns.stream, columns.id)
        .limit(limit)
    )
    return [entry_of(row.id, from_us(row.at), row.kind, row.cause, msgspec.json.decode(row.body)) for row in rows]


def entry_of(event_id: int, stored: datetime, kind: str, cause: str, body: dict[str, Any]) -> Entry:
    """A stored row as an Entry; `stored` is when it was."""
    happened = body.get("at")
    return Entry(event_id, datetime.fromisoformat(happened) if isinstance(happened, str) else stored, kind, cause, body)
