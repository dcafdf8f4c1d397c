"""One case by its number, whosever it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from hotline.domain.call_events import CaseClosed, CaseTaken
from hotline.domain.events import CaseOpened
from hotline.storage.codec import decode_event, from_us
from hotline.storage.schema import event

_SINCE = (CaseTaken.__name__, CaseClosed.__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A case: whose it is, the agent who owns it ("" for none yet), what was said, or where it was recorded, and the result.

    `closed_at` is None while it is open.
    """

    number: str
    stream: str
    opened_at: datetime
    owner: str
    channel: str
    words: str
    recording: str
    closed_at: datetime | None = None
    result: str = ""


def case(connection: sa.Connection, number: str) -> Found | None:
    """The case with that number, or None. A case's number is the id of the event that opened it."""
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        return None
    columns = event.c
    row = connection.execute(
        sa.select(columns.stream, columns.at, columns.kind, columns.body).where(columns.id == int(number))
    ).one_or_none()
    if row is None or row.kind != CaseOpened.__name__:
        return None
    opened = decode_event(row.kind, row.body)
    if not isinstance(opened, CaseOpened) or opened.number != number:
        return None
    found = Found(number, row.stream, from_us(row.at), "", opened.channel, opened.words, opened.recording)
    return _since(connection, found)


def _since(connection: sa.Connection, found: Found) -> Found:
    """The case with what became of it since it was opened."""
    columns = event.c
    rows = connection.execute(
        sa.select(columns.at, columns.kind, columns.body)
        .where(columns.stream == found.stream, columns.id > int(found.number), columns.kind.in_(_SINCE))
        .order_by(columns.id)
    )
    for row in rows:
        happened = decode_event(row.kind, row.body)
        if isinstance(happened, CaseTaken) and happened.number == found.number:
            found = replace(found, owner=happened.agent)
        elif isinstance(happened, CaseClosed) and happened.number == found.number:
            found = replace(found, closed_at=from_us(row.at), result=happened.note)
    return found
