"""Posts to hooks: their status counts, and what else they answer costs nothing."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport

from hotline.testcalls.posting import ANSWER_S, REPLY_MOST, poster


class Hooked:
    """A post that is under way, and the far end's side of it."""

    def __init__(self) -> None:
        reactor = MemoryReactorClock()
        self.clock = reactor
        asked: Deferred[int] = poster(_Resolving(reactor))("http://127.0.0.1:8/alarm", b"{}", {"X": "1"})
        self.statuses: list[Any] = []
        asked.addBoth(self.statuses.append)
        reactor.advance(0.1)
        _host, port, factory, *_ = reactor.tcpClients[0]
        protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", port))
        self.protocol, self.transport = protocol, StringTransport()
        protocol.makeConnection(self.transport)
        reactor.pump([0.0] * 4)  # the body is written in turns

    def say(self, octets: bytes) -> None:
        self.protocol.dataReceived(octets)


class _Resolving:
    """A reactor in memory that takes addresses for names."""

    def __init__(self, reactor: MemoryReactorClock) -> None:
        self._reactor = reactor
        self.nameResolver = self

    def resolveHostName(self, receiver: Any, host: str, portNumber: int, *_: object, **__: object) -> Any:
        receiver.resolutionBegan(None)
        receiver.addressResolved(IPv4Address("TCP", host, portNumber))
        receiver.resolutionComplete()
        return receiver

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


def test_the_status_is_told_and_the_reply_is_dropped() -> None:
    hook = Hooked()
    assert hook.transport.value().startswith(b"POST /alarm HTTP/1.1\r\n")
    assert hook.transport.value().endswith(b"\r\n\r\n{}")
    hook.say(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert hook.statuses == [204]


def test_a_status_needs_no_whole_reply() -> None:
    hook = Hooked()
    hook.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    assert hook.statuses == []
    hook.say(b" of it")
    assert hook.statuses == [200]


def test_a_reply_that_never_ends_is_cut_off() -> None:
    hook = Hooked()
    hook.say(b"HTTP/1.1 503 No\r\n\r\n")
    for _ in range(REPLY_MOST // 1000):
        hook.say(bytes(1000))
    assert (hook.statuses, hook.transport.disconnecting) == ([], False)
    hook.say(bytes(1000))
    assert (hook.statuses, hook.transport.disconnecting) == ([503], True)


def test_a_hook_that_is_silent_in_mid_reply_is_given_up() -> None:
    hook = Hooked()
    hook.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    hook.clock.advance(ANSWER_S + 1)
    assert len(hook.statuses) == 1
    assert not isinstance(hook.statuses[0], int)
    assert hook.transport.disconnecting or hook.transport.disconnected
