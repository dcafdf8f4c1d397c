"""Taking the words out of texts that are past their retention, without breaking the chain or the states.

What is erased: the text of TextReceived (and the words that the grammar found in it), the text of MtQueued, the octets
of SegmentKept. The digest of the whole event stays in its place, and so do the fields from which states are made, so that
the chain verifies and a rebuild finds no difference. What is never erased: the words of consents, refusals and
cancellations, which prove what was agreed, and those of complaints, which belong to their cases; texts that still wait
in the outbox, and parts that still wait for others.
Source of the retention: MII 2004 (five months at least); `[rules] records_kept_months`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hotline.domain import events as ev
from hotline.storage.codec import ERASED, decode_event, decode_state, erased, to_us
from hotline.storage.opening import writing_engine
from hotline.storage.redaction import ERASABLE, redacted
from hotline.storage.schema import event, outbox, state

PAGE = 200
"""Events in one transaction, so that the ledger waits for a moment at most."""


def erase(url: str, before: datetime, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Erase the words of all texts that came or went before `before` (aware); returns how many events lost theirs.

    Safe to repeat and to interrupt, and safe while the service runs: it writes a page at a time.

    Args:
        url: SQLAlchemy URL.
        before: the end of the retention: now less `records_kept_months`.
        progress: told after each page how many events were erased so far.
    Raises: sqlalchemy.exc.SQLAlchemyError when the database can't be written.
    """
    engine, after, number = writing_engine(url), -1, 0
    while True:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete=ON")  # or the words would stay in the file's free pages
            rows = connection.execute(_page(to_us(before), after)).all()
            number += _erase(connection, rows)
        progress(number)
        if len(rows) < PAGE:
            return number
        after = rows[-1].id


def _page(before_us: int, after: int) -> sa.Select[tuple[int, str, str, str]]:
    columns = event.c
    return (
        sa.select(columns.id, columns.stream, columns.kind, columns.body)
        .where(
            columns.id > after,
            columns.at < before_us,
            columns.kind.in_([kind.__name__ for kind in ERASABLE]),
            columns.body.not_like(ERASED.decode() + "%"),
        )
        .order_by(columns.id)
        .limit(PAGE)
    )


def _erase(connection: sa.Connection, rows: Sequence[Any]) -> int:
    waiting = set(connection.execute(sa.select(outbox.c.id).where(outbox.c.id.in_([row.id for row in rows]))).scalars())
    changes = []
    for row in rows:
        kept = redacted(decode_event(row.kind, row.body))
        if row.id in waiting or kept is None:
            continue
        if isinstance(kept, ev.SegmentKept) and _still_waits(connection, row.stream, kept.key):
            continue
        changes.append({"row": row.id, "words": erased(row.body.encode(), kept).decode()})
    if changes:
        update = sa.update(event).where(event.c.id == sa.bindparam("row")).values(body=sa.bindparam("words"))
        connection.execute(update, changes)
    return len(changes)


def _still_waits(connection: sa.Connection, stream: str, key: str) -> bool:
    body = connection.execute(sa.select(state.c.body).where(state.c.stream == stream)).scalar_one_or_none()
    return body is not None and key in decode_state(body).waiting
