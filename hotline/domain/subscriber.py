"""A subscriber's state, and how each event changes it.

The state holds what decisions need and nothing else; words and histories stay in the events. It is kept as
one row per stream and can always be made again from the events (`shouwen rebuild`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from sys import intern
from typing import Any, TypeVar

import msgspec

from hotline.domain import agent_state, call_state, surge_state, testcall_state, testplan_state
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.call_state import CallBack, OpenCall, OwnedCase, Proof, Survey
from hotline.domain.rules import Rules

OFFERED, ACTIVATING, ACTIVE = "offered", "activating", "active"
CANCELLED, WITHDRAWN, REFUSED = "cancelled", "withdrawn", "refused"
HELD = (ACTIVATING, ACTIVE)
"""States in which the subscriber has the service, or is about to."""


class Subscription(msgspec.Struct, gc=False, omit_defaults=True):
    """One service of the subscriber.

    Attributes:
        state: offered, activating, active, cancelled, withdrawn or refused.
        price_fen: the price that was shown.
        since: when it came into this state.
        event: the event that made the present offer or order; an answer of billing names it.
        valid_until: of an offer.
        charged: the last month charged ("2026-11"); it outlives a cancellation, so that no month is charged twice.
        wake: the wake-up that comes next, a reminder or a charge; any other does nothing.
        declined: the subscriber withdrew the offer himself, so a later yes has not come too late.
        fee: what the price that was shown is for, as in OfferMade.
    """

    state: str
    price_fen: int
    since: datetime
    event: int
    valid_until: datetime | None = None
    charged: str = ""
    wake: int = 0
    declined: bool = False
    fee: str = ""


class Question(msgspec.Struct, gc=False):
    """A numbered list that the subscriber may answer with a number, as long as he texts nothing else first."""

    codes: tuple[str, ...]
    at: datetime


class Case(msgspec.Struct, gc=False):
    """A complaint that later ones may join; `digest` tells whether the same words come again."""

    number: str
    at: datetime
    digest: str


class WaitingParts(msgspec.Struct, gc=False):
    """Parts of a long text that wait for the others; `event` kept the first of them."""

    total: int
    data_coding: int
    at: datetime
    parts: dict[int, bytes]
    event: int = 0


class SentMt(msgspec.Struct, gc=False):
    """An MT text on its way: what the SMSC has taken, and what receipts are awaited."""

    smsc: str
    at: datetime
    ids: dict[int, str]


class EarlyReceipt(msgspec.Struct, gc=False):
    """A receipt that came before the answer to its submit_sm."""

    smsc: str
    message_id: str
    state: str
    error: str
    at: datetime


class Order(msgspec.Struct, gc=False):
    """An order at billing that has not been answered."""

    action: str
    code: str
    delayed: bool = False


class Idle(msgspec.Struct, gc=False):
    """Answers to texts that changed nothing, counted from the first one for an hour."""

    since: datetime
    count: int = 1


class Subscriber(msgspec.Struct, omit_defaults=True):
    """All that decisions need to know of one subscriber."""

    lang: str = "zh"
    smsc: str = ""
    number: str = ""
    reference: int = 0
    subscriptions: dict[str, Subscription] = {}
    question: Question | None = None
    cases: dict[str, Case] = {}
    helped: list[datetime] = []
    asked: list[datetime] = []
    idle: Idle | None = None
    waiting: dict[str, WaitingParts] = {}
    sent: dict[int, SentMt] = {}
    early: list[EarlyReceipt] = []
    orders: dict[int, Order] = {}
    calls: dict[str, OpenCall] = {}
    open_cases: dict[str, OwnedCase] = {}
    proof: Proof | None = None
    codes: list[datetime] = []
    call_back: CallBack | None = None
    survey: Survey | None = None

    def awaits(self, order: int) -> bool:
        """Whether a subscription waits for billing to answer this order (id of its BillingQueued event)."""
        queued = self.orders.get(order)
        held = self.subscriptions.get(queued.code) if queued is not None else None
        return held is not None and held.state == ACTIVATING and held.event == order


HOUR = timedelta(hours=1)

Evolve = Callable[[Any, Any, int, datetime, Rules], None]
S = TypeVar("S")
"""A Subscriber, or an Agent."""


def _text_received(state: Subscriber, event: ev.TextReceived, _id: int, _at: datetime, _rules: Rules) -> None:
    if state.question is not None and type(event.meaning) is not m.Choice:
        state.question = None  # else a number meant for a later text would cancel what an old list names
    lang = getattr(event.meaning, "lang", None)
    if lang is not None:
        state.lang = intern(lang)  # msgspec leaves out a default only where it is the same object
    state.smsc, state.number = event.smsc, event.number
    if event.segments:
        state.waiting.pop(event.segments, None)


def _segment_kept(state: Subscriber, event: ev.SegmentKept, event_id: int, at: datetime, _rules: Rules) -> None:
    waiting = state.waiting.get(event.key)
    if waiting is None:
        waiting = state.waiting[event.key] = WaitingParts(event.total, event.data_coding, at, {}, event_id)
    waiting.parts[event.part] = event.payload


def _segments_dropped(state: Subscriber, event: ev.SegmentsDropped, _id: int, _at: datetime, _rules: Rules) -> None:
    state.waiting.pop(event.key, None)


def _become(state: Subscriber, code: str, name: str, event_id: int, at: datetime) -> None:
    old = state.subscriptions[code]
    state.subscriptions[code] = Subscription(name, old.price_fen, at, event_id, charged=old.charged, fee=old.fee)


def _offer_made(state: Subscriber, event: ev.OfferMade, event_id: int, at: datetime, _rules: Rules) -> None:
    old = state.subscriptions.pop(event.code, None)  # popped, so that the newest offer comes last
    charged = old.charged if old is not None else ""
    offered = Subscription(OFFERED, event.price_fen, at, event_id, event.valid_until, charged, fee=event.fee)
    state.subscriptions[event.code] = offered


def _offer_withdrawn(state: Subscriber, event: ev.OfferWithdrawn, event_id: int, at: datetime, _rules: Rules) -> None:
    _become(state, event.code, WITHDRAWN, event_id, at)
    state.subscriptions[event.code].declined = event.why in ("refused", "cancelled")


def _consent_given(state: Subscriber, event: ev.ConsentGiven, event_id: int, at: datetime, _rules: Rules) -> None:
    _become(state, event.code, ACTIVATING, event_id, at)


def _billing_queued(state: Subscriber, event: ev.BillingQueued, event_id: int, _at: datetime, _rules: Rules) -> None:
    state.orders[event_id] = Order(event.action, event.code)
    if event.action == "confirm":
        state.subscriptions[event.code].event = event_id
    elif event.action == "charge" and event.period:
        state.subscriptions[event.code].charged = event.period


def _order_answered(state: Subscriber, event: Any, _id: int, _at: datetime, _rules: Rules) -> None:
    state.orders.pop(event.order, None)


def _dead_letter_settled(state: Subscriber, event: ev.DeadLetterSettled, _id: int, _at: datetime, _rules: Rules) -> None:
    state.orders.pop(event.row, None)


def _billing_delayed(state: Subscriber, event: ev.BillingDelayed, _id: int, _at: datetime, _rules: Rules) -> None:
    if event.order in state.orders:
        state.orders[event.order].delayed = True


def _activated(state: Subscriber, event: ev.Activated, event_id: int, at: datetime, _rules: Rules) -> None:
    state.orders.pop(event.order, None)
    _become(state, event.code, ACTIVE, event_id, at)


def _order_refused(state: Subscriber, event: ev.OrderRefused, event_id: int, at: datetime, _rules: Rules) -> None:
    _become(state, event.code, REFUSED, event_id, at)


def _cancelled(state: Subscriber, event: ev.Cancelled, event_id: int, at: datetime, _rules: Rules) -> None:
    _become(state, event.code, CANCELLED, event_id, at)
    if state.question and event.code in state.question.codes:
        state.question = None


def _wake_set(state: Subscriber, event: ev.WakeSet, event_id: int, _at: datetime, _rules: Rules) -> None:
    held = state.subscriptions.get(event.subject)
    if held is not None and held.event == event.of:
        held.wake = event_id


def _question_asked(state: Subscriber, event: ev.QuestionAsked, _id: int, at: datetime, _rules: Rules) -> None:
    state.question = Question(event.codes, at)


def _case_opened(state: Subscriber, event: ev.CaseOpened, _id: int, at: datetime, rules: Rules) -> None:
    oldest = at - timedelta(hours=rules.same_complaint_h)
    cases = [case for case in state.cases.values() if case.at > oldest]
    cases.append(Case(event.number, at, complaint_digest(event.words)))
    state.cases = {case.number: case for case in cases[-max(rules.complaints_per_hour, 1) :]}
    call_state.case_opened(state, event.number, at, rules)


def _help_given(state: Subscriber, _event: ev.HelpGiven, _id: int, at: datetime, _rules: Rules) -> None:
    state.helped = [*recent(state.helped, at), at]


def _asked_back(state: Subscriber, _event: ev.AskedBack, _id: int, at: datetime, _rules: Rules) -> None:
    state.asked = [*recent(state.asked, at), at]


def _mt_queued(state: Subscriber, event: ev.MtQueued, _id: int, at: datetime, _rules: Rules) -> None:
    state.reference = (event.reference + 1) % 256
    if event.idle:
        idle = state.idle
        if idle is None or idle.since <= at - HOUR:
            state.idle = Idle(at)
        else:
            idle.count += 1


def _mt_accepted(state: Subscriber, event: ev.MtAccepted, _id: int, at: datetime, rules: Rules) -> None:
    if not event.receipt:
        return
    sent = state.sent.get(event.mt)
    if sent is None:
        if state.sent:
            _forget_old_receipts(state, at, rules)
        sent = state.sent[event.mt] = SentMt(event.smsc, at, {})
    sent.ids.update(event.parts)


def _forget_old_receipts(state: Subscriber, at: datetime, rules: Rules) -> None:
    oldest = at - timedelta(hours=rules.receipt_wait_h)
    kept = [(mt, sent) for mt, sent in state.sent.items() if sent.at >= oldest]
    state.sent = dict(kept[-(rules.receipts_max - 1) :] if rules.receipts_max > 1 else [])


def _receipt_received(state: Subscriber, event: ev.ReceiptReceived, _id: int, at: datetime, rules: Rules) -> None:
    if event.mt == 0:
        early = EarlyReceipt(event.smsc, event.message_id, event.state, event.error, at)
        oldest = at - timedelta(hours=rules.receipt_wait_h)
        state.early = [*(old for old in state.early if old.at >= oldest), early][-rules.receipts_max :]
        return
    state.early = [old for old in state.early if (old.smsc, old.message_id) != (event.smsc, event.message_id)]
    sent = state.sent.get(event.mt)
    if sent is not None and event.state in FINAL:
        sent.ids.pop(event.part, None)
        if not sent.ids:
            del state.sent[event.mt]


FINAL = frozenset({"DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "REJECTD", "UNKNOWN"})
"""Receipt states after which no other comes. Source: SMPP 3.4 §5.2.28."""


_HOUR = timedelta(hours=1)


def recent(times: list[datetime], now: datetime) -> list[datetime]:
    """Those of `times` that lie within the 60 minutes before `now`."""
    hour_ago = now - _HOUR
    return [at for at in times if at > hour_ago]


def complaint_digest(words: str) -> str:
    """What is the same for two complaints of the same words, whatever their case and spacing: 16 hexadecimal digits."""
    return sha256("".join(words.lower().split()).encode()).hexdigest()[:16]


_EVOLVE: dict[type[ev.Event], Evolve] = {
    ev.TextReceived: _text_received,
    ev.SegmentKept: _segment_kept,
    ev.SegmentsDropped: _segments_dropped,
    ev.OfferMade: _offer_made,
    ev.OfferWithdrawn: _offer_withdrawn,
    ev.ConsentGiven: _consent_given,
    ev.BillingQueued: _billing_queued,
    ev.Billed: _order_answered,
    ev.BillingRefused: _order_answered,
    ev.BillingDelayed: _billing_delayed,
    ev.DeadLetterSettled: _dead_letter_settled,
    ev.Activated: _activated,
    ev.OrderRefused: _order_refused,
    ev.Cancelled: _cancelled,
    ev.QuestionAsked: _question_asked,
    ev.CaseOpened: _case_opened,
    ev.HelpGiven: _help_given,
    ev.AskedBack: _asked_back,
    ev.MtQueued: _mt_queued,
    ev.MtAccepted: _mt_accepted,
    ev.ReceiptReceived: _receipt_received,
    ev.WakeSet: _wake_set,
    **call_state.EVOLVE,
    **agent_state.EVOLVE,
    **surge_state.EVOLVE,
    **testcall_state.EVOLVE,
    **testplan_state.EVOLVE,
}


def evolve(state: S, event: ev.Event, event_id: int, at: datetime, rules: Rules) -> S:
    """Change `state` by one event and give it back; events that no decision looks at change nothing.

    Args:
        state: the subscriber, or the agent, as he was; it is changed in place.
        event: what happened.
        event_id: its id.
        at: when it happened, aware UTC.
        rules: bounds of what is kept for receipts.
    """
    change = _EVOLVE.get(type(event))
    if change is not None:
        change(state, event, event_id, at, rules)
    return state
