"""Agents who are set aside: for each call-back that rings, one whom Asterisk gives to nobody else meanwhile.

Theory of operation: before somebody is dialled, an agent is paused in Asterisk's queue (never in the ledger), one who is in the
time after a call if there is such a one, for a free one may be rung for somebody else in this moment. When the caller waits in
the queue, at its front, or his call is over, the agent is let go: QueueSync makes him again what the ledger says. So it
does with whoever a former process has left set aside. While all are few, nobody is kept for longer than KEEP_S.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ivr.ami import AmiClient
from ivr.ami_link import Clock
from ivr.ami_wire import AmiError
from ivr.queue_view import SET_ASIDE, Member, QueueView

log = logging.getLogger(__name__)

KEEP_S = 120.0
"""How long an agent is kept at most, in seconds: ringing, and all attempts of the menu that asks whether he is still wanted."""


class Asides:
    """The agents of one queue who are set aside by this process.

    Attributes:
        released: called when one has been let go, so that the queue's members are compared.
    """

    def __init__(self, client: AmiClient, view: QueueView, now: Callable[[], datetime], clock: Clock) -> None:
        """Wire it; `now` gives aware UTC."""
        self.released: Callable[[], None] = lambda: None
        self._client, self._view, self._now, self._clock = client, view, now, clock
        self._kept: dict[int, tuple[str, float]] = {}

    @property
    def interfaces(self) -> frozenset[str]:
        """Where those are rung who are set aside."""
        return frozenset(interface for interface, _ in self._kept.values())

    def spare(self) -> list[Member]:
        """Who could be set aside, the best first: agents in the time after a call, the soonest free one first, then free ones."""
        now, kept = self._now(), self.interfaces
        could = [each for each in self._view.members if each.idle and not each.paused and each.interface not in kept]
        return sorted(could, key=lambda each: (each.free(now), each.free_at or now))

    def keep(self, row: int) -> bool:
        """Set one aside for an attempt; whether there was one."""
        spare = self.spare()
        if not spare:
            return False
        interface = spare[0].interface
        self._kept[row] = interface, self._clock.seconds() + KEEP_S
        self._pause(interface).addErrback(self._refused, row)
        return True

    def has(self, row: int) -> bool:
        """Whether one is set aside for this attempt."""
        return row in self._kept

    def let_go(self, row: int) -> None:
        """An attempt needs its agent no more, or the queue is to give him to its first caller."""
        if self._kept.pop(row, None) is not None:
            self.released()

    def review(self) -> None:
        """Let go whoever has been kept for too long, or has another call: he was being rung for it, or is asked first."""
        seconds, busy = self._clock.seconds(), {each.interface for each in self._view.members if not each.idle}
        for row, (interface, until) in list(self._kept.items()):
            if until <= seconds or interface in busy:
                log.info("call-back %d: its agent is let go, %s", row, "he has a call" if interface in busy else "after too long")
                self.let_go(row)

    def lost(self) -> None:
        """The link is lost: who is set aside will be made what the ledger says when it is back."""
        self._kept.clear()

    def stop(self) -> None:
        """Let all go, without anybody to compare the members afterwards."""
        for interface in self.interfaces:
            self._pause(interface, paused=False).addErrback(lambda failure: failure.trap(AmiError))
        self._kept.clear()

    def _pause(self, interface: str, *, paused: bool = True) -> Deferred[Any]:
        action = {"Action": "QueuePause", "Queue": self._view.name, "Interface": interface}
        action |= {"Paused": "true", "Reason": SET_ASIDE} if paused else {"Paused": "false"}
        return self._client.send_action(action)

    def _refused(self, failure: Failure, row: int) -> None:
        failure.trap(AmiError)
        log.warning("call-back %d: no agent can be set aside: %s", row, failure.value)
        self.let_go(row)
