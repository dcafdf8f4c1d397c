"""The states of a session and what each side may send in them, in one table (SMPP 3.4 §2.2, §2.3).

`sms.session` obeys `TABLE`, its docstring and the README show what `render` makes of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from sms.pdu_types import Command


class State(Enum):
    """State of a session (SMPP 3.4 §2.2), with the two in which we wait for an answer."""

    OPEN = "open"
    BINDING = "binding"
    BOUND_TRX = "bound_trx"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    UNBINDING = "unbinding"
    CLOSED = "closed"


class Who(Enum):
    """Whose PDU it is."""

    WE = "we"
    SMSC = "SMSC"


class Rule(NamedTuple):
    """In `state`, each of `commands` from `who` is allowed and leads to `then`."""

    state: State
    who: Who
    commands: tuple[Command, ...]
    then: State


_C = Command
_BINDS = (_C.BIND_TRANSCEIVER, _C.BIND_TRANSMITTER, _C.BIND_RECEIVER)
_ALWAYS = (_C.ENQUIRE_LINK_RESP, _C.GENERIC_NACK)
_LINK = (_C.ENQUIRE_LINK, *_ALWAYS)
_DATA = (_C.DATA_SM, _C.DATA_SM_RESP)
_ASK = (_C.SUBMIT_SM, _C.QUERY_SM)
_TOLD = (_C.SUBMIT_SM_RESP, _C.QUERY_SM_RESP)
_GIVEN = (_C.DELIVER_SM, _C.ALERT_NOTIFICATION)

RULES: Final = (
    Rule(State.OPEN, Who.WE, _BINDS, State.BINDING),
    Rule(State.OPEN, Who.WE, _ALWAYS, State.OPEN),
    Rule(State.OPEN, Who.SMSC, (_C.ENQUIRE_LINK, _C.GENERIC_NACK), State.OPEN),
    Rule(State.BINDING, Who.WE, _ALWAYS, State.BINDING),
    Rule(State.BINDING, Who.SMSC, (_C.ENQUIRE_LINK,), State.BINDING),
    Rule(State.BINDING, Who.SMSC, (_C.BIND_TRANSCEIVER_RESP,), State.BOUND_TRX),
    Rule(State.BINDING, Who.SMSC, (_C.BIND_TRANSMITTER_RESP,), State.BOUND_TX),
    Rule(State.BINDING, Who.SMSC, (_C.BIND_RECEIVER_RESP,), State.BOUND_RX),
    Rule(State.BINDING, Who.SMSC, (_C.GENERIC_NACK,), State.OPEN),
    Rule(State.BOUND_TRX, Who.WE, (*_ASK, _C.DELIVER_SM_RESP, *_DATA, *_LINK), State.BOUND_TRX),
    Rule(State.BOUND_TRX, Who.WE, (_C.UNBIND,), State.UNBINDING),
    Rule(State.BOUND_TRX, Who.SMSC, (*_TOLD, *_GIVEN, *_DATA, *_LINK), State.BOUND_TRX),
    Rule(State.BOUND_TRX, Who.SMSC, (_C.UNBIND,), State.CLOSED),
    Rule(State.BOUND_TX, Who.WE, (*_ASK, *_DATA, *_LINK), State.BOUND_TX),
    Rule(State.BOUND_TX, Who.WE, (_C.UNBIND,), State.UNBINDING),
    Rule(State.BOUND_TX, Who.SMSC, (*_TOLD, *_DATA, *_LINK), State.BOUND_TX),
    Rule(State.BOUND_TX, Who.SMSC, (_C.UNBIND,), State.CLOSED),
    Rule(State.BOUND_RX, Who.WE, (_C.DELIVER_SM_RESP, *_DATA, *_LINK), State.BOUND_RX),
    Rule(State.BOUND_RX, Who.WE, (_C.UNBIND,), State.UNBINDING),
    Rule(State.BOUND_RX, Who.SMSC, (*_GIVEN, *_DATA, *_LINK), State.BOUND_RX),
    Rule(State.BOUND_RX, Who.SMSC, (_C.UNBIND,), State.CLOSED),
    Rule(State.UNBINDING, Who.WE, (_C.DELIVER_SM_RESP, _C.DATA_SM_RESP, *_ALWAYS), State.UNBINDING),
    Rule(State.UNBINDING, Who.SMSC, (*_TOLD, *_GIVEN, *_DATA, *_LINK), State.UNBINDING),
    Rule(State.UNBINDING, Who.SMSC, (_C.UNBIND_RESP, _C.UNBIND), State.CLOSED),
)

TABLE: Final[Mapping[tuple[State, Who, Command], State]] = {
    (rule.state, rule.who, command): rule.then for rule in RULES for command in rule.commands
}

Moves = Mapping[int, State]
"""What one side may send in one state, by command_id, and the state that follows."""
MOVES: Final[Mapping[tuple[State, Who], Moves]] = {
    (state, who): {int(command): then for (s, w, command), then in TABLE.items() if (s, w) == (state, who)}
    for state in State
    for who in Who
}


def render(width: int = 80) -> str:
    """The table of states as text, for the docstring of `sms.session` and the README."""
    rows = [("state", "who", "then", "PDUs")]
    rows += [(r.state.value, r.who.value, r.then.value, " ".join(c.name.lower() for c in r.commands)) for r in RULES]
    lines = []
    for state, who, then, pdus in rows:
        first, *more = textwrap.wrap(pdus, width)
        lines.append(f"    {state:<10} {who:<5} {then:<10} {first}")
        lines += [" " * 32 + line for line in more]
    return "\n".join(lines)
