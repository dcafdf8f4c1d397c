"""One test call, as Asterisk's events tell it. No I/O.

Theory of operation: Asterisk makes a channel whose id is derived from the outbox's row, dials by it, and runs the dialplan's
`shouwen-test` on it once the far end has answered. How it went stands in several events whose order differs from ending to
ending: OriginateResponse and DialEnd may come before or after Hangup, and neither has to come. So all is gathered, each with the
event's own time, until OriginateResponse and Hangup are both in; nothing here depends on their order.

What the far end said is in HangupRequest alone (TechCause is its final SIP code). Hangup repeats it, but where *we* gave up at
the end of the ring time it has "480" and cause 19 though nobody said so, and there is no HangupRequest. No channel at all means
that there is no such endpoint: our own fault.

A 503 without a packet from the far end is Asterisk's own: the address can't be reached from here, or its name not be resolved. No
event tells it from the network's; the channel does, for it has no cause of its own, and the dialplan says so before it is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from hotline.domain.rates.endings import Ending, Raw, classify, sip_code
from hotline.domain.testcall_faults import Fault
from ivr.ami_wire import Message
from ivr.stamps import moment

PREFIX = "test-call-"
"""What the id of a test call's channel begins with; Asterisk refuses a second channel of the same id."""
UP = "6"
"""ChannelState of a channel that was answered."""
NO_ANSWER = "3"
"""OriginateResponse's Reason when our ring time ran out (AST_CONTROL_RINGING)."""
TOLD = "ShouwenTest"
"""The UserEvent by which the dialplan tells RTP's figures."""
UNSENT = "ShouwenTestUnsent"
"""The UserEvent by which the dialplan tells that nothing ever came from the far end, by a route over UDP."""
MADE_HERE = 503
"""What Asterisk says in the far end's place when it can't send."""
DIGITS_MAX = 32
"""Digits that are kept; a far end may send as many as it likes."""


