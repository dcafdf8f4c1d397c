"""Pages on test calls: the daily form with its charts, the calls behind each figure, one call with its events and recording.

Numbers of test calls belong to no subscriber, so these pages show them whole, and say so; but the phone from which a person made
a call by hand may be anybody's.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup
from twisted.web.server import Request
from werkzeug.http import parse_range_header

from hotline.domain.msisdn import mask
from hotline.domain.rates.endings import Ending
from hotline.reports import tables as t
from hotline.reports.differences import differences, signature
from hotline.reports.figures import BYS, ConnectionRate, Wanted
from hotline.reports.sheet import as_csv
from hotline.reports.words import Words, when
from hotline.web.guard import admit
from hotline.web.http import Answer, Refusal, header, html_reply, json_reply, query, reply
from hotline.web.language import keep_language, language
from hotline.web.ports import TimelineEvent
from hotline.web.rendering import Renderer
from hotline.web.report_ports import CallsWanted, Measured, TestCallTold, TestCallView
from hotline.web.report_query import KINDS, calls_wanted, wanted

if TYPE_CHECKING:
    from hotline.reports.charts import Chart

PAGE = 50
"""Calls on a page of the list."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORM = "/reports/connection-rate"
LIST = "/test-calls"


@dataclass(frozen=True, slots=True)
class Door:
    """Whom pages are open for, and where: `demo`, or on a `loopback` address."""

    demo: bool
    loopback: bool

    def admit(self, request: Request) -> None:
        """Raises Refusal 403."""
        admit(request, demo=self.demo, loopback=self.loopback)


