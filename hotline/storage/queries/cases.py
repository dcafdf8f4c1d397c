"""One case by its number, whosever it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hotline.domain.call_events import CaseTaken
from hotline.domain.events import CaseOpened
from hotline.storage.codec import decode_event, from_us
from hotline.storage.schema import event


@dataclass(frozen=True, slots=True)
class Found:
    """A case: whose it is, the agent who owns it ("" for none yet), and what was said, or where it was recorded."""

    number: str
    stream: str
    opened_at: datetime
    owner: str
    channel: str
    words: str
    recording: str


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
    owner = _owner(connection, row.stream, number)
    return Found(number, row.stream, from_us(row.at), owner, opened.channel, opened.words, opened.recording)


def _owner(connection: sa.Connection, stream: str, number: str) -> str:
    columns = event.c
    rows = connection.execute(
        sa.select(columns.kind, columns.body)
        .where(columns.stream == stream, columns.id > int(number), columns.kind == CaseTaken.__name__)
        .order_by(columns.id.desc())
    )
    for row in rows:
        taken = decode_event(row.kind, row.body)
        if isinstance(taken, CaseTaken) and taken.number == number:
            return taken.agent
    return ""
