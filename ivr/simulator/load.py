"""Many scripted calls at once against a FastAGI server, and what they show of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ivr.simulator.callers import Step
from ivr.simulator.faults import Faults
from ivr.simulator.simulator import SimulatedCall, Simulator


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        calls: how many in all.
        at_once: how many at any time.
        rate: new calls in a second, at most; 0: as soon as there is room.
        scripts: what callers do, one after the other.
        delay_s: how long they think at each step.
        first: the first caller's number; the others' follow.
        hidden: their numbers are not shown.
        hang_up_at: they hang up during the server's command of that index; -1: never.
        hang_up_after_s: they hang up then; 0: never.
        faults: of each call.
    """

    calls: int = 100
    at_once: int = 10
    rate: float = 0.0
    scripts: Sequence[tuple[Step, ...]] = ((),)
    delay_s: float = 0.0
    first: int = 13_800_000_001
    hidden: bool = False
    hang_up_at: int = -1
    hang_up_after_s: float = 0.0
    faults: Faults | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share (0 to 1) of the sorted values lies; 0 without any."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


class Load:
    """The run; `on_end` gets the figures once."""

    def __init__(
        self,
        simulator: Simulator,
        plan: Plan,
        on_end: Callable[[dict[str, Any]], None],
        on_call: Callable[[SimulatedCall], None] = lambda _call: None,
    ) -> None:
        """Take the simulator; `on_call` is told each call that is over."""
        self._simulator, self._plan, self._on_end, self._on_call = simulator, plan, on_end, on_call
        self._begun = self._peak = 0
        self._started = 0.0
        self._ended: Counter[str] = Counter()
        self._over = self._due = False

    def start(self) -> None:
        """Begin."""
        self._started = perf_counter()
        self._more()

    def stop(self) -> None:
        """End early; the figures are those so far."""
        self._end()

    def _more(self) -> None:
        """Begin calls while there is room and they are due; calls that end ask again."""
        plan = self._plan
        while not self._over and self._begun < plan.calls and len(self._simulator.live) < plan.at_once:
            ahead_s = self._begun / plan.rate - (perf_counter() - self._started) if plan.rate else 0.0
            if ahead_s > 0:
                self._later(ahead_s)
                return
            self._dial(self._begun)

    def _later(self, seconds: float) -> None:
        if not self._due:
            self._due = True
            self._simulator.clock.callLater(seconds, self._again)

    def _again(self) -> None:
        self._due = False
        self._more()

    def _dial(self, index: int) -> None:
        plan = self._plan
        self._begun += 1
        self._simulator.dial(
            str(plan.first + index),
            script=plan.scripts[index % len(plan.scripts)],
            delay_s=plan.delay_s,
            hidden=plan.hidden,
            faults=plan.faults,
            hang_up_at=plan.hang_up_at,
            hang_up_after_s=plan.hang_up_after_s,
            on_over=self._call_over,
        )
        self._peak = max(self._peak, len(self._simulator.live))

    def _call_over(self, call: SimulatedCall) -> None:
        self._ended[outcome_of(call)] += 1
        self._on_call(call)
        if sum(self._ended.values()) >= self._plan.calls:
            self._end()
        else:
            self._later(0)

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._on_end(self.figures())

    def figures(self) -> dict[str, Any]:
        """The figures so far: times in milliseconds, from our answer to the server's next command."""
        counts, seconds = self._simulator.counts, perf_counter() - self._started
        latencies = sorted(self._simulator.latencies)
        return {
            "calls": sum(self._ended.values()),
            "at_once": self._peak,
            "seconds": round(seconds, 3),
            "calls_per_s": round(sum(self._ended.values()) / seconds, 1) if seconds else 0.0,
            "commands": counts["commands"],
            "commands_per_s": round(counts["commands"] / seconds, 1) if seconds else 0.0,
            "p50_ms": round(1000 * percentile(latencies, 0.5), 2),
            "p99_ms": round(1000 * percentile(latencies, 0.99), 2),
            "max_ms": round(1000 * (latencies[-1] if latencies else 0.0), 2),
            "failures": self._ended["failed"] + self._ended["safe"],
            "outcomes": dict(sorted(self._ended.items())),
        }


def outcome_of(call: SimulatedCall) -> str:
    """What became of a call: failed (the server was away), safe (it left the caller to the dialplan), agent, done or left."""
    if call.failed:
        return "failed"
    if "safe" in call.heard:
        return "safe"
    if "agent" in call.states:
        return "agent"
    return "left" if call.events[-1].what == "caller" else "done"
