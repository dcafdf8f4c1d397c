"""What a dialler asks about one attempt of a test plan."""

from __future__ import annotations

import sqlalchemy as sa

from hotline.storage.schema import test_call


def ending_of(connection: sa.Connection, attempt: str) -> str:
    """How an attempt ended first, whatever a person set later; "" while it has not."""
    row = connection.execute(sa.select(test_call.c.ending, test_call.c.ending_was).where(test_call.c.id == attempt)).first()
    return (row.ending_was or row.ending) if row is not None else ""
