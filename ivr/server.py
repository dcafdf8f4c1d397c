"""FastAGI server: each connection of Asterisk is a call, and runs its flow in a greenlet of its own.

Theory of operation. The connection hands what comes to the reader and each reply to the greenlet that waits for it; a reply that
nobody waits for is dropped. Deadlines are looked at twice a second for all calls together, which costs less than a timer for each
command. A call ends when its flow ends, and then the connection closes: the dialplan goes on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from typing import Protocol as Port

from greenlet import getcurrent, greenlet
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from ivr.call import Call, Limits
from ivr.errors import CallEnded, CommandLate, IvrError, WireError
from ivr.greenlets import Waiting, interrupt, pause, resume, start
from ivr.replies import Environment, Reader, Reply

log = logging.getLogger(__name__)
T = TypeVar("T")

TICK_S = 0.5
"""How often deadlines are looked at."""
SURPLUS_MAX = 100
"""Replies that nobody asked for before the connection is given up."""
NEVER = float("inf")
Flow = Callable[[Call], None]


class Clock(Port):
    """The reactor's time."""

    def seconds(self) -> float:
        """As in IReactorTime."""

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        """As in IReactorTime."""


class AgiConnection(Protocol):
    """One call's wire; see `ivr.wire.Wire`."""

    transport: Any

    def __init__(self, server: AgiServer) -> None:
        """Belong to a server."""
        self.server = server
        self.limits = server.limits
        self.hung_up = False
        self.lost = False
        self._closed = False
        self.due = server.clock.seconds() + server.limits.command_s
        self._reader = Reader()
        self._green: greenlet | None = None
        self._asked = ""
        self._within_s = 0.0
        self._wait: Waiting | None = None
        self._surplus = 0
        self._send: Callable[[bytes], int] | None = None
        self._seconds = server.clock.seconds

    # -- Twisted's side

    def connectionMade(self) -> None:
        """Wait for the environment."""
        if not self.server.admit(self):
            self.lost = True
            self.transport.abortConnection()
            return
        self.transport.setTcpNoDelay(True)
        handle = getattr(self.transport, "getHandle", None)
        self._send = handle().send if handle is not None else None

    def dataReceived(self, data: bytes) -> None:
        """Hand on what Asterisk says."""
        reply = env = None
        try:
            for event in self._reader.receive_data(data):
                if type(event) is Reply:
                    # What came before a command was sent can't be its reply, so one piece of data answers one command at most.
                    if self._asked and reply is None:
                        reply = event
                    else:
                        self._unasked()
                elif type(event) is Environment:
                    env = event.values
                else:
                    self.hung_up = True
        except WireError as error:
            self.server.count("wire_error")
            log.warning("a FastAGI connection is given up: %s", error)
            self.lose()
            return
        if reply is not None and self._green is not None:
            self._asked = ""
            self.due = NEVER
            resume(self._green, reply)
        elif env is not None and not self.lost:
            self.due = NEVER
            call = Call(self, env)
            start(lambda: self._run(call))

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """Whatever waits for Asterisk ends; what waits for our own side does not."""
        self.lost = self.hung_up = self._closed = True
        self._send = None
        self.server.forget(self)
        self._interrupt(CallEnded())

    @property
    def over(self) -> bool:
        """Neither connected nor at work."""
        return self._closed and self._green is None

    # -- the call's side

    def ask(self, line: bytes, command: str, within_s: float) -> Reply:
        """See Wire."""
        if self.lost:
            raise CallEnded
        if getcurrent() is not self._green:
            raise RuntimeError("a call's commands belong into its own greenlet")
        self._asked, self._within_s = command, within_s
        self.due = self._seconds() + within_s
        self._write(line)
        reply: Reply = pause()
        return reply

    def wait(self, awaitable: Awaitable[T], within_s: float) -> T:
        """See Wire."""
        waiting = Waiting(awaitable)
        if not waiting.over:
            self._wait, self._within_s = waiting, within_s
            self.due = self._seconds() + within_s
        try:
            result: T = waiting.result()
        finally:
            self._wait = None
            self.due = NEVER
        return result

    def count(self, what: str) -> None:
        """See Wire."""
        self.server.count(what)

    # -- inside

    def late(self) -> None:
        """The deadline has passed."""
        self.due = NEVER
        if self._wait is not None:
            self.server.count("wait_late")
            self._wait.give_up(CommandLate("wait", self._within_s))
        elif self._asked:
            self.server.count("command_late")
            self._drop()
            self._interrupt(CommandLate(self._asked, self._within_s))
        else:
            self.server.count("idle")
            self._drop()

    def lose(self) -> None:
        """Cut the connection: the flow meets CallEnded at its next command."""
        self._drop()
        self._interrupt(CallEnded())

    def _drop(self) -> None:
        self.lost = self.hung_up = True
        self.transport.abortConnection()

    def _interrupt(self, error: IvrError) -> None:
        if self._asked and self._green is not None:
            self._asked = ""
            interrupt(self._green, error)

    def _unasked(self) -> None:
        self.server.count("surplus")
        self._surplus += 1
        if self._surplus > SURPLUS_MAX:
            raise WireError(f"more than {SURPLUS_MAX} replies to nothing")

    def _write(self, line: bytes) -> None:
        # Twisted's own write asks epoll twice for each line; a socket that has answered nearly always takes it at once.
        if self._send is not None:
            try:
                sent = self._send(line)
            except OSError:  # it is full, or lost: the transport finds out which
                sent = 0
            if sent == len(line):
                return
            self._send, line = None, line[sent:]
        self.transport.write(line)

    def _run(self, call: Call) -> None:
        self._green = getcurrent()
        try:
            self.server.run(call)
            call.finish()
        finally:
            self._green = None
            if self.lost:
                self.server.forget(self)
            else:  # a peer that neither reads nor closes is cut off in the end
                self.due = self._seconds() + self.limits.command_s
                self.transport.loseConnection()


