"""A link of sms.esme on a StringTransport, and an endpoint whose connections are made or refused when told so."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sms import pdu as p
from sms.esme import TICK_S, Link
from sms.pdu import BindKind, BindResp, DataSm, DeliverSm, SubmitSm, decode, encode
from sms.session import Session
from tests.kit.edge import ANN, NUMBER
from tests.kit.string_esme import Link as Transport

CREDENTIALS = {"system_id": "shouwen", "password": "secret"}


class Wire(Transport):
    """A transport that reports its end as a socket does: later, and once."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.link = clock, None
        self.stuck = False

    def loseConnection(self) -> None:
        """Closed when all is written, which never is when it is stuck."""
        super().loseConnection()
        if not self.stuck:
            self.clock.callLater(0, self.lost)

    def abortConnection(self) -> None:
        """Closed at once."""
        super().abortConnection()
        self.clock.callLater(0, self.lost)

    def lost(self) -> None:
        """Tell the protocol."""
        link, self.link = self.link, None
        if link is not None:
            link.connectionLost(Failure(ConnectionLost()))

    def pdus(self) -> list[Any]:
        """What was written since the last call."""
        octets = self.value()
        self.clear()
        return [decode(raw) for raw in p.Splitter().feed(octets)]


class Owner:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.opened: Deferred[Any] = succeed(None)
        self.bug: type[Exception] | None = None

    def opening(self, link: Link) -> Deferred[Any]:
        return self.opened

    def bound(self, link: Link) -> None:
        self.told.append(("bound",))

    def delivered(self, link: Link, pdu: DeliverSm | DataSm) -> None:
        if self.bug:
            raise self.bug
        self.told.append(("delivered", pdu.sequence))
        link.acknowledge(pdu)

    def answered(self, link: Link, token: Any, response: Any) -> None:
        self.told.append(("answered", token, response.status))

    def late(self, link: Link, token: Any) -> None:
        self.told.append(("late", token))

    def testing(self, link: Link) -> None:
        self.told.append(("testing",))

    def heard_back(self, link: Link) -> None:
        self.told.append(("heard back",))

    def lost(self, link: Link, unanswered: list[Any], reason: str) -> None:
        self.told.append(("lost", unanswered, reason))

    def turn_ended(self, link: Link) -> None:
        if self.bug:
            raise self.bug

    def said(self) -> list[tuple[Any, ...]]:
        """What it was told since the last call."""
        told, self.told = self.told, []
        return told


class Rig:
    """A link, its transport, its clock and its owner."""

    def __init__(self, kind: BindKind = BindKind.TRANSCEIVER, *, bind: bool = True, connect: bool = True, **session: Any) -> None:
        self.clock, self.owner = Clock(), Owner()
        self.wire = Wire(self.clock)
        self.session = Session(kind, **{"response_timeout_s": 10, "enquire_interval_s": 30, "enquire_timeout_s": 10} | session)
        self.link = Link(self.session, self.owner, "SMSC main", self.clock, CREDENTIALS)
        self.ready: list[Any] = []
        self.link.ready.addBoth(self.ready.append)
        if connect:
            self.connect()
            if bind:
                self.get(BindResp(self.wire.pdus()[0].sequence, 0, kind, "SMSC"))
                assert self.owner.said() == [("bound",)]

    def connect(self) -> None:
        self.wire.link = self.link
        self.link.makeConnection(self.wire)

    def get(self, *pdus: Any) -> list[Any]:
        """The SMSC says something; returns what is written at once."""
        self.link.dataReceived(b"".join(map(encode, pdus)))
        return self.wire.pdus()

    def submit(self, token: str) -> None:
        self.link.submit(SubmitSm(0, 0, 1, NUMBER, 1, 1, ANN, payload=b"hi"), token)
        self.link.flush()

    def pass_(self, seconds: float) -> None:
        steps = max(1, int(seconds / TICK_S))
        self.clock.pump([seconds / steps] * steps)

    def ended(self) -> None:
        """The link is gone, and no timer is left."""
        assert self.session.closed
        assert self.wire.link is None
        assert self.clock.getDelayedCalls() == []


class Endpoint:
    """Connections under control: each `connect` waits for `accept` or `refuse`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.attempts: list[tuple[Deferred[Any], Any]] = []
        self.wire: Wire | None = None
        self.cancelled = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        attempt: Deferred[Any] = Deferred(lambda _: setattr(self, "cancelled", self.cancelled + 1))
        self.attempts.append((attempt, factory))
        return attempt

    def accept(self) -> Link:
        attempt, factory = self.attempts.pop(0)
        link: Link = factory.buildProtocol(None)
        self.wire = Wire(self.clock)
        self.wire.link = link
        link.makeConnection(self.wire)
        attempt.callback(link)
        return link

    def refuse(self) -> None:
        self.attempts.pop(0)[0].errback(ConnectionRefusedError())

    def bound(self, status: int = 0) -> Link:
        """A connection whose bind is answered."""
        link = self.accept()
        assert self.wire is not None
        bind = self.wire.pdus()[0]
        link.dataReceived(encode(BindResp(bind.sequence, status, BindKind.TRANSCEIVER)))
        return link
