"""What the hotline's dialplan does with a call, as conf/asterisk/shouwen_extensions.conf does it.

Each AGI tells in SHOUWEN_NEXT what comes next: owner, queue, message or hangup. When the server is away or silent the caller
hears the safe prompt and waits in the queue. Whatever happened, the script `after` is told at the end. Places in the queue are
not announced, and no watch takes callers from a server that freezes in mid-dialogue.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ivr.simulator.agents import CONTINUE, LEFT, Agent
from ivr.simulator.channel import Channel, Happened

SILENT_S = 2.0
"""A server that has taken the call and says nothing for so long has lost it."""
ROUNDS_MAX = 20
"""However the caller chooses, one call can't go round for ever."""
SAFE_S = 3.0
"""How long the safe prompt lasts."""


class Running(Protocol):
    """An AGI under way."""

    def end(self) -> None:
        """Take it away."""


class Switch(Protocol):
    """What the dialplan needs of the Asterisk around it."""

    survey: bool

    def agi(self, channel: Channel, script: str, args: list[str], over: Callable[[str], None]) -> Running | None:
        """Run a script; `over` is told AGISTATUS once."""

    def join(self, channel: Channel, over: Callable[[str, Agent | None], None], place: int) -> Callable[[], int]:
        """Join the queue."""

    def ring(self, channel: Channel, endpoint: str, ring_s: float, over: Callable[[Agent | None], None]) -> None:
        """Ring one agent."""


class Dialplan:
    """One call's way through it; `over` is called once, after the extension h."""

    def __init__(self, channel: Channel, switch: Switch, over: Callable[[], None]) -> None:
        """Take a call."""
        self._channel, self._switch, self._over = channel, switch, over
        self._take_out: Callable[[], int] | None = None
        self._rounds = 0
        self._place = 0
        self._ended = False

    def start(self, call_back: str = "") -> None:
        """The call comes in; or somebody has answered the call-back of that id."""
        variables = self._channel.variables
        variables.setdefault("AGIEXITONHANGUP", "yes")
        variables["SHOUWEN_NEXT"] = ""
        self._channel.on_event(Happened("state", "dialogue"))
        script, args = ("callback", [call_back]) if call_back else ("hotline", [])
        self._script(script, args, self._next)

    def key(self, key: str) -> bool:
        """A key pressed in the queue leads out of it; returns whether it was."""
        if self._take_out is None or self._channel.hung_up:
            return False
        self._place, self._take_out = self._take_out(), None
        self._ask("waiting", [key, str(self._place)], keep="queue")
        return True

    # -- the hotline's number

    def _script(self, script: str, args: list[str], then: Callable[[], None]) -> None:
        """Run a script, which is taken away from a server that says nothing."""
        limit: Any = None

        def over(_status: str) -> None:
            if limit is not None and limit.active():
                limit.cancel()
            then()

        self._channel.variables["TIMEOUT(absolute)"] = f"{SILENT_S:g}"
        run = self._switch.agi(self._channel, script, args, over)
        if self._channel.pace and run is not None:
            limit = self._channel.later(SILENT_S, self._silent, run)

    def _silent(self, run: Running) -> None:
        if self._channel.variables.get("TIMEOUT(absolute)") != "0":
            run.end()

    def _next(self) -> None:
        channel = self._channel
        if channel.hung_up:
            self._end()
            return
        todo = channel.variables.get("SHOUWEN_NEXT", "")
        if todo == "owner":
            self._owner()
        elif todo == "queue":
            self._queue()
        elif todo == "message":
            self._ask("message", [])
        elif todo == "hangup":
            self._hang_up()
        else:
            self._safe()

    def _safe(self) -> None:
        self._channel.on_event(Happened("playing", "safe", "safe"))
        self._channel.listen(SAFE_S, "", lambda _how, _key, _s: self._queue(), "safe")

    def _owner(self) -> None:
        variables = self._channel.variables
        variables["SHOUWEN_STAGE"] = "owner"
        ring_s = float(variables.get("SHOUWEN_OWNER_RING") or 15)
        self._switch.ring(self._channel, variables.get("SHOUWEN_OWNER", ""), ring_s, self._rung)

    def _rung(self, agent: Agent | None) -> None:
        self._channel.variables["DIALSTATUS"] = "ANSWER" if agent is not None else "NOANSWER"
        if agent is None:
            self._queue()
        else:
            self._survey(agent)

    def _queue(self) -> None:
        if self._channel.hung_up:
            self._end()
            return
        self._channel.variables |= {"SHOUWEN_STAGE": "queue", "QUEUESTATUS": ""}
        place, self._place = self._place, 0
        self._take_out = None
        take_out = self._switch.join(self._channel, self._left, place)
        if self._channel.variables["QUEUESTATUS"] == "":
            self._take_out = take_out

    def _left(self, status: str, agent: Agent | None) -> None:
        self._take_out = None
        self._channel.variables["QUEUESTATUS"] = status or "NONE"
        if self._channel.hung_up or status == LEFT:
            self._end()
        elif status == CONTINUE and agent is not None:
            self._survey(agent)
        else:
            self._ask("waiting", [status])

    def _ask(self, script: str, args: list[str], keep: str = "") -> None:
        """Run a script that says what comes next; `keep` comes next when it doesn't."""

        def then() -> None:
            variables = self._channel.variables
            variables["SHOUWEN_NEXT"] = variables["SHOUWEN_NEXT"] or keep
            if script == "waiting" and not variables["SHOUWEN_NEXT"]:
                self._hang_up()
            else:
                self._again()

        self._channel.variables["SHOUWEN_NEXT"] = ""
        self._script(script, args, then)

    def _again(self) -> None:
        self._rounds += 1
        if self._rounds > ROUNDS_MAX:
            self._hang_up()
        else:
            self._next()

    def _survey(self, agent: Agent) -> None:
        self._channel.variables |= {"SHOUWEN_STAGE": "survey", "SHOUWEN_NEXT": "hangup"}
        if self._channel.hung_up or not self._switch.survey:
            self._hang_up()
            return
        self._channel.on_event(Happened("state", "survey"))
        self._script("survey", [agent.endpoint, f"{agent.talks_s:g}"], self._again)

    # -- the extension h

    def _hang_up(self) -> None:
        self._channel.hang_up("dialplan")
        self._end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        variables = self._channel.variables
        stage, todo = variables.get("SHOUWEN_STAGE", ""), variables.get("SHOUWEN_NEXT", "")
        if not stage and not todo:
            self._over()
            return
        args = [stage, variables.get("DIALSTATUS", ""), variables.get("QUEUESTATUS", ""), "", "", ""]
        self._switch.agi(self._channel, "after", args, lambda _status: self._over())
