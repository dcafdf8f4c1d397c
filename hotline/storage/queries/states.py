"""One subscriber's stored state, also where it is damaged."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from hotline.domain.subscriber import Subscriber
from hotline.storage.codec import decode_state
from hotline.storage.schema import state


def state_body(connection: sa.Connection, stream: str) -> bytes | None:
    """The state's row as octets, for SQLite's driver fails on text that is no UTF-8; None when there is none."""
    body: sa.ColumnElement[bytes] = (
        sa.cast(state.c.body, sa.LargeBinary)
        if connection.dialect.name == "sqlite"
        else sa.func.convert_to(state.c.body, "UTF8", type_=sa.LargeBinary)
    )
    found = connection.execute(sa.select(body).where(state.c.stream == stream)).scalar_one_or_none()
    return None if found is None else bytes(found)


def readable_state(body: bytes) -> Subscriber | None:
    """The state, or None when it is damaged: no JSON, or JSON that is no state."""
    try:
        return decode_state(body.decode())
    except (ValueError, msgspec.MsgspecError):
        return None
