"""The demo's phone: its texts, its calls, and what is heard in them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from twisted.web.server import Request

from hotline.domain.agents import stream_of
from hotline.domain.call_commands import LoginAgent, LogoutAgent
from hotline.domain.catalogue import Catalogue
from hotline.domain.msisdn import msisdn
from hotline.web import bodies
from hotline.web.guard import require_same_origin
from hotline.web.http import Answer, Refusal, html_reply, json_reply, query, read_json, reply, whole_number
from hotline.web.language import language
from hotline.web.ports import Commands, Handset, HandsetCall, Queries
from hotline.web.rendering import Renderer

BY = "demo"
LINES_MOST, SEEN_MOST = 10_000, 2**53


class Phone:
    """Routes that only a demo has."""

    def __init__(self, handset: Handset, catalogue: Catalogue, renderer: Renderer, queries: Queries, commands: Commands) -> None:
        """Take the simulated handset, the services for the quick buttons, the templates, and the way to the agents."""
        self._handset, self._renderer, self._queries, self._commands = handset, renderer, queries, commands
        code = "10" if "10" in catalogue else next((service.code for service in catalogue), "10")
        self._quick = [f"DZ {code}", "Y", "0000", f"TD {code}"]

    def calls(self) -> Sequence[tuple[str, str, Answer]]:
        """Method, path and answer of each route."""
        return (
            ("GET", "/live/thread", self.thread),
            ("POST", "/demo/texts", self.send),
            ("GET", "/live/call", self.call),
            ("GET", "/live/sound", self.sound),
            ("POST", "/demo/calls", self.dial),
            ("POST", "/demo/keys", self.press),
            ("POST", "/demo/hangups", self.hang_up),
            ("GET", "/live/agents", self.agents),
            ("POST", "/demo/agents", self.agent),
        )

    async def words(self, number: str) -> dict[str, Any]:
        """What the demo page shows of the phone."""
        soft = self._handset.soft_phones
        staff = await self._staff() if soft is not None else []
        return {
            "texts": await self._handset.thread(number),
            "quick": self._quick,
            "hotline": self._handset.hotline,
            "call": self._handset.call(number),
            "soft": soft,
            "staff": staff,
        }

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

    # -- calls

    async def call(self, request: Request) -> bytes:
        """GET the phone's newest call, as soon as it is another than the one `seen`."""
        number, seen = msisdn(query(request, "msisdn")), whole_number(request, "seen", 0, SEEN_MOST)
        call = await self._handset.changed(number, seen) if query(request, "seen") else self._handset.call(number)
        return self._told(request, 200, call)

    def _told(self, request: Request, status: int, call: HandsetCall) -> bytes:
        lang, hotline = language(request), self._handset.hotline
        page = self._renderer.page("_call.html", lang, call=call, hotline=hotline)
        told = {
            "seen": call.seen,
            "state": call.state,
            "live": call.live,
            "seconds": round(call.seconds, 1),
            "speaking": call.speaking if call.speaking >= 0 and call.lines[call.speaking].sound else -1,
            "html": page,
        }
        return json_reply(request, status, told)

    async def sound(self, request: Request) -> bytes:
        """GET the sound of a line of the newest call."""
        found = self._handset.sound(msisdn(query(request, "msisdn")), whole_number(request, "line", 0, LINES_MOST))
        if found is None:
            raise Refusal(404, "no_sound", "there is no sound for that line", "Read its words.")
        return reply(request, 200, found, "audio/wav")

    async def dial(self, request: Request) -> bytes:
        """POST a call to the hotline."""
        require_same_origin(request)
        number = msisdn(read_json(request, bodies.CallBody).msisdn)
        self._handset.dial(number)
        return self._told(request, 202, self._handset.call(number))

    async def press(self, request: Request) -> bytes:
        """POST keys pressed in the call."""
        require_same_origin(request)
        body = read_json(request, bodies.KeysBody)
        number = msisdn(body.msisdn)
        self._handset.press(number, body.keys)
        return self._told(request, 202, self._handset.call(number))

    async def hang_up(self, request: Request) -> bytes:
        """POST the end of the call."""
        require_same_origin(request)
        number = msisdn(read_json(request, bodies.CallBody).msisdn)
        self._handset.hang_up(number)
        return self._told(request, 202, self._handset.call(number))

    # -- agents with soft phones

    async def agents(self, request: Request) -> bytes:
        """GET who can answer."""
        return html_reply(request, 200, self._renderer.page("_staff.html", language(request), staff=await self._staff()))

    async def _staff(self) -> list[dict[str, Any]]:
        """The agents with an account, and whether each works."""
        soft = self._handset.soft_phones
        states = {agent.name: agent.state for agent in await self._queries.agents()}
        accounts = soft.accounts if soft is not None else ()
        return [
            {"name": each.agent, "user": each.user, "working": states.get(each.agent, "logged_out") != "logged_out"}
            for each in accounts
            if each.agent
        ]

    async def agent(self, request: Request) -> bytes:
        """POST that an agent begins or ends his work."""
        require_same_origin(request)
        body, soft = read_json(request, bodies.AgentBody), self._handset.soft_phones
        user = next((each.user for each in (soft.accounts if soft is not None else ()) if each.agent == body.name), "")
        if not user or not body.name:
            raise Refusal(404, "no_agent", "there is no such agent in this demo", "Start it with --asterisk, and see its page.")
        stream, key = stream_of(body.name), f"{BY}:{secrets.token_hex(8)}"
        if body.working:
            await self._commands.execute(LoginAgent(stream=stream, id=key, endpoint=f"PJSIP/{user}", by=BY))
        else:
            await self._commands.execute(LogoutAgent(stream=stream, id=key, by=BY))
        return json_reply(request, 202, {"working": body.working})
