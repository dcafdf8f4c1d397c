"""A connection rate as tables of cells, from which every page and file is made, so that all of them show the same sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hotline.domain.rates.intervals import Rate
from hotline.reports.figures import ANSWERED, ENDINGS, EXCLUDED, FAILED, REACHED, By, ConnectionRate, Group
from hotline.reports.words import Words, percent, when

Sort = Literal["words", "count", "ratio", "ms"]
RATED = ("network", "system")
"""The rates that each part of a division shows."""
UNANSWERED = tuple(each for each in REACHED if each not in ANSWERED)
DIVISIONS = {"hour": "by_hour", "day": "by_day", "route": "by_route", "number": "by_number", "cause": "by_cause"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: what it is, what it reads like, and of a count the filters (query parameters) of the calls behind it."""

    value: str | int | float | None
    text: str
    sort: Sort = "words"
    behind: tuple[tuple[str, str], ...] | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: for programs: form, rates, hour, day, route, number, cause, endings, delays, limits, compared, second, manual.
        title: its heading.
        head: of each column.
        spans: headings above those, each with how many columns it spans; empty for none.
        rows: cells, as many as columns.
        total: the last row; None where there is none.
    """

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    spans: tuple[tuple[str, int], ...] = ()


def tables(found: ConnectionRate, words: Words) -> list[Table]:
    """All tables of a form in the order in which they are read; those that have no row are left out."""
    every = [
        rates(found, words),
        division(found, words, found.by_what),
        division(found, words, "cause"),
        endings(found, words),
        delays(found, words),
        limits(found, words),
        compared(found, words),
        apart(found.second_route, "second", "second-route", words),
        apart(found.manual, "manual", "manual", words),
    ]
    if found.by_what == "cause":
        del every[2]
    return [each for each in every if each.rows]


def heading(found: ConnectionRate, words: Words) -> list[tuple[str, str]]:
    """The lines above the tables: what is measured, where, when."""
    one_day = found.first == found.last
    dates = str(found.first) if one_day else words("span_dates", first=found.first, last=found.last)
    return [
        (words("date"), dates),
        (words("zone"), found.zone),
        (words("kind"), words.of("kind", found.kind)),
        (words("plan"), found.plan or _few(found.plans, words)),
        (words("route"), _few(found.routes, words)),
        (words("number"), _few(found.numbers, words)),
        *([(words("asked"), f"{found.asked:,}")] if found.asked else []),
        *_signed_days(found, words),
        (words("newest"), when(found.newest, found.zone)),
        (words("made_at"), when(found.made_at, found.zone)),
    ]


def _signed_days(found: ConnectionRate, words: Words) -> list[tuple[str, str]]:
    days = _few(map(str, found.signed_days), words)
    return [(words("signed_days"), words("as_corrected", days=days))] if found.signed_days else []


def title(found: ConnectionRate, words: Words) -> str:
    """What the form is called; a day's in Chinese has its quotes."""
    name = words("title" if found.first == found.last else "title_span")
    return f"《{name}》" if words.lang == "zh" else name


def rates(found: ConnectionRate, words: Words) -> Table:
    """Each rate with its interval and verdict."""
    head = ("indicator", "numerator", "denominator", "share", "interval", "target", "verdict")
    rows = tuple(_rate(each, found, words) for each in found.rates)
    return Table("rates", words("rates"), tuple(words(each) for each in head), rows)


def _rate(figure: Rate, found: ConnectionRate, words: Words) -> tuple[Cell, ...]:
    name, behind = words.rate_name(figure, found.agent_within_s), _behind_rate(figure.name)
    verdict = words.verdict(figure, provisional=found.provisional(figure))
    target = words("no_target") if figure.target is None else words("at_least", target=percent(figure.target))
    good, valid = (None, None) if behind is None else ((*behind, ("ending", _NUMERATORS[figure.name])), (*behind, _VALID))
    return (
        Cell(name, name),
        _count(figure.numerator, good),
        _count(figure.denominator, valid),
        ratio(figure),
        Cell(None, interval(figure)),
        Cell(figure.target, target),
        Cell(verdict, verdict, mark=figure.verdict or ""),
    )


def ratio(figure: Rate) -> Cell:
    """The rate itself."""
    return Cell(figure.rate, percent(figure.rate), "ratio", mark=figure.verdict or "")


def interval(figure: Rate) -> str:
    """Both ends of the interval."""
    return f"{percent(figure.low)} – {percent(figure.high)}" if figure.denominator else "—"


_Filters = tuple[tuple[str, str], ...]
_NUMERATORS = {"network": ",".join(REACHED), "system": "answered-ok", "asr": ",".join(ANSWERED)}
_VALID = ("ending", ",".join((*REACHED, *FAILED)))


def _behind_rate(name: str) -> _Filters | None:
    """The agent rate is of callers, not of test calls; no list of them opens here."""
    return None if name == "agent" else (("source", "plan"),)


