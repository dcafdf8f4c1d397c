"""Pages for people: the demo (a phone, the timeline, the system), status, the outbox, a subscriber.

There is no login yet, so outside the demo pages open only on loopback, and words and numbers are masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import quote

from twisted.web.server import Request

from hotline.domain.catalogue import Catalogue
from hotline.domain.errors import BadMsisdn
from hotline.domain.msisdn import Msisdn, mask, msisdn
from hotline.web import bodies, deadletters
from hotline.web.guard import admit, require_same_origin
from hotline.web.health import checks
from hotline.web.http import Answer, Refusal, header, html_reply, json_reply, one_of, query, read_json, reply, whole_number
from hotline.web.language import keep_language, language
from hotline.web.phone import Phone
from hotline.web.ports import (
    CHANNELS,
    Channel,
    Commands,
    Counts,
    Queries,
    Readiness,
    RowState,
    StateDamaged,
    SubscriberView,
    TimelineEvent,
    Unavailable,
)
from hotline.web.rendering import STATIC, Renderer
from hotline.web.report_ports import Measured
from hotline.web.stream import Streams
from hotline.web.telling import Teller

DEMO_NUMBER = "13800000001"
DEMO_BY = "demo"
PAGE_BY = "page"
ROWS_SHOWN = 200
STEPS_SHOWN = 500

Route = tuple[str, str, Answer]
"""Method, path as klein writes it, answer."""


class Pages:
    """The pages' answers."""

    def __init__(
        self,
        *,
        queries: Queries,
        commands: Commands,
        readiness: Readiness,
        phone: Phone | None,
        catalogue: Catalogue,
        renderer: Renderer,
        teller: Teller,
        streams: Streams,
        loopback: bool,
        measured: Measured | None = None,
    ) -> None:
        """Take the ports; `loopback` says that the service listens on a loopback address only."""
        self._queries, self._commands, self._readiness, self._phone = queries, commands, readiness, phone
        self._catalogue, self._renderer, self._teller, self._streams = catalogue, renderer, teller, streams
        self._measured = measured
        self._loopback, self._reveal, self._by = loopback, phone is not None, DEMO_BY if phone is not None else PAGE_BY

    def pages(self) -> Sequence[Route]:
        """Routes whose errors are pages."""
        return (
            ("GET", "/", self.home),
            ("GET", "/outbox", self.outbox),
            ("GET", "/subscribers", self.search),
            ("GET", "/subscribers/<number>", self.subscriber),
            ("GET", "/static/<name>", self.static),
        )

    def calls(self) -> Sequence[Route]:
        """Routes that the pages' scripts ask; their errors are JSON."""
        return (
            ("GET", "/events", self.events),
            ("GET", "/live/system", self.system),
            ("GET", "/live/outbox", self.rows),
            ("POST", "/outbox/<row>/retry", self.retry),
            ("POST", "/outbox/<row>/settle", self.settle),
            *(self._phone.calls() if self._phone else ()),
        )

    async def home(self, request: Request) -> bytes:
        """GET /: the demo, or the state of the service."""
        self._admit(request)
        if self._phone is not None:
            return await self._demo_page(request, self._phone)
        return self._page(request, "status.html", **await self._system(language(request)))

    async def _demo_page(self, request: Request, phone: Phone) -> bytes:
        lang, wish = language(request), query(request, "msisdn", DEMO_NUMBER)
        try:
            number, problem = msisdn(wish), ""
        except BadMsisdn:
            number, problem = msisdn(DEMO_NUMBER), wish[:40]
        words = {"wish": wish, "problem": problem, **await phone.words(number)}
        words |= await self._timeline(number, lang) | await self._system(lang)
        return self._page(request, "demo.html", status=422 if problem else 200, **words)

    async def subscriber(self, request: Request, number: str) -> bytes:
        """GET /subscribers/{msisdn}: services, consents, complaints, timeline."""
        self._admit(request)
        known = msisdn(number)
        view, damaged = await self._view(known)
        words: dict[str, Any] = {
            "damaged": damaged,
            "names": {service.code: service.name.of(language(request)) for service in self._catalogue},
            "channels": {service.code: service.channel.value for service in self._catalogue},
            **await self._timeline(known, language(request)),
        }
        return self._page(request, "subscriber.html", view=view, **words)

    async def _view(self, number: Msisdn) -> tuple[SubscriberView, bool]:
        """What is known of a subscriber, and whether his stored state is damaged, so that his services are not known."""
        try:
            return await self._queries.subscriber(number), False
        except StateDamaged as error:
            return error.view or SubscriberView(number), True

    async def search(self, request: Request) -> bytes:
        """GET /subscribers?msisdn=…: on to that subscriber's page."""
        self._admit(request)
        request.responseHeaders.setRawHeaders("Location", ["/subscribers/" + msisdn(query(request, "msisdn"))])
        return reply(request, 303, b"", "text/plain; charset=utf-8")

    async def outbox(self, request: Request) -> bytes:
        """GET /outbox: what waits, and what waits for a person."""
        self._admit(request)
        return self._page(request, "outbox.html", **await self._rows(request))

    async def static(self, request: Request, name: str) -> bytes:
        """GET a script or style sheet."""
        if name not in STATIC:
            raise Refusal(404, "not_found", "no such file", "Start from the home page.")
        content_type, content = STATIC[name]
        return reply(request, 200, content, f"{content_type}; charset=utf-8", cache="public, max-age=86400")

    async def events(self, request: Request) -> bytes:
        """GET /events?msisdn=…: the timeline as it grows."""
        self._admit(request)
        if request.method == b"HEAD":
            return reply(request, 200, b"", "text/event-stream; charset=utf-8")
        number, lang = msisdn(query(request, "msisdn")), language(request)
        seen, after = header(request, "Last-Event-ID"), whole_number(request, "after", 0, 2**63 - 1)
        if seen.isascii() and seen.isdigit() and len(seen) < 19:
            after = int(seen)

        def write(events: Sequence[TimelineEvent]) -> str:
            return self._renderer.steps(events, lang, reveal=self._reveal)

        return await self._streams.serve(request, number, after, write)

    async def system(self, request: Request) -> bytes:
        """GET the part of the page on links, outbox and dead letters."""
        self._admit(request)
        lang = language(request)
        return html_reply(request, 200, self._renderer.page("_system.html", lang, **await self._system(lang)))

    async def rows(self, request: Request) -> bytes:
        """GET the outbox page's list."""
        self._admit(request)
        return html_reply(request, 200, self._renderer.page("_letters.html", language(request), **await self._rows(request)))

    async def retry(self, request: Request, row: str) -> bytes:
        """POST a dead letter to be sent again."""
        self._admit(request)
        require_same_origin(request)
        return json_reply(request, 202, await deadletters.retry(self._queries, self._commands, row, self._by))

    async def settle(self, request: Request, row: str) -> bytes:
        """POST a dead letter to be taken off the list."""
        self._admit(request)
        require_same_origin(request)
        note = read_json(request, bodies.SettleBody).note
        return json_reply(request, 200, await deadletters.settle(self._queries, self._commands, row, self._by, note))

    def refused(self, request: Request, refusal: Refusal) -> bytes:
        """A page that says what is wrong and what to do."""
        key = {"forbidden": "forbidden", "not_found": "not_found", "bad_msisdn": "bad_number", "unavailable": "unavailable"}.get(
            refusal.code
        )
        return self._page(request, "message.html", status=refusal.status, key=key, refusal=refusal)

    def _admit(self, request: Request) -> None:
        """Open pages only where nobody else can come; raises Refusal 403."""
        admit(request, demo=self._phone is not None, loopback=self._loopback)

    def _page(self, request: Request, template: str, *, status: int = 200, **words: Any) -> bytes:
        lang = keep_language(request)
        keep = query(request, "msisdn")
        here = request.path.decode("latin-1") + "?" + (f"msisdn={quote(keep)}&" if keep else "")
        words = {"demo": self._phone is not None, "reveal": self._reveal, "here": here, **words}
        return html_reply(request, status, self._renderer.page(template, lang, **words))

    async def _timeline(self, number: Msisdn, lang: str) -> dict[str, Any]:
        events = await self._queries.timeline(number, 0, STEPS_SHOWN)
        steps = self._renderer.steps(events, lang, reveal=self._reveal)
        shown = number if self._reveal else mask(number)
        return {"number": number, "shown": shown, "steps": steps, "last": events[-1].id if events else 0}

    async def _system(self, lang: str) -> dict[str, Any]:
        made = await checks(self._readiness)
        try:
            counts = await self._queries.counts()
            rows = await self._queries.outbox("dead", ROWS_SHOWN)
            plans = await self._measured.standings() if self._measured is not None else ()
        except Unavailable:
            counts, rows, plans = Counts({}, {}, {}, 0, 0), (), ()
        letters = [self._teller.row(row, lang, reveal=self._reveal) for row in rows]
        records = self._queries.disagreements()
        return {
            "checks": made, "counts": counts, "letters": letters, "state": "dead", "reveal": self._reveal, "records": records,
            "plans": plans, "oldest_s": max(counts.oldest_due_s.values(), default=0.0),
        }  # fmt: skip

    async def _rows(self, request: Request) -> dict[str, Any]:
        state = cast("RowState | None", one_of(request, "state", ("dead", "due"))) or "dead"
        channel = cast("Channel | None", one_of(request, "channel", CHANNELS))
        rows = await self._queries.outbox(state, ROWS_SHOWN, channel)
        letters = [self._teller.row(row, language(request), reveal=self._reveal) for row in rows]
        counts = await self._queries.counts()
        return {"letters": letters, "state": state, "channel": channel or "", "counts": counts, "reveal": self._reveal}
