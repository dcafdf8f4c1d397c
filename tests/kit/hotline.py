"""A whole hotline without sockets or waiting: the real flows, AGI server and ledger (SQLite) against the simulated Asterisk.

Everything runs in the test's thread but the ledger's writer; time is a Clock that goes on when nobody has anything left to do.
"""

from __future__ import annotations

import gc
import queue
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from greenlet import greenlet
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from conf.load import EXAMPLE, parse
from conf.settings import Settings
from hotline.batch import Outcome
from hotline.domain import commands as cmd
from hotline.domain.calendar import Calendar, Span
from hotline.ledger import Ledger
from hotline.storage.opening import open_store
from hotline.storage.store import StorageError
from ivr.call import Limits
from ivr.house import House
from ivr.scripts import Scripts
from ivr.server import AgiServer
from ivr.simulator import Agent, SimulatedCall, Simulator, read_script
from tests.kit.desk import desk
from tests.kit.voice import SilentVoice

ANN = "8613800000001"
START = datetime(2026, 3, 2, 2, tzinfo=UTC)
"""A Monday, 10:00 in Shanghai."""
CODE = "246813"


class _Pipe(StringTransport):
    """One end of a connection: what is written waits until the hotline carries it over."""

    def __init__(self) -> None:
        super().__init__()
        self.out: list[bytes] = []
        self.closing = self.closed = False

    def write(self, data: bytes) -> None:
        if not self.closing:
            self.out.append(data)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Does nothing."""

    def loseConnection(self) -> None:
        self.closing = True

    def abortConnection(self) -> None:
        self.out.clear()
        self.closing = True


class Hotline:
    """The hotline; `dial` makes a call and lets it run to its end.

    Attributes:
        down: the ledger can't store.
        house: what the flows share; replace its fields to taste.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        agents: Sequence[Agent] = (),
        pace: float = 1.0,
        voice: Any = None,
        sounds: Callable[[str], float | None] | None = None,
        **settings: Any,
    ) -> None:
        """Take agents, a voice (by default one without sounds), how long sounds last, and tables of the settings to change."""
        self.settings: Settings = _with(parse(EXAMPLE.read_text("utf-8"), EXAMPLE.parent), settings)
        self.url, self.clock = url, Clock()
        self.voice = voice or SilentVoice()
        self.counts: Counter[str] = Counter()
        self.down = False
        self.executed: list[cmd.Command] = []
        self._waiting = 0
        self._posted: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._pipes: list[tuple[Protocol, _Pipe, Protocol, _Pipe]] = []
        self.ledger = Ledger(
            lambda: open_store(url),
            replace(desk(), calls=self.settings.call_rules()),
            now=self.now,
            in_reactor=lambda fn, *args: self._posted.put(lambda: fn(*args)),
            later=self.clock.callLater,
        )
        self.house = House(
            settings=self.settings,
            voice=self.voice,
            execute=self.execute,
            foresee=self.foresee,
            insist=self.insist,
            now=self.now,
            calendar=Calendar(ZoneInfo("Asia/Shanghai"), Span(0, 1440), Span(0, 1440)),
            code=lambda: CODE,
            recordings=folder / "recordings",
            count=self._count,
        )
        limits = Limits(command_s=self.settings.ivr.command_s)
        scripts = Scripts(self.house)
        self.server = AgiServer(scripts.table, self.clock, limits, on_count=self._count, kind=scripts.kind)
        self.reachable = True
        self.asterisk = Simulator(
            self.clock, self._connect, agents=agents, pace=pace, sounds=sounds or self.voice.seconds, prefix=f"test{id(self)}"
        )
        self.ledger.start()

    def __enter__(self) -> Hotline:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.stop()

    def _count(self, what: str) -> None:
        self.counts[what] += 1

    def now(self) -> datetime:
        """The time; it goes on with the clock."""
        return START + timedelta(seconds=self.clock.seconds())

    # -- the ledger

    def execute(self, command: cmd.Command) -> Deferred[Outcome]:
        """Hand a command to the ledger."""
        self.executed.append(command)
        return self._asked(command, self.ledger.execute)

    def foresee(self, command: cmd.Command) -> Deferred[Outcome]:
        """Ask the ledger what a command would bring."""
        return self._asked(command, self.ledger.foresee)

    def _asked(self, command: cmd.Command, ask: Callable[[cmd.Command], Deferred[Outcome]]) -> Deferred[Outcome]:
        done: Deferred[Outcome] = Deferred()
        if self.down:
            done.callback(Outcome(StorageError("the disk is full")))
            return done
        self._waiting += 1

        def told(outcome: Outcome) -> None:
            self._waiting -= 1
            done.callback(outcome)

        ask(command).addCallback(told)
        return done

    def insist(self, command: cmd.Command) -> None:
        """Hand a command to the ledger until it is stored."""

        def tried(outcome: Outcome) -> None:
            if isinstance(outcome.error, StorageError):
                self.clock.callLater(2.0, self.insist, command)

        self.execute(command).addCallback(tried)

    def run(self, command: cmd.Command) -> Any:
        """Store one command and return its result."""
        heard: list[Outcome] = []
        self.execute(command).addCallback(heard.append)
        self.settle()
        assert heard[0].error is None, heard[0].error
        return heard[0].result

    # -- the wire

    def _connect(self, client: Protocol, failed: Callable[[], None]) -> None:
        server = self.server.buildProtocol(None)
        if not self.reachable:
            self.clock.callLater(0, failed)
            return
        ends = _Pipe(), _Pipe()
        self._pipes.append((client, ends[0], server, ends[1]))
        server.makeConnection(ends[1])
        client.makeConnection(ends[0])

    def _carry(self) -> bool:
        """Carry over what was written; returns whether there was anything."""
        carried = False
        for pipe in [*self._pipes]:
            client, ours, server, theirs = pipe
            for end, other, to in ((ours, theirs, server), (theirs, ours, client)):
                if end.out and not other.closed:
                    data, end.out = b"".join(end.out), []
                    carried = True
                    if not other.closing:
                        to.dataReceived(data)
                end.out = [] if other.closed else end.out
            if (ours.closing and not ours.out) or (theirs.closing and not theirs.out):
                self._pipes.remove(pipe)
                ours.closing = theirs.closing = ours.closed = theirs.closed = True
                server.connectionLost()
                client.connectionLost()
                carried = True
        return carried

    def lose_connections(self) -> None:
        """All connections of Asterisk are lost."""
        for _client, ours, _server, _theirs in self._pipes:
            ours.abortConnection()
        self.settle()

    # -- time

    @property
    def trouble(self) -> dict[str, int]:
        """What went wrong, by kind."""
        return {what: count for what, count in self.counts.items() if what not in ("started", "hung_up") and count}

    def settle(self) -> None:
        """Let everybody do what they can without time passing."""
        while True:
            if self._carry():
                continue
            if self._waiting:
                self._posted.get(timeout=10)()
                continue
            try:
                self._posted.get_nowait()()
            except queue.Empty:
                return

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self.clock.seconds() + seconds
        self.settle()
        while self.clock.seconds() < until:
            due = [each.getTime() for each in self.clock.getDelayedCalls()]
            ahead = min([*due, until]) - self.clock.seconds()
            self.clock.advance(max(ahead, 0.0))
            self.settle()
            if not due and ahead <= 0:
                break

    def dial(self, script: str = "", number: str = "13800000001", *, runs_s: float = 3600.0, **options: Any) -> SimulatedCall:
        """A call that does what a script says, until it is over."""
        call = self.ring(script, number, **options)
        started = self.clock.seconds()
        while not call.over:
            assert self.clock.seconds() - started < runs_s, call.events[-10:]
            self.step()
        self.advance(1)
        return call

    def ring(self, script: str = "", number: str = "13800000001", **options: Any) -> SimulatedCall:
        """A call that has begun."""
        call = self.asterisk.dial(number, script=read_script(script), **options)
        self.settle()
        return call

    def step(self) -> None:
        """Go on to the next moment at which something happens."""
        due = [each.getTime() for each in self.clock.getDelayedCalls()]
        assert due, "nobody does anything any more"
        self.clock.advance(max(0.0, min(due) - self.clock.seconds()))
        self.settle()

    @property
    def greenlets(self) -> int:
        """Greenlets that live, beside the test's own."""
        gc.collect()
        return sum(isinstance(each, greenlet) and not each.dead and each.parent is not None for each in gc.get_objects())


def _with(settings: Settings, changes: dict[str, Any]) -> Settings:
    """Settings with some tables changed, such as queue={"max": 1}; what is no dict takes the place of the whole."""
    for table, values in changes.items():
        changed = msgspec.structs.replace(getattr(settings, table), **values) if isinstance(values, dict) else values
        settings = msgspec.structs.replace(settings, **{table: changed})
    return settings
