"""All events, page by page, in two orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from hotline.storage.schema import event

PAGE = 1000
"""Events in memory at once."""

Row = sa.Row[tuple[int, str, int, str, str, str, bytes]]
"""id, stream, at, kind, cause, body, hash."""


def by_id(connection: sa.Connection, *, page: int = PAGE) -> Iterator[Row]:
    """All events by id, which is the order of each partition's chain."""
    after, columns = -1, event.c
    while True:
        rows = connection.execute(sa.select(event).where(columns.id > after).order_by(columns.id).limit(page)).all()
        yield from rows
        if len(rows) < page:
            return
        after = rows[-1].id


def by_stream(connection: sa.Connection, *, page: int = PAGE) -> Iterator[Row]:
    """All events by stream, and in each stream by id."""
    columns = event.c
    after: tuple[Any, Any] | None = None
    while True:
        query = sa.select(event).order_by(columns.stream, columns.id).limit(page)
        if after is not None:
            query = query.where(sa.tuple_(columns.stream, columns.id) > sa.tuple_(*map(sa.literal, after)))
        rows = connection.execute(query).all()
        yield from rows
        if len(rows) < page:
            return
        after = (rows[-1].stream, rows[-1].id)


def newest_of(connection: sa.Connection, stream: str) -> int:
    """The id of a stream's newest event, 0 where it has none."""
    return connection.execute(sa.select(sa.func.max(event.c.id)).where(event.c.stream == stream)).scalar_one() or 0
