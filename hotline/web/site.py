"""The web of the house: all routes on one klein application, and a Twisted site that bounds what comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast
from zoneinfo import ZoneInfo

from klein import Klein
from prometheus_client import CollectorRegistry
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request, Site
from werkzeug.exceptions import HTTPException

from hotline.domain.catalogue import Catalogue
from hotline.reports.words import Words
from hotline.web.agents import Agents
from hotline.web.api import Api
from hotline.web.cases import Cases
from hotline.web.endpoints import Endpoint, klein_path
from hotline.web.health import Health
from hotline.web.http import Answer, Refusal, as_refusal, guarded, json_refusal, json_reply
from hotline.web.inlet import BoundedRequest, QuietSite
from hotline.web.openapi import document
from hotline.web.pages import Pages
from hotline.web.phone import Phone
from hotline.web.ports import Changes, Commands, Handset, Queries, Readiness
from hotline.web.reasons import SmscWords
from hotline.web.records import Records
from hotline.web.rendering import Renderer
from hotline.web.report_acts import ReportActs
from hotline.web.report_pages import Door, ReportPages
from hotline.web.report_ports import Measured
from hotline.web.staff import StaffTexts
from hotline.web.stream import Streams, Timer
from hotline.web.surge import SurgeMode
from hotline.web.telling import Teller, status_number
from hotline.web.testcall_api import TestCallApi
from hotline.web.uses import Uses

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Web:
    """Pages, API, live streams, health and metrics."""

    def __init__(
        self,
        *,
        queries: Queries,
        commands: Commands,
        changes: Changes,
        readiness: Readiness,
        metrics_registry: CollectorRegistry,
        tokens: Mapping[str, str],
        demo: Handset | None,
        reactor: Timer,
        staff_texts: StaffTexts,
        catalogue: Catalogue,
        zone: ZoneInfo = SHANGHAI,
        loopback: bool = False,
        smsc_words: SmscWords = status_number,
        measured: Measured | None = None,
        report_words: Mapping[str, Words] | None = None,
    ) -> None:
        """Put the web together; nothing listens yet.

        Args:
            queries, commands, changes, readiness: the ports.
            metrics_registry: what /metrics shows, beside the store's own figures.
            tokens: secrets of the API by name; the name is written to what its holder does.
            demo: the simulated phone, or None where there are real subscribers.
            reactor: for heartbeats.
            staff_texts: labels and summaries.
            catalogue: the services on offer.
            zone: of days and hours on pages.
            loopback: the service listens on a loopback address only, so pages may open without a login.
            smsc_words: what an SMSC means by a command_status, by language.
            measured: test calls; None where there are none to report on.
            report_words: what reports say, by language; needed with `measured`.
        """
        teller = Teller(staff_texts, catalogue, zone, smsc_words)
        self._catalogue = catalogue
        renderer = Renderer(staff_texts, teller, reports=measured is not None)
        self._streams = Streams(queries, changes, reactor)
        phone = Phone(demo, catalogue, renderer, queries, commands) if demo is not None else None
        self._pages = Pages(
            queries=queries, commands=commands, readiness=readiness, phone=phone, catalogue=catalogue, renderer=renderer,
            teller=teller, streams=self._streams, loopback=loopback, measured=measured,
        )  # fmt: skip
        api, health = Api(queries, commands, catalogue, teller, tokens), Health(queries, readiness, metrics_registry, measured)
        described = Endpoint("GET", "/api/openapi.json", "openapi", "This description", self._describe, returns=Any, open=True)
        reported = [*Uses(commands, tokens).endpoints(), *Agents(queries, commands, tokens).endpoints()]
        reported += [*Cases(queries, commands, tokens).endpoints(), *Records(queries, tokens).endpoints()]
        reported += SurgeMode(queries, commands, tokens).endpoints()
        self._report_pages: ReportPages | None = None
        self._report_acts: ReportActs | None = None
        if measured is not None and report_words is not None:
            self._open_reports(measured, commands, renderer, report_words, zone, Door(demo is not None, loopback))
            reported += TestCallApi(measured, commands, tokens).endpoints()
        self.endpoints: Sequence[Endpoint] = (*health.endpoints(), *api.endpoints(), *reported, described)
        self._document = document(self.endpoints, _version())
        self.app = self._route()

    def _open_reports(
        self,
        measured: Measured,
        commands: Commands,
        renderer: Renderer,
        report_words: Mapping[str, Words],
        zone: ZoneInfo,
        door: Door,
    ) -> None:
        self._report_pages = ReportPages(measured, renderer, report_words, zone, door)
        self._report_acts = ReportActs(measured, commands, zone, door)

    def resource(self) -> IResource:
        """The root resource, for a Site of your own or for tests."""
        return cast("IResource", self.app.resource())

    def site(self) -> Site:
        """A site that refuses overlong bodies while they come in, and writes no access log (paths hold numbers)."""
        return QuietSite(self.resource(), BoundedRequest, parsePOSTFormSubmission=False)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """End the live streams; call it before the port is closed for good."""
        self._streams.close()

    async def _describe(self, request: Request) -> bytes:
        return json_reply(request, 200, self._document)

    def _route(self) -> Klein:
        app = Klein()
        app.url_map.strict_slashes = False
        app.url_map.merge_slashes = False
        for each in self.endpoints:
            _add(app, each.method, klein_path(each.path), guarded(each.answer, self._refuse_json))
        acts, shown = self._report_acts, self._report_pages
        for method, path, answer in (*self._pages.calls(), *(acts.calls() if acts is not None else ())):
            _add(app, method, path, guarded(answer, self._refuse_json))
        for method, path, answer in (*self._pages.pages(), *(shown.pages() if shown is not None else ())):
            _add(app, method, path, guarded(answer, self._refuse_page))
        app.handle_errors(HTTPException)(self._unrouted)
        return app

    def _refuse_json(self, request: Request, error: Exception) -> bytes:
        return json_refusal(request, as_refusal(error, self._catalogue))

    def _refuse_page(self, request: Request, error: Exception) -> bytes:
        return self._pages.refused(request, as_refusal(error, self._catalogue))

    def _unrouted(self, request: Request, failure: Failure) -> bytes:
        """What no route takes: 405 where the path is known, else 404."""
        error = cast("HTTPException", failure.value)
        path = request.path
        status = 405 if error.code == HTTPStatus.METHOD_NOT_ALLOWED else 404
        message = "this path does not take that method" if status == HTTPStatus.METHOD_NOT_ALLOWED else "there is no such path"
        refusal = Refusal(status, HTTPStatus(status).name.lower(), message, "GET /api/openapi.json lists all paths and methods.")
        asks_json = path.startswith((b"/api", b"/health", b"/metrics", b"/live")) or request.method not in (b"GET", b"HEAD")
        return json_refusal(request, refusal) if asks_json else self._pages.refused(request, refusal)


def _add(app: Klein, method: str, path: str, answer: Answer) -> None:
    app.route(path, methods=[method], endpoint=f"{method} {path}")(cast("Any", answer))


def _version() -> str:
    try:
        return version("shouwen")
    except PackageNotFoundError:
        return "0"
