"""The Twisted side of SMPP: connect, bind, keep alive, reconnect. The protocol itself is `sms.session`.

One `Bind` is one bind of one SMSC, kept up by Twisted's ClientService with growing, jittered delays. Octets are
written once per turn of the reactor; a peer that stops reading is not read from until it reads again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocolFactory, IPushProducer, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from sms.errors import LocalProtocolError
from sms.pdu import DataSm, DeliverSm, SubmitSm
from sms.session import Session
from sms.session_events import (
    Answered,
    BindRefused,
    Bound,
    Event,
    Failed,
    Garbled,
    LateAnswer,
    LineAlive,
    LinkDead,
    ResponseLate,
    SendEnquireLink,
    Token,
    Unbound,
    Unexpected,
)
from sms.status import words

log = logging.getLogger(__name__)

TICK_S = 0.5
"""How often deadlines are looked at, in seconds; they are whole seconds and longer."""


class BindFailed(Exception):
    """The SMSC refused the bind, or the link went before it answered."""


class Clock(Protocol):
    """The reactor's clock."""

    def seconds(self) -> float:
        """Seconds that never go back."""

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any) -> Any:
        """Call something after `delay` seconds."""


class Owner(Protocol):
    """What a link tells: whoever owns the bind."""

    def opening(self, link: Link) -> Deferred[Any]:
        """A connection is there; the bind is sent when this fires."""

    def bound(self, link: Link) -> None:
        """The SMSC accepted the bind."""

    def delivered(self, link: Link, pdu: DeliverSm | DataSm) -> None:
        """A text or a receipt came; answer it with `link.acknowledge`."""

    def answered(self, link: Link, token: Token, response: Any) -> None:
        """A request was answered; late answers too."""

    def late(self, link: Link, token: Token) -> None:
        """A request has had no answer in time."""

    def testing(self, link: Link) -> None:
        """The line is about to be tested."""

    def heard_back(self, link: Link) -> None:
        """The SMSC has read all that was written up to the last test of the line."""

    def lost(self, link: Link, unanswered: list[Token], reason: str) -> None:
        """The link is gone; what became of these requests is unknown."""

    def turn_ended(self, link: Link) -> None:
        """All that came in one read has been told."""


