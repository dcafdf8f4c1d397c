"""For monitoring: is the process alive, can it work, and its metrics. None of it needs a token or names anybody."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest
from twisted.logger import Logger
from twisted.web.server import Request

from hotline.metrics import PlanGauges, StoreGauges
from hotline.web import bodies
from hotline.web.endpoints import Endpoint
from hotline.web.http import json_reply, reply
from hotline.web.ports import CHANNELS, Check, Counts, Queries, Readiness, Unavailable
from hotline.web.report_ports import Measured, TestPlanView

_log = Logger()


async def checks(readiness: Readiness) -> Sequence[Check]:
    """All checks; where they can't be made at all, that is the one that fails."""
    try:
        return await readiness.ready()
    except Unavailable as error:
        return [Check("readiness", False, str(error) or "the checks could not be made")]


class Health:
    """The routes at the root that monitoring asks."""

    def __init__(
        self, queries: Queries, readiness: Readiness, registry: CollectorRegistry, measured: Measured | None = None
    ) -> None:
        """Take the ports and the registry on which everybody counts; `measured` where there are test calls."""
        self._queries, self._readiness, self._registry, self._measured = queries, readiness, registry, measured
        self._store = CollectorRegistry()
        self._gauges, self._plans = StoreGauges.on(self._store), PlanGauges.on(self._store)

    def endpoints(self) -> Sequence[Endpoint]:
        """The three routes."""
        return (
            Endpoint("GET", "/health/live", "live", "The process runs", self.live, returns=bodies.LiveBody, open=True),
            Endpoint(
                "GET",
                "/health/ready",
                "ready",
                "The service can work; 503 with the failing checks if not",
                self.ready,
                returns=bodies.ReadyBody,
                open=True,
            ),
            Endpoint("GET", "/metrics", "metrics", "Prometheus metrics", self.metrics, open=True),
        )

    async def live(self, request: Request) -> bytes:
        """GET /health/live."""
        return json_reply(request, 200, bodies.LiveBody())

    async def ready(self, request: Request) -> bytes:
        """GET /health/ready: 200, or 503 when any check fails."""
        made = list(await checks(self._readiness))
        ready = all(check.ok for check in made)
        return json_reply(request, 200 if ready else 503, bodies.ReadyBody(ready, made))

    async def metrics(self, request: Request) -> bytes:
        """GET /metrics; the counters are shown even while the store does not answer."""
        text = generate_latest(self._registry)
        try:
            self._set(await self._queries.counts())
            self._set_plans(await self._measured.standings() if self._measured is not None else ())
            text += generate_latest(self._store)
        except Unavailable:
            _log.warn("metrics are shown without the store's figures: it does not answer")
        return reply(request, 200, text, "text/plain; version=0.0.4; charset=utf-8")

    def _set(self, counts: Counts) -> None:
        for state, rows in (("due", counts.due), ("dead", counts.dead)):
            for channel in CHANNELS:
                self._gauges.outbox.labels(channel, state).set(rows.get(channel, 0))
        for channel in CHANNELS:
            self._gauges.oldest_due_s.labels(channel).set(counts.oldest_due_s.get(channel, 0.0))
        self._gauges.events.set(counts.events)
        self._gauges.wakes.set(counts.wakes)

    def _set_plans(self, plans: Sequence[TestPlanView]) -> None:
        self._plans.today.clear()
        for each in plans:
            self._plans.alarm.labels(each.name).set(each.alarm is not None)
            self._plans.stopped.labels(each.name).set(each.measuring == "stopped")
            self._plans.valid_at.labels(each.name).set(each.valid_at.timestamp() if each.valid_at is not None else 0)
            self._plans.untold.labels(each.name).set(len(each.untold))
            for ending, calls in each.endings.items():
                self._plans.today.labels(each.name, ending).set(calls)
