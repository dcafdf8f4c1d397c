"""From a database URL to what opens it: the ledger's store, and engines for everything else."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool, QueuePool

from hotline.storage.sqlite import SqliteStore
from hotline.storage.store import Store

WAIT_S = 5
"""Seconds for which another writer of a SQLite file is waited for."""


def open_store(url: str) -> Store:
    """Open the ledger's one connection to `url`, an SQLAlchemy URL of SQLite or PostgreSQL.

    Raises: StorageError when it can't be reached or has no schema.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteStore(parsed.database or "")
    from hotline.storage.postgresql import PostgresStore  # its driver takes 9 MiB

    return PostgresStore(parsed.set(drivername="postgresql").render_as_string(hide_password=False))


def writing_engine(url: str, *, pool: int = 0) -> sa.Engine:
    """An engine that may write; each transaction locks a SQLite file as it begins.

    Args:
        url: SQLAlchemy URL; the folder of a SQLite file is made when it is missing.
        pool: connections kept open; 0: none.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        path.parent.mkdir(parents=True, exist_ok=True)
        return _sqlite(path, "rwc", "BEGIN IMMEDIATE", pool)
    return sa.create_engine(parsed, **_pool(pool))


def reading_engine(url: str, *, pool: int = 0) -> sa.Engine:
    """An engine that can't write; each transaction sees the database as it was at its first statement."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(Path(parsed.database or ""), "ro", "BEGIN", pool)
    made = sa.create_engine(parsed, isolation_level="REPEATABLE READ", **_pool(pool))
    return made.execution_options(postgresql_readonly=True)


def _pool(size: int) -> dict[str, Any]:
    if not size:
        return {"poolclass": NullPool}
    return {"poolclass": QueuePool, "pool_size": size, "max_overflow": 0, "pool_pre_ping": True}


def _sqlite(path: Path, mode: str, begin: str, pool: int) -> sa.Engine:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=WAIT_S)

    made = sa.create_engine("sqlite://", creator=connect, **_pool(pool))

    @event.listens_for(made, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)  # the driver itself would begin only before the first change

    return made
