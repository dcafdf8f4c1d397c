"""An Asterisk's manager interface without a socket: what the client writes is read, answers and events are given by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from ivr.ami import AmiClient

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
SECRET = "not-to-be-seen"
T0 = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def block(text: str, **more: object) -> bytes:
    """A message's octets: `Name: value` a line, or "; " between; `more` are headers behind them."""
    lines = [line.strip() for line in text.replace("; ", "\n").strip().splitlines()]
    lines += [f"{name}: {value}" for name, value in more.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def stamp(after_s: float) -> str:
    """A Timestamp header's value, so many seconds after T0."""
    return f"{(T0 + timedelta(seconds=after_s)).timestamp():.6f}"


class Link(StringTransport):
    """One connection as Asterisk sees it."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to do."""

    def loseConnection(self) -> None:
        """Close at once."""
        self.abortConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        if not self.disconnecting:
            self.disconnecting = True
            self.protocol.connectionLost(Failure(ConnectionLost()))

    def actions(self) -> list[dict[str, str]]:
        """The actions written since the last call; a repeated header is its last value."""
        octets = self.value()
        self.clear()
        blocks = octets.decode().split("\r\n\r\n")[:-1]
        return [dict(line.split(": ", 1) for line in each.split("\r\n")) for each in blocks]

    def give(self, octets: bytes) -> None:
        """Asterisk sends."""
        self.protocol.dataReceived(octets)

    def answer(self, action: dict[str, str], text: str = "Response: Success", **more: object) -> None:
        """Asterisk answers an action."""
        self.give(block(text, ActionID=action["ActionID"], **more))


class Switch:
    """Asterisk: where the client connects to.

    Attributes:
        there: whether it takes connections; links: those made.
        members: answers of QueueStatus, without ActionID.
    """

    def __init__(self) -> None:
        self.there = True
        self.links: list[Link] = []

    def connect(self, factory: Any) -> Deferred[Any]:
        """As an endpoint."""
        if not self.there:
            return fail(ConnectionRefusedError())
        link, protocol = Link(), factory.buildProtocol(None)
        link.protocol = protocol
        self.links.append(link)
        protocol.makeConnection(link)
        return succeed(protocol)

    @property
    def link(self) -> Link:
        """The newest link."""
        return self.links[-1]


class Rig:
    """A client on a clock set by hand, and its Asterisk."""

    def __init__(self, *, up: bool = True, **settings: float) -> None:
        self.clock, self.switch = Clock(), Switch()
        self.client = AmiClient(self.switch, "shouwen", SECRET, self.clock, **settings)  # type: ignore[arg-type]
        self.said: list[str] = []
        self.client.on_up.append(lambda: self.said.append("up"))
        self.client.on_down.append(lambda reason: self.said.append("down"))
        if up:
            self.client.start()
            self.let_in()

    def now(self) -> datetime:
        """The time of day on that clock."""
        return T0 + timedelta(seconds=self.clock.seconds())

    @property
    def link(self) -> Link:
        """The newest link."""
        return self.switch.link

    def let_in(self) -> None:
        """Greet, take the login, and be booted."""
        self.link.give(GREETING)
        (login,) = self.link.actions()
        assert login["Action"] == "Login"
        self.link.answer(login, "Response: Success; Message: Authentication accepted")
        self.link.give(block("Event: FullyBooted; Privilege: system,all; Status: Fully Booted"))

    def event(self, text: str, **more: object) -> None:
        """Asterisk tells an event."""
        self.link.give(block("Event: " + text, **more))
