"""The voice side of a process, composed: FastAGI server, prompts, AMI link, queue, agents, and what becomes of calls.

A part of the composition root, apart from app.py for its size; nothing but app.py imports it.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from prometheus_client import CollectorRegistry, Counter, Gauge
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from conf.problems import BadSettings
from conf.settings import Settings
from hotline.batch import Outcome
from hotline.desk import calendar_of
from hotline.domain.call_back import too_old
from hotline.domain.commands import Command
from hotline.ledger import Ledger
from hotline.metrics import Counted
from hotline.storage.queries.agents import Agent, agents
from hotline.storage.queries.due import still_due
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from hotline.surge_watch import SurgeWatch
from ivr.agents import QueueSync, Wanted
from ivr.ami import CONNECT_S, AmiClient
from ivr.ami_link import EVENTS
from ivr.call import Limits
from ivr.call_notes import CallNotes
from ivr.calls import Calls
from ivr.flows import STARTS
from ivr.gathering import gathered
from ivr.house import House
from ivr.inlet import Inlet
from ivr.lint import problems_of
from ivr.originate import CallBacks
from ivr.peers import Peers, allowed
from ivr.phones import Phones
from ivr.prompts.voice import Voice, open_voice
from ivr.queue_log import Tail
from ivr.queue_view import QueueView
from ivr.scripts import Scripts
from ivr.server import AgiServer

log = logging.getLogger(__name__)

CODE_DIGITS = 6
"""Digits of a code that proves whose number it is."""
QUEUE_LOG = "log/queue_log"
"""Where the Asterisk of `shouwen asterisk run` writes it, in its own folder; of another one it is not read."""
AGENT_STREAM = "agent:"
USUAL = frozenset({"started", "hung_up", "test"})
"""What is counted with each call; it is told to whoever monitors with the next commit, all else at once."""
INSIST_S = 2.0
"""When a command that must not be lost is tried again, while the ledger can't store."""
BACKLOG = 1000
"""Calls that may wait to be taken, when many come in the same moment."""


