"""Which commands have been carried out."""

from __future__ import annotations

import sqlalchemy as sa

from hotline.storage.schema import command


def carried_out(connection: sa.Connection, command_id: str) -> bool:
    """Whether the command of that id has been carried out."""
    return connection.execute(sa.select(command.c.id).where(command.c.id == command_id)).first() is not None
