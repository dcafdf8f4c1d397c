"""The Twisted side of SMPP: connect, bind, keep alive, reconnect. The protocol itself is `sms.session`.

One `Bind` is one bind of one SMSC, kept up by Twisted's ClientService with growing, jittered delays. Octets are
written once per turn of the reactor; a peer that stops reading is not read from until it reads again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import random
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
CLOSE_S = 2.0
"""How long a link may take to end in good order, in seconds."""
DRAIN_S = 1.0
"""How much of that may be spent on waiting for the answers to what was submitted."""
RX_P_APPN = 0x65
"""ESME_RX_P_APPN: never, do not send it again (SMPP 3.4 §5.1.3)."""


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
        self._warned = self._lost = self._leaving = self._produces = False
        self._leave_by = 0.0
        self._abortion: Any = None
        self._ticks = LoopingCall(self._tick)
        self._ticks.clock = cast(Any, clock)
        self._reason = ""

    # Twisted calls these.

    def connectionMade(self) -> None:
        """Prepare, then bind."""
        cast(Any, self.transport).setTcpNoDelay(True)
        self._owner.opening(self).addCallback(self._bind).addErrback(self._cannot_open)

    def dataReceived(self, data: bytes) -> None:
        """Tell what the octets say, then write what they asked for."""
        for event in self.session.receive_data(data, self._clock.seconds()):
            try:
                if type(event) is DeliverSm:
                    self._owner.delivered(self, event)
                elif type(event) is Answered:
                    self._owner.answered(self, event.token, event.response)
                else:
                    self._rare(event)
            except Exception:  # a bug must cost neither the link nor the other events
                log.exception("%s: %s could not be dealt with", self.name, type(event).__name__)
                self._refuse(event)
        self._end_turn()

    def connectionLost(self, reason: Failure = Failure(BindFailed("the link was lost"))) -> None:  # noqa: B008 - Twisted's signature
        """Hand back what was never answered."""
        self._lost = True
        if self._ticks.running:
            self._ticks.stop()
        if self._abortion is not None and self._abortion.active():
            self._abortion.cancel()
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
            log.debug("%s: the link went before a text could be acknowledged; it will come again", self.name)

    def test_line(self) -> None:
        """Send an enquire_link now, unless one is under way."""
        if self.session.bound and not self.session.asking:
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
        """Unbind in good order, or drop a link that is not bound; gone in CLOSE_S seconds at most.

        What was submitted is waited for first, DRAIN_S at most: a text whose answer is missed is sent twice.
        """
        if not self.session.bound:
            self._end("closed")
            return
        self._leaving, self._leave_by = True, self._clock.seconds() + DRAIN_S
        self._abort_later()
        self._leave()
        self.flush()

    def _leave(self) -> None:
        if self.session.bound and (not self.session.outstanding or self._clock.seconds() >= self._leave_by):
            self._out.append(self.session.unbind(self._clock.seconds()))

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
            try:
                self._rare(event)
            except Exception:  # a bug must cost neither the link nor the other events
                log.exception("%s: %s could not be dealt with", self.name, type(event).__name__)
                self._refuse(event)
        self._end_turn()

    def _end_turn(self) -> None:
        try:
            self._owner.turn_ended(self)
        except Exception:  # a bug must not stop the deadlines, nor cost a link with all that is under way
            log.exception("%s: a turn failed", self.name)
        if self._leaving:
            self._leave()
        self.flush()

    def _refuse(self, event: Event) -> None:
        """A text that meets a bug is refused for good, or it would come for ever."""
        if isinstance(event, DeliverSm | DataSm):
            self.acknowledge(event, RX_P_APPN)

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
            # not before TLS has shaken hands: while it does, its writes wait for reads
            cast(Any, self.transport).registerProducer(self, True)
            self._produces = True
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
        if self.transport is not None and not self._lost:
            transport = cast(Any, self.transport)
            if self._produces:
                self._produces = False
                transport.unregisterProducer()  # a transport waits for its producer to finish
            transport.loseConnection()
            self._abort_later()

    def _abort_later(self) -> None:
        """A peer that no longer reads would keep the connection open for ever."""
        if self._abortion is None:
            self._abortion = self._clock.callLater(CLOSE_S, self._abort)

    def _abort(self) -> None:
        if self.transport is not None and not self._lost:
            cast(Any, self.transport).abortConnection()


def _kind(event: Event) -> str:
    return type(event.pdu).__name__ if isinstance(event, Unexpected) else ""


@implementer(IStreamClientEndpoint)
class BoundEndpoint:
    """An endpoint whose connections are bound: an attempt that is refused or cut before that has failed like any other."""

    def __init__(self, endpoint: IStreamClientEndpoint, make_link: Callable[[], Link], failed: Callable[[str], None]) -> None:
        """Wrap `endpoint`; `make_link` makes each connection's protocol, `failed` is told why an attempt failed.

        `link` is the one that is bound; those in `awaited` fire when that has ended.
        """
        self.link: Link | None = None
        self.awaited: list[Deferred[None]] = []
        self._endpoint: Any = endpoint
        self._make_link, self._failed = make_link, failed

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:  # noqa: N803 - Twisted's name
        """Connect and bind; fires with a protocol of the factory's that stands for the link."""
        link = self._make_link()
        factory: Any = Factory.forProtocol(lambda: link)
        factory.noisy = False

        def bound(_link: Link) -> Any:
            self.link = link
            stand_in: Any = cast(Any, protocolFactory).buildProtocol(None)
            stand_in.makeConnection(link.transport)
            link.on_lost = lambda reason: lost(stand_in, reason)
            return stand_in

        def lost(stand_in: Any, reason: Failure) -> None:
            self.link = None
            stand_in.connectionLost(reason)
            awaited, self.awaited = self.awaited, []
            for each in awaited:
                each.callback(None)

        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(lambda _: link.ready).addCallbacks(bound, self._tell)

    def _tell(self, failure: Failure) -> Failure:
        if not failure.check(CancelledError):
            self._failed(str(failure.value) or type(failure.value).__name__)
        return failure


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
            failed: told why an attempt failed, each time.
        """
        self.name = name
        self._endpoint = BoundEndpoint(endpoint, make_link, failed)
        factory: Any = Factory.forProtocol(TwistedProtocol)
        factory.noisy = False
        first_s, most_s = delays_s
        jitter = lambda: random() * first_s  # noqa: E731, S311 - Twisted's own is up to a second, whatever the delays
        policy = backoffPolicy(initialDelay=first_s, maxDelay=most_s, factor=1.6, jitter=jitter)
        self._service = ClientService(cast(Any, self._endpoint), factory, retryPolicy=policy, clock=cast(Any, clock))

    def start(self) -> None:
        """Begin to connect."""
        self._service.startService()

    def stop(self) -> Deferred[Any]:
        """Unbind, close, and connect no more; fires when the link is gone."""
        link = self._endpoint.link
        if link is None:
            return self._service.stopService()
        gone: Deferred[None] = Deferred()
        self._endpoint.awaited.append(gone)
        link.close()
        return gone.addCallback(lambda _: self._service.stopService())
