"""The manager interface on Twisted: connect, log in, test the link, reconnect. One connection is `ivr.ami_link`'s.

Actions are pyst2's, returning Deferreds (`client.redirect(…)`, `client.hangup(…)`). The link counts as up when Asterisk
has said that it is fully booted: its port opens earlier.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import random
from typing import Any, cast

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from ivr.ami_link import Actions, AmiProtocol, Clock, Fields
from ivr.ami_wire import AmiError, AmiLate, AmiLost, AmiRefused, Message

log = logging.getLogger(__name__)

BOOT_S = 60.0
"""How long Asterisk may take from the login to FullyBooted, in seconds."""
CONNECT_S = 3.0
"""How long a connection may take to be made, in seconds; for whoever makes the endpoint."""
DELAYS_S = (0.25, 3.0)
"""The first and the longest wait between attempts: the link is back within 5 s of the port."""
CLOSE_S = 2.0
"""How long a link may take to end in good order, in seconds."""
REFUSED_S = 15.0
"""The wait after a refused login: somebody has to mend the settings first."""


@implementer(IStreamClientEndpoint)
class _LoggedIn:
    """An endpoint whose connections are logged in: one that is refused or cut before that has failed like any other."""

    def __init__(self, endpoint: IStreamClientEndpoint, client: AmiClient) -> None:
        self._endpoint: Any = endpoint
        self._client = client

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:  # noqa: N803 - Twisted's name
        """Connect and log in; fires with a protocol of the factory's that stands for the link."""
        link = self._client.make_link()
        factory: Any = Factory.forProtocol(lambda: link)
        factory.noisy = False

        def ready(_none: object) -> Any:
            stand_in: Any = cast(Any, protocolFactory).buildProtocol(None)
            stand_in.makeConnection(link.transport)
            link.on_lost = lambda reason: lost(stand_in, reason)
            self._client.is_up(link)
            return stand_in

        def lost(stand_in: Any, reason: Failure) -> None:
            self._client.is_down(str(reason.value))
            stand_in.connectionLost(reason)

        def failed(failure: Failure) -> Failure:
            link.drop("login failed")
            self._client.attempt_failed(failure)
            return failure

        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(lambda _: self._client.log_in(link)).addCallback(ready).addErrback(failed)


