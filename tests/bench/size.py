"""Whether a text costs more when the database is larger, on SQLite or PostgreSQL.

The database is filled with subscribers who each have a history (an order, a yes, its texts) and a subscription. The load then
comes from subscribers spread evenly over all of them.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.rules import Rules
from hotline.domain.subscriber import Subscriber, evolve
from hotline.storage.codec import GENESIS, chain_hash, encode_event, encode_state, partition_of, to_us
from tests.bench.sms import free_port, load
from tests.kit.databases import Postgres
from tests.kit.service import NUMBER, Service, smsc

FIRST = 8613900000000
PAGE = 5000
HISTORY: tuple[ev.Event, ...] = (
    ev.TextReceived("DZ 20", m.Order("20", "zh"), "peer", NUMBER),
    ev.OfferMade("20", 800, datetime(2026, 1, 2, tzinfo=UTC)),
    ev.ConsentGiven("20", 800, "Y", 0),
    ev.Activated("20", 800, 0),
)


def _rows(count: int, partitions: int) -> Iterator[tuple[list[Any], tuple[str, str], dict[int, tuple[int, bytes]]]]:
    """For each subscriber: the event rows, the state row, and the chain heads after them."""
    at, rules = datetime(2026, 1, 1, tzinfo=UTC), Rules()
    heads = dict.fromkeys(range(partitions), (0, GENESIS))
    for index in range(count):
        stream = str(FIRST + index)
        partition = partition_of(stream, partitions)
        seq, digest = heads[partition]
        state, rows = Subscriber(), []
        for event in HISTORY:
            seq += 1
            event_id, kind, body = seq * partitions + partition, type(event).__name__, encode_event(event)
            digest = chain_hash(digest, event_id, stream, to_us(at), kind, "bench", body)
            rows.append((event_id, stream, to_us(at), kind, "bench", body.decode(), digest))
            evolve(state, event, event_id, at, rules)
        heads[partition] = seq, digest
        yield rows, (stream, encode_state(state)), heads


def fill_sqlite(path: Path, count: int) -> None:
    """Put `count` subscribers with their histories into a new database."""
    db = sqlite3.connect(path)
    events: list[Any] = []
    states: list[tuple[str, str]] = []
    heads: dict[int, tuple[int, bytes]] = {}

    def flush() -> None:
        db.executemany("INSERT INTO event (id, stream, at, kind, cause, body, hash) VALUES (?,?,?,?,?,?,?)", events)
        db.executemany("INSERT INTO state (stream, body) VALUES (?,?)", states)
        db.commit()
        events.clear()
        states.clear()

    for rows, state, heads in _rows(count, 1):  # noqa: B007 - the last heads are needed
        events += rows
        states.append(state)
        if len(states) >= PAGE:
            flush()
    flush()
    db.executemany("UPDATE chain SET seq=?, hash=? WHERE partition=?", [(*head, number) for number, head in heads.items()])
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def fill_postgresql(conninfo: str, count: int) -> None:
    """The same on PostgreSQL."""
    with psycopg.connect(conninfo) as db:
        found = db.execute("SELECT count(*) FROM chain").fetchone()
        partitions = int(found[0]) if found else 1
        events: list[Any] = []
        states: list[tuple[str, str]] = []
        heads: dict[int, tuple[int, bytes]] = {}
        for rows, state, heads in _rows(count, partitions):  # noqa: B007 - the last heads are needed
            events += rows
            states.append(state)
        with db.cursor().copy("COPY event (id, stream, at, kind, cause, body, hash) FROM STDIN") as copy:
            for row in events:
                copy.write_row(row)
        with db.cursor().copy("COPY state (stream, body) FROM STDIN") as copy:
            for pair in states:
                copy.write_row(pair)
        for number, (seq, digest) in heads.items():
            db.execute("UPDATE chain SET seq=%s, hash=%s WHERE partition=%s", [seq, digest, number])
        db.commit()
        db.autocommit = True
        db.execute("ANALYZE")


def by_size(sizes: list[int], texts: int, outstanding: int, *, postgresql: bool = False) -> dict[str, Any]:
    """CPU and rate for each number of subscribers; the load's subscribers are spread over all of them."""
    result: dict[str, Any] = {"bench": "size", "texts": texts, "outstanding": outstanding, "postgresql": postgresql}
    rows = {size: _measure(size, texts, outstanding, postgresql) for size in sizes}
    costs = {size: row["cpu_s_per_1000"] for size, row in rows.items()}
    return result | {"subscribers": rows, "cost_to_smallest": {size: cost / costs[sizes[0]] for size, cost in costs.items()}}


def _measure(size: int, texts: int, outstanding: int, postgresql: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="shouwen-bench-") as folder, contextlib.ExitStack() as stack:
        port, url = free_port(), "sqlite:///shouwen.db"
        if postgresql:
            server = Postgres(durable=True)
            stack.callback(server.stop)
            url = server.url(server.create())
        served = Service(Path(folder) / "service", smsc(port, receipts=False), url=url, start=False)
        if postgresql:
            fill_postgresql(url.replace("+psycopg", ""), size)
        else:
            fill_sqlite(Path(folder) / "service" / "shouwen.db", size)
        with served:
            served.start()
            time.sleep(1.0)
            figures = load(port, texts, outstanding, min(size, texts), served.pid, first=FIRST, out_of=size)
    return {key: figures[key] for key in ("texts_per_s", "p50_ms", "cpu_s_per_1000", "rss_mib")}
