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
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from hotline.domain import events as ev
from hotline.domain.msisdn import mask
from hotline.storage.codec import ERASED, decode_event, erased, to_us
from hotline.storage.opening import writing_engine
from hotline.storage.queries.states import readable_state, state_body
from hotline.storage.redaction import ERASABLE, redacted
from hotline.storage.schema import event, outbox

PAGE = 200
"""Events in one transaction, so that the ledger waits for a moment at most."""
_ENDS = [kind.__name__ for kind in (ev.TextReceived, ev.SegmentsDropped)]


@dataclass(slots=True)
class Damage:
    """What could not be read while words were erased; numbers are masked.

    Attributes:
        states: whose stored states; their texts lost their words all the same.
        events: ids of events, each with its kind and number; these keep their words.
    """

    states: set[str] = field(default_factory=set)
    events: list[str] = field(default_factory=list)


def erase(
    url: str, before: datetime, *, progress: Callable[[int], None] = lambda _: None, damage: Damage | None = None
) -> int:
    """Erase the words of all texts that came or went before `before` (aware); returns how many events lost theirs.

    Safe to repeat and to interrupt, and safe while the service runs: it writes a page at a time.

    Args:
        url: SQLAlchemy URL.
        before: the end of the retention: now less `records_kept_months`.
        progress: told after each page how many events were erased so far.
        damage: gets what could not be read.
    Raises: sqlalchemy.exc.SQLAlchemyError when the database can't be written.
    """
    engine, after, number, damage = writing_engine(url), -1, 0, damage or Damage()
    while True:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete=ON")  # or the words would stay in the file's free pages
            rows = connection.execute(_page(to_us(before), after)).all()
            number += _erase(connection, rows, damage)
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


def _erase(connection: sa.Connection, rows: Sequence[Any], damage: Damage) -> int:
    waiting = set(connection.execute(sa.select(outbox.c.id).where(outbox.c.id.in_([row.id for row in rows]))).scalars())
    changes = []
    for row in rows:
        kept = _without_words(row, damage)
        if row.id in waiting or kept is None:
            continue
        if isinstance(kept, ev.SegmentKept) and _still_waits(connection, row.stream, kept.key, row.id, damage):
            continue
        changes.append({"row": row.id, "words": erased(row.body.encode(), kept).decode()})
    if changes:
        update = sa.update(event).where(event.c.id == sa.bindparam("row")).values(body=sa.bindparam("words"))
        connection.execute(update, changes)
    return len(changes)


def _without_words(row: Any, damage: Damage) -> ev.Event | None:
    try:
        return redacted(decode_event(row.kind, row.body))
    except (ValueError, msgspec.MsgspecError):
        damage.events.append(f"{row.id} ({row.kind} of {mask(row.stream)})")
        return None


def _still_waits(connection: sa.Connection, stream: str, key: str, part: int, damage: Damage) -> bool:
    """Whether a part (id of its event) still waits for others; where the state is damaged, the events tell."""
    body = state_body(connection, stream)
    if body is None:
        return False
    held = readable_state(body)
    if held is not None:
        return key in held.waiting
    damage.states.add(mask(stream))
    columns = event.c
    ends = connection.execute(
        sa.select(columns.kind, columns.body).where(columns.stream == stream, columns.id > part, columns.kind.in_(_ENDS))
    )
    return not any(_ends(row, key) for row in ends)


def _ends(row: Any, key: str) -> bool:
    """Whether the text with that key became whole with this event, or was given up."""
    try:
        happened = decode_event(row.kind, row.body)
    except (ValueError, msgspec.MsgspecError):
        return False
    if isinstance(happened, ev.TextReceived):
        return happened.segments == key
    return isinstance(happened, ev.SegmentsDropped) and happened.key == key
