"""Sessions in every state, and a sample of every PDU."""

from __future__ import annotations

from typing import Any

from sms import pdu as p
from sms.pdu import BindKind, Command, decode, encode
from sms.session import Session, State
from sms.session_events import (
    Bound,
    Event,
)

TEXT = p.SubmitSm(0, 0, 1, "10198", 1, 1, "8613800000000", payload=b"hello")
MO = p.DeliverSm(77, 1, 1, "8613800000000", 0, 1, "10198", payload=b"TD 10")
BOUND_STATES = {
    BindKind.TRANSCEIVER: State.BOUND_TRX,
    BindKind.TRANSMITTER: State.BOUND_TX,
    BindKind.RECEIVER: State.BOUND_RX,
}
SAMPLES: dict[Command, p.Pdu] = {
    Command.GENERIC_NACK: p.GenericNack(500, 8),
    Command.BIND_RECEIVER: p.Bind(500, BindKind.RECEIVER, "a"),
    Command.BIND_RECEIVER_RESP: p.BindResp(500, 0, BindKind.RECEIVER),
    Command.BIND_TRANSMITTER: p.Bind(500, BindKind.TRANSMITTER, "a"),
    Command.BIND_TRANSMITTER_RESP: p.BindResp(500, 0, BindKind.TRANSMITTER),
    Command.BIND_TRANSCEIVER: p.Bind(500, BindKind.TRANSCEIVER, "a"),
    Command.BIND_TRANSCEIVER_RESP: p.BindResp(500, 0, BindKind.TRANSCEIVER),
    Command.QUERY_SM: p.QuerySm(500, "m"),
    Command.QUERY_SM_RESP: p.QuerySmResp(500, 0, "m"),
    Command.SUBMIT_SM: p.SubmitSm(500, 0, 0, "", 0, 0, ""),
    Command.SUBMIT_SM_RESP: p.SubmitSmResp(500, 0, "m"),
    Command.DELIVER_SM: p.DeliverSm(500, 0, 0, "", 0, 0, ""),
    Command.DELIVER_SM_RESP: p.DeliverSmResp(500),
    Command.UNBIND: p.Unbind(500),
    Command.UNBIND_RESP: p.UnbindResp(500),
    Command.ENQUIRE_LINK: p.EnquireLink(500),
    Command.ENQUIRE_LINK_RESP: p.EnquireLinkResp(500),
    Command.ALERT_NOTIFICATION: p.AlertNotification(500, 0, 0, "1", 0, 0, "2"),
    Command.DATA_SM: p.DataSm(500, 0, 0, "", 0, 0, ""),
    Command.DATA_SM_RESP: p.DataSmResp(500, 0, "m"),
}


def sequence_of(raw: bytes) -> int:
    return decode(raw).sequence


def bound(kind: BindKind = BindKind.TRANSCEIVER, **settings: Any) -> Session:
    made = Session(kind, **settings)
    asked = made.bind(0.0, system_id="me", password="secret")
    answer = p.BindResp(sequence_of(asked), 0, kind, "SMSC", {0x0210: b"\x34"})
    assert made.receive_data(encode(answer), 0.0) == [Bound("SMSC", 0x34)]
    assert made.state is BOUND_STATES[kind]
    return made


def in_state(state: State) -> Session:
    made = Session()
    if state is State.BINDING:
        made.bind(0.0, system_id="me", password="secret")
    elif state in BOUND_STATES.values():
        made = bound(next(kind for kind, value in BOUND_STATES.items() if value is state))
    elif state is State.UNBINDING:
        made = bound()
        made.unbind(0.0)
    elif state is State.CLOSED:
        made.abandon()
    assert made.state is state
    return made


def hear(made: Session, pdu: p.Pdu, now: float = 1.0) -> list[Event]:
    return made.receive_data(encode(pdu), now)
