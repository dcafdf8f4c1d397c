"""Charts of a connection rate as SVG to stand in a page: no script, no style and no font of their own.

Colours and lines come from the page's style sheet by the classes that pygal writes; titles and legends are the page's own text,
because pygal measures labels as if all letters were Latin, so that Chinese ones would overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from xml.etree.ElementTree import Element

import pygal
from pygal.style import Style

from hotline.domain.rates.endings import Ending
from hotline.reports.figures import ENDINGS, ConnectionRate, Group
from hotline.reports.tables import RATED
from hotline.reports.words import Words, percent

WIDTH, HEIGHT = 1040, 300
LABEL = 13
"""Size of labels in the drawing's own units; the style sheet has the same."""
MOST_LABELS = 16
"""Labels on the x axis that stand beside each other without touching."""
FLOOR = 0.05
"""A rate's axis never shows less than so much, or a difference of two calls would look like a landslide."""


FEW = 10
"""A group with less than this part of the calls of the largest has an interval that would flatten all others; it is cut."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, "" where there is nothing to draw, and what its colours mean: pairs of a class and a name."""

    name: str
    title: str
    svg: str
    legend: tuple[tuple[str, str], ...]
    instead: str = ""


def charts(found: ConnectionRate, words: Words) -> list[Chart]:
    """Rates with their intervals, endings, delays; by hour for a day, by day for more."""
    one_day = found.first == found.last
    groups = _in_a_row(found.hours if one_day else found.days, one_day=one_day)
    suffix = "" if one_day else "_day"
    return [
        _rates(groups, words, words(f"chart_rates{suffix}"), one_day=one_day),
        _endings(groups, words, words(f"chart_endings{suffix}"), one_day=one_day),
        _delays(found, words),
    ]


Axis = dict[str, Group | None]
"""Hours or days by their keys, one after the other; None where there was no call."""


def _in_a_row(groups: Sequence[Group], *, one_day: bool) -> Axis:
    """From the first to the last with those between that have no call: an axis that leaves them out hides an outage."""
    if not groups:
        return {}
    first, last, found = groups[0].key, groups[-1].key, {each.key: each for each in groups}
    if one_day:
        keys = [f"{hour:02}" for hour in range(int(first), int(last) + 1)]
    else:
        begins = date.fromisoformat(first)
        keys = [str(begins + timedelta(days=nth)) for nth in range((date.fromisoformat(last) - begins).days + 1)]
    return {key: found.get(key) for key in keys}


def _rates(groups: Axis, words: Words, title: str, *, one_day: bool) -> Chart:
    """Both rates; a target far below all of them is left out, so that what happened above it can be seen."""
    valid = [each for each in groups.values() if each is not None and each.valid]
    if not valid:
        return Chart("rates", title, "", (), words("no_calls"))
    targets = {name: valid[0].rate(name).target for name in RATED}
    bottom = _bottom(valid)
    targets = {name: target for name, target in targets.items() if target is None or target > bottom}
    chart = _made(pygal.Line, _labels(groups, one_day=one_day), range=(bottom, 1.0), dots_size=3)
    chart.value_formatter = lambda share: percent(share, 0)
    chart.y_labels = _steps(bottom)
    legend = []
    for at, name in enumerate(RATED):
        chart.add("", [_whisker(each, name, bottom) for each in groups.values()])
        legend.append((f"line color-{at}", words.of("rate", name)))
    for at, (name, target) in enumerate(reversed(targets.items()), len(RATED)):
        if target is not None:
            chart.add("", [target] * len(groups), show_dots=False)
            legend.append((f"rule color-{at}", f"{words.of('rate_short', name)} {words('target_line', target=percent(target))}"))
    return Chart("rates", title, _svg(chart, title), tuple(legend))


def _steps(bottom: float) -> list[float]:
    """Five or six round shares from `bottom` up to 1."""
    step = next(each for each in (0.01, 0.02, 0.05, 0.10, 0.20) if (1 - bottom) / each <= 6.01)
    return [round(1 - nth * step, 2) for nth in range(int((1 - bottom) / step + 1e-9), -1, -1)]


def _bottom(valid: Sequence[Group]) -> float:
    """Where the axis of rates begins: all rates are on it, and the intervals of all but those of a few calls."""
    most = max(each.valid for each in valid)
    rates = [each.rate(name) for each in valid for name in RATED]
    lows = [each.low if each.denominator * FEW > most else each.rate or 0.0 for each in rates]
    return max(0.0, min(int((min(lows) - 0.005) * 100) / 100, 1 - FLOOR))


