"""Bring a database to the schema that this program needs."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from hotline.storage.opening import writing_engine
from hotline.storage.version import NewerSchema, head

LOCK = 0x5368_6F75
"""Key of the PostgreSQL lock that lets one process upgrade at a time."""
LOCKED_S = 10.0
"""How long a SQLite file may be locked by another process that upgrades it."""


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _to_wal(cursor: Any) -> None:
    """Set the file's journal mode; SQLite does not wait for others with that, whatever its busy timeout is."""
    ends = time.monotonic() + LOCKED_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends:
                raise
            time.sleep(0.02)


def upgrade(url: str) -> str:
    """Run all revisions that the database lacks, all or none; returns the revision it is at now. Safe to repeat.

    Raises: NewerSchema; whatever the driver raises.
    """
    engine = writing_engine(url)
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()  # outside any transaction, and before anybody else has the file open
        _to_wal(raw.cursor())
        raw.close()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise NewerSchema(str(error)) from error
    return head()
