"""The JSON API of the surge mode: ops declare that far more people ring than can be served."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from twisted.web.server import Request

from hotline.domain.call_commands import DeclareSurge, EndSurge
from hotline.domain.commands import Command
from hotline.domain.errors import SurgeRefused
from hotline.domain.surge_state import STREAM
from hotline.web.bodies import NO_CONTROLS
from hotline.web.endpoints import Endpoint
from hotline.web.guard import token_name
from hotline.web.http import Refusal, json_reply, read_json
from hotline.web.ports import Commands, Queries, SurgeView

PATH = "/api/v1/surge"
Words = Annotated[str, msgspec.Meta(max_length=500, pattern=NO_CONTROLS)]
Until = Annotated[datetime, msgspec.Meta(tz=True, description="When it ends by itself; null: when it is ended")]


class SurgeText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What callers hear first; in a language without words they hear the short menu at once."""

    zh: Words = ""
    en: Words = ""


class SurgeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A surge."""

    text: SurgeText = SurgeText()
    until: Until | None = None


class SurgeMode:
    """The API's answers about surges."""

    def __init__(self, queries: Queries, commands: Commands, tokens: Mapping[str, str]) -> None:
        """Take the ports, and tokens by name."""
        self._queries, self._commands, self._tokens = queries, commands, tokens

    def endpoints(self) -> Sequence[Endpoint]:
        """The routes."""
        return (
            Endpoint("GET", PATH, "getSurge", "Whether a surge is on", self.show, returns=SurgeView, refusals=(503,)),
            Endpoint(
                "PUT",
                PATH,
                "putSurge",
                "Declare a surge, or change the one that is on: announcement first, short menus",
                self.declare,
                returns=SurgeView,
                body=SurgeBody,
                refusals=(400, 413, 422, 503),
            ),
            Endpoint("DELETE", PATH, "deleteSurge", "End the surge", self.end, returns=SurgeView, refusals=(422, 503)),
        )

    async def show(self, request: Request) -> bytes:
        """GET the surge."""
        token_name(request, self._tokens)
        return json_reply(request, 200, await self._queries.surge())

    async def declare(self, request: Request) -> bytes:
        """PUT a surge; the same one again changes nothing."""
        by = token_name(request, self._tokens)
        body = read_json(request, SurgeBody)
        text = body.text
        return await self._do(request, DeclareSurge(stream=STREAM, id=_key(by), zh=text.zh, en=text.en, until=body.until, by=by))

    async def end(self, request: Request) -> bytes:
        """DELETE the surge; where there is none, nothing happens."""
        by = token_name(request, self._tokens)
        return await self._do(request, EndSurge(stream=STREAM, id=_key(by), by=by))

    async def _do(self, request: Request, command: Command) -> bytes:
        try:
            await self._commands.execute(command)
        except SurgeRefused as error:
            raise Refusal(422, "surge_refused", str(error), "Change what the message names and ask again.") from None
        return json_reply(request, 200, await self._queries.surge())


def _key(by: str) -> str:
    return f"api:{by}:{secrets.token_hex(8)}"
