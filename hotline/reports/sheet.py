"""A connection rate as CSV: one line for each figure, for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io

from hotline.reports.differences import differences, signature
from hotline.reports.figures import ConnectionRate
from hotline.reports.tables import heading, tables, title
from hotline.reports.words import Words

BOM = "\ufeff"
"""Without it Excel takes UTF-8 for the system's own encoding. Source: RFC 4180 leaves the encoding open."""


_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a formula begins with; East Asian editions of spreadsheets take the full-width signs for the narrow ones."""


def as_csv(found: ConnectionRate, words: Words) -> str:
    """The form's tables one below the other, each with its name in the first column; numbers as they are, ratios 0..1."""
    changed, signed, found = differences(found, words), signature(found, words), found.as_signed
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([title(found, words)])
    writer.writerows((name, _safe(value)) for name, value in heading(found, words))
    for table in tables(found, words):
        writer.writerow([])
        writer.writerow([table.title, *table.head])
        for row in (*table.rows, *([table.total] if table.total is not None else [])):
            writer.writerow([table.name, *(_safe(cell.value if cell.value is not None else cell.text) for cell in row)])
    if signed:
        writer.writerows([[], [signed]])
    if changed:
        writer.writerow([words("changed"), words("table"), words("row"), words("column"), words("old"), words("new")])
        writer.writerows(["changed", *(_safe(part) for part in (c.table, c.row, c.column, c.old, c.new))] for c in changed)
    return BOM + out.getvalue()


def _safe(value: str | float) -> str | float:
    """A text that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.lstrip()[:1] in _FORMULA else value
