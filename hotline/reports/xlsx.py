"""《每日接通率测试表》 as a workbook that an office prints on A4, one page wide, and signs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from hotline.reports import tables as t
from hotline.reports.differences import Difference, differences, signature
from hotline.reports.figures import ConnectionRate
from hotline.reports.tables import Cell, Table
from hotline.reports.words import Words

A4 = 9
"""The paper, as SpreadsheetML numbers it. Source: ECMA-376 part 1 §18.3.1.63, paperSize."""
COLUMNS = 17
"""Of the widest table, by hour; the others join some of them."""
WIDTHS = (9.5, 7.5, 7.5, *(6.2,) * 12, 8.2, 8.2)
FONT = {"zh": "宋体", "en": "Arial"}
FONT_TITLE = {"zh": "黑体", "en": "Arial"}
ONE_PAGE = 95
"""Rows that can still be read when they are made to fit on one page."""
SPANS = {
    "rates": (4, 2, 2, 2, 3, 2, 2),
    "cause": (1, 2, 2, *(1,) * 12),
    "delays": (5, 2, 2, 2, 3, 3),
    "limits": (7, 5, 5),
    "compared": (4, 5, 2, 2, 2, 2),
    "second": (9, 8),
    "manual": (9, 8),
    "changed": (4, 4, 3, 3, 3),
}
"""How many columns each column of a table joins."""
_GREY, _LINE = "#F0F0F0", "#7F7F7F"
_MARKS = {"pass": "#14652F", "fail": "#B42318", "not-enough": "#8A4506"}


def as_xlsx(found: ConnectionRate, words: Words) -> bytes:
    """The workbook's octets. Of a signed day it is what was signed, with its signature and what has changed since."""
    changed, signed, found = differences(found, words), signature(found, words), found.as_signed
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"title": t.title(found, words), "created": found.made_at.replace(tzinfo=None)})
    _Form(book, words).write(found, signed, changed)
    book.close()
    return out.getvalue()


