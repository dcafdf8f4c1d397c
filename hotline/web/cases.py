"""The JSON API of cases: what was complained of, which agent owns it, and the result that the subscriber was told."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from twisted.web.server import Request

from hotline.domain.agents import stream_of
from hotline.domain.call_commands import CloseCase, TakeCase
from hotline.domain.errors import UnknownCase
from hotline.web.bodies import NO_CONTROLS
from hotline.web.endpoints import Endpoint, Parameter
from hotline.web.guard import token_name
from hotline.web.http import Refusal, json_reply, read_json
from hotline.web.ports import CaseFound, Commands, Queries

_ONE = "/api/v1/cases/{number}"
_NUMBER = Parameter("number", "path", "Number of a case, as the subscriber was told it", {"type": "string", "example": "000042"})
_RESULT = "The result, as the subscriber is told it by text, in his language"
NOTE_MOST = 200
"""Characters of a result: the text that tells it has five parts at most."""


class TakeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agent who makes a case his own; he has logged in at least once."""

    agent: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


class CloseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The result of a case; `by`: who settled it, if not the token's holder."""

    note: Annotated[str, msgspec.Meta(max_length=NOTE_MOST, pattern=NO_CONTROLS + r"[\s\S]*\S", description=_RESULT)]
    by: Annotated[str, msgspec.Meta(max_length=32, pattern=NO_CONTROLS)] = ""


class Cases:
    """The API's answers about cases."""

    def __init__(self, queries: Queries, commands: Commands, tokens: Mapping[str, str]) -> None:
        """Take the ports, and tokens by name."""
        self._queries, self._commands, self._tokens = queries, commands, tokens

    def endpoints(self) -> Sequence[Endpoint]:
        """The routes."""
        return (
            Endpoint(
                "GET",
                _ONE,
                "getCase",
                "A complaint, the agent who is asked first, and the result",
                self.case,
                returns=CaseFound,
                parameters=(_NUMBER,),
                refusals=(404, 503),
            ),
            Endpoint(
                "POST",
                f"{_ONE}/take",
                "takeCase",
                "Make an agent the owner of a complaint",
                self.take,
                returns=CaseFound,
                body=TakeBody,
                parameters=(_NUMBER,),
                refusals=(400, 404, 409, 413, 422, 503),
            ),
            Endpoint(
                "POST",
                f"{_ONE}/close",
                "closeCase",
                "Settle a complaint: the subscriber is told the result by text",
                self.close,
                returns=CaseFound,
                body=CloseBody,
                parameters=(_NUMBER,),
                refusals=(400, 404, 409, 413, 422, 503),
            ),
        )

    async def case(self, request: Request, number: str) -> bytes:
        """GET a case."""
        token_name(request, self._tokens)
        return json_reply(request, 200, await self._found(number))

    async def take(self, request: Request, number: str) -> bytes:
        """POST that an agent makes a case his own."""
        by = token_name(request, self._tokens)
        body, found = read_json(request, TakeBody), await self._found(number)
        stream_of(body.agent)
        if all(each.name != body.agent for each in await self._queries.agents()):
            way_out = f"Log in first: POST /api/v1/agents/{body.agent}/login; GET /api/v1/agents lists those who did."
            raise Refusal(404, "no_agent", f"no agent {body.agent!r} has ever logged in", way_out)
        return await self._do(request, TakeCase(stream=found.msisdn, id=_key(by), case=found.number, agent=body.agent, by=by))

    async def close(self, request: Request, number: str) -> bytes:
        """POST the result of a case; a case is closed once."""
        by = token_name(request, self._tokens)
        body, found = read_json(request, CloseBody), await self._found(number)
        told = CloseCase(stream=found.msisdn, id=_key(by), case=found.number, note=body.note, by=body.by or by)
        return await self._do(request, told)

    async def _do(self, request: Request, command: TakeCase | CloseCase) -> bytes:
        try:
            await self._commands.execute(command)
        except UnknownCase as error:
            way_out = "It is closed, or too old, or others took its place; GET the case tells its state."
            raise Refusal(409, "case_not_open", str(error), way_out) from None
        return json_reply(request, 200, await self._found(command.case))

    async def _found(self, number: str) -> CaseFound:
        found = await self._queries.case(number)
        if found is None:
            raise Refusal(404, "no_case", f"there is no case {number[:20]!r}", "GET the subscriber lists the cases.")
        return found


def _key(by: str) -> str:
    return f"api:{by}:{secrets.token_hex(8)}"
