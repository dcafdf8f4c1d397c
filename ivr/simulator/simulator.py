"""The simulated Asterisk: calls that go through the hotline's dialplan against a FastAGI server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from ivr.simulator.agents import Agent, Queue
from ivr.simulator.agi import FAILURE, AgiRun, environment
from ivr.simulator.callers import Caller, Step
from ivr.simulator.channel import Channel, Clock, Happened, seconds_of
from ivr.simulator.commands import Sounds
from ivr.simulator.dialplan import Dialplan
from ivr.simulator.faults import Faults

CONNECT_S = 2.0
"""How long the connection to the server may take."""
Connect = Callable[[Protocol, Callable[[], None]], None]
"""Connects a protocol to the server, or calls the other."""


class _Once(ClientFactory):
    noisy = False

    def __init__(self, protocol: Protocol, failed: Callable[[], None]) -> None:
        self._protocol, self._failed = protocol, failed

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002
        return self._protocol

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:  # noqa: ARG002
        self._failed()


def by_tcp(reactor: Any, host: str, port: int) -> Connect:
    """Connections to a server at `host` and `port`."""

    def connect(protocol: Protocol, failed: Callable[[], None]) -> None:
        reactor.connectTCP(host, port, _Once(protocol, failed), timeout=CONNECT_S)

    return connect


class SimulatedCall:
    """One call: what a handset needs.

    Attributes:
        id: Asterisk's unique id.
        channel: the caller's.
        events: everything that happened, in order.
        commands: all commands of the server, where they are kept; `asked` is how many there were.
        failed: the server could not be reached, for one script at least.
        over: the dialplan is through with it.
    """

    def __init__(self, id_: str, channel: Channel, on_event: Callable[[Happened], None]) -> None:
        """Begin; the simulator dials."""
        self.id, self.channel = id_, channel
        self.events: list[Happened] = []
        self.commands: list[str] = []
        self.asked = 0
        self.over = self.failed = False
        self.dialplan: Dialplan | None = None
        self._on_event = on_event
        channel.on_event = self.happened

    def press(self, keys: str) -> None:
        """Key something."""
        for key in keys:
            if self.dialplan is None or not self.dialplan.key(key):
                self.channel.press(key)

    def hang_up(self) -> None:
        """Hang up."""
        self.channel.hang_up()

    @property
    def heard(self) -> list[str]:
        """Names of the prompts played, in order."""
        return [each.name for each in self.events if each.kind == "playing"]

    @property
    def states(self) -> list[str]:
        """What became of the call, in order: dialogue, queue, ringing, agent, survey, hung_up."""
        return [each.what for each in self.events if each.kind == "state"]

    def happened(self, event: Happened) -> None:
        """Note something and tell whoever looks."""
        self.events.append(event)
        self._on_event(event)


class Simulator:
    """An Asterisk with one number, one queue and its agents.

    Attributes:
        queue: the queue; `queue.agents` are simulated.
        faults: of every call that is given none of its own.
        counts: calls, ended, agi_failed, commands.
        latencies: seconds that the server took to ask on, after each of our answers; only where they are measured.
        live: calls under way.
    """

    def __init__(
        self,
        clock: Clock,
        connect: Connect,
        *,
        number: str = "10198",
        pace: float = 1.0,
        agents: Sequence[Agent] = (),
        queue: Queue | None = None,
        survey: bool = True,
        sounds: Sounds = seconds_of,
        measure: bool = False,
        writes: bool = True,
        prefix: str = "sim",
    ) -> None:
        """Make one.

        Args:
            connect: reaches the FastAGI server, see `by_tcp`.
            number: that callers ring.
            pace: seconds of the clock for each second of a call; 0: no sound and no wait takes any time.
            sounds: how long a sound lasts; by default as its file does.
            measure: note the server's latencies.
            writes: recordings leave a file.
            prefix: of the calls' unique ids, as systemname in asterisk.conf.
        """
        self.clock, self.survey, self.number, self.pace = clock, survey, number, pace
        self.queue = queue or Queue(list(agents))
        self.faults: Faults | None = None
        self.counts: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.live: set[SimulatedCall] = set()
        self._connect, self._sounds, self._measure, self._writes = connect, sounds, measure, writes
        self._prefix, self._numbers = prefix, count()
        self._calls: dict[Channel, tuple[SimulatedCall, str, Faults | None, int]] = {}

    def dial(
        self,
        msisdn: str,
        on_event: Callable[[Happened], None] = lambda _event: None,
        *,
        script: tuple[Step, ...] = (),
        delay_s: float = 0.0,
        hidden: bool = False,
        faults: Faults | None = None,
        hang_up_at: int = -1,
        hang_up_after_s: float = 0.0,
        exit_on_hangup: bool = True,
        speaks_s: float = 3.0,
        ends_by: str = "#",
        call_back: str = "",
        variables: Mapping[str, str] | None = None,
        on_over: Callable[[SimulatedCall], None] = lambda _call: None,
    ) -> SimulatedCall:
        """A caller rings the hotline.

        Args:
            msisdn: his number, as Asterisk gives it.
            on_event: told what he notices.
            script: what he does, see `callers.read_script`; without one, `press` and `hang_up` do.
            delay_s: how long he thinks at each step.
            hidden: his number is not shown.
            hang_up_at: he hangs up during the server's command of that index, from 0.
            hang_up_after_s: he hangs up then, if he is still there.
            exit_on_hangup: the script ends when he hangs up, as our dialplan wants it.
            speaks_s: how long he speaks when he is recorded, if he keys nothing.
            ends_by: how he ends that: a key, "" for silence, "x" to hang up.
            call_back: he has answered the attempt of that id to call him back, instead of ringing.
            variables: that his channel has from the beginning.
            on_over: told when the dialplan is through with the call.
        """
        sequence = next(self._numbers)
        channel = Channel(self.clock, self.pace, msisdn, on_event)
        call = SimulatedCall(f"{self._prefix}-{int(self.clock.seconds())}.{sequence}", channel, on_event)
        channel.variables |= {"AGIEXITONHANGUP": "yes" if exit_on_hangup else "", **(variables or {})}
        channel.speaks_s, channel.ends_by = speaks_s, ends_by
        if script:
            Caller(channel, script, delay_s)
        self.counts["calls"] += 1
        self.live.add(call)
        self._calls[channel] = call, "67" if hidden else "0", faults or self.faults, hang_up_at
        if hang_up_after_s:
            channel.later(hang_up_after_s, channel.hang_up)

        def over() -> None:
            self.counts["ended"] += 1
            self.live.discard(call)
            del self._calls[channel]
            call.over = True
            call.happened(Happened("ended", next((each.name for each in reversed(call.events) if each.what == "hung_up"), "")))
            on_over(call)

        call.dialplan = Dialplan(channel, self, over)
        call.dialplan.start(call_back)
        return call

    # -- what the dialplan needs

    def agi(self, channel: Channel, script: str, args: list[str], over: Callable[[str], None]) -> AgiRun | None:
        """See Switch."""
        call, pres, faults, hang_up_at = self._calls[channel]
        first = script in ("hotline", "callback")

        def ended(status: str) -> None:
            self.counts["commands"] += run.commands
            self.counts["agi_failed"] += status == FAILURE
            call.asked += run.commands
            call.failed |= status == FAILURE
            over(status)

        run = AgiRun(
            channel,
            environment(script, self._environment(call, pres), args),
            self._sounds,
            ended,
            faults=faults if first else None,
            answered=self.latencies.append if self._measure else None,
            hang_up_at=hang_up_at - call.asked if hang_up_at >= 0 else -1,
            writes=self._writes,
            keep=None if self._measure else call.commands,
        )
        self._connect(run, lambda: ended(FAILURE))
        return run

    def _environment(self, call: SimulatedCall, pres: str) -> dict[str, str]:
        return {
            "channel": f"PJSIP/caller-{call.id.rpartition('.')[2]}",
            "language": "zh",
            "type": "PJSIP",
            "uniqueid": call.id,
            "version": "22.10.1",
            "callerid": call.channel.number or "unknown",
            "calleridname": "unknown",
            "callingpres": pres,
            "callingani2": "0",
            "callington": "0",
            "callingtns": "0",
            "dnid": self.number,
            "rdnis": "unknown",
            "context": "shouwen",
            "extension": "h" if call.channel.hung_up else self.number,
            "priority": "1",
            "enhanced": "0.0",
            "accountcode": "",
            "threadid": "140171113379520",
        }

    def join(self, channel: Channel, over: Callable[[str, Agent | None], None], place: int) -> Callable[[], int]:
        """See Switch."""
        return self.queue.join(channel, over, place)

    def ring(self, channel: Channel, endpoint: str, ring_s: float, over: Callable[[Agent | None], None]) -> None:
        """See Switch."""
        self.queue.ring(channel, endpoint, ring_s, over)
