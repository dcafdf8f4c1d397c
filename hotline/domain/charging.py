"""What billing answers, and what the clock brings: activation, reminders, charges, expiries.

A monthly service is charged first `first_charge_after_h` after activation, and then on the first day of each
calendar month of the zone. Before the first charge the subscriber is reminded, twice by default, at even spaces. A reminder
that goes out late, after a down-time, moves what follows by as much, so that he always has this space to cancel in.
Source: operator policy of July 2006 (reminders).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hotline.domain import call_back
from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain.catalogue import Fee, Service
from hotline.domain.delivery import drop_segments
from hotline.domain.money import yuan
from hotline.domain.ordering import bill, fee_of, name_of, priced
from hotline.domain.step import Step
from hotline.domain.subscriber import ACTIVE, OFFERED, Order

REASONS = frozenset({"no_credit", "blocked", "unknown_subscriber", "price", "limit", "other"})
"""Why billing can refuse; each has a text `refused_…`."""
NOT_LATE = timedelta(0)


def billed(step: Step, command: cmd.NoteBilled) -> None:
    """Billing has answered an order: activate, or tell the refusal in words."""
    order = step.state.orders.get(command.order)
    if order is None:
        return
    held, awaited = step.state.subscriptions.get(order.code), step.state.awaits(command.order)
    if command.accepted and awaited and held is not None:
        _activate(step, order.code, held.price_fen, command)
    elif command.accepted:
        step.begin(ev.Billed(command.order, order.action, order.code, command.reference), str(command.order))
    else:
        _refused(step, order, command, awaited=awaited)


def _refused(step: Step, order: Order, command: cmd.NoteBilled, *, awaited: bool) -> None:
    reason, code = command.reason if command.reason in REASONS else "other", order.code
    step.begin(ev.BillingRefused(command.order, order.action, code, reason), str(command.order))
    held = step.state.subscriptions.get(code)
    if awaited:
        step.text(f"refused_{reason}", step.record(ev.OrderRefused(code, reason)), name=name_of(step, code), code=code)
    elif order.action == "charge" and held is not None and held.state == ACTIVE:
        step.text("charge_refused", **priced(step, code, held.price_fen))


def _activate(step: Step, code: str, price_fen: int, command: cmd.NoteBilled) -> None:
    activated = step.begin(ev.Activated(code, price_fen, command.order, command.reference), str(command.order))
    fee, words = fee_of(step, code), priced(step, code, price_fen)
    if fee is None or code not in step.desk.catalogue:  # no longer sold, so never charged, but the price was agreed to
        step.text("activated_other" if price_fen else "activated_free", activated, **words)
        return
    if fee is Fee.MONTHLY:
        words["first_charge"] = _day(step, first_charge(step, step.now))
    step.text(f"activated_{fee.value}", activated, **words)
    if fee is Fee.MONTHLY and price_fen:
        _next_reminder(step, code, 1, NOT_LATE)


def first_charge(step: Step, since: datetime) -> datetime:
    """When a service active since `since` is charged for the first time, if no reminder is late."""
    return since + timedelta(hours=step.desk.rules.first_charge_after_h)


def _day(step: Step, at: datetime) -> str:
    return at.astimezone(step.desk.zone).date().isoformat()


def _planned(step: Step, since: datetime, nth: int) -> datetime:
    """When the nth reminder is to go out; the first charge, if there are fewer."""
    parts = step.desk.rules.reminders_before_first_charge + 1
    return since + (first_charge(step, since) - since) * min(nth, parts) / parts


def _next_reminder(step: Step, code: str, nth: int, late: timedelta) -> None:
    """Set the wake-up of the nth reminder, or of the first charge when all have gone out; the last one was `late`."""
    held = step.state.subscriptions[code]
    due = _planned(step, held.since, nth) + late
    if nth > step.desk.rules.reminders_before_first_charge:
        step.record(ev.WakeSet(due, "charge", code, held.event))
    else:
        step.record(ev.WakeSet(due, "reminder", code, held.event, nth))


def billing_slow(step: Step, command: cmd.NoteBillingSlow) -> None:
    """Tell the subscriber, once, that his order is being worked on."""
    order = step.state.orders.get(command.order)
    if order is None or order.delayed:
        return
    step.begin(ev.BillingDelayed(command.order), str(command.order))
    if step.state.awaits(command.order):
        step.text("order_slow", name=name_of(step, order.code), code=order.code)


def unbookable(step: Step, command: cmd.NoteUnbookable) -> None:
    """An order that can't be brought to billing waits in the dead-letter list for a person."""
    if command.order in step.state.orders:
        step.begin(ev.BillingFailed(command.order, command.reason), str(command.order))


def wake(step: Step, command: cmd.FireWake) -> None:
    """What was to be looked at again is due."""
    step.begin(ev.WakeFired(command.wake, command.due), str(command.wake))
    if command.what == "segments":
        _segments_late(step, command)
        return
    if command.what == call_back.WAKE:
        call_back.wake(step, command)
        return
    held = step.state.subscriptions.get(command.subject)
    if held is None or held.event != command.of:
        return
    if command.what == "offer" and held.state == OFFERED:
        step.record(ev.OfferWithdrawn(command.subject, "expired"))
    elif held.state == ACTIVE and held.wake == command.wake:
        service = step.desk.catalogue.get(command.subject)
        if service is not None:
            (_remind if command.what == "reminder" else _charge)(step, service, command)


def _segments_late(step: Step, command: cmd.FireWake) -> None:
    waiting = step.state.waiting.get(command.subject)
    if waiting is not None and waiting.event == command.of:
        drop_segments(step, command.subject, "late")


def _remind(step: Step, service: Service, command: cmd.FireWake) -> None:
    held = step.state.subscriptions[service.code]
    late = max(step.now - _planned(step, held.since, command.nth), NOT_LATE)
    step.text(
        "reminder",
        name=service.name.of(step.state.lang),
        code=service.code,
        price=yuan(held.price_fen),
        first_charge=_day(step, first_charge(step, held.since) + late),
    )
    _next_reminder(step, service.code, command.nth + 1, late)


def _charge(step: Step, service: Service, command: cmd.FireWake) -> None:
    held = step.state.subscriptions[service.code]
    period = command.due.astimezone(step.desk.zone).strftime("%Y-%m")
    if held.charged != period:
        bill(step, "charge", service.code, held.price_fen, period=period)
    step.record(ev.WakeSet(_month_after(step, command.due), "charge", service.code, held.event))


def _month_after(step: Step, due: datetime) -> datetime:
    """Noon of the first day of the month after `due`, in the zone."""
    local = due.astimezone(step.desk.zone)
    first = local.replace(day=1, hour=12, minute=0, second=0, microsecond=0)
    following = first.replace(year=local.year + 1, month=1) if local.month == 12 else first.replace(month=local.month + 1)
    return following.astimezone(due.tzinfo)
