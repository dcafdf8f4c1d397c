"""Millions of rows of test calls, made inside the database, as years of a busy hotline would leave them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from hotline.storage.opening import writing_engine
from hotline.storage.schema import test_call, test_count, test_delay

LAST_DAY = date(2026, 10, 31)
PLANS = (
    ("hotline-mobile", "mobile", "10198", "01088880001"),
    ("hotline-unicom", "unicom", "10198", "01088880002"),
    ("hotline-telecom", "telecom", "10198", "01088880003"),
    ("branch-mobile", "mobile", "02010198", "01088880004"),
    ("branch-unicom", "unicom", "02010198", "01088880005"),
)
ENDINGS = (
    (9860, "answered-ok", 200, 16),
    (9875, "answered-wrong-prompt", 200, 16),
    (9885, "answered-silent", 200, 16),
    (9915, "busy", 486, 17),
    (9940, "no-answer", 0, 19),
    (9950, "rejected", 603, 21),
    (9960, "unreachable", 480, 20),
    (9980, "congestion", 503, 34),
    (9985, "number", 404, 1),
    (9990, "protocol", 0, 127),
    (9995, "own-fault", 0, 0),
    (10000, "missed", 0, 0),
)
"""Of 10,000 calls those below the first figure end so, with such a final SIP code and Q.850 cause."""


def _case(index: int, column: str) -> str:
    arms = " ".join(f"WHEN {column} < {each[0]} THEN {each[index]!r}" for each in ENDINGS)
    return f"CASE {arms} END"


def _of_plan(index: int) -> str:
    arms = " ".join(f"WHEN {number} THEN {plan[index]!r}" for number, plan in enumerate(PLANS))
    return f"CASE p {arms} END"


def _select(numbers: str, text: str) -> str:
    """The rows of a day: parameters are its date, its start and the microseconds from one slot to the next."""
    clock = "s / 3600 * 10000 + s / 60 % 60 * 100 + s % 60"
    code = f"{_of_plan(0)} || '-' || :day || 'T' || substr(CAST(1000000 + {clock} AS {text}), 2, 6) || 'Z-' || i"
    dialled = "CASE WHEN e < 9990 THEN CAST(:start AS BIGINT) + i * :step + 20000 END"
    planned = "CAST(:start AS BIGINT) + i * :step"
    pdd = "CASE WHEN e < 9980 THEN 700 + r % 1700 + CASE WHEN r % 23 = 0 THEN r % 5200 ELSE 0 END END"
    return f"""
        SELECT {code}, CAST(:day AS INTEGER), s / 3600, {_of_plan(0)}, 'call', {_of_plan(1)}, {_of_plan(2)}, {_of_plan(3)},
            CASE WHEN r % 211 = 7 THEN 'manual' ELSE 'plan' END, {planned}, {dialled}, {_case(1, "e")}, '',
            {pdd}, CASE WHEN e < 9885 THEN 2600 + r % 3000 END, CASE WHEN e < 9885 THEN 6000 + r % 900 END,
            CASE WHEN e < 9860 THEN 'greeting' ELSE '' END, {_case(2, "e")}, {_case(3, "e")}, '', '',
            CASE WHEN e < 9885 THEN {code} || '.wav' ELSE '' END, CAST(:base AS BIGINT) + i
        FROM (SELECT i, i % 5 AS p, i * :step / 1000000 AS s, (i * 48271 + CAST(:day AS BIGINT) * 7919) % 2147483647 AS r,
            (i * 16807 + CAST(:day AS BIGINT) * 104729) % 2147483647 % 10000 AS e FROM {numbers}) AS slots"""


def _counted() -> list[sa.Insert]:
    """What the commits of a day's calls would have counted."""
    made = []
    for table in (test_count, test_delay):
        columns = [test_call.c[column.name] for column in table.primary_key]
        found = sa.select(*columns, sa.func.count()).where(test_call.c.day == sa.bindparam("day")).group_by(*columns)
        if table is test_delay:
            found = found.where(test_call.c.pdd_ms.is_not(None))
        made.append(sa.insert(table).from_select([*(column.name for column in columns), "calls"], found))
    return made


def fill(url: str, rows: int, days: int) -> int:
    """Put `rows` calls, spread evenly over the `days` up to LAST_DAY, into an empty database; returns how many a day."""
    per_day = max(1, rows // days)
    engine = writing_engine(url)
    sqlite = engine.dialect.name == "sqlite"
    names = ", ".join(column.name for column in test_call.columns)
    numbers = "numbers" if sqlite else "generate_series(CAST(0 AS bigint), :most) AS numbers(i)"
    insert = sa.text(f"INSERT INTO test_call ({names}) {_select(numbers, 'TEXT' if sqlite else 'text')}")
    with engine.begin() as connection:
        if sqlite:
            connection.exec_driver_sql("CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY)")
            below = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {per_day - 1})"
            connection.exec_driver_sql(f"{below} INSERT INTO numbers SELECT i FROM n")
        for index in range(days):
            day = LAST_DAY - timedelta(days=days - 1 - index)
            start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)
            given = {"day": f"{day:%Y%m%d}", "start": int(start.timestamp()) * 1_000_000, "step": 86_400_000_000 // per_day}
            given |= {"base": 1 + index * per_day} | ({} if sqlite else {"most": per_day - 1})
            connection.execute(insert, given)
            for statement in _counted():
                connection.execute(statement, {"day": int(given["day"])})
    _settle(engine)
    return per_day


def _settle(engine: sa.Engine) -> None:
    """What a database that has run for long has done by itself."""
    connection = engine.raw_connection()
    if engine.dialect.name == "sqlite":
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        connection.driver_connection.autocommit = True
        connection.cursor().execute("VACUUM ANALYZE")
    connection.close()
    engine.dispose()
