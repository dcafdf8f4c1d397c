"""decide: one command against one subscriber's state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotline.domain import agents, call_back, calling, charging, delivery, ordering, surge, testcalls, testplans, texting, uses
from hotline.domain import call_commands as cc
from hotline.domain import commands as cmd
from hotline.domain import testcall_commands as tc
from hotline.domain.events import Cancelled, OfferWithdrawn
from hotline.domain.step import Step


def _order_service(step: Step, command: cmd.OrderService) -> None:
    calling.require_proved(step)
    step.cause = command.id
    ordering.order(step, command.code, channel=command.channel, by=command.by)


def _cancel_service(step: Step, command: cmd.CancelService) -> None:
    calling.require_proved(step)
    step.cause = command.id
    if command.code not in step.state.subscriptions:  # what he has can be cancelled, even if it is no longer sold
        step.desk.catalogue.service(command.code)
    before = len(step.recorded)
    ordering.cancel(step, command.code, "", channel=command.channel, by=command.by)
    step.result = any(isinstance(event, Cancelled | OfferWithdrawn) for _, event, _ in step.recorded[before:])


_DECIDE: dict[type[cmd.Command], Callable[[Step, Any], None]] = {
    cmd.ReceiveText: texting.receive,
    cmd.KeepSegment: delivery.keep_segment,
    cmd.NoteAccepted: delivery.accepted,
    cmd.NoteUnsendable: delivery.unsendable,
    cmd.NoteReceipt: delivery.receipt,
    cmd.OrderService: _order_service,
    cmd.CancelService: _cancel_service,
    cmd.NoteUse: uses.note_use,
    cmd.NoteBilled: charging.billed,
    cmd.NoteBillingSlow: charging.billing_slow,
    cmd.NoteUnbookable: charging.unbookable,
    cmd.FireWake: charging.wake,
    cmd.RetryDeadLetter: delivery.retry_dead_letter,
    cmd.SettleDeadLetter: delivery.settle_dead_letter,
    cc.StartCall: calling.start,
    cc.NoteCall: calling.note,
    cc.SetLanguage: calling.set_language,
    cc.OpenCase: calling.open_case,
    cc.TakeCase: calling.take_case,
    cc.CloseCase: calling.close_case,
    cc.SendCode: calling.send_code,
    cc.ProveCaller: calling.prove,
    cc.AskCallBack: call_back.ask,
    cc.NoteCallBack: call_back.tried,
    cc.RateCall: calling.rate,
    cc.EndCall: calling.end,
    cc.LoginAgent: agents.login,
    cc.LogoutAgent: agents.logout,
    cc.PauseAgent: agents.pause,
    cc.ResumeAgent: agents.resume,
    cc.NoteDeleted: calling.note_deleted,
    cc.DeclareSurge: surge.declare,
    cc.EndSurge: surge.end,
    tc.OpenSlot: testplans.open_slot,
    tc.NoteDialled: testcalls.dialled,
    tc.NoteTestCall: testcalls.ended,
    tc.WeighTestCall: testplans.weigh,
    tc.CloseAlarm: testplans.close_alarm,
    tc.NoteAlarmTold: testplans.alarm_told,
    tc.NoteAlarmSent: testplans.alarm_sent,
    tc.SendTestText: testplans.send_text,
    tc.TellStaff: testplans.tell,
    tc.EnterTestCall: testcalls.entered,
    tc.CorrectTestCall: testcalls.corrected,
    tc.MarkRecording: testcalls.marked,
    tc.SignForm: testplans.sign,
}


def decide(step: Step, command: cmd.Command) -> None:
    """Decide `command`: what happens is recorded in `step`, whose state has it applied.

    Raises: DomainError (the asker's fault), with nothing to be stored.
    """
    _DECIDE[type(command)](step, command)