class _Form:
    """One sheet as it is written from the top down."""

    def __init__(self, book: Workbook, words: Words) -> None:
        self._book, self._words, self._row = book, words, 0
        self._formats: dict[tuple[tuple[str, Any], ...], Format] = {}
        self._sheet: Worksheet = book.add_worksheet(words("sheet"))
        self._page()

    def _page(self) -> None:
        sheet = self._sheet
        sheet.set_paper(A4)
        sheet.set_portrait()
        sheet.set_margins(left=0.5, right=0.5, top=0.55, bottom=0.6)
        sheet.center_horizontally()
        sheet.set_footer(f"&C&9{self._words('page')}")
        sheet.hide_gridlines(2)
        for column, width in enumerate(WIDTHS):
            sheet.set_column(column, column, width)

    def write(self, found: ConnectionRate, signed: str, changed: Sequence[Difference]) -> None:
        """Title, what was measured, tables, remarks, signatures."""
        self._across(t.title(found, self._words), size=18, bold=True, font=FONT_TITLE, height=34)
        self._heading(found)
        if not found.attempts:
            self._across(self._words("no_calls"), height=24)
        for table in t.tables(found, self._words):
            if table.name != "endings":  # its columns are those of the division, which is followed by what each is of all
                self._table(table)
            if table.name == found.by_what:
                self._shares(t.endings(found, self._words))
        self._remarks(found)
        self._signatures(signed)
        if changed:
            self._changed(changed)
        self._sheet.fit_to_pages(1, 1 if self._row <= ONE_PAGE else 0)
        self._sheet.print_area(0, 0, self._row - 1, COLUMNS - 1)

    def _format(self, **wish: Any) -> Format:
        given = {"font_name": FONT[self._words.lang], "font_size": 9, "valign": "vcenter", "align": "center"} | wish
        key = tuple(sorted(given.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(given)
        return self._formats[key]

    def _across(self, text: str, *, size: int = 9, bold: bool = False, font: dict[str, str] = FONT, height: float = 18) -> None:
        style = self._format(font_size=size, bold=bold, font_name=font[self._words.lang])
        self._join(0, COLUMNS, text, style)
        self._next(height)

    def _next(self, height: float = 15) -> None:
        self._sheet.set_row(self._row, height)
        self._row += 1

    def _join(self, first: int, number: int, value: object, style: Format) -> None:
        if number > 1:
            self._sheet.merge_range(self._row, first, self._row, first + number - 1, "", style)
        if isinstance(value, int | float):
            self._sheet.write_number(self._row, first, value, style)
        else:
            self._sheet.write_string(self._row, first, str(value), style)

    def _heading(self, found: ConnectionRate) -> None:
        lines = t.heading(found, self._words)
        name, value = self._format(align="left", bold=True), self._format(align="left", shrink=True)
        for left, right in zip_longest(lines[::2], lines[1::2], fillvalue=("", "")):
            for first, width, (label, text) in ((0, 6, left), (9, 6, right)):
                self._join(first, 2, label, name)
                self._join(first + 2, width, text, value)
            self._next(15)

    def _table(self, table: Table) -> None:
        self._next(6)
        self._join(0, COLUMNS, table.title, self._format(bold=True, align="left", font_size=10))
        self._next(17)
        widths = SPANS.get(table.name, (1,) * COLUMNS)
        head = self._format(bold=True, bg_color=_GREY, border=1, border_color=_LINE, text_wrap=True)
        if table.spans:
            self._cells(_joined(table.spans, widths, head))
            self._next(15)
        self._cells([(text, number, head) for text, number in zip(table.head, widths, strict=True)])
        self._next(15 if max(map(len, table.head)) < 14 else 26)
        for row in table.rows:
            self._cells([(_value(cell), number, self._style(cell)) for cell, number in zip(row, widths, strict=True)])
            self._next()
        if table.total is not None:
            pairs = zip(table.total, widths, strict=True)
            self._cells([(_value(cell), number, self._style(cell, total=True)) for cell, number in pairs])
            self._next()

    def _shares(self, table: Table) -> None:
        by_ending = [row[2] for row in table.rows][: COLUMNS - 5]
        label = Cell(None, table.head[2])
        cells = [(table.head[2], 1, self._style(label)), ("", 2, self._style(label))]
        self._cells([*cells, *((_value(each), 1, self._style(each)) for each in by_ending), ("", 2, self._style(label))])
        self._next()

    def _cells(self, cells: Sequence[tuple[object, int, Format]]) -> None:
        at = 0
        for value, number, style in cells:
            self._join(at, number, value, style)
            at += number

    def _style(self, cell: Cell, *, total: bool = False) -> Format:
        wish: dict[str, Any] = {"border": 1, "border_color": _LINE, "bold": total}
        if total:
            wish["bg_color"] = _GREY
        if cell.sort == "words":
            wish["shrink"] = True
        else:
            wish["num_format"] = {"count": "#,##0", "ms": "#,##0", "ratio": "0.00%"}[cell.sort]
        if cell.mark in _MARKS:
            wish |= {"font_color": _MARKS[cell.mark], "bold": True}
        return self._format(**wish)

    def _remarks(self, found: ConnectionRate) -> None:
        self._next(6)
        self._join(0, COLUMNS, self._words("remarks"), self._format(bold=True, align="left", font_size=10))
        self._next(17)
        style = self._format(align="left", font_size=8, text_wrap=True)
        lines = [self._words("exclusions_note"), *self._words.formulas(found.agent_within_s)]
        for line in lines:
            self._join(0, COLUMNS, line, style)
            self._next(13 if len(line) * (2 if self._words.lang == "zh" else 1) < 135 else 24)
        for _ in range(2):
            self._join(0, COLUMNS, "", self._format(bottom=1, bottom_color=_LINE))
            self._next(18)

    def _signatures(self, signed: str) -> None:
        self._next(12)
        label, line = self._format(align="right", font_size=11), self._format(bottom=1, font_size=11)
        for first, text, width in ((0, "tester", 3), (6, "reviewer", 3), (12, "signed_on", 3)):
            self._join(first, 2, self._words(text) + ("：" if self._words.lang == "zh" else ":"), label)
            self._join(first + 2, width, "", line)
        self._next(26)
        if signed:
            self._join(0, COLUMNS, signed, self._format(align="left", italic=True))
            self._next(18)

    def _changed(self, changed: Sequence[Difference]) -> None:
        names = tuple(self._words(each) for each in ("table", "row", "column", "old", "new"))
        rows = tuple(tuple(Cell(None, part) for part in (c.table, c.row, c.column, c.old, c.new)) for c in changed)
        self._table(Table("changed", self._words("changed"), names, rows))


def _joined(spans: Sequence[tuple[str, int]], widths: Sequence[int], style: Format) -> list[tuple[object, int, Format]]:
    """Headings over several columns, some of which join several of the sheet's."""
    cells: list[tuple[object, int, Format]] = []
    at = 0
    for text, number in spans:
        cells.append((text, sum(widths[at : at + number]), style))
        at += number
    return cells


def _value(cell: Cell) -> object:
    """What the cell holds; a ratio is cut as on pages, so that it does not read 100 % before it is."""
    if cell.value is None or cell.sort == "words":
        return cell.text
    return int(cell.value * 10_000 + 1e-7) / 10_000 if isinstance(cell.value, float) and cell.sort == "ratio" else cell.value
