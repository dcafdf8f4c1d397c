"""The ledger's statements on SQLite: WAL, synchronous=FULL, one writer; set-based on the driver's own cursor."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.base import Executable

from hotline.storage import schema as s
from hotline.storage.store import CommandRow, Head, LinkRow, StorageError, Writes
from hotline.storage.test_counts import COUNT_TAIL, DELAY_TAIL, counted, moved

_DIALECT = sqlite.dialect(paramstyle="qmark")


def _sql(statement: Executable) -> str:
    return str(statement.compile(dialect=_DIALECT))  # type: ignore[attr-defined]


MOST_ROWS = 32
"""Rows of one statement at most; statements for each number up to it stay prepared."""


class _Rows:
    """An insert of many rows by few statements.

    The driver lets go of Python's lock for each statement it runs, and may get it back only when the reactor's thread
    has to wait: one statement for 32 rows costs one such wait, not 32.
    """

    def __init__(self, table: sa.Table, tail: str = "") -> None:
        columns = [column.name for column in table.columns]
        row = f"({','.join('?' * len(columns))})"
        head = f"INSERT INTO {table.name} ({','.join(columns)}) VALUES "  # noqa: S608 - our own tables
        self._sql = [head + ",".join([row] * number) + tail for number in range(1, MOST_ROWS + 1)]
        self._blobs = [slice(at, None, len(columns)) for at, column in enumerate(table.columns) if _is_blob(column)]

    def run(self, cursor: sqlite3.Cursor, rows: list[Any]) -> None:
        for at in range(0, len(rows), MOST_ROWS):
            part = rows[at : at + MOST_ROWS]
            values = list(chain.from_iterable(part))
            for blobs in self._blobs:  # bytes, unlike bytearrays, are looked up among the driver's adapters one by one
                values[blobs] = map(bytearray, values[blobs])
            cursor.execute(self._sql[len(part) - 1], values)


def _is_blob(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.LargeBinary)


_EVENT = _Rows(s.event)
_STATE = _Rows(s.state, " ON CONFLICT (stream) DO UPDATE SET body = excluded.body")
_COMMAND = _Rows(s.command, " ON CONFLICT (id) DO NOTHING")
_OUTBOX = _Rows(s.outbox)
_WAKE = _Rows(s.wake)
_LINK = _Rows(s.link, " ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at, arrivals = excluded.arrivals")
_TEST = _Rows(s.test_call)
_COUNT = _Rows(s.test_count, COUNT_TAIL)
_DELAY = _Rows(s.test_delay, DELAY_TAIL)
_INSERTS: tuple[tuple[str, _Rows], ...] = (
    ("events", _EVENT),
    ("states", _STATE),
    ("queued", _OUTBOX),
    ("wakes", _WAKE),
    ("links", _LINK),
    ("tests", _TEST),
)


def _updates(writes: Writes) -> Iterator[tuple[str, list[Any]]]:
    yield _CHANGED, writes.changed
    yield _WOKEN, writes.woken
    yield _HEAD, writes.heads


_MARKS = [",".join("?" * number) for number in range(MOST_ROWS + 1)]
_DONE = "DELETE FROM outbox WHERE id IN"
_CHANGED = "UPDATE outbox SET state=?1, reason=?2, owner=?3, since=?4 WHERE id=?5 AND state<>?1"
_WOKEN = "DELETE FROM wake WHERE due=? AND id=?"
_CORRECTED = "UPDATE test_call SET ending=?, ending_was=? WHERE id=?"
_UNCOUNTED, _COUNTED = moved(-1, "?"), moved(1, "?")
_HEAD = "UPDATE chain SET seq=?, hash=? WHERE partition=?"
_LINKS = _sql(sa.select(s.link))


class _Storing:
    """Turns the driver's errors into StorageError; a class, for a generator would cost more than the statements in it."""

    __slots__ = ("_store",)

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
            self._store.lost = True  # the file may have been replaced, or its file system mounted anew
            raise StorageError(f"{error} (SQLite)") from error


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
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=wait_s, cached_statements=512)
            for pragma in ("journal_mode=wal", "synchronous=full", "cache_size=-8000", "wal_autocheckpoint=2000"):
                self._db.execute(f"pragma {pragma}")
            self._cursor = self._db.cursor()
            self.partitions = int(self._cursor.execute("SELECT count(*) FROM chain").fetchone()[0])

    def _storing(self) -> _Storing:
        return _Storing(self)

    def begin(self) -> None:
        """Open the batch's transaction; waits for another writer."""
        with self._storing():
            self._cursor.execute("BEGIN IMMEDIATE")

    def claim(self, commands: list[CommandRow]) -> set[str]:
        """Note the commands' ids; returns those that were there before."""
        with self._storing():
            before = {row[0] for row in self._in("SELECT id FROM command WHERE id IN", [row[0] for row in commands])}
            _COMMAND.run(self._cursor, commands)
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

    def _in(self, statement: str, values: list[Any]) -> list[Any]:
        """Run a statement that ends in IN for these values, by few statements of few sizes, and fetch all rows."""
        rows: list[Any] = []
        for at in range(0, len(values), MOST_ROWS):
            part = values[at : at + MOST_ROWS]
            rows += self._cursor.execute(f"{statement} ({_MARKS[len(part)]})", part).fetchall()
        return rows

    def write(self, writes: Writes) -> None:
        """Store all rows of the batch."""
        with self._storing():
            for name, insert in _INSERTS:
                rows = getattr(writes, name)
                if rows:
                    insert.run(self._cursor, rows)
            if writes.done:
                self._in(_DONE, [row for (row,) in writes.done])
            for sql, changes in _updates(writes):
                if changes:
                    self._cursor.executemany(sql, changes)
            if writes.tests:
                counts, delays = counted(writes.tests)
                _COUNT.run(self._cursor, counts)
                _DELAY.run(self._cursor, delays)
            for corrected in writes.corrected:
                self._cursor.execute(_UNCOUNTED, corrected[2:])
                self._cursor.execute(_CORRECTED, corrected)
                self._cursor.execute(_COUNTED, corrected[2:])

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
            _LINK.run(self._cursor, [(link, smsc, at, "{}")])
            self._cursor.execute("COMMIT")
            return old

    def links(self) -> list[LinkRow]:
        """All links."""
        with self._storing():
            return self._cursor.execute(_LINKS).fetchall()

    def close(self) -> None:
        """Close the file."""
        self._db.close()
