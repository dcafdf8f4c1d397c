"""decide: one command against one subscriber's state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotline.domain import charging, delivery, ordering, texting
from hotline.domain import commands as cmd
from hotline.domain.step import Step


def _order_service(step: Step, command: cmd.OrderService) -> None:
    step.cause = command.id
    ordering.order(step, command.code, channel=command.channel, by=command.by)


def _cancel_service(step: Step, command: cmd.CancelService) -> None:
    step.cause = command.id
    if command.code not in step.state.subscriptions:  # what he has can be cancelled, even if it is no longer sold
        step.desk.catalogue.service(command.code)
    ordering.cancel(step, command.code, "", channel=command.channel, by=command.by)


_DECIDE: dict[type[cmd.Command], Callable[[Step, Any], None]] = {
    cmd.ReceiveText: texting.receive,
    cmd.KeepSegment: delivery.keep_segment,
    cmd.NoteAccepted: delivery.accepted,
    cmd.NoteUnsendable: delivery.unsendable,
    cmd.NoteReceipt: delivery.receipt,
    cmd.OrderService: _order_service,
    cmd.CancelService: _cancel_service,
    cmd.NoteBilled: charging.billed,
    cmd.NoteBillingSlow: charging.billing_slow,
    cmd.NoteUnbookable: charging.unbookable,
    cmd.FireWake: charging.wake,
    cmd.RetryDeadLetter: delivery.retry_dead_letter,
    cmd.SettleDeadLetter: delivery.settle_dead_letter,
}


def decide(step: Step, command: cmd.Command) -> None:
    """Decide `command`: what happens is recorded in `step`, whose state has it applied.

    Raises: DomainError (the asker's fault), with nothing to be stored.
    """
    _DECIDE[type(command)](step, command)
