"""Simulated agents and their queue: who is free is rung, answers or does not, talks for a while, hangs up first or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ivr.simulator.channel import Channel, Happened

CONTINUE, TIMEOUT, FULL, LEFT = "CONTINUE", "TIMEOUT", "FULL", ""
"""QUEUESTATUS; LEFT: the caller hung up, or pressed a key."""
AGAIN_S = 1.0
"""An agent who did not answer is rung again after so many seconds, as `retry` in queues.conf."""


@dataclass(slots=True, eq=False)
class Agent:
    """An agent's phone.

    Attributes:
        endpoint: what is rung.
        answers_after_s: seconds that he lets it ring; None: he does not answer.
        talks_s: seconds that he talks.
        ends: whether he hangs up first, so that the caller is asked for a mark; else the caller hangs up.
        busy: on a call, or being rung.
        answered: calls that he has taken; `rung`: how often he was rung.
    """

    endpoint: str = "PJSIP/2001"
    answers_after_s: float | None = 2.0
    talks_s: float = 5.0
    ends: bool = True
    busy: bool = False
    answered: int = 0
    rung: int = 0


class _Waiting:
    __slots__ = ("agent", "channel", "over", "since", "timers")

    def __init__(self, channel: Channel, over: Callable[[str, Agent | None], None]) -> None:
        self.channel, self.over = channel, over
        self.since = channel.clock.seconds()
        self.agent: Agent | None = None
        self.timers: list[Any] = []


class Queue:
    """The queue: whoever came first is served first.

    Attributes:
        agents: who serves; the list may be changed at any time, then call `look`.
        max: callers who may wait; 0: no limit.
        wait_s: seconds that a caller waits.
        ring_s: seconds that an agent rings.
    """

    def __init__(self, agents: list[Agent], *, max_: int = 50, wait_s: float = 600.0, ring_s: float = 20.0) -> None:
        """Take the agents."""
        self.agents, self.max, self.wait_s, self.ring_s = agents, max_, wait_s, ring_s
        self._waiting: deque[_Waiting] = deque()

    @property
    def waiting(self) -> int:
        """Callers who wait."""
        return len(self._waiting)

    def join(self, channel: Channel, over: Callable[[str, Agent | None], None], place: int = 0) -> Callable[[], int]:
        """Wait; `over` is told QUEUESTATUS and the agent. Returns what takes the caller out, which returns his place."""
        if self.max and len(self._waiting) >= self.max:
            over(FULL, None)
            return lambda: 0
        caller = _Waiting(channel, over)
        self._waiting.insert(place - 1 if place else len(self._waiting), caller)
        channel.on_event(Happened("state", "queue"))
        gone = self._gone_of(caller)
        channel.on_gone.append(gone)
        caller.timers.append(channel.later(self.wait_s, self._leave, caller, TIMEOUT))
        self.look()
        return lambda: self._out(caller)

    def ring(self, channel: Channel, endpoint: str, ring_s: float, over: Callable[[Agent | None], None]) -> None:
        """Ring one agent alone, as Dial does; `over` is told him after the talk, or None when he did not answer."""
        agent = next((each for each in self.agents if each.endpoint == endpoint and not each.busy), None)
        if agent is None or agent.answers_after_s is None or agent.answers_after_s > ring_s:
            channel.later(0 if agent is None else ring_s, over, None)
            return
        agent.busy = True
        channel.on_event(Happened("state", "ringing", endpoint))
        channel.later(agent.answers_after_s, self._talk, channel, agent, lambda: over(agent))

    def look(self) -> None:
        """Ring free agents for whoever waits."""
        for caller in [*self._waiting]:
            if caller.agent is None:
                agent = min((each for each in self.agents if not each.busy), key=lambda each: each.rung, default=None)
                if agent is None:
                    return
                self._ring(caller, agent)

    def _ring(self, caller: _Waiting, agent: Agent) -> None:
        caller.agent, agent.busy = agent, True
        agent.rung += 1
        after_s = agent.answers_after_s
        if after_s is None or after_s > self.ring_s:
            caller.timers.append(caller.channel.later(self.ring_s + AGAIN_S, self._unanswered, caller))
        else:
            caller.timers.append(caller.channel.later(after_s, self._answered, caller, agent))

    def _unanswered(self, caller: _Waiting) -> None:
        if caller.agent is not None:
            caller.agent.busy, caller.agent = False, None
            self.look()

    def _answered(self, caller: _Waiting, agent: Agent) -> None:
        caller.agent = None  # he stays busy
        self._out(caller)
        self._talk(caller.channel, agent, lambda: caller.over(CONTINUE, agent))

    def _talk(self, channel: Channel, agent: Agent, over: Callable[[], None]) -> None:
        if channel.hung_up:
            agent.busy = False
            self.look()
            over()
            return
        agent.answered += 1
        channel.on_event(Happened("state", "agent", agent.endpoint))
        ended = False

        def end() -> None:
            nonlocal ended
            if ended:
                return
            ended, agent.busy = True, False
            if end in channel.on_gone:
                channel.on_gone.remove(end)
            if not agent.ends:
                channel.hang_up()
            over()
            self.look()

        channel.on_gone.append(end)
        channel.later(agent.talks_s, end)

    def _gone_of(self, caller: _Waiting) -> Callable[[], None]:
        return lambda: self._leave(caller, LEFT)

    def _leave(self, caller: _Waiting, status: str) -> None:
        if caller in self._waiting:
            self._out(caller)
            caller.over(status, None)

    def _out(self, caller: _Waiting) -> int:
        for timer in caller.timers:
            if timer.active():
                timer.cancel()
        caller.timers.clear()
        if caller not in self._waiting:
            return 0
        place = self._waiting.index(caller) + 1
        self._waiting.remove(caller)
        if caller.agent is not None:
            caller.agent.busy, caller.agent = False, None
            caller.channel.later(0, self.look)
        return place