def division(found: ConnectionRate, words: Words, by: By) -> Table:
    """All calls divided by hour, day, route, number or cause, and their total.

    By cause there are no rates: they would be all or nothing.
    """
    groups = found.divided(by)
    short = tuple(words.of("ending_short", each) for each in ENDINGS)
    shares = () if by == "cause" else tuple(words.of("rate_short", each) for each in RATED)
    head = (words(by), words("attempts"), words("valid"), *short, *shares)
    spans = (
        ("", 3),
        (words("answered"), len(ANSWERED)),
        (words("unanswered"), len(UNANSWERED)),
        (words("failed"), len(FAILED)),
        (words("excluded"), len(EXCLUDED)),
        *([(words("rates"), len(shares))] if shares else []),
    )
    width = len(head)
    rows = tuple(_divided(each, _key(each.key, by), (("source", "plan"), (by, each.key)))[:width] for each in groups)
    total = _divided(found.whole, words("total"), (("source", "plan"),))[:width] if rows else None
    return Table(by, words(DIVISIONS[by]), head, rows, total, spans)


def _key(key: str, by: str) -> str:
    return f"{key}:00" if by == "hour" else key


def _divided(group: Group, name: str, behind: _Filters) -> tuple[Cell, ...]:
    ended = [_count(group.endings.get(each, 0), (*behind, ("ending", each))) for each in ENDINGS]
    counts = (_count(group.attempts, behind), _count(group.valid, (*behind, _VALID)))
    return (Cell(name, name), *counts, *ended, *(ratio(group.rate(each)) for each in RATED))


def endings(found: ConnectionRate, words: Words) -> Table:
    """How many calls ended so, for every class."""
    rows = tuple(
        (
            Cell(name := words.of("ending", ending), name),
            _count(number, (("source", "plan"), ("ending", ending))),
            Cell(share := number / found.attempts, percent(share), "ratio"),
        )
        for ending, number in found.endings.items()
        if found.attempts
    )
    all_of = Cell(words("total"), words("total"))
    whole = (all_of, _count(found.attempts, (("source", "plan"),)), Cell(1.0, percent(1.0), "ratio"))
    head = (words("ending"), words("calls"), words("of_attempts"))
    return Table("endings", words("endings"), head, rows, whole if rows else None)


def delays(found: ConnectionRate, words: Words) -> Table:
    """Post-dial delays of all and of each route; one route alone is the whole."""
    shown = found.delays if len(found.delays) > 2 else found.delays[:1]
    rows = tuple(
        (
            Cell(name := each.key or words("all"), name),
            _count(each.calls, None),
            *(Cell(ms, f"{ms:,}", "ms") for ms in (round(each.mean_ms), each.p50_ms, each.p95_ms, each.max_ms)),
        )
        for each in shown
    )
    head = ("route", "calls", "mean", "p50", "p95", "max")
    return Table("delays", words("delays"), tuple(words(each) for each in head), rows)


def limits(found: ConnectionRate, words: Words) -> Table:
    """What the delay may be, and whether it is."""
    rows = []
    for each in found.limits:
        kept = "—" if each.kept is None else words("kept" if each.kept else "exceeded")
        name = words.of("way", each.way)
        text = words("limit", mean=f"{each.mean_ms / 1000:g}", max=f"{each.max_ms / 1000:g}")
        mark = {True: "pass", False: "fail", None: ""}[each.kept]
        rows.append((Cell(name, name), Cell(text, text), Cell(kept, kept, mark=mark)))
    head = (words("kind"), words("target"), words("verdict"))
    return Table("limits", words("limits"), head, tuple(rows) if found.delays else ())


def compared(found: ConnectionRate, words: Words) -> Table:
    """The rates of the period before, the week and the month."""
    rows = []
    for each in found.compared:
        name = words.of("span", each.name)
        dates = str(each.first) if each.first == each.last else words("span_dates", first=each.first, last=each.last)
        figures = {figure.name: figure for figure in each.rates}
        behind = (("source", "plan"), ("from", str(each.first)), ("to", str(each.last)))
        shown = [ratio(figures[which]) for which in ("network", "system", "asr")]
        rows.append((Cell(name, name), Cell(dates, dates), _count(each.attempts, behind), *shown))
    short = tuple(words.of("rate_short", each) for each in ("network", "system", "asr"))
    return Table("compared", words("compared"), (words("period"), words("date"), words("attempts"), *short), tuple(rows))


def apart(group: Group, name: str, source: str, words: Words) -> Table:
    """Calls that are in none of the other figures, by ending; empty when there are none."""
    behind = ("source", source)
    rows = tuple(
        (Cell(ended := words.of("ending", ending), ended), _count(number, (behind, ("ending", ending))))
        for ending, number in group.endings.items()
        if number
    )
    whole = (Cell(words("total"), words("total")), _count(group.attempts, (behind,)))
    return Table(name, words(name), (words("ending"), words("calls")), rows, whole if rows else None)


def _count(number: int, behind: _Filters | None) -> Cell:
    return Cell(number, f"{number:,}", "count", behind if number else None)


def _few(names: Iterable[str], words: Words) -> str:
    every = list(names)
    if not every:
        return words("none")
    if len(every) <= 3:
        return ("、" if words.lang == "zh" else ", ").join(every)
    shown = ("、" if words.lang == "zh" else ", ").join(every[:3])
    return f"{shown} {words('more', number=len(every))}"
