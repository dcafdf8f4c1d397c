"""Keeps the members of Asterisk's queue as the ledger's agents say, also after Asterisk or the link was away.

Theory of operation: one round reads the members (QueueStatus), compares them with who should be there, and sends the
actions that make the difference; then it reads again. Rounds run when the link comes up, when an agent's state has
changed, when Asterisk tells of a member that we did not make, and once a minute. What was refused is tried again
some seconds later. Members written in queues.conf are the administrator's: they are paused, never removed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.python.failure import Failure

from ivr.ami import AmiClient
from ivr.ami_events import QUEUE
from ivr.ami_link import Clock
from ivr.ami_wire import AmiError, AmiLost, Message
from ivr.queue_view import Member, QueueView

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""How often the members are compared although nothing is known to have changed, in seconds."""
AGAIN_S = 5.0
"""When a round that failed is tried again, in seconds."""
ROUNDS = 3
"""Rounds in a row before AGAIN_S is waited for."""
_NUMBER = re.compile(r"[0-9]{7,}")
"""An agent may be rung at a number, which the log must not show."""
MEMBER_EVENTS = ("QueueMemberAdded", "QueueMemberRemoved", "QueueMemberPause")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An agent who is logged in.

    Attributes:
        interface: what is rung, such as "PJSIP/agent1".
        name: of the agent, as the ledger knows him.
        paused: why he takes no calls now; None when he takes them.
        penalty: agents with a lower one are rung first.
    """

    interface: str
    name: str
    paused: str | None = None
    penalty: int = 0


def difference(
    queue: str, wanted: Sequence[Wanted], members: Sequence[Member], aside: Callable[[Member], bool] = lambda _member: False
) -> list[dict[str, str]]:
    """The actions that make the members of `queue` as wanted, in order; removals first.

    Of agents who want the same interface, the last has it: he logged in there later. Of who is set `aside`, it does not
    matter that he is paused, as long as he is to take calls at all.
    """
    want = {each.interface: each for each in wanted}
    have = {each.interface: each for each in members}
    actions: list[dict[str, str]] = []
    for member in members:
        agent = want.get(member.interface)
        if member.dynamic and (agent is None or agent.name != member.name):
            actions.append({"Action": "QueueRemove", "Queue": queue, "Interface": member.interface})
        elif agent is None and not member.paused:
            actions.append(_pause(queue, member.interface, "no agent"))
    for interface, agent in want.items():
        there = have.get(interface)
        if there is None or (there.dynamic and there.name != agent.name):
            actions.append(_add(queue, agent))
            continue
        kept = agent.paused is None and aside(there)
        if not kept and (there.paused != (agent.paused is not None) or (agent.paused and there.reason != agent.paused)):
            actions.append(_pause(queue, interface, agent.paused))
        if there.penalty != agent.penalty:
            penalty = {"Interface": interface, "Penalty": str(agent.penalty), "Queue": queue}
            actions.append({"Action": "QueuePenalty", **penalty})
    return actions


def _add(queue: str, agent: Wanted) -> dict[str, str]:
    action = {
        "Action": "QueueAdd",
        "Queue": queue,
        "Interface": agent.interface,
        "MemberName": agent.name,
        "Penalty": str(agent.penalty),
        "Paused": "true" if agent.paused is not None else "false",
        "StateInterface": agent.interface,
    }
    return {**action, "Reason": agent.paused} if agent.paused else action


def _pause(queue: str, interface: str, reason: str | None) -> dict[str, str]:
    action = {"Action": "QueuePause", "Queue": queue, "Interface": interface, "Paused": "true" if reason is not None else "false"}
    return {**action, "Reason": reason} if reason else action


class QueueSync:
    """One queue: its view is kept true, and its members as wanted.

    Attributes:
        view: who waits and who serves.
        refused: reason of the last action that Asterisk refused, by interface; empty when all is as wanted.
        aside: whether a member is set aside, by this process or by another one, so that he may be paused.
    """

    def __init__(
        self,
        client: AmiClient,
        view: QueueView,
        wanted: Callable[[], Sequence[Wanted] | Deferred[Sequence[Wanted]]],
        clock: Clock,
    ) -> None:
        """Wire it; `wanted` tells the agents who are logged in, now or when its Deferred fires."""
        self.view = view
        self.refused: Mapping[str, str] = {}
        self.aside: Callable[[Member], bool] = lambda _member: False
        self._client, self._wanted, self._clock = client, wanted, clock
        self._running = self._again = False
        self._later: Any = None
        self._rounds = 0
        client.on_up.append(self.changed)
        client.on_down.append(self._down)
        client.on_event(QUEUE, self._event)

    def changed(self) -> None:
        """An agent has logged in or out, paused or resumed, or the members may be others: compare them soon."""
        self._rounds = 0
        self._compare()

    def stop(self) -> None:
        """Compare no more."""
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def _compare(self) -> None:
        if not self._client.up:
            return
        if self._running:
            self._again = True
            return
        self.stop()
        self._running, self._again = True, False
        Deferred.fromCoroutine(self._round()).addCallbacks(self._ended, self._failed)

    async def _round(self) -> bool:
        """One round; returns whether anything was to be done."""
        wanted: Sequence[Wanted] = await maybeDeferred(cast(Any, self._wanted))
        self.view.status(await self._client.listed({"Action": "QueueStatus", "Queue": self.view.name}))
        actions = difference(self.view.name, wanted, self.view.members, self.aside)
        refused: dict[str, str] = {}
        for batch in (actions[at : at + 100] for at in range(0, len(actions), 100)):
            answers: list[tuple[bool, Any]] = await DeferredList(
                [self._client.send_action(each) for each in batch], consumeErrors=True
            )
            for action, (done, answer) in zip(batch, answers, strict=True):
                if not done:
                    answer.trap(AmiError)
                    refused[action["Interface"]] = f"{action['Action']}: {answer.value}"
        self._tell(refused)
        return bool(actions)

    def _ended(self, acted: bool) -> None:
        self._running = False
        self._rounds += 1
        if (self._again or (acted and not self.refused)) and self._rounds < ROUNDS:
            self._compare()
        else:
            self._wait(AGAIN_S if acted or self._again else EVERY_S)

    def _failed(self, failure: Failure) -> None:
        self._running = False
        if failure.check(AmiLost):
            # a link may have come up while this round still ran on the lost one
            self._wait(AGAIN_S if not self._again else 0)
            return
        log.error("the agents' places in the queue can't be compared: %s; trying again", failure.getErrorMessage())
        self._wait(AGAIN_S)

    def _wait(self, seconds: float) -> None:
        self.stop()
        if self._client.up:
            self._later = self._clock.callLater(seconds, self.changed)

    def _tell(self, refused: Mapping[str, str]) -> None:
        for interface, reason in refused.items():
            if self.refused.get(interface) != reason:
                log.warning("queue %s: %s for %s", self.view.name, reason, _NUMBER.sub("…", interface))
        self.refused = refused

    def _down(self, _reason: str) -> None:
        self.view.lost()
        self.stop()

    def _event(self, message: Message) -> None:
        self.view.event(message)
        # our own actions are told too, but then a round runs and looks again anyway
        if message.event in MEMBER_EVENTS and not self._running and message.get("Queue") == self.view.name:
            self._compare()