class AmiClient(Actions):
    """A link to Asterisk that is kept up until `stop`.

    Attributes:
        on_up: called each time that the link is up: read again what may have changed meanwhile.
        on_down: called with the reason when a link that was up is lost.
        on_turn: called when all events of one read have been told.
        up: whether there is a link.
        title: what Asterisk called itself at the last login.
        skipped: messages that were longer than is read, since the start.
        why_down: reason of the last failure; "" while the link is up.
        links: number of links so far.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, username: str, secret: str, clock: Clock, *, action_s: float = 5, ping_s: float = 5
    ) -> None:
        """Wire a client.

        Args:
            endpoint: where Asterisk's manager interface is; give it CONNECT_S as its timeout.
            username, secret: our account in manager.conf; the secret is never logged.
            action_s: seconds after which an unanswered action has failed.
            ping_s: seconds of silence after which the link is tested.
        """
        super().__init__()
        self.on_up: list[Callable[[], None]] = []
        self.on_down: list[Callable[[str], None]] = []
        self.on_turn: list[Callable[[], None]] = []
        self.title, self.why_down, self.links = "", "not connected yet", 0
        self.skipped = 0
        self._account = (username, secret)
        self._clock, self._action_s, self._ping_s = clock, action_s, ping_s
        self._listeners: dict[str, list[Callable[[Message], None]]] = {}
        self._link: AmiProtocol | None = None
        self._booted: Deferred[None] | None = None
        self._refused = self._pinging = False
        self._pulse = LoopingCall(self._test)
        self._pulse.clock = cast(Any, clock)
        factory: Any = Factory.forProtocol(TwistedProtocol)
        factory.noisy = False
        policy = backoffPolicy(initialDelay=DELAYS_S[0], maxDelay=DELAYS_S[1], factor=1.6, jitter=lambda: random() * 0.25)  # noqa: S311
        self._service = ClientService(
            cast(Any, _LoggedIn(endpoint, self)),
            factory,
            retryPolicy=lambda attempt: REFUSED_S if self._refused else policy(attempt),
            clock=cast(Any, clock),
        )

    def on_event(self, names: str | tuple[str, ...], listener: Callable[[Message], None]) -> None:
        """Have `listener` told all events of these names; events that nobody asked for are not even read."""
        for name in (names,) if isinstance(names, str) else names:
            self._listeners.setdefault(name, []).append(listener)

    @property
    def up(self) -> bool:
        """Whether there is a link, logged in, to an Asterisk that is fully booted."""
        return self._link is not None

    def start(self) -> None:
        """Begin to connect."""
        self._service.startService()

    def stop(self) -> Deferred[Any]:
        """Close, and connect no more; fires when the link is gone, in CLOSE_S seconds at most."""
        gone = cast("Deferred[Any]", self._service.stopService())
        if self._link is not None:
            cutting = self._clock.callLater(CLOSE_S, self._link.drop, "it took too long to close")
            gone.addBoth(lambda outcome: cutting.cancel() if cutting.active() else outcome)
        return gone

    def connected(self) -> bool:
        """As pyst2's."""
        return self.up

    def send_action(self, cdict: Fields | None = None, **kwargs: Any) -> Deferred[Message]:
        """As described at `Actions`; AmiLost at once while there is no link: nothing is kept for later."""
        return self._link.send_action(cdict, **kwargs) if self._link else fail(AmiLost("there is no link to Asterisk"))

    def listed(self, cdict: Fields | None = None, **kwargs: Any) -> Deferred[list[Message]]:
        """As described at `Actions`; AmiLost at once while there is no link."""
        return self._link.listed(cdict, **kwargs) if self._link else fail(AmiLost("there is no link to Asterisk"))

    # The endpoint calls these.

    def make_link(self) -> AmiProtocol:
        """A connection's protocol."""
        link = AmiProtocol(self._clock, self._action_s, self._tell, self._turned)
        link.on_skipped = self._skipped
        return link

    def _skipped(self, number: int) -> None:
        self.skipped += number

    async def _enter(self, link: AmiProtocol) -> None:
        """Log in, and wait until Asterisk is fully booted."""
        booted: Deferred[None] = Deferred()
        self._booted = booted
        too_late = self._clock.callLater(self._action_s, link.drop, "no greeting")
        try:
            await link.greeted
            too_late.cancel()
            self.title = link.wire.title
            await link.login(*self._account)
            link.on_lost = lambda reason: _fire(booted, AmiLost(str(reason.value)))
            too_late = self._clock.callLater(BOOT_S, self._not_booted, booted)
            await booted
        finally:
            self._booted = None
            if too_late.active():
                too_late.cancel()

    def log_in(self, link: AmiProtocol) -> Deferred[None]:
        """Fires when Asterisk has taken our login and is fully booted."""
        return Deferred.fromCoroutine(self._enter(link))

    def is_up(self, link: AmiProtocol) -> None:
        """The link is up."""
        self._link, self._refused, self._pinging, self.why_down = link, False, False, ""
        self.links += 1
        log.info("AMI: connected to %s", self.title)
        self._pulse.start(self._ping_s / 2, now=False)
        self._call(self.on_up)

    def is_down(self, reason: str) -> None:
        """The link is lost; ClientService makes another."""
        self._link = None
        self._pulse.stop()
        if self._service.running:
            self._say(reason)
        self._call(self.on_down, reason)

    def attempt_failed(self, failure: Failure) -> None:
        """An attempt failed; the same reason is logged once, not at each attempt."""
        self._refused = failure.check(AmiRefused) is not None
        if not failure.check(CancelledError):
            words = str(failure.value) or type(failure.value).__name__
            self._say(f"login refused: {words}" if self._refused else words)

    def _say(self, reason: str) -> None:
        if reason != self.why_down:
            self.why_down = reason
            log.warning("AMI: no link to Asterisk: %s; trying again", reason)

    def _not_booted(self, booted: Deferred[None]) -> None:
        log.warning("AMI: no FullyBooted in %d s after the login; our account in manager.conf needs read = system", BOOT_S)
        _fire(booted, None)

    def _tell(self, message: Message) -> None:
        if self._booted is not None and message.event == "FullyBooted":
            _fire(self._booted, None)
        for listener in self._listeners.get(message.event, ()):
            try:
                listener(message)
            except Exception:  # a bug must cost neither the link nor the other listeners
                log.exception("AMI: %r could not be dealt with", message)

    def _turned(self) -> None:
        self._call(self.on_turn)

    def _call(self, hooks: list[Callable[..., None]], *args: str) -> None:
        for hook in hooks:
            try:
                hook(*args)
            except Exception:  # as in _tell
                log.exception("AMI: a hook failed")

    def _test(self) -> None:
        link = self._link
        if link is None or self._pinging or self._clock.seconds() - link.heard_at < self._ping_s:
            return
        self._pinging = True

        def dead(failure: Failure) -> None:
            if failure.check(AmiLate):
                link.drop("no answer to Ping")

        def done(_none: object) -> None:
            self._pinging = False

        link.ping().addErrback(dead).addBoth(done)


def _fire(deferred: Deferred[None], outcome: AmiError | None) -> None:
    if not deferred.called:
        deferred.callback(None) if outcome is None else deferred.errback(outcome)
