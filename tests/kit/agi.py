"""Asterisk's side of FastAGI as a script: a call without sockets or time, for tests of the wire and of flows."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ivr.call import Call, Limits
from ivr.server import AgiServer

DEAD = "511 Command Not Permitted on a dead channel or intercept routine"
LIVING = re.compile(
    "ANSWER|CHANNEL STATUS|CONTROL|EXEC (?!NoOp)|GET DATA|GET OPTION|HANGUP|RECEIVE|RECORD|SAY|SEND|STREAM|TDD|WAIT|SET MUSIC"
)
"""Commands that need a caller."""
ENV = {
    "agi_network": "yes",
    "agi_network_script": "hotline",
    "agi_request": "agi://127.0.0.1:4573/hotline",
    "agi_channel": "PJSIP/trunk-00000001",
    "agi_language": "en",
    "agi_type": "PJSIP",
    "agi_uniqueid": "1795396679.1",
    "agi_version": "22.10.1",
    "agi_callerid": "13800000001",
    "agi_calleridname": "unknown",
    "agi_callingpres": "0",
    "agi_callingani2": "0",
    "agi_callington": "0",
    "agi_callingtns": "0",
    "agi_dnid": "10198",
    "agi_rdnis": "unknown",
    "agi_context": "hotline",
    "agi_extension": "10198",
    "agi_priority": "1",
    "agi_enhanced": "0.0",
    "agi_accountcode": "",
    "agi_threadid": "140171113379520",
}
Answer = str | bytes | Callable[[str], Any] | None
"""A reply without its line feed; a function of the command that gives one; None for none."""


def environment(**env: str) -> bytes:
    """The block at the beginning of a call."""
    return "".join(f"{name}: {value}\n" for name, value in (ENV | env).items()).encode() + b"\n"


class _Line(StringTransport):
    """What we send, line by line."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: deque[str] = deque()
        self.aborted = False

    def write(self, data: bytes) -> None:
        super().write(data)
        assert data.endswith(b"\n")
        assert data.count(b"\n") == 1
        self.sent.append(data[:-1].decode())

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Does nothing."""

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


class Asterisk:
    """One call into a server.

    `answers` maps the beginning of a command to what it is answered, a list to one answer after the other; what is not there is
    answered as a caller who listens and keys nothing would have it. `keys` are keyed one for each command that takes a digit.

    Attributes:
        commands: what was asked, in order.
        variables: channel variables.
        hang_up_at: index of the command during which the caller hangs up.
        eof_at: index of the command during which the connection is lost.
    """

    def __init__(
        self,
        flow: Callable[[Call], Any] | Mapping[str, Callable[[Call], Any]],
        answers: Mapping[str, Answer | list[Answer]] | None = None,
        *,
        keys: str = "",
        clock: Clock | None = None,
        limits: Limits | None = None,
        hang_up_at: int | None = None,
        eof_at: int | None = None,
        server: AgiServer | None = None,
        begin: bool = True,
        **env: str,
    ) -> None:
        """Ring the hotline; the flow runs until it needs what is not answered."""
        self.clock = clock or Clock()
        flows = flow if isinstance(flow, Mapping) else {"hotline": flow}
        self.failures: list[Exception] = []
        self.server = server or AgiServer(flows, self.clock, limits, on_failed=lambda _call, error: self.failures.append(error))
        self.answers = {name: deque(each) if isinstance(each, list) else each for name, each in (answers or {}).items()}
        self.keys = deque(keys)
        self.variables: dict[str, str] = {}
        self.commands: list[str] = []
        self.hang_up_at, self.eof_at = hang_up_at, eof_at
        self.hung_up = False
        self._hangup_told = False
        self.connected = True
        self.transport = _Line()
        self.protocol = self.server.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        if begin and not self.transport.disconnecting:
            self.say(environment(**env))

    # -- what Asterisk does

    def say(self, data: bytes) -> None:
        """Send something, and answer what is asked then."""
        self.protocol.dataReceived(data)
        self.pump()

    def pump(self) -> None:
        """Answer all commands; close when we do."""
        while self.transport.sent and self.connected:
            self._take(self.transport.sent.popleft())
        if self.transport.disconnecting and self.connected:
            self.lose()

    def lose(self) -> None:
        """The connection is lost."""
        if self.connected:
            self.connected = False
            self.protocol.connectionLost()

    def hang_up(self) -> None:
        """The caller hangs up while no command is under way."""
        self.hung_up = self._hangup_told = True
        self.say(b"HANGUP\n")

    def advance(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        while seconds > 0:
            self.clock.advance(min(0.25, seconds))
            seconds -= 0.25
            self.pump()

    @property
    def over(self) -> bool:
        """Neither connection nor flow is left."""
        return not self.connected and self.protocol not in self.server.live

    # -- its answers

    def _take(self, command: str) -> None:
        index = len(self.commands)
        self.commands.append(command)
        if index == self.eof_at:
            self.lose()
            return
        if index == self.hang_up_at:
            self.hung_up = True
            reply: Any = self._hung_up_during(command)
        else:
            reply = self._reply(command)
        if reply is None:
            return
        data = reply if isinstance(reply, bytes) else reply.encode()
        if self.hung_up and not self._hangup_told and index != self.hang_up_at:
            self._hangup_told = True
            data = b"HANGUP\n" + data
        self.protocol.dataReceived(data + b"\n")

    def _hung_up_during(self, command: str) -> Any:
        if not LIVING.match(command):
            return self._reply(command)
        if command.startswith("RECORD"):
            return "200 result=-1 (hangup) endpos=16000"
        return "200 result=-1 endpos=8160" if command.startswith("STREAM") else "200 result=-1"

    def _reply(self, command: str) -> Any:
        if self.hung_up and LIVING.match(command):
            return DEAD
        for name, answer in self.answers.items():
            if command.startswith(name):
                answer = (answer.popleft() if answer else None) if isinstance(answer, deque) else answer
                return answer(command) if callable(answer) else answer
        return self._usual(command)

    def _usual(self, command: str) -> str:
        if command.startswith(("STREAM FILE", "WAIT FOR DIGIT", "GET OPTION")):
            taken = command.startswith("WAIT") or '""' not in command
            return f"200 result={ord(self.keys.popleft()) if self.keys and taken else 0}"
        if command.startswith("GET DATA"):
            keyed = "".join(self.keys).partition("#")[0]
            self.keys.clear()
            return f"200 result={keyed}" if keyed else "200 result= (timeout)"
        if command.startswith("RECORD FILE"):
            return "200 result=35 endpos=24000"
        if command.startswith("SET VARIABLE"):
            _, _, name, value = command.split(" ", 3)
            self.variables[name] = value.strip('"')
            return "200 result=1"
        if command.startswith("GET VARIABLE"):
            value = self.variables.get(command.split(" ", 2)[2])
            return "200 result=0" if value is None else f"200 result=1 ({value})"
        if command.startswith(("HANGUP", "DATABASE", "SET CALLERID", "VERBOSE")):
            self.hung_up = self.hung_up or command == "HANGUP"
            return "200 result=1"
        return "200 result=6" if command.startswith("CHANNEL STATUS") else "200 result=0"
