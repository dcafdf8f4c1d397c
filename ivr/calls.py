"""What AMI tells about callers' calls becomes steps of their streams; where Asterisk's own records differ, it is counted.

Theory of operation: our FastAGI server registers each call by the Uniqueid of the caller's channel; an event belongs to
it by its Uniqueid, or by its Linkedid where it is about an agent's channel. The steps of one read are noted together.
When the caller's channel is gone the call has ended; some seconds later, when its Cdr and the queue_log's lines have
come too (their order differs from call to call), the three are compared and the call is forgotten. A caller who left
while the link was down is found by asking which channels there are.

Lengths are taken from the events' own times: HoldTime, TalkTime and AgentConnect's RingTime are whole seconds. Who
ended a call is taken from HangupRequest: AgentComplete says "caller" also when it was the agent's channel that went.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from hotline.domain.call_commands import CallStep
from hotline.domain.msisdn import mask
from ivr.ami import AmiClient
from ivr.ami_link import Clock
from ivr.ami_wire import AmiError, Message
from ivr.records import Disagreement, Followed, Line, Talk, differences
from ivr.stamps import moment

log = logging.getLogger(__name__)

SETTLE_S = 5.0
"""How long after the end of a call its Cdr and the queue_log's lines may come, in seconds."""
SETTLE_TOGETHER_S = 0.25
"""Calls that ended within so many seconds are compared together."""
LOOK_S = 300.0
"""How often Asterisk is asked which calls there are, in seconds."""
OPEN_MAX = 20_000
"""Calls followed at once; the oldest is forgotten for one more."""
EARLY_MAX = 2000
"""Ends of calls that are kept for a registration that comes after them."""
STEPS_MAX = 500
"""Steps of one call; a caller who goes round and round must not fill the ledger."""
_NUMBER = re.compile(r"(?<=/)[0-9]{7,}")
"""An agent may be rung at a number, which neither the log nor a page may show."""
DISAGREEMENTS_MAX = 100
"""The newest are kept to be shown."""


