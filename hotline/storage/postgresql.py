"""The ledger's statements on PostgreSQL: set-based over arrays, partitions' chain heads locked for the commit.

Any number of processes may write: whoever decides for a partition holds its row of `chain` from reading the
states to the commit, so a stream's commands are decided one after the other whichever process takes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import psycopg
import sqlalchemy as sa

from hotline.storage.schema import test_call, test_count, test_delay
from hotline.storage.store import CommandRow, Head, LinkRow, StorageError, Writes
from hotline.storage.test_counts import COUNT_TAIL, DELAY_TAIL, counted, moved

_CLAIM = """INSERT INTO command (id, at) SELECT * FROM unnest(%s::text[], %s::bigint[])
ON CONFLICT (id) DO NOTHING RETURNING id"""
_HEADS = "SELECT partition, seq, hash FROM chain WHERE partition = ANY(%s::int[]) ORDER BY partition FOR UPDATE"
_STATES = "SELECT stream, body FROM state WHERE stream = ANY(%s::text[])"
_EVENTS = """INSERT INTO event (id, stream, at, kind, cause, body, hash)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bytea[])"""
_WRITE_STATES = """INSERT INTO state (stream, body) SELECT * FROM unnest(%s::text[], %s::text[])
ON CONFLICT (stream) DO UPDATE SET body = excluded.body"""
_QUEUED = """INSERT INTO outbox (id, stream, channel, state, since, reason, owner)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[])"""
_DONE = "DELETE FROM outbox WHERE id = ANY(%s::bigint[])"
_CHANGED = """UPDATE outbox SET state = n.state, reason = n.reason, owner = n.owner, since = n.since
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS n(state, reason, owner, since, id)
WHERE outbox.id = n.id AND outbox.state <> n.state"""
_WAKES = "INSERT INTO wake (due, id, stream) SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[])"
_WOKEN = """DELETE FROM wake USING unnest(%s::bigint[], %s::bigint[]) AS n(due, id)
WHERE wake.due = n.due AND wake.id = n.id"""
_WRITE_HEADS = """UPDATE chain SET seq = n.seq, hash = n.hash
FROM unnest(%s::bigint[], %s::bytea[], %s::int[]) AS n(seq, hash, partition) WHERE chain.partition = n.partition"""
_TYPES = {"TEXT": "text", "INTEGER": "int", "SMALLINT": "smallint", "BIGINT": "bigint"}
_CORRECTED = "UPDATE test_call SET ending = %s, ending_was = %s WHERE id = %s"
_ALONE = "LOCK TABLE test_count IN SHARE ROW EXCLUSIVE MODE"
"""Corrections are seldom, and count in the order in which they come: nobody else may hold counts meanwhile."""
_UNCOUNTED, _COUNTED = moved(-1, "%s"), moved(1, "%s")


def _unnested(table: sa.Table, tail: str = "") -> str:
    """An insert of many rows, given as one array for each column."""
    columns = [(column.name, _TYPES[str(column.type)]) for column in table.columns]
    names, arrays = ", ".join(name for name, _ in columns), ", ".join(f"%s::{kind}[]" for _, kind in columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}){tail}"  # noqa: S608 - our own tables


_TESTS = _unnested(test_call)
_COUNTS, _DELAYS = _unnested(test_count, COUNT_TAIL), _unnested(test_delay, DELAY_TAIL)
_LINK = """INSERT INTO link (id, smsc, used_at, arrivals)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[])
ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at, arrivals = excluded.arrivals"""
_LINKS = "SELECT id, smsc, used_at, arrivals FROM link"
_BOUNDS = "SELECT set_config('lock_timeout', '10s', false), set_config('idle_in_transaction_session_timeout', '30s', false)"
"""So that a process that is stopped in the middle of a batch doesn't stop the others with it."""


def _columns(rows: list[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


class PostgresStore:
    """A Store on one PostgreSQL connection; see hotline.storage.store.Store."""

    def __init__(self, conninfo: str) -> None:
        """Connect; raises StorageError when the server can't be reached or has no schema."""
        self.lost = False
        with self._storing():
            self._db = psycopg.connect(conninfo, autocommit=True, connect_timeout=5, application_name="shouwen-ledger")
            self._db.execute(_BOUNDS)
            row = self._db.execute("SELECT count(*) FROM chain").fetchone()
            self.partitions = int(row[0]) if row else 0

    @contextlib.contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.IntegrityError, psycopg.DataError):
            raise
        except psycopg.Error as error:
            self.lost = self.lost or not hasattr(self, "_db") or self._db.closed or self._db.broken
            words = str(error).strip().splitlines()
            raise StorageError(f"{words[0] if words else type(error).__name__} (PostgreSQL)") from error

    def begin(self) -> None:
        """Open the batch's transaction."""
        with self._storing():
            self._db.execute("BEGIN")

    def claim(self, commands: list[CommandRow]) -> set[str]:
        """Note the commands' ids; returns those that were there before."""
        with self._storing():
            claimed = {row[0] for row in self._db.execute(_CLAIM, _columns(sorted(commands)))}  # in order: no deadlock
            return {row[0] for row in commands} - claimed

    def heads(self, partitions: Collection[int]) -> Mapping[int, Head]:
        """The chain heads of these partitions, locked until the commit."""
        with self._storing():
            rows = self._db.execute(_HEADS, [sorted(partitions)])
            return {partition: (seq, bytes(digest)) for partition, seq, digest in rows}

    def states(self, streams: list[str]) -> Mapping[str, str]:
        """The stored states of these streams."""
        with self._storing():
            return dict(self._db.execute(_STATES, [streams]).fetchall())

    def write(self, writes: Writes) -> None:
        """Store all rows of the batch, in one round trip."""
        counts, delays = counted(writes.tests)
        with self._storing(), self._db.pipeline():
            if writes.corrected:
                self._db.execute(_ALONE)
            for sql, rows in (
                (_EVENTS, writes.events),
                (_WRITE_STATES, writes.states),
                (_QUEUED, writes.queued),
                (_CHANGED, writes.changed),
                (_WAKES, writes.wakes),
                (_WOKEN, writes.woken),
                (_WRITE_HEADS, writes.heads),
                (_LINK, writes.links),
                (_TESTS, writes.tests),
                (_COUNTS, counts),
                (_DELAYS, delays),
            ):
                if rows:
                    self._db.execute(sql, _columns(rows))
            if writes.done:
                self._db.execute(_DONE, _columns(writes.done))
            for corrected in writes.corrected:
                self._db.execute(_UNCOUNTED, corrected[2:])
                self._db.execute(_CORRECTED, corrected)
                self._db.execute(_COUNTED, corrected[2:])

    def commit(self) -> None:
        """Make the batch durable."""
        with self._storing():
            self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Forget the batch."""
        with contextlib.suppress(psycopg.Error):
            self._db.execute("ROLLBACK")
        self.lost = self.lost or self._db.closed or self._db.broken

    def open_link(self, link: str, smsc: str, at: int, since: int) -> list[LinkRow]:
        """Note a new bind; returns the SMSC's other recent links."""
        with self._storing(), self._db.transaction():
            self._db.execute("DELETE FROM link WHERE smsc = %s AND used_at < %s", [smsc, since])
            old = self._db.execute(f"{_LINKS} WHERE smsc = %s AND id <> %s", [smsc, link]).fetchall()
            self._db.execute(_LINK, [[link], [smsc], [at], ["{}"]])
            return old

    def links(self) -> list[LinkRow]:
        """All links."""
        with self._storing():
            return self._db.execute(_LINKS).fetchall()

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(psycopg.Error):
            self._db.close()