@implementer(IPushProducer)
class Link(TwistedProtocol):
    """One connection to an SMSC."""

    def __init__(self, session: Session, owner: Owner, name: str, clock: Clock, credentials: dict[str, Any]) -> None:
        """Wire a link; `credentials` are the arguments of `Session.bind`."""
        self.session, self.name = session, name
        self.ready: Deferred[Link] = Deferred(lambda _: self._abort())
        self.on_lost: Callable[[Failure], None] = lambda _reason: None
        self._owner, self._clock, self._credentials = owner, clock, credentials
        self._out: list[bytes] = []
        self._warned = False
        self._ticks = LoopingCall(self._tick)
        self._ticks.clock = cast(Any, clock)
        self._reason = ""

    # Twisted calls these.

    def connectionMade(self) -> None:
        """Prepare, then bind."""
        transport = cast(Any, self.transport)
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self._owner.opening(self).addCallbacks(self._bind, self._cannot_open)

    def dataReceived(self, data: bytes) -> None:
        """Tell what the octets say, then write what they asked for."""
        for event in self.session.receive_data(data, self._clock.seconds()):
            if type(event) is DeliverSm:
                self._owner.delivered(self, event)
            elif type(event) is Answered:
                self._owner.answered(self, event.token, event.response)
            else:
                self._rare(event)
        self._owner.turn_ended(self)
        self.flush()

    def connectionLost(self, reason: Failure = Failure(BindFailed("the link was lost"))) -> None:  # noqa: B008 - Twisted's signature
        """Hand back what was never answered."""
        if self._ticks.running:
            self._ticks.stop()
        self._reason = self._reason or str(reason.value)
        unanswered = self.session.abandon()
        if not self.ready.called:
            self.ready.errback(BindFailed(self._reason))
        self._owner.lost(self, unanswered, self._reason)
        self.on_lost(reason)

    def pauseProducing(self) -> None:
        """The SMSC does not read: read nothing from it either, so that answers can't pile up."""
        if self.transport is not None:
            cast(Any, self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        """The SMSC reads again."""
        if self.transport is not None:
            cast(Any, self.transport).resumeProducing()

    def stopProducing(self) -> None:
        """The transport is closing; `connectionLost` follows."""

    # The owner calls these; nothing is written before `flush`.

    def submit(self, pdu: SubmitSm, token: Token) -> None:
        """Send a submit_sm; raises as `Session.submit`."""
        self._out.append(self.session.submit(pdu, token, self._clock.seconds()))

    def acknowledge(self, pdu: DeliverSm | DataSm, status: int = 0) -> None:
        """Answer a text or receipt; status 0 says that it is stored. On a link that has gone it is not said; it comes again."""
        try:
            if type(pdu) is DataSm:
                self._out.append(self.session.data_resp(pdu.sequence, status))
            else:
                self._out.append(self.session.deliver_resp(pdu.sequence, status))
        except LocalProtocolError:
            log.info("%s: the link went before a text could be acknowledged; it will come again", self.name)

    def test_line(self) -> None:
        """Send an enquire_link now."""
        if self.session.bound:
            self._owner.testing(self)
            self._out.append(self.session.enquire_link(self._clock.seconds()))

    def flush(self) -> None:
        """Write what has gathered."""
        out = self._out
        octets = self.session.data_to_send()
        if octets:
            out.append(octets)
        if out and self.transport is not None:
            cast(Any, self.transport).write(b"".join(out))
            out.clear()

    def close(self) -> None:
        """Unbind in good order, or drop a link that is not bound."""
        if self.session.bound:
            self._out.append(self.session.unbind(self._clock.seconds()))
            self.flush()
        elif self.transport is not None:
            cast(Any, self.transport).loseConnection()

    def _bind(self, _opened: object) -> None:
        if self.session.closed:
            return
        self._out.append(self.session.bind(self._clock.seconds(), **self._credentials))
        self._ticks.start(TICK_S, now=False)
        self.flush()

    def _cannot_open(self, failure: Failure) -> None:
        self._end(f"not ready to receive texts: {failure.value}")

    def _tick(self) -> None:
        for event in self.session.tick(self._clock.seconds()):
            self._rare(event)
        self._owner.turn_ended(self)
        self.flush()

    def _rare(self, event: Event) -> None:
        if isinstance(event, DataSm):
            self._owner.delivered(self, event)
        elif isinstance(event, LateAnswer):
            self._owner.answered(self, event.token, event.response)
        elif isinstance(event, ResponseLate):
            self._owner.late(self, event.token)
        elif isinstance(event, LineAlive):
            self._owner.heard_back(self)
        elif isinstance(event, SendEnquireLink):
            self.test_line()
        elif isinstance(event, Bound):
            self._owner.bound(self)
            self.ready.callback(self)
        elif isinstance(event, BindRefused):
            self._end(f"bind refused: {words(event.status)}")
        elif isinstance(event, LinkDead | Failed):
            self._end(event.reason)
        elif isinstance(event, Unbound):
            self._end("unbound by the SMSC" if event.by_peer else "unbound")
        else:
            self._odd(event)

    def _odd(self, event: Event) -> None:
        """One warning a link: a peer that sends rubbish must not fill the log too."""
        if isinstance(event, Garbled) and event.token is not None:
            self._owner.late(self, event.token)
        if not self._warned:
            self._warned = True
            what = str(event.error) if isinstance(event, Garbled) else f"{type(event).__name__} {_kind(event)}"
            log.warning("%s: the SMSC sent what it must not: %s; more of it on this link is not logged", self.name, what)

    def _end(self, reason: str) -> None:
        self._reason = reason
        self.flush()
        if self.transport is not None:
            cast(Any, self.transport).loseConnection()
            # a peer that no longer reads would keep the connection open for ever
            self._clock.callLater(5, self._abort)

    def _abort(self) -> None:
        if self.transport is not None and self.session.closed is False:
            cast(Any, self.transport).abortConnection()


def _kind(event: Event) -> str:
    return type(event.pdu).__name__ if isinstance(event, Unexpected) else ""


@implementer(IStreamClientEndpoint)
class BoundEndpoint:
    """An endpoint whose connections are bound: an attempt that is refused or cut before that has failed like any other."""

    def __init__(self, endpoint: IStreamClientEndpoint, make_link: Callable[[], Link]) -> None:
        """Wrap `endpoint`; `make_link` makes each connection's protocol. `link` is the newest."""
        self.link: Link | None = None
        self._endpoint: Any = endpoint
        self._make_link = make_link

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:  # noqa: N803 - Twisted's name
        """Connect and bind; fires with a protocol of the factory's that stands for the link."""
        link = self.link = self._make_link()
        factory: Any = Factory.forProtocol(lambda: link)
        factory.noisy = False

        def bound(_link: Link) -> Any:
            stand_in: Any = protocolFactory.buildProtocol(cast(Any, None))
            stand_in.makeConnection(link.transport)
            link.on_lost = stand_in.connectionLost
            return stand_in

        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(lambda _: link.ready).addCallback(bound)


class Bind:
    """One bind, kept up until `stop`."""

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        make_link: Callable[[], Link],
        name: str,
        clock: Clock,
        *,
        delays_s: tuple[float, float] = (1, 60),
        failed: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        """Wire a bind.

        Args:
            make_link: makes each connection's protocol.
            delays_s: the first and the longest wait between attempts.
            failed: told why an attempt failed.
        """
        self.name = name
        self._failed, self._clock = failed, clock
        self._endpoint = BoundEndpoint(endpoint, make_link)
        factory: Any = Factory.forProtocol(TwistedProtocol)
        factory.noisy = False
        policy = backoffPolicy(initialDelay=delays_s[0], maxDelay=delays_s[1], factor=1.6)
        self._service = ClientService(cast(Any, self._endpoint), factory, retryPolicy=policy, clock=cast(Any, clock))

    def start(self) -> None:
        """Begin to connect."""
        self._service.startService()
        self._watch()

    def _watch(self) -> None:
        """Have the next failed attempt told; ClientService itself keeps trying in silence."""
        self._service.whenConnected(failAfterFailures=1).addCallbacks(lambda _link: None, self._attempt_failed)

    def _attempt_failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._failed(str(failure.value) or type(failure.value).__name__)
            self._clock.callLater(1, self._watch)

    def stop(self) -> Deferred[None]:
        """Unbind, close, and connect no more; fires when the link is gone."""
        if self._endpoint.link is not None:
            self._endpoint.link.close()
        return self._service.stopService()
