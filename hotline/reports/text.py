"""A connection rate for a terminal, in columns that stay aligned where Chinese characters are two columns wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from hotline.reports.differences import Difference, differences, signature
from hotline.reports.figures import ConnectionRate
from hotline.reports.tables import Cell, Table, heading, tables, title
from hotline.reports.words import Words

GAP = 2


def as_text(found: ConnectionRate, words: Words) -> str:
    """The form as lines; each ends with a line feed. Of a signed day it is what was signed, then what has changed since."""
    changed, signed, found = differences(found, words), signature(found, words), found.as_signed
    lines = [title(found, words), ""]
    above = heading(found, words)
    widest = max(width(name) for name, _ in above)
    lines += [f"{_left(name, widest)}  {value}" for name, value in above]
    if not found.attempts:
        lines += ["", words("no_calls")]
    for table in tables(found, words):
        lines += ["", table.title, *_lines(table)]
    lines += ["", words("formulas"), *(f"- {each}" for each in words.formulas(found.agent_within_s))]
    if signed:
        lines += ["", signed]
    if changed:
        lines += ["", words("changed"), *(words("change", **_fields(each)) for each in changed)]
    return "\n".join(lines) + "\n"


def _fields(change: Difference) -> dict[str, str]:
    return {"table": change.table, "row": change.row, "column": change.column, "old": change.old, "new": change.new}


def _lines(table: Table) -> list[str]:
    rows = [*table.rows, *([table.total] if table.total is not None else [])]
    widths = [
        max(width(head), *(width(row[at].text) for row in rows)) if rows else width(head) for at, head in enumerate(table.head)
    ]
    kinds = rows[0] if rows else ()
    head = "".join(_padded(name, widths[at], kinds[at]) for at, name in enumerate(table.head)).rstrip()
    rule = "─" * (sum(widths) + GAP * (len(widths) - 1))
    body = [_row(row, widths) for row in table.rows]
    return [head, rule, *body, *([rule, _row(table.total, widths)] if table.total is not None else [])]


def _row(row: Sequence[Cell], widths: Sequence[int]) -> str:
    return "".join(_padded(cell.text, widths[at], cell) for at, cell in enumerate(row)).rstrip()


def _padded(text: str, columns: int, cell: Cell) -> str:
    return (_left if cell.sort == "words" else _right)(text, columns) + " " * GAP


def _left(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def _right(text: str, columns: int) -> str:
    return " " * (columns - width(text)) + text


def width(text: str) -> int:
    """How many columns of a terminal a text takes. Source: Unicode UAX #11: wide and full-width characters take two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 0 if unicodedata.combining(each) else 1 for each in text)
