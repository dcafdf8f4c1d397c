"""How long the daily form, a month, and the first page of the calls behind a figure take, on SQLite and PostgreSQL.

The baseline is the same month added up from the rows themselves, without any index and without the counts that commits keep.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hotline.reports.connection_rate import Targets, connection_rate, day_number
from hotline.reports.figures import Wanted
from hotline.storage.opening import reading_engine
from hotline.storage.queries import test_calls as q
from hotline.storage.upgrade import upgrade
from tests.bench.many_calls import LAST_DAY, fill
from tests.kit.databases import Postgres

ZONE = ZoneInfo("Asia/Shanghai")
REPEATS = 3
PAGE = 50
_PLAIN = """SELECT source, hour, plan, route, number, ending, cause_q850, pdd_ms, count(*) FROM test_call {hint}
WHERE day BETWEEN :first AND :last AND kind = 'call' GROUP BY source, hour, plan, route, number, ending, cause_q850, pdd_ms"""
_NO_INDEX = ("SET LOCAL enable_indexscan = off", "SET LOCAL enable_indexonlyscan = off", "SET LOCAL enable_bitmapscan = off")


def compared(rows: int, days: int) -> dict[str, Any]:
    """The times in ms (the best of some runs) of both databases with `rows` calls in `days` days."""
    found: dict[str, Any] = {"bench": "reports", "rows": rows, "days": days}
    with tempfile.TemporaryDirectory(prefix="shouwen-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'calls.db'}"
        upgrade(url)
        found["sqlite"] = _measured(url, rows, days)
    with ExitStack() as stack:
        server = Postgres(durable=True)
        stack.callback(server.stop)
        found["postgresql"] = _measured(server.url(server.create()), rows, days)
    return found


def _measured(url: str, rows: int, days: int) -> dict[str, Any]:
    began = time.perf_counter()
    fill(url, rows, days)
    filled_s = time.perf_counter() - began
    day, first = LAST_DAY - timedelta(days=min(1, days - 1)), LAST_DAY - timedelta(days=min(30, days - 1))
    month = q.Chosen(day_number(first), day_number(LAST_DAY))
    behind = {
        "all": q.Behind(month),
        "rare": q.Behind(month, endings=frozenset({"protocol"}), hour=3, route="telecom"),
        "manual": q.Behind(month, source=q.MANUAL),
    }
    engine = reading_engine(url, pool=1)
    with engine.connect() as connection:
        form = _best(connection, lambda: _form(connection, Wanted(day, day)))
        whole = _best(connection, lambda: _form(connection, Wanted(first, LAST_DAY, "day")))
        pages = {
            name: _best(connection, lambda each=each: q.calls(connection, each, limit=PAGE))  # type: ignore[misc]
            for name, each in behind.items()
        }
        plain = _plain_ms(connection, month)
    engine.dispose()
    slowest = max(pages.values())
    return {
        "filled_s": filled_s,
        "daily_form_ms": form,
        "month_ms": whole,
        "first_page_ms": slowest,
        "pages_ms": pages,
        "plain_month_ms": plain,
        "month_to_plain": whole / plain,
    }


def _form(connection: sa.Connection, wanted: Wanted) -> object:
    return connection_rate(connection, wanted, Targets(), ZONE, datetime.now(UTC))


def _best(connection: sa.Connection, work: Callable[[], object]) -> float:
    return min(_timed(connection, work) for _ in range(REPEATS))


def _timed(connection: sa.Connection, work: Callable[[], object]) -> float:
    with connection.begin():
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1000


def _plain_ms(connection: sa.Connection, month: q.Chosen) -> float:
    sqlite = connection.dialect.name == "sqlite"
    query = sa.text(_PLAIN.format(hint="NOT INDEXED" if sqlite else ""))
    with connection.begin():
        for statement in () if sqlite else _NO_INDEX:
            connection.exec_driver_sql(statement)
        began = time.perf_counter()
        connection.execute(query, {"first": month.first, "last": month.last}).all()
        return (time.perf_counter() - began) * 1000