class ReportPages:
    """The pages' answers."""

    def __init__(self, measured: Measured, renderer: Renderer, words: Mapping[str, Words], zone: ZoneInfo, door: Door) -> None:
        """Take the port, what fills templates, the catalogues by language, the zone of days, and who is let in."""
        self._measured, self._renderer, self._words, self._zone, self._door = measured, renderer, words, zone, door

    def pages(self) -> Sequence[tuple[str, str, Answer]]:
        """Routes whose errors are pages."""
        return (
            ("GET", FORM, self.form),
            ("GET", f"{FORM}.xlsx", self.xlsx),
            ("GET", f"{FORM}.csv", self.csv),
            ("GET", f"{FORM}.json", self.json),
            ("GET", LIST, self.calls),
            ("GET", f"{LIST}/<attempt>", self.call),
            ("GET", f"{LIST}/<attempt>/recording", self.recording),
        )

    async def form(self, request: Request) -> bytes:
        """GET the form of a day, or of several."""
        asked, found, words = await self._read(request)
        common = self._common(request)
        return html_reply(request, 200, await self._measured.apart(self._written, asked, found, words, common))

    def _written(self, asked: Wanted, found: ConnectionRate, words: Words, common: Mapping[str, Any]) -> str:
        """The page of the form; in a thread, for ten years of days take seconds."""
        from hotline.reports.charts import charts  # like the other, it takes memory that a service without readers does not need

        shown = found.as_signed
        tables = t.tables(shown, words)
        given: dict[str, Any] = {
            "found": found,
            "shown": shown,
            "asked": asked,
            "title": t.title(shown, words),
            "heading": t.heading(shown, words),
            "tables": tables,
            "cards": list(zip(shown.rates, tables[0].rows, strict=True)),
            "charts": [_inline(each) for each in charts(shown, words)],
            "changed": differences(found, words),
            "signature": signature(found, words),
            "formulas": words.formulas(found.agent_within_s),
            "seen": seen(found),
            "key": secrets.token_hex(8),
            "today": self._measured.today(),
            "spans": _spans(asked, self._measured.today(), words),
            "plans": [each.name for each in self._measured.plans if each.kind == asked.kind],
            "routes": sorted({each.route for each in self._measured.plans} | set(found.routes)),
            "bys": BYS,
            "kinds": KINDS,
            "endings": [each for each in Ending if each is not Ending.MISSED],
            "age": _age(found, words),
            "query": _query(asked),
            "behind": lambda cell: LIST + "?" + _behind(asked, cell),
            "can_sign": asked.first == asked.last < self._measured.today() and not asked.plan and asked.kind == "call",
        }
        return self._renderer.page("report.html", words.lang, **common, **given)

    async def xlsx(self, request: Request) -> bytes:
        """GET the workbook."""
        from hotline.reports.xlsx import as_xlsx

        asked, found, words = await self._read(request)
        return _file(request, await self._measured.apart(as_xlsx, found, words), XLSX, asked, "xlsx")

    async def csv(self, request: Request) -> bytes:
        """GET the figures for a spreadsheet."""
        asked, found, words = await self._read(request)
        octets = (await self._measured.apart(as_csv, found, words)).encode()
        return _file(request, octets, "text/csv; charset=utf-8", asked, "csv")

    async def json(self, request: Request) -> bytes:
        """GET the figures as the API gives them."""
        asked, found, _words = await self._read(request)
        _named(request, asked, "json")
        return json_reply(request, 200, found)

    async def _read(self, request: Request) -> tuple[Wanted, ConnectionRate, Words]:
        self._door.admit(request)
        asked = wanted(request, self._measured.today())
        return asked, await self._measured.connection_rate(asked), self._words[language(request)]

    async def calls(self, request: Request) -> bytes:
        """GET the calls behind a figure, a page of them."""
        self._door.admit(request)
        asked = calls_wanted(request, self._measured.today())
        try:
            page = await self._measured.calls(asked, PAGE)
        except ValueError:
            raise Refusal(422, "bad_parameter", "no page ended at this `after`", "Begin at the first page.") from None
        first = {key: query(request, key) for key in _LISTED if query(request, key)}
        days = {"from": query(request, "from", str(asked.first)), "to": query(request, "to", str(asked.last))}
        given = {
            "calls": page.calls,
            "asked": asked,
            "filters": _filters(asked, self._words[language(request)]),
            "next": f"{LIST}?{urlencode(first | {'after': page.next})}" if page.next else "",
            "first": f"{LIST}?{urlencode(first)}" if asked.after else "",
            "form": f"{FORM}?{urlencode(days | {'kind': asked.kind})}",
        }
        return self._page(request, "testcalls.html", **given)

    async def call(self, request: Request, attempt: str) -> bytes:
        """GET one call: what it was, what happened, and its recording."""
        self._door.admit(request)
        told = await told_call(self._measured, attempt)
        call, lang = _hidden(told.call), language(request)
        sound = bool(told.call.recording) and await self._measured.recording(told.call.recording) is not None
        day = told.call.planned_at.astimezone(self._zone).date()
        given = {
            "call": call,
            "steps": self._renderer.steps([_caller(each, call.caller_id) for each in told.events], lang, reveal=True),
            "sound": f"{LIST}/{quote(attempt, safe='')}/recording" if sound else "",
            "endings": [each for each in Ending if each is not Ending.MISSED],
            "expect": self._markable(told.call.plan),
            "list": f"{LIST}?{urlencode({'from': day, 'kind': told.call.kind})}",
        }
        return self._page(request, "testcall.html", **given)

    def _markable(self, name: str) -> list[str]:
        """What the plan expects that a recording may be marked as; LANGUAGE/NAME is a prompt of the hotline's own."""
        plan = next((each for each in self._measured.plans if each.name == name), None)
        return [each for each in plan.expect if "/" not in each] if plan is not None else []

    async def recording(self, request: Request, attempt: str) -> bytes:
        """GET a call's sound, or the part of it that a player asks for."""
        self._door.admit(request)
        told = await told_call(self._measured, attempt)
        octets = await self._measured.recording(told.call.recording)
        if octets is None:
            raise Refusal(404, "not_found", "there is no such recording", "It may be past its retention.")
        return _part(request, octets)

    def _page(self, request: Request, template: str, **given: Any) -> bytes:
        return html_reply(request, 200, self._renderer.page(template, language(request), **self._common(request), **given))

    def _common(self, request: Request) -> dict[str, Any]:
        """What every page is filled with."""
        words = self._words[keep_language(request)]
        kept = {key: query(request, key) for key in (*_LISTED, "by", "after") if query(request, key)}
        here = request.path.decode("latin-1") + "?" + (urlencode(kept) + "&" if kept else "")
        return {"demo": self._door.demo, "reveal": True, "here": here, "p": words.page, "w": words, "local": self._local}

    def _local(self, at: datetime | None) -> str:
        return when(at, str(self._zone))


_LISTED = ("from", "to", "day", "kind", "plan", "route", "number", "source", "ending", "hour", "cause")


def seen(found: ConnectionRate) -> str:
    """A digest of figures, so that nobody signs others than he saw; however they are divided, they are the same."""
    never = datetime.min.replace(tzinfo=ZoneInfo("UTC"))
    same = msgspec.structs.replace(found, made_at=never, compared=(), by_what="hour", by=found.hours)
    return hashlib.sha256(msgspec.json.encode(same)).hexdigest()


def _hidden(call: TestCallView) -> TestCallView:
    """The call; the phone of a person who made it is masked."""
    return msgspec.structs.replace(call, caller_id=mask(call.caller_id)) if call.source == "manual" else call


def _caller(event: TimelineEvent, caller_id: str) -> TimelineEvent:
    """The event with the caller's number as the page shows it."""
    return msgspec.structs.replace(event, body=event.body | {"caller_id": caller_id}) if "caller_id" in event.body else event


