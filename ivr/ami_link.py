"""One connection to the manager interface, and pyst2's actions on it. Octets are `ivr.ami_wire`'s.

All methods of pyst2's `Manager` end in `send_action`, which here returns a Deferred instead of blocking. An answer belongs
to the action with its ActionID, whatever comes between; one that never comes has failed after a while.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Protocol, cast

from asterisk.manager import Manager
from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from ivr.ami_wire import AmiBusy, AmiError, AmiLate, AmiLost, AmiRefused, BadAction, Message, RemoteProtocolError, Wire, encode

log = logging.getLogger(__name__)

EVENTS = "system,call,agent,cdr,user"
"""Classes of events that are asked for; dialplan (VarSet, Newexten) and reporting (TestEvent) would be most of them."""
PENDING_MAX = 1000
"""Actions that may wait for their answers at once."""
LIST_MAX = 50_000
"""Events of one list (QueueStatus, CoreShowChannels)."""

Fields = Mapping[str, Any]


class Clock(Protocol):
    """The reactor's clock."""

    def seconds(self) -> float:
        """Seconds that never go back."""

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any) -> Any:
        """Call something after `delay` seconds."""


class Actions(Manager):  # type: ignore[misc]  # pyst2 has no types
    """pyst2's actions, each returning a Deferred of its answer; what belongs to its threads is taken away."""

    def __init__(self) -> None:
        """Start no threads."""

    def __del__(self) -> None:
        """Close nothing."""

    def send_action(self, cdict: Fields | None = None, **kwargs: Any) -> Deferred[Message]:
        """Send an action.

        Args:
            cdict, kwargs: its headers; a list gives several of one name.
        Returns: fires with the answer; fails with AmiRefused (`Response: Error`), AmiLate, AmiLost, AmiBusy or BadAction.
        """
        raise NotImplementedError

    def listed(self, cdict: Fields | None = None, **kwargs: Any) -> Deferred[list[Message]]:
        """Send an action that is answered by a list; fires with the list's events, without the one that ends it."""
        raise NotImplementedError

    def login(self, username: str, secret: str) -> Deferred[Message]:
        """Log in; fails with AmiRefused if Asterisk does not know us."""
        return self.send_action({"Action": "Login", "Username": username, "Secret": secret, "Events": EVENTS})

    def connect(self, *_args: Any) -> None:
        """Pyst2's own connection does not exist here."""
        raise NotImplementedError("the client connects by itself")

    close = register_event = unregister_event = message_loop = event_dispatch = connect


class _Pending:
    """One action that waits for its answer."""

    __slots__ = ("deadline", "done", "events", "name")

    def __init__(self, name: str, done: Deferred[Any], events: list[Message] | None) -> None:
        self.name, self.done, self.events = name, done, events
        self.deadline: Any = None