def _whisker(group: Group | None, name: str, bottom: float) -> dict[str, Any] | None:
    figure = group.rate(name) if group is not None else None
    if figure is None or figure.rate is None:
        return None
    return {"value": figure.rate, "ci": {"low": max(figure.low, bottom), "high": figure.high}}


def _endings(axis: Axis, words: Words, title: str, *, one_day: bool) -> Chart:
    """What did not end well; beside what did, it would be a hair's breadth."""
    groups = [each for each in axis.values() if each is not None]
    shown = [each for each in ENDINGS if each is not Ending.ANSWERED_OK and any(group.endings[each] for group in groups)]
    if not shown:
        attempts = sum(each.attempts for each in groups)
        return Chart("endings", title, "", (), words("all_ok" if attempts else "no_calls"))
    chart = _made(pygal.StackedBar, _labels(axis, one_day=one_day))
    chart.value_formatter = lambda number: f"{number:,.0f}"
    most = max(sum(group.endings[each] for each in shown) for group in groups)
    chart.y_labels = _whole_steps(most)
    coloured = [each for each in ENDINGS if each is not Ending.ANSWERED_OK]  # a series for each: the colour is its place
    for ending in coloured:
        some = ending in shown
        chart.add("", [group.endings[ending] if some and group is not None else None for group in axis.values()])
    legend = tuple((f"color-{coloured.index(ending)}", words.of("ending", ending)) for ending in shown)
    return Chart("endings", title, _svg(chart, title), legend)


def _whole_steps(most: int) -> list[int]:
    """About five whole numbers from 0 to `most` or a little more."""
    step = 1
    while step * 5 < most:
        step = step * 2 if str(step)[0] in "15" else step * 5 // 2
    return list(range(0, most + step, step))


def _delays(found: ConnectionRate, words: Words) -> Chart:
    title = words("chart_delays")
    if not found.delays:
        return Chart("delays", title, "", (), words("no_delays"))
    shown = found.delays if len(found.delays) > 2 else found.delays[:1]
    names = [each.key or words("all") for each in shown]
    room = max(each.max_ms for each in shown) * 1.15 / 1000
    chart = _made(pygal.Bar, names, print_values=True, print_values_position="top", height=240, range=(0, room))
    chart.value_formatter = lambda seconds: f"{seconds:.2f}"
    chart.show_y_labels = False
    for times in ([each.p50_ms for each in shown], [each.p95_ms for each in shown], [each.max_ms for each in shown]):
        chart.add("", [ms / 1000 for ms in times])
    legend = tuple((f"color-{at}", words(name)) for at, name in enumerate(("p50", "p95", "max")))
    return Chart("delays", title, _svg(chart, title), legend)


def _labels(groups: Axis, *, one_day: bool) -> list[str]:
    every = max(1, -(-len(groups) // MOST_LABELS)) if not one_day else 1
    names = [each if one_day else each[5:] for each in groups]
    return [name if at % every == 0 else "" for at, name in enumerate(names)]


def _made(kind: Any, labels: list[str], **wish: Any) -> Any:
    style = Style(label_font_size=LABEL, major_label_font_size=LABEL, value_font_size=LABEL)
    options = {"width": WIDTH, "height": HEIGHT, "show_legend": False, "js": (), "style": style, "margin": 8}
    options |= {"no_prefix": True, "truncate_label": -1, "allow_interruptions": True}
    chart = kind(**(options | {"explicit_size": False, "include_x_axis": False, "disable_xml_declaration": True} | wish))
    chart.x_labels = labels
    return chart


def _svg(chart: Any, title: str) -> str:
    chart.add_xml_filter(lambda root: _bare(root, title))
    return str(chart.render(is_unicode=True))


_NOT_DRAWN = ("script", "style", "desc", "title")


def _bare(root: Element, title: str) -> Element:
    """The drawing without scripts, styles and what pygal keeps for its tooltips; named for those who hear it."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in _NOT_DRAWN or child.get("class") == "tooltip":
                parent.remove(child)
        parent.attrib.pop("style", None)
    root.set("role", "img")
    root.set("aria-label", title)
    return root
