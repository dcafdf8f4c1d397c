"""Uses of services that are paid by use: the platform that carries a service reports each, and each is charged."""

from __future__ import annotations

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain.catalogue import Fee
from hotline.domain.errors import NotPaidByUse
from hotline.domain.ordering import bill, fee_of
from hotline.domain.step import Step
from hotline.domain.subscriber import ACTIVE


def note_use(step: Step, command: cmd.NoteUse) -> None:
    """Note a use and charge it at the price that the subscriber agreed to.

    Raises: UnknownService for what is not sold; NotPaidByUse where he does not have it, or agreed to another fee.
    """
    step.desk.catalogue.service(command.code)
    held = step.state.subscriptions.get(command.code)
    if held is None or held.state != ACTIVE or fee_of(step, command.code) is not Fee.PER_USE:
        raise NotPaidByUse(command.code)
    step.begin(ev.UseNoted(command.code, command.channel, command.by), command.id)
    if held.price_fen:
        bill(step, "charge", command.code, held.price_fen)