class Telephony:
    """All that has to do with Asterisk.

    Attributes:
        server: our FastAGI side.
        ami: the link to Asterisk's manager interface; None without [ami].
        view: the queue as Asterisk has it; stale while the link is down.
        calls: what became of each call.
        phones: whether the agents' can be rung.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        reader: Reader,
        owner: str,
        reactor: Any,
        registry: CollectorRegistry,
        *,
        keys: bool = False,
    ) -> None:
        """Make all parts for the process `owner`; nothing listens or connects yet.

        Args:
            keys: whether the link to Asterisk is told of digits, too, for test calls.
        Raises: BadSettings (prompts, menus that would trap a caller).
        """
        self._settings, self._ledger, self._reader, self._reactor, self._keys = settings, ledger, reader, reactor, keys
        self._net = gathered(reactor)
        self._inlet = Inlet(ledger.put, reactor)
        self._agents: dict[str, Agent] = {}
        self._makers = ThreadPool(0, 1, "prompts")
        self.voice = open_voice(settings, self._in_thread)
        _refuse_traps(self.voice)
        counter = Counter("shouwen_ivr", "Calls begun, and what went wrong in them", ("what",), registry=registry)
        self._counted = Counted(counter)
        self.surge = SurgeWatch(reader, reactor, _now, self._prepare)
        self.ami, self.view, self.sync, self.calls = self._make_ami()
        self.phones = Phones(self.ami, self.view)
        self.tail = Tail(settings.asterisk.run / QUEUE_LOG, self.calls.queue_log, reactor) if self.calls is not None else None
        self.house = self._make_house()
        self.call_backs = self._make_call_backs(owner)
        limits = Limits(command_s=settings.ivr.command_s, calls_max=settings.ivr.calls_max)
        scripts, peers = Scripts(self.house), Peers(allowed(settings))
        self.server = AgiServer(
            scripts.table, reactor, limits, on_count=self._count, kind=scripts.kind, allows=peers.admit
        )
        self.port: Any = None
        self._gauges(registry)

    # -- making

    def _in_thread(self, fn: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._makers, fn, *args)

    def _make_ami(self) -> tuple[AmiClient | None, QueueView, QueueSync | None, Calls | None]:
        settings, reactor = self._settings, self._reactor
        view = QueueView(settings.queue.name, _now, settings.queue.wrap_up_s)
        client = ami_client(settings, reactor, self._net, keys=self._keys)
        if client is None:
            return None, view, None, None
        sync = QueueSync(client, view, self._wanted, reactor)
        notes = CallNotes(self._inlet.put, reactor, f"ami:{secrets.token_hex(4)}")
        self._notes_lost = lambda: notes.lost

        def ended(stream: str, call: str, why: str, at: datetime) -> None:
            """What the dialogue has seen comes before the end, of which AMI tells first."""
            if talk := self.house.talks.get(call):
                talk.flush()
            notes.ended(stream, call, why, at)

        return client, view, sync, Calls(client, notes.note, ended, _now, reactor, agent_at=self._agent_at)

    def _make_house(self) -> House:
        settings = self._settings
        return House(
            settings=settings,
            voice=cast(Any, self.voice),
            execute=self._inlet.execute,
            foresee=self._ledger.foresee,
            insist=self._insist,
            now=_now,
            calendar=calendar_of(settings),
            code=lambda: "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS)),
            recordings=settings.asterisk.recordings.absolute(),
            agent_of=self._endpoint_of,
            waiting=self._waiting,
            wait_at=self._wait_at,
            agents_here=self._agents_here,
            agents_free=self._agents_free,
            surge=self.surge.says,
            unheard=lambda call: self.calls is None or self.calls.unheard(call),
            agent_at=self._agent_at,
            register=self._register,
            follows=self._follows,
            dials=settings.ami is not None,
            count=self._count,
        )

    def _make_call_backs(self, owner: str) -> CallBacks | None:
        if self.ami is None:
            return None
        settings, ledger = self._settings, self._ledger
        relay = CallBacks(
            self.ami,
            self.view,
            ledger.execute,
            ledger.insist,
            lambda row: self._reader.run(still_due, row, owner),
            _now,
            self._reactor,
            agents_answer=self.house.calendar.agents_answer,
            too_old=lambda since, now: too_old(settings.rules, self.house.calendar, since, now),
            dial=lambda number: number.removeprefix(settings.ivr.country),
        )
        if self.sync is not None:
            self.sync.aside, relay.asides.released = relay.aside, self.sync.changed
        return relay

    def _gauges(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, about: str, value: Callable[[], float]) -> None:
            Gauge(f"shouwen_{name}", about, registry=registry).set_function(value)

        gauge("ivr_calls", "Calls in dialogue", lambda: len(self.server.live))
        gauge("ami_up", "Whether there is a link to Asterisk", lambda: float(self.ami is not None and self.ami.up))
        gauge("queue_waiting", "Callers who wait for an agent", lambda: len(self.view.waiting))
        gauge("queue_agents_free", "Agents whom a call would ring now", lambda: self.view.free_agents)
        gauge("calls_disagreeing", "Calls about which AMI, queue_log and CDR disagree", self._disagreements)
        if self.ami is None or self.sync is None or self.calls is None:
            return
        ami, sync, calls = self.ami, self.sync, self.calls
        gauge("calls_forgotten", "Calls given up because too many were followed", lambda: calls.forgotten)
        gauge("call_notes_lost", "What happened in calls and could not be stored for too long", self._notes_lost)
        gauge("queue_drifts", "Times that the queue was found to be other than its events told", lambda: self.view.drifts)
        gauge("queue_refused", "Members of the queue whom Asterisk refuses to make as wanted", lambda: len(sync.refused))
        gauge("ami_skipped", "Messages of AMI that were too long to be read", lambda: ami.skipped)

    def _disagreements(self) -> float:
        return float(sum(self.calls.disagreements.values())) if self.calls is not None else 0.0

    # -- what flows ask for

    def _endpoint_of(self, name: str) -> str:
        agent = self._agents.get(name)
        return agent.endpoint if agent is not None and agent.logged_in and agent.paused is None else ""

    def _waiting(self) -> tuple[int, int | None]:
        wait_s = self.view.wait_s()
        return len(self.view.waiting), math.ceil(wait_s / 60) if wait_s is not None else None

    def _wait_at(self, place: int) -> int | None:
        wait_s = self.view.wait_s(place=place) if self.view.fresh else None
        return math.ceil(wait_s / 60) if wait_s is not None else None

    def _agents_here(self) -> bool:
        """Whether anybody could answer; while that is not known the queue decides."""
        return not self.view.fresh or any(member.on_duty for member in self.view.members)

    def _agents_free(self) -> bool:
        """Whether a call would ring somebody at once; while that is not known, it is taken to be so."""
        return not self.view.fresh or self.view.free_agents > 0

    def _prepare(self, lang: str, words: str) -> bool:
        """Have an announcement's sound made before the first caller waits for it; whether it can be said."""
        try:
            self.voice.say("campaign", lang, text=words)
        except ValueError as error:
            log.warning("the announcement can't be said, so callers hear the short menu only: %s", error)
            return False
        return True

    def _insist(self, command: Command) -> None:
        def done(outcome: Outcome) -> None:
            if isinstance(outcome.error, StorageError):
                self._reactor.callLater(INSIST_S, self._insist, command)

        self._inlet.put(command, done)

    def _register(self, call: str, stream: str) -> None:
        if self.calls is not None:
            self.calls.register(call, stream)

    def _follows(self, call: str) -> bool:
        return self.calls is not None and self.ami is not None and self.ami.up and self.calls.follows(call)

    def _count(self, what: str) -> None:
        if what in USUAL:
            self._counted.add(what)
        else:
            self._counted.count(what)

    # -- agents

    def _agent_at(self, interface: str) -> str:
        for agent in self._agents.values():
            if agent.endpoint == interface:
                return agent.name
        return interface

    def streams_changed(self, streams: set[str]) -> None:
        """A commit touched these streams; call it after each."""
        self._counted.flush()
        self.surge.streams_changed(streams)
        if not any(stream.startswith(AGENT_STREAM) for stream in streams):
            return
        if self.sync is not None:
            self.sync.changed()
        else:  # without AMI nobody else asks who is there
            self._wanted().addErrback(lambda failure: log.error("the agents are not known: %s", failure.type))

    def _wanted(self) -> Deferred[Sequence[Wanted]]:
        def known(found: Sequence[Agent]) -> Sequence[Wanted]:
            self._agents = {agent.name: agent for agent in found}
            return [Wanted(agent.endpoint, agent.name, agent.paused) for agent in found if agent.logged_in]

        return self._reader.run(agents).addCallback(known)

    # -- running

    @property
    def trouble(self) -> str:
        """Why calls can't be served in full, or ""."""
        if self.ami is not None and not self.ami.up:
            return f"no link to Asterisk: {self.ami.why_down}"
        return ""

    def listen(self) -> None:
        """Listen for Asterisk; nobody is answered before the reactor runs. Raises: Twisted's CannotListenError."""
        at = self._settings.ivr.listen
        self.port = self._net.listenTCP(at.port, self.server, backlog=BACKLOG, interface=at.host)

    def start(self) -> None:
        """Begin to make prompts, and connect to Asterisk."""
        self._makers.start()
        self.surge.start()
        if self.ami is not None and self.tail is not None:
            self.ami.start()
            self.tail.start()

    def stop(self) -> Deferred[Any]:
        """End all calls, so that the dialplan takes over, and the link."""
        if self.port is None:
            return succeed(None)
        self.surge.stop()
        ending = [self.port.stopListening(), self.server.stop()]
        if self.sync is not None and self.calls is not None and self.ami is not None and self.tail is not None:
            self.tail.stop()
            self.sync.stop()
            if self.call_backs is not None:
                self.call_backs.stop()
            self.calls.stop()
            ending.append(self.ami.stop())
        return gatherResults([each or succeed(None) for each in ending], consumeErrors=True).addBoth(self._stopped)

    def _stopped(self, result: object) -> object:
        self._inlet.flush()
        self._makers.stop()
        return result


def ami_client(settings: Settings, reactor: Any, net: Any, *, keys: bool = False) -> AmiClient | None:
    """A link to Asterisk's manager interface, not yet started; None without [ami].

    Args:
        net: what connects, of `gathered`.
        keys: it is told of digits, too.
    """
    ami = settings.ami
    if ami is None:
        return None
    endpoint = TCP4ClientEndpoint(net, ami.host, ami.port, timeout=CONNECT_S)
    events = f"{EVENTS},dtmf" if keys else EVENTS
    return AmiClient(
        cast(Any, endpoint), ami.username, ami.secret, reactor, action_s=ami.action_s, ping_s=ami.ping_s, events=events
    )


def _refuse_traps(voice: Voice) -> None:
    prompts = {lang: voice.catalogue.words(lang) for lang in voice.langs}
    problems = [line for start, flows in STARTS.items() for line in problems_of(flows, prompts, start)]
    problems = list(dict.fromkeys(problems))
    if problems:
        raise BadSettings("the hotline's menus", problems)


def _now() -> datetime:
    return datetime.now(UTC)
