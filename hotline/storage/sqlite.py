"""The ledger's statements on SQLite: WAL, synchronous=FULL, one writer; set-based on the driver's own cursor."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.base import Executable

from hotline.storage import schema as s
from hotline.storage.store import CommandRow, Head, LinkRow, StorageError, Writes

_DIALECT = sqlite.dialect(paramstyle="qmark")
CHUNK = 500
"""Values in one IN list; older SQLite libraries take 999 parameters at most."""


def _sql(statement: Executable) -> str:
    return str(statement.compile(dialect=_DIALECT))  # type: ignore[attr-defined]


def _insert(table: sa.Table) -> str:
    return _sql(sa.insert(table).values({column.name: sa.bindparam(column.name) for column in table.columns}))


_EVENT = _insert(s.event)
_STATE = _insert(s.state) + " ON CONFLICT (stream) DO UPDATE SET body = excluded.body"
_COMMAND = _insert(s.command) + " ON CONFLICT (id) DO NOTHING"
_OUTBOX = _insert(s.outbox)
_WAKE = _insert(s.wake)
_DONE = _sql(sa.delete(s.outbox).where(s.outbox.c.id == sa.bindparam("row")))
_CHANGED = "UPDATE outbox SET state=?1, reason=?2, owner=?3, since=?4 WHERE id=?5 AND state<>?1"
_WOKEN = "DELETE FROM wake WHERE due=? AND id=?"
_HEAD = "UPDATE chain SET seq=?, hash=? WHERE partition=?"
_LINKS = _sql(sa.select(s.link))
_LINK = _insert(s.link) + " ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at, arrivals = excluded.arrivals"


class SqliteStore:
    """A Store on one SQLite file; see hotline.storage.store.Store."""

    def __init__(self, path: str, *, wait_s: float = 5) -> None:
        """Open the file; raises StorageError when it can't be opened or has no schema.

        Args:
            path: of the file.
            wait_s: seconds for which another writer is waited for.
        """
        self.lost = False
        with self._storing():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=wait_s, cached_statements=256)
            for pragma in ("journal_mode=wal", "synchronous=full", "cache_size=-16000", "wal_autocheckpoint=2000"):
                self._db.execute(f"pragma {pragma}")
            self._cursor = self._db.cursor()
            self.partitions = int(self._cursor.execute("SELECT count(*) FROM chain").fetchone()[0])

    @contextlib.contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            self.lost = True  # the file may have been replaced, or its file system mounted anew
            raise StorageError(f"{error} (SQLite)") from error

    def begin(self) -> None:
        """Open the batch's transaction; waits for another writer."""
        with self._storing():
            self._cursor.execute("BEGIN IMMEDIATE")

    def claim(self, commands: list[CommandRow]) -> set[str]:
        """Note the commands' ids; returns those that were there before."""
        with self._storing():
            before = {row[0] for row in self._in("SELECT id FROM command WHERE id IN", [row[0] for row in commands])}
            self._cursor.executemany(_COMMAND, commands)
            return before

    def heads(self, partitions: Collection[int]) -> Mapping[int, Head]:
        """The chain heads of these partitions; SQLite's one writer needs no lock of its own."""
        with self._storing():
            rows = self._cursor.execute("SELECT partition, seq, hash FROM chain").fetchall()
            return {partition: (seq, digest) for partition, seq, digest in rows if partition in partitions}

    def states(self, streams: list[str]) -> Mapping[str, str]:
        """The stored states of these streams."""
        with self._storing():
            return dict(self._in("SELECT stream, body FROM state WHERE stream IN", streams))

    def _in(self, select: str, values: list[str]) -> list[Any]:
        rows: list[Any] = []
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            rows += self._cursor.execute(f"{select} ({','.join('?' * len(part))})", part).fetchall()
        return rows

    def write(self, writes: Writes) -> None:
        """Store all rows of the batch."""
        with self._storing():
            many = self._cursor.executemany
            for sql, rows in (
                (_EVENT, writes.events),
                (_STATE, writes.states),
                (_OUTBOX, writes.queued),
                (_DONE, writes.done),
                (_CHANGED, writes.changed),
                (_WAKE, writes.wakes),
                (_WOKEN, writes.woken),
                (_HEAD, writes.heads),
                (_LINK, writes.links),
            ):
                if rows:
                    many(sql, rows)

    def commit(self) -> None:
        """Make the batch durable: one fsync."""
        with self._storing():
            self._cursor.execute("COMMIT")

    def rollback(self) -> None:
        """Forget the batch."""
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._cursor.execute("ROLLBACK")

    def open_link(self, link: str, smsc: str, at: int, since: int) -> list[LinkRow]:
        """Note a new bind; returns the SMSC's other recent links."""
        with self._storing():
            self._cursor.execute("BEGIN IMMEDIATE")
            self._cursor.execute("DELETE FROM link WHERE smsc=? AND used_at<?", (smsc, since))
            old = self._cursor.execute(f"{_LINKS} WHERE smsc=? AND id<>?", (smsc, link)).fetchall()
            self._cursor.execute(_LINK, (link, smsc, at, "{}"))
            self._cursor.execute("COMMIT")
            return old

    def links(self) -> list[LinkRow]:
        """All links."""
        with self._storing():
            return self._cursor.execute(_LINKS).fetchall()

    def close(self) -> None:
        """Close the file."""
        self._db.close()
