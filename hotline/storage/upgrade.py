"""Bring a database to the schema that this program needs."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from hotline.storage.opening import writing_engine
from hotline.storage.version import NewerSchema, head

LOCK = 0x5368_6F75
"""Key of the PostgreSQL lock that lets one process upgrade at a time."""


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str) -> str:
    """Run all revisions that the database lacks, all or none; returns the revision it is at now. Safe to repeat.

    Raises: NewerSchema; whatever the driver raises.
    """
    engine = writing_engine(url)
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()  # outside any transaction, and before anybody else has the file open
        raw.cursor().execute("PRAGMA journal_mode=wal")
        raw.close()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise NewerSchema(str(error)) from error
    return head()