class Calls:
    """The calls that are followed.

    Attributes:
        disagreements: how many there were, by kind.
        recent: the newest of them.
        forgotten: calls given up because too many were followed.
    """

    def __init__(
        self,
        client: AmiClient,
        note: Callable[[str, str, Sequence[CallStep]], None],
        ended: Callable[[str, str, str, datetime], None],
        now: Callable[[], datetime],
        clock: Clock,
        *,
        agent_at: Callable[[str], str] = lambda interface: interface,
    ) -> None:
        """Wire it.

        Args:
            note: takes (stream, call, steps), in order.
            ended: takes (stream, call, why, when) after the call's last step; why is caller, desk (we or Asterisk hung
                up), or unseen (he left while the link was down).
            now: aware UTC, where an event has no time of its own.
            agent_at: name of the agent at an interface, for those rung by Dial.
        """
        self.disagreements: Counter[str] = Counter()
        self.recent: deque[Disagreement] = deque(maxlen=DISAGREEMENTS_MAX)
        self.forgotten = 0
        self._client, self._note, self._ended, self._now, self._clock = client, note, ended, now, clock
        self._agent_at = agent_at
        self._calls: OrderedDict[str, Followed] = OrderedDict()
        self._early: OrderedDict[str, tuple[datetime, str]] = OrderedDict()
        self._out: dict[str, list[CallStep]] = {}
        self._settling: deque[tuple[float, Followed]] = deque()
        self._over: list[tuple[Followed, str, datetime]] = []
        self._cdr_seen = self._log_seen = False
        self._looking: Any = None
        self._does: dict[str, Callable[[Followed, Message, datetime], None]] = {
            "QueueCallerJoin": self._joined,
            "QueueCallerLeave": self._left_queue,
            "QueueCallerAbandon": self._gave_up,
            "AgentCalled": self._called,
            "AgentConnect": self._connected,
            "AgentComplete": self._completed,
            "AgentRingNoAnswer": self._unanswered,
            "DialBegin": self._dialled,
            "DialEnd": self._dial_ended,
            "BridgeLeave": self._left_bridge,
            "BlindTransfer": self._transferred,
            "AttendedTransfer": self._transferred,
            "MixMonitorStart": self._recording,
            "MixMonitorStop": self._recorded,
            "HangupRequest": self._hanging_up,
            "Hangup": self._hung_up,
        }
        client.on_event(tuple(self._does), self._event)
        client.on_event("Cdr", self._cdr)
        client.on_turn.append(self.flush)
        client.on_up.append(self._up)
        client.on_down.append(self._down)

    def __len__(self) -> int:
        return len(self._calls)

    def register(self, call_id: str, stream: str) -> None:
        """Follow the call of this Uniqueid; its steps go to `stream`. Again with another stream: from now on they go there."""
        call = self._calls.get(call_id)
        if call is not None:
            self.flush()
            call.stream = stream
            return
        self._calls[call_id] = call = Followed(stream, call_id, self._clock.seconds())
        if len(self._calls) > OPEN_MAX:
            self._calls.popitem(last=False)
            self.forgotten += 1
        early = self._early.pop(call_id, None)
        if early is not None:
            self._end(call, early[1], early[0])
            self.flush()

    def follows(self, call_id: str) -> bool:
        """Whether the end of this call is still to be told."""
        call = self._calls.get(call_id)
        return call is not None and not call.over

    def unheard(self, call_id: str) -> bool:
        """Whether events of a call were not seen, because the link is down, or was, or we were, during the call."""
        call = self._calls.get(call_id)
        return not self._client.up or call is None or call.gap

    def queue_log(self, line: Line) -> None:
        """Take a line of Asterisk's queue_log."""
        self._log_seen = True
        call = self._calls.get(line.call)
        if call is not None and len(call.lines) < STEPS_MAX:
            call.lines.append(line)

    def flush(self) -> None:
        """Note what has gathered."""
        if self._out:
            out, self._out = self._out, {}
            for call_id, steps in out.items():
                call = self._calls.get(call_id)
                if call is not None:
                    self._note(call.stream, call_id, steps)
        if self._over:
            over, self._over = self._over, []
            for call, why, at in over:
                self._ended(call.stream, call.id, why, at)

    def stop(self) -> None:
        """Ask no more which calls there are."""
        if self._looking is not None and self._looking.active():
            self._looking.cancel()

    # Events.

    def _event(self, message: Message) -> None:
        call = self._of(message)
        if call is None:
            if message.event == "Hangup":
                self._ended_early(message)
        elif not call.over or message.event == "MixMonitorStop":
            self._does[message.event](call, message, moment(message.get("Timestamp"), self._now()))

    def _of(self, message: Message) -> Followed | None:
        calls = self._calls
        for name in ("Uniqueid", "Linkedid", "DestLinkedid", "TransfererLinkedid", "OrigTransfererLinkedid"):
            if (call := calls.get(message.get(name))) is not None:
                return call
        return None

    def _ended_early(self, message: Message) -> None:
        call_id = message.get("Uniqueid")
        if call_id and call_id == message.get("Linkedid"):
            self._early[call_id] = (moment(message.get("Timestamp"), self._now()), "caller")
            if len(self._early) > EARLY_MAX:
                self._early.popitem(last=False)

    def _step(self, call: Followed, step: CallStep) -> None:
        call.steps += 1
        if call.steps <= STEPS_MAX:
            self._out.setdefault(call.id, []).append(step)

    def _joined(self, call: Followed, message: Message, at: datetime) -> None:
        call.queue, call.queued_at = message.get("Queue"), at
        self._step(call, CallStep(at, "queued", call.queue, message.get("Position")))

    def _left_queue(self, call: Followed, _message: Message, _at: datetime) -> None:
        call.queue = ""
        call.ringing.clear()

    def _gave_up(self, call: Followed, message: Message, at: datetime) -> None:
        self._step(call, CallStep(at, "gave_up", message.get("Queue"), message.get("Position"), _ms(call.queued_at, at)))

    def _called(self, call: Followed, message: Message, at: datetime) -> None:
        self._rings(call, message, at, message.get("MemberName"))

    def _dialled(self, call: Followed, message: Message, at: datetime) -> None:
        # app_queue tells each ringing twice, and Dial once
        if not call.queue and message.get("Uniqueid") == call.id:
            self._rings(call, message, at, self._agent_at(_interface(message.get("DestChannel"))))

    def _rings(self, call: Followed, message: Message, at: datetime, agent: str) -> None:
        call.ringing[message.get("DestUniqueid")] = (at, agent)
        self._step(call, CallStep(at, "rang", agent))

    def _unanswered(self, call: Followed, message: Message, at: datetime) -> None:
        since, agent = call.ringing.pop(message.get("DestUniqueid"), (None, message.get("MemberName")))
        ms = _ms(since, at)
        self._step(call, CallStep(at, "unanswered", agent, "NOANSWER", message.whole("RingTime") if ms is None else ms))

    def _dial_ended(self, call: Followed, message: Message, at: datetime) -> None:
        if call.queue or message.get("DestUniqueid") not in call.ringing:
            return
        since, agent = call.ringing.pop(message.get("DestUniqueid"))
        status = message.get("DialStatus")
        if status == "ANSWER":
            self._talks(call, Talk(agent, message.get("DestChannel"), at, by_queue=False), at, _ms(since, at))
        else:
            self._step(call, CallStep(at, "unanswered", agent, status, _ms(since, at)))

    def _connected(self, call: Followed, message: Message, at: datetime) -> None:
        agent = message.get("MemberName")
        self._talks(call, Talk(agent, message.get("DestChannel"), at, by_queue=True), at, _ms(call.queued_at, at))

    def _talks(self, call: Followed, talk: Talk, at: datetime, ms: int | None) -> None:
        call.queue = ""
        call.ended_by = ""
        call.talks.append(talk)
        self._step(call, CallStep(at, "connected", talk.agent, "queue" if talk.by_queue else "owner", ms))

    def _completed(self, call: Followed, message: Message, at: datetime) -> None:
        for talk in call.talks:
            if talk.by_queue and talk.channel == message.get("DestChannel") and talk.told_s is None:
                talk.told_s = message.whole("TalkTime")
                self._talked(call, talk, at)
                return

    def _left_bridge(self, call: Followed, message: Message, at: datetime) -> None:
        talk = call.talks[-1] if call.talks else None
        if talk is not None and talk.ms is None and message.get("Uniqueid") == call.id and not talk.by_queue:
            self._talked(call, talk, at)

    def _talked(self, call: Followed, talk: Talk, at: datetime) -> None:
        if talk.ms is None:
            talk.ms = _ms(talk.since, at)
            self._step(call, CallStep(at, "talked", talk.agent, call.ended_by or "desk", talk.ms))

    def _transferred(self, call: Followed, message: Message, at: datetime) -> None:
        if message.get("Result", "Success") == "Success":
            to = message.get("Extension") or _interface(message.get("TransferTargetChannel"))
            to = mask(to) if to.lstrip("+").isdigit() and len(to) > 6 else to
            self._step(call, CallStep(at, "transferred", to, "blind" if message.event == "BlindTransfer" else "attended"))

    def _recording(self, call: Followed, _message: Message, at: datetime) -> None:
        if call.recording_at is None:
            call.recording_at = at
            self._step(call, CallStep(at, "recording"))

    def _recorded(self, call: Followed, _message: Message, at: datetime) -> None:
        if call.recording_at is not None:
            ms, call.recording_at = _ms(call.recording_at, at), None
            self._step(call, CallStep(at, "recorded", ms=ms))

    def _hanging_up(self, call: Followed, message: Message, _at: datetime) -> None:
        if message.get("Uniqueid") == call.id:
            call.ended_by = "caller"
        elif call.talks and message.get("Channel") == call.talks[-1].channel:
            call.ended_by = "agent"

    def _hung_up(self, call: Followed, message: Message, at: datetime) -> None:
        if message.get("Uniqueid") != call.id:
            return
        for talk in call.talks:
            self._talked(call, talk, at)
        self._end(call, "caller" if call.ended_by == "caller" else "desk", at)

    def _end(self, call: Followed, why: str, at: datetime) -> None:
        call.over = True
        self._over.append((call, why, at))
        self._settling.append((self._clock.seconds() + SETTLE_S, call))
        if len(self._settling) == 1:
            self._clock.callLater(SETTLE_S, self._settle_due)

    # Asterisk's other records.

    def _cdr(self, message: Message) -> None:
        self._cdr_seen = True
        call = self._calls.get(message.get("UniqueID"))
        if call is not None and len(call.cdrs) < STEPS_MAX:
            call.cdrs.append((message.get("DestinationChannel"), message.get("Disposition")))

    def _settle_due(self) -> None:
        """One timer for all that have ended, for they are due in their order."""
        due = self._clock.seconds() + SETTLE_TOGETHER_S
        while self._settling and self._settling[0][0] <= due:
            self._settle(self._settling.popleft()[1])
        if self._settling:
            self._clock.callLater(self._settling[0][0] - self._clock.seconds(), self._settle_due)

    def _settle(self, call: Followed) -> None:
        self._calls.pop(call.id, None)
        if call.gap:
            return
        for kind, *values in differences(call, cdr=self._cdr_seen, queue_log=self._log_seen):
            self.disagreements[kind] += 1
            events, other = (_NUMBER.sub("…", each) for each in values)
            self.recent.append(Disagreement(self._now(), call.id, kind, events, other))
            log.warning("call %s: Asterisk's records differ (%s): %s against %s", call.id, kind, events, other)

    # A lost link.

    def _down(self, _reason: str) -> None:
        self.stop()
        self._cdr_seen = self._log_seen = False
        for call in self._calls.values():
            call.gap = True

    def _up(self) -> None:
        self._look()

    def _look(self) -> None:
        self.stop()
        self._looking = self._clock.callLater(LOOK_S, self._look)
        if not self._calls:
            return
        asked_at = self._clock.seconds()
        listing: Deferred[Any] = self._client.listed({"Action": "CoreShowChannels"})
        listing.addCallback(self._compare, asked_at).addErrback(self._unlisted)

    def _compare(self, listed: Sequence[Message], asked_at: float) -> None:
        there = {each.get("Uniqueid") for each in listed}
        for call in list(self._calls.values()):
            if not call.over and call.id not in there and call.seen_at < asked_at:
                call.gap = True
                self._end(call, "unseen", self._now())
        self.flush()

    def _unlisted(self, failure: Failure) -> None:
        failure.trap(AmiError)
        log.warning("Asterisk does not say which calls there are: %s", failure.value)


def _ms(since: datetime | None, until: datetime) -> int | None:
    return None if since is None else max(0, round((until - since).total_seconds() * 1000))


def _interface(channel: str) -> str:
    """What was rung: "PJSIP/agent1-0000001c" is a channel to "PJSIP/agent1"."""
    return channel.rpartition("-")[0] or channel
