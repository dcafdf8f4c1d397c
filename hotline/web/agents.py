"""The JSON API of agents: who takes calls, where, and who has paused why."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec.structs import replace
from twisted.web.server import Request

from hotline.domain.agents import stream_of
from hotline.domain.call_commands import LoginAgent, LogoutAgent, PauseAgent, ResumeAgent
from hotline.domain.commands import Command
from hotline.domain.errors import AgentRefused
from hotline.web.bodies import NO_CONTROLS
from hotline.web.endpoints import Endpoint, Parameter
from hotline.web.guard import token_name
from hotline.web.http import Refusal, json_reply, read_json
from hotline.web.ports import AgentView, Commands, Queries

STEPS = ("login", "logout", "pause", "resume")
_BASE = "/api/v1"
_NAME = Parameter("name", "path", "The agent's name", {"type": "string", "example": "amy"})
_STEP = Parameter("step", "path", "What the agent does", {"type": "string", "enum": list(STEPS)})
_WHERE = "Of login: where the agent's calls ring, such as PJSIP/2001"
_WHY = "Of pause: why"


class AgentsBody(msgspec.Struct, frozen=True):
    """All agents who ever logged in, by name."""

    agents: list[AgentView]


class StepBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a step of an agent needs: login an endpoint, pause a reason, the others nothing."""

    endpoint: Annotated[str, msgspec.Meta(max_length=120, pattern=NO_CONTROLS, description=_WHERE)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=40, pattern=NO_CONTROLS, description=_WHY)] = ""


class Agents:
    """The API's answers about agents and cases."""

    def __init__(self, queries: Queries, commands: Commands, tokens: Mapping[str, str]) -> None:
        """Take the ports, and tokens by name."""
        self._queries, self._commands, self._tokens = queries, commands, tokens

    def endpoints(self) -> Sequence[Endpoint]:
        """The routes."""
        return (
            Endpoint(
                "GET",
                f"{_BASE}/agents",
                "getAgents",
                "All agents: ready, unreachable, paused or logged out",
                self.agents,
                returns=AgentsBody,
                refusals=(503,),
            ),
            Endpoint(
                "POST",
                f"{_BASE}/agents/{{name}}/{{step}}",
                "stepAgent",
                "Log an agent in or out, pause or resume him",
                self.step,
                returns=AgentView,
                body=StepBody,
                parameters=(_NAME, _STEP),
                refusals=(400, 404, 413, 422, 503),
            ),
        )

    async def agents(self, request: Request) -> bytes:
        """GET all agents."""
        token_name(request, self._tokens)
        return json_reply(request, 200, AgentsBody(list(await self._queries.agents())))

    async def step(self, request: Request, name: str, step: str) -> bytes:
        """POST a step of an agent; one that changes nothing succeeds."""
        by = token_name(request, self._tokens)
        if step not in STEPS:
            raise Refusal(404, "no_step", f"an agent can't {step!r}", f"Give one of {', '.join(STEPS)}.")
        body = read_json(request, StepBody)
        try:
            await self._commands.execute(_command(name, step, body, by))
        except AgentRefused as error:
            raise Refusal(422, "agent_refused", str(error), "Change what the message names and ask again.") from None
        found = next((each for each in await self._queries.agents() if each.name == name), None)
        if found is not None and found.state == "ready" and step in ("login", "resume"):
            # the queue tells of its members a moment later
            found = replace(found, state="unreachable") if await self._queries.unreachable(found.endpoint) else found
        return json_reply(request, 200, found or AgentView(name, "logged_out", "", "", None))


def _command(name: str, step: str, body: StepBody, by: str) -> Command:
    stream, key = stream_of(name), f"api:{by}:{secrets.token_hex(8)}"
    if step == "login":
        return LoginAgent(stream=stream, id=key, endpoint=body.endpoint, by=by)
    if step == "pause":
        return PauseAgent(stream=stream, id=key, reason=body.reason, by=by)
    return (LogoutAgent if step == "logout" else ResumeAgent)(stream=stream, id=key, by=by)
