"""What becomes of MT texts, of parts of long MO texts, and of dead letters."""

from __future__ import annotations

from datetime import timedelta

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain.errors import OrderOvertaken
from hotline.domain.msisdn import answerable
from hotline.domain.ordering import name_of
from hotline.domain.receipts import plain, same_message
from hotline.domain.step import Step
from hotline.domain.subscriber import HELD, Order


def accepted(step: Step, command: cmd.NoteAccepted) -> None:
    """The SMSC has taken parts of an MT text; receipts that came before are matched now."""
    step.begin(ev.MtAccepted(command.mt, command.parts, command.smsc, command.done, command.receipt), str(command.mt))
    if command.receipt and step.state.early:
        _match_early(step, command)


def _match_early(step: Step, command: cmd.NoteAccepted) -> None:
    oldest = step.now - timedelta(hours=step.desk.rules.receipt_wait_h)
    early = [each for each in step.state.early if each.smsc == command.smsc and each.at >= oldest]
    taken = {plain(each.message_id) for each in early}
    for each in early:
        part = _part_of(command.parts, each.message_id, taken)
        if part:
            step.record(ev.ReceiptReceived(command.mt, part, each.state, each.error, each.smsc, each.message_id))


def _part_of(ids: dict[int, str], message_id: str, taken: set[str]) -> int:
    """The part that has this id, or else one whose id may name the same message; 0 for none.

    A decimal id may be another's in hexadecimal: ids that are `taken`, by receipts of their own, are no others'.
    """
    own = plain(message_id)
    found, best = 0, 0
    for part, submitted in ids.items():
        if submitted == message_id:
            return part
        closeness = 2 if plain(submitted) == own else int(plain(submitted) not in taken)
        if closeness > best and same_message(submitted, message_id):
            found, best = part, closeness
    return found


def unsendable(step: Step, command: cmd.NoteUnsendable) -> None:
    """The text waits in the dead-letter list for a person."""
    step.begin(ev.MtFailed(command.mt, command.reason), str(command.mt))


def receipt(step: Step, command: cmd.NoteReceipt) -> None:
    """Match a receipt to the message it is for; one that fits none is kept in case it came early."""
    mt, part = _owner(step, command)
    event = ev.ReceiptReceived(mt, part, command.state, command.error, command.smsc, command.message_id)
    step.begin(event, str(mt) if mt else command.id or f"{command.smsc}:{command.message_id}")


def _owner(step: Step, command: cmd.NoteReceipt) -> tuple[int, int]:
    oldest = step.now - timedelta(hours=step.desk.rules.receipt_wait_h)
    near = (0, 0)
    for mt, sent in step.state.sent.items():
        if sent.smsc != command.smsc or sent.at < oldest:
            continue
        for part, message_id in sent.ids.items():
            if message_id == command.message_id:
                return mt, part
            if same_message(message_id, command.message_id):
                near = (mt, part)
    return near


def keep_segment(step: Step, command: cmd.KeepSegment) -> None:
    """Keep a part until the others are there; the oldest unfinished text goes when there are too many.

    The part that makes a text whole is not kept: the step's result is then all parts by number, and the text
    is stored with its last part by the ReceiveText that follows, so that the part is acknowledged with it.
    """
    waiting = step.state.waiting.get(command.key)
    parts = {**waiting.parts, command.part: command.payload} if waiting is not None else {command.part: command.payload}
    if len(parts) == command.total:
        step.result = parts
    elif waiting is None or command.part not in waiting.parts:
        _keep(step, command)


def _keep(step: Step, command: cmd.KeepSegment) -> None:
    waiting = step.state.waiting.get(command.key)
    if waiting is None and len(step.state.waiting) >= step.desk.rules.segmented_texts_max:
        oldest = min(step.state.waiting, key=lambda key: step.state.waiting[key].at)
        step.cause = command.id
        drop_segments(step, oldest, "too_many")
    event = ev.SegmentKept(command.key, command.part, command.total, command.payload, command.data_coding)
    kept = step.begin(event, command.id)
    if waiting is None:
        due = step.now + timedelta(seconds=step.desk.rules.segment_wait_s)
        step.record(ev.WakeSet(due, "segments", command.key, kept))


def drop_segments(step: Step, key: str, why: str) -> None:
    """Give up an unfinished text and tell its sender, if he is a subscriber; `why` as in SegmentsDropped."""
    dropped = step.record(ev.SegmentsDropped(key, why))
    if answerable(step.stream):
        step.idle_text("segments_lost", dropped)
    else:
        step.record(ev.AnswerWithheld("not_a_subscriber"), dropped)


def retry_dead_letter(step: Step, command: cmd.RetryDeadLetter) -> None:
    """Send a dead letter again, at a person's wish.

    Raises: OrderOvertaken for a confirmation that was cancelled since, or a cancellation of what was ordered again.
    """
    order = step.state.orders.get(command.row)
    if order is not None and _overtaken(step, order, command.row):
        raise OrderOvertaken(order.action, order.code)
    step.begin(ev.DeadLetterRetried(command.row, command.by), command.id)


def _overtaken(step: Step, order: Order, row: int) -> bool:
    if order.action == "confirm":
        return not step.state.awaits(row)
    held = step.state.subscriptions.get(order.code)
    return order.action == "cancel" and held is not None and held.state in HELD


def settle_dead_letter(step: Step, command: cmd.SettleDeadLetter) -> None:
    """Take a dead letter off the list, at a person's wish; an order that waited for it is refused, and said so."""
    order, awaited = step.state.orders.get(command.row), step.state.awaits(command.row)
    step.begin(ev.DeadLetterSettled(command.row, command.by, command.note), command.id)
    if order is not None and awaited:
        refused = step.record(ev.OrderRefused(order.code, "other"))
        step.text("refused_other", refused, name=name_of(step, order.code), code=order.code)
