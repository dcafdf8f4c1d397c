"""Sockets that are looked at together: real ones on this machine, a reactor that is stepped by hand."""

from __future__ import annotations

import logging
import os
import select
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from ivr.gathering import GATHER_S, MUCH, Gathering, gathered


class Reactor(Clock):
    """Watches what it is given; `turn` is one way through it."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        """Watch."""
        assert reader not in self.readers
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        """Watch no more."""
        self.readers.remove(reader)

    def turn(self) -> int:
        """Let readers read; returns how many had something."""
        found = [each for each in self.readers if select.select([each], [], [], 0.05)[0]]
        for each in found:
            each.doRead()
        return len(found)


class Echo(Protocol):
    """Answers each piece by itself; "fail" by an error."""

    def __init__(self, net: Net) -> None:
        self.net = net

    def dataReceived(self, data: bytes) -> None:
        """Note and answer."""
        self.net.heard.append(data)
        if data == b"fail":
            raise ValueError("a bug")
        self.transport.write(data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Any = None) -> None:
        """Note."""
        self.net.lost.append(type(reason.value).__name__)


class Net:
    """A listening Gathering, and callers."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.gathering = Gathering(self.reactor)
        self.heard: list[bytes] = []
        self.lost: list[str] = []
        self.factory: Any = Factory.forProtocol(lambda: Echo(self))  # type: ignore[arg-type]
        self.port = self.gathering.listenTCP(0, self.factory, interface="127.0.0.1")
        self.callers: list[socket.socket] = []

    def call(self, number: int = 1) -> list[socket.socket]:
        """So many callers, taken."""
        for _ in range(number):
            self.callers.append(socket.create_connection(("127.0.0.1", self.port.getHost().port), 2))
        self.rest()
        return self.callers[-number:]

    def rest(self) -> None:
        """Go on until nothing comes any more."""
        while self.reactor.turn() or self.reactor.getDelayedCalls():
            self.reactor.advance(GATHER_S)

    def end(self) -> None:
        """Close all."""
        for each in self.callers:
            each.close()
        self.rest()
        self.port.stopListening()
        self.rest()


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.end()


def test_what_comes_while_nothing_does_is_dealt_with_at_once(net: Net) -> None:
    (caller,) = net.call()
    caller.send(b"one")
    assert net.reactor.turn() == 1
    assert net.heard == [b"one"]


def test_what_follows_waits_for_others(net: Net) -> None:
    first, second = net.call(2)
    first.send(b"one")
    net.reactor.turn()
    first.send(b"two")
    second.send(b"three")
    assert net.reactor.turn() == 0
    net.reactor.advance(GATHER_S * 0.9)
    assert net.heard == [b"one"]
    net.reactor.advance(GATHER_S * 0.2)
    assert sorted(net.heard) == [b"one", b"three", b"two"]


def test_after_much_the_next_look_is_at_once(net: Net) -> None:
    callers = net.call(MUCH)
    for each in callers:
        each.send(b"one")
    net.reactor.turn()
    callers[0].send(b"two")
    net.reactor.advance(0)
    assert net.heard[MUCH:] == [b"two"]


def test_a_look_that_finds_nothing_is_the_last(net: Net) -> None:
    (caller,) = net.call()
    caller.send(b"one")
    net.reactor.turn()
    for _ in range(3):  # the answer is written, and one look more
        net.reactor.advance(GATHER_S)
    assert net.reactor.getDelayedCalls() == []
    assert net.reactor.readers == [net.gathering]


def test_an_answer_that_the_socket_does_not_take_at_once(net: Net) -> None:
    (caller,) = net.call()
    octets = b"x" * 50_000
    caller.sendall(octets)
    net.rest()
    got = b""
    while len(got) < len(octets):
        got += caller.recv(65536)
        net.rest()
    assert got == octets


@pytest.mark.parametrize("how", [lambda caller: caller.close(), lambda caller: caller.shutdown(socket.SHUT_WR)])
def test_a_peer_that_closes(net: Net, how: Callable[[socket.socket], None]) -> None:
    (caller,) = net.call()
    how(caller)
    net.rest()
    assert net.lost == ["ConnectionDone"]
    assert net.call()[0].send(b"x") == 1, "and its number may be given to another"
    net.rest()
    assert net.heard == [b"x"]


def test_a_number_that_a_closed_socket_has_left(net: Net) -> None:
    class Ear:
        def __init__(self, end: socket.socket) -> None:
            self.end = end

        def fileno(self) -> int:
            return self.end.fileno()

        def doRead(self) -> None:
            net.heard.append(self.end.recv(10))

    one, other = socket.socketpair()
    net.gathering.addReader(Ear(one))
    number = one.detach()
    two, another = socket.socketpair()
    os.dup2(two.fileno(), number)
    ear = Ear(socket.socket(fileno=number))
    net.gathering.addReader(ear)
    another.send(b"x")
    net.rest()
    assert net.heard == [b"x"]
    net.gathering.removeReader(ear)
    for each in (two, other, another, ear.end):
        each.close()


def test_a_connection_that_fails_costs_no_other(net: Net, caplog: pytest.LogCaptureFixture) -> None:
    first, second = net.call(2)
    first.send(b"fail")
    second.send(b"one")
    with caplog.at_level(logging.CRITICAL, "ivr.gathering"):
        net.rest()
    assert net.lost == ["ValueError"]
    assert second.recv(10) == b"one"


def test_it_connects_too(net: Net) -> None:
    class Client(Protocol):
        def connectionMade(self) -> None:
            self.transport.write(b"hello")  # type: ignore[union-attr]

        def dataReceived(self, data: bytes) -> None:
            got.append(data)

    got: list[bytes] = []
    factory: Any = Factory.forProtocol(Client)
    factory.doStart = factory.doStop = factory.startedConnecting = lambda *_: None
    factory.clientConnectionLost = factory.clientConnectionFailed = lambda *_: None
    connector = net.gathering.connectTCP("127.0.0.1", net.port.getHost().port, factory)
    net.rest()
    assert got == [b"hello"]
    connector.disconnect()


def test_the_end_of_the_reactor_is_that_of_all(net: Net) -> None:
    from twisted.internet.error import ConnectionAborted
    from twisted.python.failure import Failure

    net.call(2)
    net.gathering.connectionLost(Failure(ConnectionAborted()))
    assert net.lost == ["ConnectionAborted"] * 2


def test_where_there_is_no_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = Reactor()
    assert isinstance(gathered(reactor), Gathering)
    monkeypatch.delattr(select, "epoll")
    assert gathered(reactor) is reactor
