"""What Asterisk's queue looks like now: who waits, who serves, how long a caller will wait. No I/O.

Theory of operation: QueueStatus gives the whole state, events keep it true. Events that were under way while the
status was made may come after it; each says something that may be said twice (a caller joins or leaves by his
Uniqueid, a member's event holds its whole state), so that the view is right when they have all come. The status says
`Name` and `Location` where events say `MemberName` and `Interface`. After a lost link the view is stale until the
next status.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ivr.ami_wire import Message
from ivr.stamps import moment

CAN_RING = frozenset({0, 1})
"""Device states in which app_queue rings a member: UNKNOWN and NOT_INUSE."""
ON_DUTY = frozenset({0, 1, 2, 3, 6, 7, 8})
"""Device states of a phone that is there: all but INVALID (4) and UNAVAILABLE (5)."""
SET_ASIDE = "call-back"
"""Reason of the pause of an agent whom Asterisk gives to nobody, until the caller who is being rung waits in the queue."""
TALK_S = 120.0
"""Length of a call with an agent in seconds, until some have been measured. Ours."""
SMOOTH = 0.25
"""Weight of the newest call in the average, as in app_queue."""


@dataclass(frozen=True, slots=True)
class Member:
    """An agent's place in the queue.

    Attributes:
        interface: what is rung, such as "PJSIP/agent1".
        paused: whether he takes no calls; reason: why, "" when it was not said.
        status: device state (app_queue's number); in_call: in a call of the queue.
        calls: calls taken since the login.
        free_at: when the time that he has after a call ends; None before the first.
        dynamic: added by an action, not by queues.conf.
    """

    interface: str
    name: str
    paused: bool
    reason: str
    penalty: int
    status: int
    in_call: bool
    calls: int
    free_at: datetime | None
    dynamic: bool

    @classmethod
    def of(cls, message: Message, now: datetime, wrap_up_s: float = 0) -> Member:
        """Read a QueueMember or QueueMember… event; its Wrapuptime is the member's own, and where that is 0 the queue's holds."""
        last, wrap_up = message.whole("LastCall"), message.whole("Wrapuptime") or wrap_up_s
        return cls(
            interface=message.get("Interface") or message.get("Location"),
            name=message.get("MemberName") or message.get("Name"),
            paused=message.get("Paused") == "1",
            reason=message.get("PausedReason"),
            penalty=message.whole("Penalty"),
            status=message.whole("Status"),
            in_call=message.get("InCall") == "1",
            calls=message.whole("CallsTaken"),
            free_at=moment(str(last), now) + timedelta(seconds=wrap_up) if last else None,
            dynamic=message.get("Membership", "dynamic") == "dynamic",
        )

    def free(self, now: datetime) -> bool:
        """Whether a call would ring him now."""
        return not self.paused and self.idle and (self.free_at is None or self.free_at <= now)

    @property
    def idle(self) -> bool:
        """Whether he is in no call and his phone can be rung; the time that he has after a call may last."""
        return not self.in_call and self.status in CAN_RING

    @property
    def set_aside(self) -> bool:
        """Whether he is kept for somebody who is being called back."""
        return self.paused and self.reason == SET_ASIDE

    @property
    def on_duty(self) -> bool:
        """Whether he takes calls, now or after the one that he is in."""
        return (not self.paused or self.set_aside) and self.status in ON_DUTY


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller in the queue.

    Attributes:
        call: Uniqueid of the caller's channel.
        channel: its name.
        entered_at: when he joined, aware UTC; whole seconds where it comes from a status.
    """

    call: str
    channel: str
    entered_at: datetime


class QueueView:
    """One queue.

    Attributes:
        name: of the queue.
        fresh: False from a lost link until the next status: what is told may be wrong.
        drifts: times that a status showed something else than the events had told.
    """

    def __init__(self, name: str, now: Callable[[], datetime], wrap_up_s: float = 0) -> None:
        """An empty queue; `now` gives aware UTC, `wrap_up_s` is what queues.conf says, which Asterisk does not tell."""
        self.name = name
        self._wrap_up_s = wrap_up_s
        self.fresh = False
        self.drifts = 0
        self._now = now
        self._members: dict[str, Member] = {}
        self._waiting: list[Waiting] = []
        self._talk_s: float | None = None

    # What it tells.

    @property
    def members(self) -> tuple[Member, ...]:
        """All of them, in the order of their coming."""
        return tuple(self._members.values())

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Callers who wait, the next first."""
        return tuple(self._waiting)

    @property
    def free_agents(self) -> int:
        """Members whom a call would ring now."""
        now = self._now()
        return sum(each.free(now) for each in self._members.values())

    def position(self, call: str) -> int | None:
        """Place of a caller, from 1; None when he does not wait."""
        return next((place for place, each in enumerate(self._waiting, 1) if each.call == call), None)

    def wait_s(self, call: str = "", place: int = 0) -> float | None:
        """Estimated wait in seconds for a caller in the queue, for a place there (from 1), or for one who would join now.

        None when nobody is on duty.

        Each agent on duty is taken to end a call once in the average length of a call, at a moment that is not known.
        """
        place = place or self.position(call) or len(self._waiting) + 1
        if self.free_agents >= place:
            return 0.0
        on_duty = sum(each.on_duty for each in self._members.values())
        return (place - self.free_agents) * (self._talk_s or TALK_S) / on_duty if on_duty else None

    # What it is told.

    def lost(self) -> None:
        """The link is lost: what follows is not seen."""
        self.fresh = False

    def status(self, listed: Sequence[Message]) -> None:
        """Take the answer to QueueStatus as the whole truth."""
        now = self._now()
        mine = [each for each in listed if each.get("Queue") == self.name]
        members = [Member.of(each, now, self._wrap_up_s) for each in mine if each.event == "QueueMember"]
        entries = sorted((each for each in mine if each.event == "QueueEntry"), key=lambda each: each.whole("Position"))
        known = {each.call: each for each in self._waiting}
        waiting = [self._entry(each, known, now) for each in entries]
        if self.fresh and (
            {each.interface for each in members} != set(self._members) or [each.call for each in waiting] != list(known)
        ):
            self.drifts += 1
        self._members = {each.interface: each for each in members}
        self._waiting = waiting
        for each in mine:
            if each.event == "QueueParams" and self._talk_s is None and each.whole("TalkTime"):
                self._talk_s = float(each.whole("TalkTime"))
        self.fresh = True

    def event(self, message: Message) -> None:
        """Take one event; those of other queues are passed over."""
        if message.get("Queue") != self.name:
            return
        kind = message.event
        if kind == "QueueCallerJoin":
            self._joined(message)
        elif kind in ("QueueCallerLeave", "QueueCallerAbandon"):
            call = message.get("Uniqueid")
            self._waiting = [each for each in self._waiting if each.call != call]
        elif kind == "QueueMemberRemoved":
            self._members.pop(message.get("Interface"), None)
        elif kind == "AgentComplete":
            self._completed(message)
        elif kind.startswith("QueueMember"):
            member = Member.of(message, self._now(), self._wrap_up_s)
            if member.interface:
                self._members[member.interface] = member

    def _joined(self, message: Message) -> None:
        call = message.get("Uniqueid")
        if not call or self.position(call) is not None:
            return
        place = message.whole("Position", len(self._waiting) + 1)
        entered_at = moment(message.get("Timestamp"), self._now())
        self._waiting.insert(max(0, place - 1), Waiting(call, message.get("Channel"), entered_at))

    def _completed(self, message: Message) -> None:
        talk_s = float(message.whole("TalkTime"))
        self._talk_s = talk_s if self._talk_s is None else self._talk_s + SMOOTH * (talk_s - self._talk_s)
        member = self._members.get(message.get("Interface"))
        if member is not None:  # the member's own event comes later, or not at all when his phone's state stays the same
            free_at = moment(message.get("Timestamp"), self._now()) + timedelta(seconds=self._wrap_up_s)
            self._members[member.interface] = replace(member, in_call=False, free_at=free_at)

    @staticmethod
    def _entry(message: Message, known: dict[str, Waiting], now: datetime) -> Waiting:
        call = message.get("Uniqueid")
        entered_at = now - timedelta(seconds=message.whole("Wait"))
        return known.get(call) or Waiting(call, message.get("Channel"), entered_at)
