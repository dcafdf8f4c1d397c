"""The demo's phone: what its texts look like, and sending one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.web.server import Request

from hotline.domain.catalogue import Catalogue
from hotline.domain.msisdn import msisdn
from hotline.web import bodies
from hotline.web.guard import require_same_origin
from hotline.web.http import Answer, html_reply, json_reply, query, read_json
from hotline.web.language import language
from hotline.web.ports import Handset
from hotline.web.rendering import Renderer


class Phone:
    """Routes that only a demo has."""

    def __init__(self, handset: Handset, catalogue: Catalogue, renderer: Renderer) -> None:
        """Take the simulated handset, the services for the quick buttons, and the templates."""
        self._handset, self._renderer = handset, renderer
        code = "10" if "10" in catalogue else next((service.code for service in catalogue), "10")
        self._quick = [f"DZ {code}", "Y", "0000", f"TD {code}"]

    def calls(self) -> Sequence[tuple[str, str, Answer]]:
        """Method, path and answer of each route."""
        return (("GET", "/live/thread", self.thread), ("POST", "/demo/texts", self.send))

    async def words(self, number: str) -> dict[str, Any]:
        """What the demo page shows of the phone."""
        return {"texts": await self._handset.thread(number), "quick": self._quick}

    async def thread(self, request: Request) -> bytes:
        """GET the phone's texts."""
        texts = await self._handset.thread(msisdn(query(request, "msisdn")))
        return html_reply(request, 200, self._renderer.page("_thread.html", language(request), texts=texts))

    async def send(self, request: Request) -> bytes:
        """POST a text written on the phone."""
        require_same_origin(request)
        body = read_json(request, bodies.TextBody)
        await self._handset.send_text(msisdn(body.msisdn), body.text)
        return json_reply(request, 202, {"sent": True})
