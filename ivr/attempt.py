"""One attempt to call somebody back, as Asterisk's events tell it. No I/O.

Theory of operation: we have Asterisk make a Local channel whose id is derived from the outbox's row. Its half ";2" dials the
caller, its other half runs the dialogue once he has answered. How it went stands in several places whose order differs from case
to case: the answer to Originate, DialEnd, and the Hangup of each half and of the caller's own channel. That one has the cause;
";2" knows busy and congestion only. A number that nobody can dial makes no channel of its own. So all is gathered until both
halves are gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hotline.domain.call_events import CallBackQueued
from ivr.ami_wire import Message

PREFIX = "call-back-"
"""What the id of an attempt's channel begins with; Asterisk refuses a second channel of the same id."""
CAUSES: Mapping[int, str] = {
    1: "unreachable",  # unallocated number
    2: "unreachable",
    3: "unreachable",  # no route
    17: "busy",
    18: "no_answer",
    19: "no_answer",
    20: "unreachable",  # subscriber absent
    21: "rejected",
    22: "unreachable",  # number changed
    27: "unreachable",
    28: "unreachable",  # number incomplete
}
"""Outcomes by Q.850 §2.2.7 cause; all others are "failed"."""
REASONS: Mapping[int, str] = {1: "rejected", 3: "no_answer", 5: "busy"}
"""Outcomes by OriginateResponse's Reason, where no cause is known: the control frame that ended the dialling."""
UP = "6"
"""ChannelState of a channel that was answered."""


@dataclass(slots=True)
class Attempt:
    """What is known of it.

    Attributes:
        row: of the outbox; stream: the caller's.
        begun: the ledger knows that it is dialled.
        sent_at: when Asterisk was told to dial, in the clock's seconds; None before that.
        not_before: when it may be tried again after trouble of our own, in the clock's seconds.
        rang: the caller's own channel was made.
        answered: somebody or something answered; joined: he is or was in the queue; gave_up: he left it himself.
        connected: he has spoken with an agent.
        failed: Asterisk says that nobody answered, for `reason`.
        caller: Uniqueid of the caller's own channel, where that was told.
        gone: which of the three channels are gone.
        cause: why the caller's channel ended; 0 while that is not known.
        gap: the link was lost meanwhile, or it was a former process that dialled: not all was seen.
    """

    row: int
    stream: str
    queued: CallBackQueued
    begun: bool = False
    sent_at: float | None = None
    not_before: float = 0.0
    rang: bool = False
    answered: bool = False
    joined: bool = False
    gave_up: bool = False
    connected: bool = False
    failed: bool = False
    reason: int = 0
    caller: str = ""
    gone: frozenset[str] = frozenset()
    cause: int = 0
    gap: bool = False

    @property
    def id(self) -> str:
        """Uniqueid of the channel that talks to the caller."""
        return f"{PREFIX}{self.row}"

    @property
    def ending(self) -> bool:
        """It is over, though more may be told of why."""
        return self.failed or self.id in self.gone

    @property
    def complete(self) -> bool:
        """All that will be told has been."""
        if self.answered:
            return self.id in self.gone
        return self.failed and self.gone >= {self.id, f"{self.id};2", self.caller or self.id}

    def event(self, message: Message) -> None:
        """Take one of `ivr.ami_events.ATTEMPT` that names this attempt's channel."""
        kind, channel = message.event, message.get("Uniqueid")
        if kind == "OriginateResponse":
            self.answered |= message.get("Response") == "Success"
            self.failed |= message.get("Response") != "Success"
            self.reason = message.whole("Reason")
        elif kind == "Hangup":
            self._hung_up(channel, message.whole("Cause"))
        elif kind.startswith("Dial"):
            self._dialled(message)
        elif channel == self.id:
            self._talks(kind)

    def seen(self, channel: Message) -> None:
        """Asterisk lists the channel: it lives, and this is how far it is."""
        self.rang = True
        self.answered |= channel.get("ChannelState") == UP
        self.joined |= channel.get("Application") == "Queue"
        self.connected |= bool(channel.get("BridgeId"))

    def outcome(self) -> str:
        """What became of it; one whose end was not seen counts as failed."""
        if self.connected:
            return "reached"
        if self.answered and self.complete:
            if self.joined:
                return "failed" if self.gave_up else "no_agent"
            # not joined: a machine that says nothing, or he hung up at the first words
            return "failed" if self.gap else "no_answer"
        if not self.failed or (self.gap and not self.rang):
            return "failed"
        if not self.rang:
            return "not_dialled"
        return CAUSES.get(self.cause, "failed") if self.cause else REASONS.get(self.reason, "failed")

    def _hung_up(self, channel: str, cause: int) -> None:
        self.gone |= {channel}
        if channel in (self.id, f"{self.id};2"):
            self.cause = self.cause or cause
        elif not self.answered and cause:
            self.cause = cause

    def _dialled(self, message: Message) -> None:
        if message.get("Uniqueid") == f"{self.id};2":
            self.rang = True
            self.caller = message.get("DestUniqueid")
            self.answered |= message.get("DialStatus") == "ANSWER"

    def _talks(self, kind: str) -> None:
        if kind == "QueueCallerJoin":
            self.joined = True
        elif kind == "QueueCallerAbandon":
            self.gave_up = True
        else:  # this half comes into a bridge with agents only
            self.connected = True
