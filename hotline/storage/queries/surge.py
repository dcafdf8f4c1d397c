"""The surge that ops declared last."""

from __future__ import annotations

import sqlalchemy as sa

from hotline.domain.surge_state import STREAM, Surge
from hotline.storage.codec import decode_surge
from hotline.storage.schema import state


def surge(connection: sa.Connection) -> Surge:
    """The surge as it is stored; whether it is on, its `on` tells. Raises ValueError when it can't be read."""
    body = connection.execute(sa.select(state.c.body).where(state.c.stream == STREAM)).scalar_one_or_none()
    return decode_surge(body) if body else Surge()