async def told_call(measured: Measured, attempt: str) -> TestCallTold:
    """The call with that id. Raises Refusal 404."""
    told = await measured.call(attempt) if attempt.isprintable() else None
    if told is None:
        raise Refusal(404, "not_found", "there is no such test call", "Start from the form.")
    return told


def _part(request: Request, octets: bytes) -> bytes:
    """A recording, or the one part of it that is asked for, without which players can't jump. Source: RFC 9110 §14."""
    request.responseHeaders.setRawHeaders("Accept-Ranges", ["bytes"])
    wish = parse_range_header(header(request, "Range") or None)
    if wish is None or wish.units != "bytes" or len(wish.ranges) != 1:
        return reply(request, 200, octets, "audio/wav")
    span = wish.range_for_length(len(octets))
    if span is None:
        request.responseHeaders.setRawHeaders("Content-Range", [f"bytes */{len(octets)}"])
        return reply(request, 416, b"", "audio/wav")
    request.responseHeaders.setRawHeaders("Content-Range", [f"bytes {span[0]}-{span[1] - 1}/{len(octets)}"])
    return reply(request, 206, octets[slice(*span)], "audio/wav")


def _inline(chart: Chart) -> Chart:
    return replace(chart, svg=Markup(chart.svg))  # noqa: S704 - pygal escapes what it is given


def _file(request: Request, octets: bytes, kind: str, asked: Wanted, ending: str) -> bytes:
    _named(request, asked, ending)
    return reply(request, 200, octets, kind)


def _named(request: Request, asked: Wanted, ending: str) -> None:
    days = f"{asked.first:%Y%m%d}" + ("" if asked.first == asked.last else f"-{asked.last:%Y%m%d}")
    name = f'attachment; filename="connection-rate-{days}.{ending}"'
    request.responseHeaders.setRawHeaders("Content-Disposition", [name])


def _query(asked: Wanted) -> str:
    return urlencode(
        {"from": asked.first, "to": asked.last, "by": asked.by, "kind": asked.kind} | ({"plan": asked.plan} if asked.plan else {})
    )


def _behind(asked: Wanted, cell: t.Cell) -> str:
    """The query that lists the calls of a cell."""
    days = {"from": str(asked.first), "to": str(asked.last), "kind": asked.kind} | ({"plan": asked.plan} if asked.plan else {})
    return urlencode(days | dict(cell.behind or ()), safe=",")


def _spans(asked: Wanted, today: date, words: Words) -> list[tuple[str, str, bool]]:
    """Links to other days: name, query, and whether it is what is shown."""
    one = timedelta(days=1)
    spans = [
        (words.page["previous"], asked.first - one, asked.first - one),
        (words.page["today"], today, today),
        (words.page["following"], asked.last + one, asked.last + one),
        (words.page["week"], today - 6 * one, today),
        (words.page["month"], today.replace(day=1), today),
        (words.page["year"], today.replace(month=1, day=1), today),
    ]
    keep = {"kind": asked.kind} | ({"plan": asked.plan} if asked.plan else {})
    return [
        (name, f"{FORM}?{urlencode({'from': first, 'to': last} | keep)}", (first, last) == (asked.first, asked.last))
        for name, first, last in spans
        if first <= today
    ]


def _age(found: ConnectionRate, words: Words) -> str:
    """How old the figures are, "" where there is no call."""
    if found.newest is None:
        return ""
    minutes = max(0, round((found.made_at - found.newest).total_seconds() / 60))
    unit, size = ("age_min", 1) if minutes < 120 else ("age_h", 60) if minutes < 2880 else ("age_d", 1440)
    age = words.page[unit].format(number=minutes // size)
    return words.page["asof"].format(newest=when(found.newest, found.zone), age=age)


def _filters(asked: CallsWanted, words: Words) -> list[tuple[str, str]]:
    """What is listed, in words."""
    days = str(asked.first) if asked.first == asked.last else words("span_dates", first=asked.first, last=asked.last)
    pairs = [(words("date"), days), (words("kind"), words.of("kind", asked.kind))]
    pairs += [(words(name), value) for name in ("plan", "route", "number") if (value := getattr(asked, name))]
    if asked.hour is not None:
        pairs.append((words("hour"), f"{asked.hour:02}:00"))
    if asked.cause is not None:
        pairs.append((words("cause"), str(asked.cause)))
    if asked.endings:
        comma = "、" if words.lang == "zh" else ", "
        pairs.append((words("ending"), comma.join(words.of("ending", each) for each in asked.endings)))
    if asked.source not in ("", "plan"):
        pairs.append((words.page["source"], words.of("source", asked.source)))
    return pairs