@dataclass(slots=True)
class Leg:
    """What is known of a test call. Times are Asterisk's, aware UTC.

    Attributes:
        row: of the outbox.
        dialled_at: DialBegin, the end of dialling: all digits are sent in the INVITE.
        ringing_at, progress_at: the first 180, and the first early media.
        answered_at: when it was answered; None though `answered` where that was not seen.
        ended_at: when its channel was gone.
        made: there was a channel; answered: it was answered.
        responded: Asterisk has said what came of its order to dial; failed: that nobody answered; timed_out: within our time.
        hung_up: its channel is gone.
        sip_code: the final one that the far end gave, or SIP's timers in its place (408); 0: none.
        cause_q850: as Asterisk has it; 0: none.
        dial_status: of DialEnd.
        digits: keys that the far end sent.
        received, lost: RTP packets; jitter_ms: theirs. None where Asterisk did not tell.
        told: the dialplan has run to its end.
        unsent: nothing ever came from the far end, so a MADE_HERE is Asterisk's own.
        gap: the link was lost meanwhile, or it was a former process that dialled: not all was seen.
        why: what was wrong with us, as far as it is known.
    """

    row: int
    dialled_at: datetime | None = None
    ringing_at: datetime | None = None
    progress_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    made: bool = False
    answered: bool = False
    responded: bool = False
    failed: bool = False
    timed_out: bool = False
    hung_up: bool = False
    sip_code: int = 0
    cause_q850: int = 0
    dial_status: str = ""
    digits: str = ""
    received: int | None = None
    lost: int | None = None
    jitter_ms: float | None = None
    told: bool = False
    unsent: bool = False
    gap: bool = False
    why: str = ""
    _keys: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Uniqueid of its channel."""
        return f"{PREFIX}{self.row}"

    @property
    def rang_at(self) -> datetime | None:
        """The first sign of the far end: it rings, or early media comes."""
        if self.ringing_at is None or self.progress_at is None:
            return self.ringing_at or self.progress_at
        return min(self.ringing_at, self.progress_at)

    @property
    def early_media(self) -> bool:
        """Whether early media came, and no ringing before it."""
        return self.progress_at is not None and self.rang_at == self.progress_at

    @property
    def talked_s(self) -> float:
        """How long it was up, in seconds; 0 where that was not seen."""
        if self.answered_at is None or self.ended_at is None:
            return 0.0
        return (self.ended_at - self.answered_at).total_seconds()

    @property
    def ending(self) -> bool:
        """It is over, though more may be told of why."""
        return self.hung_up or self.failed

    @property
    def complete(self) -> bool:
        """All that will be told has been."""
        return self.hung_up and (self.responded or self.answered)

    def event(self, message: Message, now: datetime) -> None:
        """Take one of `ami_events.TEST` that names this call's channel; `now`: its time, where the event has none."""
        kind, at = message.event, moment(message.get("Timestamp"), now)
        if kind == "OriginateResponse":
            self.responded = True
            self.timed_out = message.get("Reason") == NO_ANSWER
            self.failed |= message.get("Response") != "Success"
            self.answered |= message.get("Response") == "Success"
            return
        self.made = True
        if kind == "DialBegin":
            self.dialled_at = at
        elif kind == "DialState":
            self._goes_on(message.get("DialStatus"), at)
        elif kind == "DialEnd":
            self._dialled(message.get("DialStatus"), at)
        elif kind == "HangupRequest":
            self.sip_code = self.sip_code or sip_code(message.get("TechCause")) or 0
            self.cause_q850 = message.whole("Cause") or self.cause_q850
        elif kind == "Hangup":
            self.hung_up, self.ended_at = True, at
            self.cause_q850 = self.cause_q850 or message.whole("Cause")
        elif kind == "DTMFEnd":
            self._keyed(message, at)
        elif message.get("UserEvent") == TOLD:
            self._measured(message)
        elif message.get("UserEvent") == UNSENT:
            self.unsent = True

    def seen(self, channel: Message) -> None:
        """Asterisk lists the channel: it lives, and this is how far it is."""
        self.made = True
        self.answered |= channel.get("ChannelState") == UP

    def outcome(self) -> tuple[Ending, str]:
        """The class of a call that nobody answered, and if it is our own fault, why."""
        raw = Raw(
            made=self.made and self.dialled_at is not None and not self._made_here,
            lost=self.gap,
            rang=self.ringing_at is not None,
            timed_out=self.timed_out,
            sip_code=self.sip_code or None,
            cause_q850=self.cause_q850 or None,
            dial_status=self.dial_status,
        )
        ending = classify(raw)
        return ending, (self.why or self._fault()) if ending is Ending.OWN_FAULT else ""

    @property
    def _made_here(self) -> bool:
        return self.unsent and self.sip_code == MADE_HERE

    def _fault(self) -> str:
        if self.gap:
            return Fault.UNSEEN
        if self._made_here:
            return Fault.NOT_SENT
        if self.made and self.dialled_at is not None:
            return Fault.NO_DIALLING.of(self.dial_status)
        return Fault.NO_DIALLING if self.made else Fault.NO_CHANNEL

    def _goes_on(self, status: str, at: datetime) -> None:
        if status == "RINGING":
            self.ringing_at = min(self.ringing_at or at, at)
        elif status == "PROGRESS":
            self.progress_at = min(self.progress_at or at, at)

    def _dialled(self, status: str, at: datetime) -> None:
        self.dial_status = status
        if status == "ANSWER":
            self.answered, self.answered_at = True, at

    def _keyed(self, message: Message, at: datetime) -> None:
        if message.get("Direction") == "Received" and len(self._keys) < DIGITS_MAX:
            self._keys.append((at, message.get("Digit")[:1]))
            self.digits = "".join(digit for _, digit in sorted(self._keys, key=itemgetter(0)))

    def _measured(self, message: Message) -> None:
        self.told = True
        self.received = _count(message.get("Received"))
        self.lost = _count(message.get("Lost"))
        jitter = message.get("Jitter")
        try:
            self.jitter_ms = round(float(jitter) * 1000, 3) if self.received else None
        except ValueError:
            self.jitter_ms = None


def _count(words: str) -> int | None:
    return int(words) if words.isascii() and words.isdigit() and len(words) < 19 else None
