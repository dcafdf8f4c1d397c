"""Events: what happened, in the past tense. They are the truth; state rows are made from them.

A stored event's `kind` is its class's name. Every event is kept with the id of the command or event that
caused it. Texts queued for sending, orders for billing and wake-ups are events too: the event's id is the id
of its outbox row.
"""

from __future__ import annotations

from datetime import datetime

from hotline.domain import agent_events, call_events, surge_events, testcall_events
from hotline.domain.event import Event as Event  # noqa: PLC0414 - others know it from here
from hotline.domain.meaning import Meaning


class TextReceived(Event, frozen=True, gc=False):
    """A text came in (MO); `segments` names the parts it was put together from."""

    text: str
    meaning: Meaning
    smsc: str
    number: str
    segments: str = ""


class SegmentKept(Event, frozen=True, gc=False):
    """A part of a long text came in and waits for the others."""

    key: str
    part: int
    total: int
    payload: bytes
    data_coding: int


class SegmentsDropped(Event, frozen=True, gc=False):
    """A long text stayed incomplete; `why` is "late" or "too_many"."""

    key: str
    why: str


class OfferMade(Event, frozen=True, gc=False):
    """The subscriber was offered a service at a price; only a yes before `valid_until` orders it.

    It sets the wake-up at which a silent offer is withdrawn. `fee` is what the price is for: monthly, per_use or free;
    "" in offers made before it was kept.
    """

    code: str
    price_fen: int
    valid_until: datetime
    channel: str = "sms"
    by: str = ""
    fee: str = ""


class OfferWithdrawn(Event, frozen=True, gc=False):
    """An offer no longer stands; `why` is expired, price_changed, fee_changed, refused or cancelled."""

    code: str
    why: str


class ConsentGiven(Event, frozen=True, gc=False):
    """The subscriber said yes, in these words, to this offer at this price."""

    code: str
    price_fen: int
    words: str
    offer: int


class ConsentRefused(Event, frozen=True, gc=False):
    """The subscriber said no, in these words, to this offer at this price."""

    code: str
    price_fen: int
    words: str
    offer: int


class UseNoted(Event, frozen=True, gc=False):
    """The platform that carries a service paid by use reported a use, which is charged if it costs something."""

    code: str
    channel: str
    by: str = ""


class BillingQueued(Event, frozen=True, gc=False):
    """An order for billing waits in the outbox; `action` is confirm, cancel, charge or refund.

    `key` stays the same however often the order is sent; `period` is the month that a charge is for ("2026-11"),
    "" where it is for a use.
    """

    action: str
    code: str
    price_fen: int
    key: str
    period: str = ""


class Billed(Event, frozen=True, gc=False):
    """Billing took an order; `reference` is the operator's own number for it."""

    order: int
    action: str
    code: str
    reference: str = ""


class BillingRefused(Event, frozen=True, gc=False):
    """Billing refused an order; `reason` as in the command NoteBilled."""

    order: int
    action: str
    code: str
    reason: str


class BillingDelayed(Event, frozen=True, gc=False):
    """Billing could not be reached at the first try; the order stays in the outbox."""

    order: int


class BillingFailed(Event, frozen=True, gc=False):
    """An order could not be brought to billing and is a dead letter."""

    order: int
    reason: str


class Activated(Event, frozen=True, gc=False):
    """Billing took the order to confirm; the subscription holds from now on.

    `reference` is the operator's own number for it.
    """

    code: str
    price_fen: int
    order: int
    reference: str = ""


class OrderRefused(Event, frozen=True, gc=False):
    """Billing would not have the order; nothing holds, nothing is charged."""

    code: str
    reason: str


class Cancelled(Event, frozen=True, gc=False):
    """The subscription ended at once; `words` or `channel` and `by` say at whose wish."""

    code: str
    words: str = ""
    channel: str = "sms"
    by: str = ""


class QuestionAsked(Event, frozen=True, gc=False):
    """A numbered list was sent; number n answers it with the n-th code."""

    codes: tuple[str, ...]


class CaseOpened(Event, frozen=True, gc=False):
    """A complaint became a case with a number; a spoken one has the sound file `recording` and the call it came from."""

    number: str
    words: str
    channel: str
    recording: str = ""
    call: str = ""


class ComplaintRepeated(Event, frozen=True, gc=False):
    """A complaint joined an open case: the same words again, or the newest case after too many others."""

    number: str
    recording: str = ""
    call: str = ""


class HelpGiven(Event, frozen=True, gc=False):
    """Help was sent."""


class AskedBack(Event, frozen=True, gc=False):
    """A near miss was asked back."""


class AnswerWithheld(Event, frozen=True, gc=False):
    """No answer was sent; `why` is help_limit, ask_limit, answer_limit or not_a_subscriber."""

    why: str


class MtQueued(Event, frozen=True, gc=False, omit_defaults=True):
    """An MT text waits in the outbox.

    Attributes:
        text: what the subscriber will read.
        key: name of the text in the catalogue.
        smsc: SMSC to send it by, "" for the first one.
        number: service number it comes from, "" for the SMSC's own.
        reference: 0..255, shared by the parts of one long text.
        idle: it answers a text that changed nothing, and counts towards the rule answers_per_hour.
    """

    text: str
    key: str
    smsc: str
    number: str
    reference: int
    idle: bool = False


class MtAccepted(Event, frozen=True, gc=False):
    """The SMSC took parts of an MT text (part number to its message id); `done` when it has taken all."""

    mt: int
    parts: dict[int, str]
    smsc: str
    done: bool
    receipt: bool


class MtFailed(Event, frozen=True, gc=False):
    """An MT text is a dead letter."""

    mt: int
    reason: str


class ReceiptReceived(Event, frozen=True, gc=False):
    """A delivery receipt for part `part` of MT `mt`; mt 0 when it fits no message (yet)."""

    mt: int
    part: int
    state: str
    error: str
    smsc: str
    message_id: str


class WakeSet(Event, frozen=True, gc=False):
    """At `due`, `what` (segments, reminder, charge, call_back) is looked at again for `subject`.

    `of` is the event that made the subscription concerned, kept the first part of the text, or asked to be called
    back: a wake-up for one that has been replaced since does nothing. `nth` counts the reminders, and the attempts.
    """

    due: datetime
    what: str
    subject: str
    of: int = 0
    nth: int = 0


class WakeFired(Event, frozen=True, gc=False):
    """A wake-up came, due at `due`, and is spent."""

    wake: int
    due: datetime


class DeadLetterRetried(Event, frozen=True, gc=False):
    """A person sent a dead letter again."""

    row: int
    by: str


class DeadLetterSettled(Event, frozen=True, gc=False):
    """A person declared a dead letter done."""

    row: int
    by: str
    note: str


MODULES = (call_events, agent_events, surge_events, testcall_events)
"""Where the other kinds of events are."""
EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}
"""Every kind of event by the name under which it is stored."""