class AgiServer(Factory):
    """All calls.

    Attributes:
        counts: started, hung_up, failed, refused, forbidden, unknown, command_late, wait_late, idle, wire_error, surplus,
            prompt_missing, after_failed.
        live: connections, and flows whose caller is gone while they end their work.
    """

    noisy = False

    def __init__(
        self,
        flows: Mapping[str, Flow],
        clock: Clock,
        limits: Limits | None = None,
        *,
        on_count: Callable[[str], None] = lambda _what: None,
        on_failed: Callable[[Call, Exception], None] = lambda _call, _error: None,
        allows: Callable[[str], bool] = lambda _host: True,
    ) -> None:
        """Make a server that listens nowhere yet.

        Args:
            flows: what each script does, by the last part of agi://HOST:PORT/SCRIPT.
            on_count: told of each thing counted.
            on_failed: told of a flow that failed; the call has ended then, and the dialplan takes over.
            allows: whether a connection may come from an address; one that may not is closed at once.
        """
        self.limits = limits or Limits()
        self.clock = clock
        self.counts: Counter[str] = Counter()
        self.live: set[AgiConnection] = set()
        self._flows = flows
        self._on_count = on_count
        self._on_failed = on_failed
        self._allows = allows
        self._stopped: Deferred[None] | None = None
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = clock  # type: ignore[assignment]  # it asks only for what Clock has

    def buildProtocol(self, addr: IAddress | None) -> AgiConnection | None:
        """A connection of Asterisk, if its address may."""
        host = getattr(addr, "host", None)
        if host is not None and not self._allows(host):
            self.count("forbidden")
            return None
        return AgiConnection(self)

    def admit(self, connection: AgiConnection) -> bool:
        """Take a connection, unless there are too many."""
        if len(self.live) >= self.limits.calls_max:
            self.count("refused")
            return False
        self.live.add(connection)
        if not self._ticking.running:
            self._ticking.start(TICK_S, now=False)
        return True

    def forget(self, connection: AgiConnection) -> None:
        """Forget a connection that is over; one whose flow still waits for our own side keeps its deadline."""
        if connection.over:
            self.live.discard(connection)
            if not self.live and self._stopped is not None:
                stopped, self._stopped = self._stopped, None
                stopped.callback(None)

    def run(self, call: Call) -> None:
        """Run the flow that the dialplan asks for."""
        flow = self._flows.get(call.script)
        if flow is None:
            self.count("unknown")
            log.warning("the dialplan asks for a script that is not there")
            return
        if call.script != "check":  # by which the dialplan sees each second that we are there
            self.count("started")
        try:
            flow(call)
        except CallEnded:
            self.count("hung_up")
        except Exception as error:
            self.count("failed")
            if isinstance(error, IvrError):
                log.warning("a call in %s ended: %s", call.script, error)
            else:
                log.exception("a flow of %s failed", call.script)
            self._on_failed(call, error)

    def count(self, what: str) -> None:
        """Count something that went wrong."""
        self.counts[what] += 1
        self._on_count(what)

    def stop(self) -> Deferred[None]:
        """End all calls, so that the dialplan takes over; fires when what they had begun is done."""
        stopped: Deferred[None] = Deferred()
        for connection in [*self.live]:
            connection.lose()
        if self.live:
            self._stopped = stopped
        else:
            stopped.callback(None)
        return stopped

    def _tick(self) -> None:
        now = self.clock.seconds()
        for connection in [each for each in self.live if each.due <= now]:
            connection.late()
        if not self.live:
            self._ticking.stop()
