"""What has changed in a day's figures since they were signed: old and new value side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from hotline.reports import tables as t
from hotline.reports.figures import ConnectionRate
from hotline.reports.tables import Cell, Table
from hotline.reports.words import Words, when


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is another now; `table`, `row` and `column` are their headings, "—" stands for a row that is not there."""

    table: str
    row: str
    column: str
    old: str
    new: str


def differences(found: ConnectionRate, words: Words) -> list[Difference]:
    """All of them in the order of the form's tables; none where the day is not signed or nothing has changed.

    What other days have to do with it (the comparison) is left out: it is not what was signed. Nor is it a change that the day
    is over now.
    """
    if found.signed is None:
        return []
    then = found.as_signed
    now = msgspec.structs.replace(found, over=then.over)
    old, new = _cells(t.tables(then, words)), _cells(t.tables(now, words))
    keys = [*old, *(key for key in new if key not in old)]
    pairs = ((key, old.get(key, "—"), new.get(key, "—")) for key in keys)
    return [Difference(*key, before, after) for key, before, after in pairs if before != after]


def _cells(tables: Iterable[Table]) -> dict[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for table in tables:
        if table.name == "compared":
            continue
        rows: list[tuple[Cell, ...]] = [*table.rows, *([table.total] if table.total is not None else [])]
        for row in rows:
            for column, cell in zip(table.head[1:], row[1:], strict=True):
                found[table.title, row[0].text, column] = cell.text
    return found


def signature(found: ConnectionRate, words: Words) -> str:
    """A line on who signed the figures when, "" where nobody has."""
    if found.signed is None:
        return ""
    return words("signed_line", by=found.signed.by, at=when(found.signed.at, found.zone))
