"""Commands: everything that may change anything, as an edge hands it to the ledger.

Each concerns one stream, a subscriber's MSISDN. `id` makes sending it twice have one effect; an empty id
marks a command that is harmless to repeat by its own nature (it names the outbox row or part it settles).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from hotline.domain.meaning import Meaning


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What all commands have: `stream`, the MSISDN concerned, and `id`, "" where repeating is harmless."""

    stream: str
    id: str = ""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """Where a text came in, so that its repetition after a cut link or a crash is recognised.

    Attributes:
        link: id of the bind over which it came.
        number: 1, 2, 3 … in order of arrival on that link.
        fingerprint: 64-bit digest of sender, recipient and octets; a repetition has the same.
    """

    link: str
    number: int
    fingerprint: int


class ReceiveText(Command, frozen=True, kw_only=True, gc=False):
    """A subscriber's whole text has come in.

    Attributes:
        text: what was written.
        meaning: what the grammar makes of it.
        smsc: name of the SMSC that brought it; answers go back by it.
        number: the service number that it was sent to; answers come from it.
        arrival: where it came in; None for a text that no SMSC brought.
        segments: key of the parts it was put together from, or "".
        answerable: False when the sender is no subscriber (an alphanumeric address), so no answer is sent.
    """

    text: str
    meaning: Meaning
    smsc: str = ""
    number: str = ""
    arrival: Arrival | None = None
    segments: str = ""
    answerable: bool = True


class NoteRepeat(Command, frozen=True, kw_only=True, gc=False):
    """A text seems to come again, as arrival `again`; if its arrival `first` is stored, `again` takes its place.

    The outcome says whether it was `repeated`; the stream is not changed.
    """

    first: Arrival
    again: Arrival


class KeepSegment(Command, frozen=True, kw_only=True, gc=False):
    """A part of a long text has come in; harmless to repeat.

    Attributes:
        key: what the parts of one text share (SMSC, recipient, reference, total).
        part: 1..total.
        total: number of parts, 2..255.
        payload: the part's octets without UDH.
        data_coding: as in the PDU.
        arrival: where it came in.
    """

    key: str
    part: int
    total: int
    payload: bytes
    data_coding: int
    arrival: Arrival | None = None


class NoteAccepted(Command, frozen=True, kw_only=True, gc=False):
    """The SMSC has taken parts of an MT text.

    Attributes:
        mt: id of the MtQueued event.
        parts: part number (1..total) to the SMSC's message id.
        done: it has now taken all of them.
        smsc: name of the SMSC that took them.
        receipt: delivery receipts were asked for.
    """

    mt: int
    parts: dict[int, str]
    done: bool
    smsc: str
    receipt: bool


class NoteUnsendable(Command, frozen=True, kw_only=True, gc=False):
    """An MT text can't be sent: it becomes a dead letter with `reason`, in words."""

    mt: int
    reason: str


class NoteReceipt(Command, frozen=True, kw_only=True, gc=False):
    """A delivery receipt has come in.

    Attributes:
        smsc: name of the SMSC that sent it.
        message_id: as the SMSC wrote it.
        state: the SMPP state in capitals: DELIVRD, EXPIRED, DELETED, UNDELIV, ACCEPTD, UNKNOWN, REJECTD, ENROUTE.
        error: the network's error code, or "".
    """

    smsc: str
    message_id: str
    state: str
    error: str = ""


class OrderService(Command, frozen=True, kw_only=True, gc=False):
    """Somebody asks for a service on the subscriber's behalf; the subscriber still confirms by text."""

    code: str
    channel: str
    by: str = ""


class CancelService(Command, frozen=True, kw_only=True, gc=False):
    """The subscriber, or somebody on his behalf, cancels a service by another way than a text."""

    code: str
    channel: str
    by: str = ""


class NoteUse(Command, frozen=True, kw_only=True, gc=False):
    """The subscriber has used a service that is paid by use; the id makes a use that is reported twice count once."""

    code: str
    channel: str
    by: str = ""


class NoteBilled(Command, frozen=True, kw_only=True, gc=False):
    """Billing has answered an order.

    Attributes:
        order: id of the BillingQueued event.
        accepted: billing took it.
        reason: why not: no_credit, blocked, unknown_subscriber, price, limit or other.
        reference: the operator's own number for it, or "".
    """

    order: int
    accepted: bool
    reason: str = ""
    reference: str = ""


class NoteBillingSlow(Command, frozen=True, kw_only=True, gc=False):
    """Billing can't be reached for now; the order is tried again, the subscriber is told once."""

    order: int


class NoteUnbookable(Command, frozen=True, kw_only=True, gc=False):
    """A billing order can't be brought to the operator at all; it becomes a dead letter."""

    order: int
    reason: str


class FireWake(Command, frozen=True, kw_only=True, gc=False):
    """The time that a WakeSet event named has come.

    Attributes:
        wake: id of the event that set it, WakeSet or OfferMade.
        what, subject, of, nth: as in WakeSet; `what` is "offer" for OfferMade.
        due: when it was due.
    """

    wake: int
    what: str
    subject: str
    due: datetime
    of: int = 0
    nth: int = 0


class RetryDeadLetter(Command, frozen=True, kw_only=True, gc=False):
    """A person sends a dead letter again."""

    row: int
    by: str


class SettleDeadLetter(Command, frozen=True, kw_only=True, gc=False):
    """A person declares a dead letter done, saying why."""

    row: int
    by: str
    note: str