class AmiProtocol(TwistedProtocol, Actions):
    """One connection to Asterisk."""

    def __init__(self, clock: Clock, action_s: float, on_event: Callable[[Message], None], on_turn: Callable[[], None]) -> None:
        """Wire a connection.

        Args:
            action_s: seconds after which an unanswered action has failed.
            on_event: told each event.
            on_turn: told when all events of one read have been told.
        """
        super().__init__()
        self.wire = Wire()
        self.greeted: Deferred[None] = Deferred()
        self.on_lost: Callable[[Failure], None] = lambda _reason: None
        self.on_skipped: Callable[[int], None] = lambda _number: None
        self.heard_at = clock.seconds()
        self._clock, self._action_s, self._on_event, self._on_turn = clock, action_s, on_event, on_turn
        self._pending: dict[str, _Pending] = {}
        self._lists = 0
        self._ids = count(1)
        self._gone = False
        self._skipped = 0

    # Twisted calls these.

    def connectionMade(self) -> None:
        """Wait for the greeting."""
        cast(Any, self.transport).setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """Match answers, tell events."""
        self.heard_at = self._clock.seconds()
        try:
            messages = self.wire.receive_data(data)
        except RemoteProtocolError as error:
            self.drop(str(error))
            return
        if self.wire.greeted and not self.greeted.called:
            self.greeted.callback(None)
        for message in messages:
            try:
                self._take(message)
            except Exception:  # a bug must cost neither the link nor the other events
                log.exception("AMI: %r could not be dealt with", message)
        if self.wire.skipped > self._skipped:
            self.on_skipped(self.wire.skipped - self._skipped)
            self._skipped = self.wire.skipped
            log.warning("AMI: a message was longer than is read; %d skipped on this link", self._skipped)
        if messages:
            self._on_turn()

    def connectionLost(self, reason: Failure = Failure(AmiLost("the link was lost"))) -> None:  # noqa: B008 - Twisted's signature
        """Fail whatever waits."""
        self._gone = True
        pending, self._pending = self._pending, {}
        self._lists = 0
        for each in pending.values():
            _stop(each)
            each.done.errback(AmiLost(f"the link went before {each.name} was answered"))
        if not self.greeted.called:
            self.greeted.errback(AmiLost(str(reason.value)))
        self.on_lost(reason)

    # pyst2's actions end here.

    def send_action(self, cdict: Fields | None = None, **kwargs: Any) -> Deferred[Message]:
        """As described at `Actions`."""
        return self._send({**(cdict or {}), **kwargs}, None)

    def listed(self, cdict: Fields | None = None, **kwargs: Any) -> Deferred[list[Message]]:
        """As described at `Actions`."""
        return cast("Deferred[list[Message]]", self._send({**(cdict or {}), **kwargs}, []))

    def close(self) -> None:
        """Close in good order."""
        if self.transport is not None and not self._gone:
            cast(Any, self.transport).loseConnection()

    def drop(self, reason: str) -> None:
        """Cut the connection at once."""
        if self.transport is not None and not self._gone:
            log.debug("AMI: link cut: %s", reason)
            cast(Any, self.transport).abortConnection()

    def _send(self, fields: Fields, events: list[Message] | None) -> Deferred[Any]:
        name = str(fields.get("Action", ""))
        if self._gone or self.transport is None:
            return fail(AmiLost(f"no link for {name}"))
        if len(self._pending) >= PENDING_MAX:
            return fail(AmiBusy(f"no room for {name}: {PENDING_MAX} actions wait for their answers"))
        action_id = str(fields.get("ActionID") or f"shouwen-{next(self._ids)}")
        if action_id in self._pending:
            return fail(BadAction(f"{name} has the ActionID of another action under way"))
        pairs = [("Action", name), ("ActionID", action_id)]
        for key, value in fields.items():
            if key not in ("Action", "ActionID"):
                pairs += [(key, str(each)) for each in (value if isinstance(value, list | tuple) else (value,))]
        try:
            octets = encode(pairs)
        except BadAction as error:
            return fail(error)
        done: Deferred[Any] = Deferred(lambda _: self._cancelled(action_id))
        pending = self._pending[action_id] = _Pending(name, done, events)
        self._lists += events is not None
        pending.deadline = self._clock.callLater(self._action_s, self._late, action_id)
        cast(Any, self.transport).write(octets)
        return done

    def _take(self, message: Message) -> None:
        if not message.event:
            if message.is_answer:
                self._answered(message)
            return
        if self._lists and b"\r\nActionID:" in message.octets and self._listing(message):
            return
        self._on_event(message)

    def _answered(self, message: Message) -> None:
        action_id = message.get("ActionID")
        pending = self._pending.get(action_id)
        if pending is None:
            log.debug("AMI: an answer that nobody waits for")
        elif not message.succeeded:
            self._forget(action_id)
            words = [each for each in (message.get("Message"), message.get("Output")) if each]
            pending.done.errback(AmiRefused(": ".join(words) or "refused without a reason"))
        elif pending.events is None:
            self._forget(action_id)
            pending.done.callback(message)

    def _listing(self, message: Message) -> bool:
        action_id = message.get("ActionID")
        pending = self._pending.get(action_id)
        if pending is None or pending.events is None:
            return False
        if message.get("EventList").startswith("Complete"):
            self._forget(action_id)
            pending.done.callback(pending.events)
        elif message.get("EventList").startswith("cancel") or len(pending.events) >= LIST_MAX:
            self._forget(action_id)
            pending.done.errback(AmiError(f"the list for {pending.name} is not whole"))
        else:
            pending.events.append(message)
        return True

    def _cancelled(self, action_id: str) -> None:
        self._forget(action_id)

    def _late(self, action_id: str) -> None:
        pending = self._forget(action_id)
        if pending is not None:
            pending.done.errback(AmiLate(f"{pending.name} was not answered in {self._action_s:g} s"))

    def _forget(self, action_id: str) -> _Pending | None:
        pending = self._pending.pop(action_id, None)
        if pending is not None:
            _stop(pending)
            self._lists -= pending.events is not None
        return pending


def _stop(pending: _Pending) -> None:
    if pending.deadline is not None and pending.deadline.active():
        pending.deadline.cancel()
