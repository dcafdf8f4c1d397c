"""The counts of test calls: what a commit adds to them, and how they are made again from the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from hotline.storage.schema import test_call, test_count, test_delay
from hotline.storage.store import TestRow

CountRow = tuple[int | str, ...]
"""A row of `test_count` or `test_delay`: its key in the table's order, and how many more there are."""

_AT = {column.name: index for index, column in enumerate(test_call.columns)}
_COUNT_KEY = [column.name for column in test_count.primary_key]
_DELAY_KEY = [column.name for column in test_delay.primary_key]
_COUNT_AT = [_AT[name] for name in _COUNT_KEY]
_DELAY_AT = [_AT[name] for name in _DELAY_KEY]
_PDD = _AT["pdd_ms"]


def _upsert(table: sa.Table, key: Sequence[str]) -> str:
    names = ", ".join(key)
    return f" ON CONFLICT ({names}) DO UPDATE SET calls = {table.name}.calls + excluded.calls"


COUNT_TAIL = _upsert(test_count, _COUNT_KEY)
DELAY_TAIL = _upsert(test_delay, _DELAY_KEY)


def moved(sign: int, mark: str) -> str:
    """A statement that counts the row with the id `mark` once more (1), or once less (-1), as it is at that time."""
    names = ", ".join(_COUNT_KEY)
    head = f"INSERT INTO test_count ({names}, calls) SELECT {names}, {sign} FROM test_call WHERE id = {mark}"  # noqa: S608
    return head + COUNT_TAIL


def counted(rows: Iterable[TestRow]) -> tuple[list[CountRow], list[CountRow]]:
    """What rows of `test_call` that are stored now add to `test_count` and to `test_delay`.

    Both are in the order of their keys: processes that store at the same time lock the same rows in the same order.
    """
    counts: Counter[TestRow] = Counter()
    delays: Counter[TestRow] = Counter()
    for row in rows:
        counts[tuple(row[at] for at in _COUNT_AT)] += 1
        if row[_PDD] is not None:
            delays[tuple(row[at] for at in _DELAY_AT)] += 1
    return [(*key, calls) for key, calls in sorted(counts.items())], [(*key, calls) for key, calls in sorted(delays.items())]


def recount(connection: sa.Connection) -> None:
    """Make both tables again from `test_call`."""
    for table, key in ((test_count, _COUNT_KEY), (test_delay, _DELAY_KEY)):
        connection.execute(sa.delete(table))
        columns = [test_call.c[name] for name in key]
        found = sa.select(*columns, sa.func.count()).group_by(*columns)
        if table is test_delay:
            found = found.where(test_call.c.pdd_ms.is_not(None))
        connection.execute(sa.insert(table).from_select([*key, "calls"], found))


def miscounted(connection: sa.Connection) -> int:
    """How many rows of both tables are not what `test_call` makes of them: 0 when all is well."""
    wrong = 0
    for table, key in ((test_count, _COUNT_KEY), (test_delay, _DELAY_KEY)):
        columns = [test_call.c[name] for name in key]
        found = sa.select(*columns, sa.func.count().label("calls")).group_by(*columns)
        if table is test_delay:
            found = found.where(test_call.c.pdd_ms.is_not(None))
        stored = sa.select(*(table.c[name] for name in (*key, "calls"))).where(table.c.calls != 0)
        for one, other in ((found, stored), (stored, found)):
            extra = sa.except_(one, other).subquery()
            wrong += int(connection.execute(sa.select(sa.func.count()).select_from(extra)).scalar_one())
    return wrong
