"""The ESME's side of one SMPP 3.4 session: a state machine without I/O and without a clock.

Octets go in through `receive_data`, which returns what happened, oldest first. The methods that say something to the SMSC
return the octets to write. What the session answers by itself (enquire_link, unbind, what it cannot read or must not get)
waits in `data_to_send`; take it after each call. Time is an argument: seconds of any clock that never goes back.
`next_deadline` says when to call `tick`. A session is one connection: after CLOSED make a new one.

A request of ours has an entry under its sequence_number until its answer, an error, a generic_nack or its deadline ends it.
Those with a token of the owner's (submit_sm, data_sm, query_sm) count towards the window. An answer after its deadline is
still told, as `LateAnswer`: the SMSC took the text, and its receipt will name the message_id.

A request that the state does not allow is answered with ESME_RINVBNDSTS and told as `Unexpected`. What cannot be read is
answered by a generic_nack that says why. An impossible command_length puts the stream out of step and ends the session.

The states, from `session_states.RULES`; what stands in no line is refused. A bind_resp with an error counts as
generic_nack, and a generic_nack moves a state only when it names the request that led there.

    state      who   then       PDUs
    open       we    binding    bind_transceiver bind_transmitter bind_receiver
    open       we    open       enquire_link_resp generic_nack
    open       SMSC  open       enquire_link generic_nack
    binding    we    binding    enquire_link_resp generic_nack
    binding    SMSC  binding    enquire_link
    binding    SMSC  bound_trx  bind_transceiver_resp
    binding    SMSC  bound_tx   bind_transmitter_resp
    binding    SMSC  bound_rx   bind_receiver_resp
    binding    SMSC  open       generic_nack
    bound_trx  we    bound_trx  submit_sm query_sm deliver_sm_resp data_sm data_sm_resp enquire_link
                                enquire_link_resp generic_nack
    bound_trx  we    unbinding  unbind
    bound_trx  SMSC  bound_trx  submit_sm_resp query_sm_resp deliver_sm alert_notification data_sm data_sm_resp
                                enquire_link enquire_link_resp generic_nack
    bound_trx  SMSC  closed     unbind
    bound_tx   we    bound_tx   submit_sm query_sm data_sm data_sm_resp enquire_link enquire_link_resp
                                generic_nack
    bound_tx   we    unbinding  unbind
    bound_tx   SMSC  bound_tx   submit_sm_resp query_sm_resp data_sm data_sm_resp enquire_link enquire_link_resp
                                generic_nack
    bound_tx   SMSC  closed     unbind
    bound_rx   we    bound_rx   deliver_sm_resp data_sm data_sm_resp enquire_link enquire_link_resp generic_nack
    bound_rx   we    unbinding  unbind
    bound_rx   SMSC  bound_rx   deliver_sm alert_notification data_sm data_sm_resp enquire_link
                                enquire_link_resp generic_nack
    bound_rx   SMSC  closed     unbind
    unbinding  we    unbinding  deliver_sm_resp data_sm_resp enquire_link_resp generic_nack
    unbinding  SMSC  unbinding  submit_sm_resp query_sm_resp deliver_sm alert_notification data_sm data_sm_resp
                                enquire_link enquire_link_resp generic_nack
    unbinding  SMSC  closed     unbind_resp unbind

Sources: SMPP 3.4 §2.2 (states), §2.3 (PDUs in each), §2.9 (timers), §4.3 (generic_nack), §5.1.4 (sequence numbers).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sms.errors import LocalProtocolError, RemoteProtocolError, WindowFull
from sms.pdu import (
    MAX_PDU_OCTETS,
    RESPONSE_BIT,
    AlertNotification,
    Bind,
    BindKind,
    BindResp,
    Command,
    DataSm,
    DataSmResp,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    QuerySm,
    QuerySmResp,
    Splitter,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    command_of,
    decode,
    encode,
    refuse,
)
from sms.pdu_check import RINVBNDSTS
from sms.pdu_hot import encode_deliver_sm_resp, encode_submit_sm
from sms.session_events import (
    BindRefused,
    Bound,
    Event,
    Failed,
    Garbled,
    LineAlive,
    LinkDead,
    SendEnquireLink,
    Token,
    Unbound,
    Unexpected,
)
from sms.session_pending import ANSWERS, Entry, Pending, Question, Questions
from sms.session_states import MOVES, RULES, TABLE, State, Who

__all__ = ["MAX_SEQUENCE", "RULES", "TABLE", "Session", "State", "Who"]

MAX_SEQUENCE: Final = 0x7FFFFFFF

_DELIVER_SM: Final = int(Command.DELIVER_SM)
_SUBMIT_SM: Final = int(Command.SUBMIT_SM)
_SUBMIT_SM_RESP: Final = int(Command.SUBMIT_SM_RESP)
_DELIVER_SM_RESP: Final = int(Command.DELIVER_SM_RESP)


class Session:
    """One session of an ESME; see the module's docstring.

    Args:
        kind: how to bind.
        window: most requests of ours that may wait for an answer at once.
        response_timeout_s: for submit_sm, data_sm, query_sm; bind_timeout_s: for bind and unbind.
        enquire_interval_s: quiet from the SMSC after which to ask; enquire_timeout_s: wait after asking.
        max_pdu_octets: longest command_length to accept.
        first_sequence: 1..0x7FFFFFFF.
    Raises (all methods that send): LocalProtocolError when the state does not allow it or a field does not fit; then nothing
        has changed.
    """

    def __init__(
        self,
        kind: BindKind = BindKind.TRANSCEIVER,
        *,
        window: int = 50,
        response_timeout_s: float = 30.0,
        bind_timeout_s: float = 10.0,
        enquire_interval_s: float = 30.0,
        enquire_timeout_s: float = 10.0,
        max_pdu_octets: int = MAX_PDU_OCTETS,
        first_sequence: int = 1,
    ) -> None:
        self.kind = kind
        self.window = window
        self._response_timeout_s = response_timeout_s
        self._bind_timeout_s = bind_timeout_s
        self._enquire_interval_s = enquire_interval_s
        self._enquire_timeout_s = enquire_timeout_s
        self._splitter = Splitter(max_pdu_octets)
        self._sequence = first_sequence - 1
        self._heard_at = 0.0
        self._pending = Pending()
        self._waiting = self._pending.waiting
        self._questions = Questions()
        self._out: list[bytes] = []
        self._go(State.OPEN)

    # What the owner asks.

    @property
    def bound(self) -> bool:
        """Whether texts can pass, in at least one direction."""
        return self.state in (State.BOUND_TRX, State.BOUND_TX, State.BOUND_RX)

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self.state is State.CLOSED

    @property
    def asking(self) -> bool:
        """Whether an enquire_link of ours waits for its answer."""
        return any(question.command is Command.ENQUIRE_LINK for question in self._questions.values())

    @property
    def outstanding(self) -> int:
        """Requests with a token that wait for their answers."""
        return len(self._waiting)

    @property
    def room(self) -> int:
        """How many submit_sm may be sent now: 0 when the state allows none or the window is full."""
        return max(0, self.window - len(self._waiting)) if _SUBMIT_SM in self._sends else 0

    def can_send(self, command: Command) -> bool:
        """Whether the state allows this PDU of ours; the window apart."""
        return int(command) in self._sends

    def data_to_send(self) -> bytes:
        """What the session answers by itself, in order; empty from then on. Works in every state."""
        octets, self._out = b"".join(self._out), []
        return octets

    def next_deadline(self) -> float | None:
        """When `tick` must be called next, in the time given to the other methods; None when nothing is waited for."""
        if self.closed:
            return None
        times = [question.deadline for question in self._questions.values()]
        times += [at for at in (self._pending.first_deadline(), self._enquire_at) if at is not None]
        return min(times, default=None)

    # What the owner says.

    def bind(
        self, now: float, *, system_id: str, password: str, system_type: str = "", interface_version: int = 0x34,
        addr_ton: int = 0, addr_npi: int = 0, address_range: str = "",
    ) -> bytes:  # fmt: skip
        """bind_transceiver, bind_transmitter or bind_receiver (SMPP 3.4 §4.1); `Bound` or `BindRefused` follows."""
        pdu = Bind(
            self._following(), self.kind, system_id, password, system_type, interface_version, addr_ton, addr_npi, address_range
        )
        return self._question(pdu, now, self._bind_timeout_s)

    def submit(self, pdu: SubmitSm, token: Token, now: float) -> bytes:
        """submit_sm (SMPP 3.4 §4.4) under the session's own sequence number; `Answered` or `ResponseLate` follows.

        Raises: WindowFull, when there is no `room`.
        """
        if _SUBMIT_SM not in self._sends:
            raise LocalProtocolError(f"submit_sm is not allowed while {self.state.value}")
        if len(self._waiting) >= self.window:
            raise WindowFull(f"{self.window} requests wait for their answers")
        sequence = self._following()
        octets = encode_submit_sm(pdu, sequence)
        self._sequence = sequence
        self._waiting[sequence] = Entry(token, now + self._response_timeout_s, SubmitSmResp)
        return octets

    def request(self, pdu: DataSm | QuerySm, token: Token, now: float) -> bytes:
        """data_sm or query_sm (SMPP 3.4 §4.7, §4.8), as `submit`."""
        if len(self._waiting) >= self.window:
            raise WindowFull(f"{self.window} requests wait for their answers")
        sequence = self._following()
        octets = self._say(replace(pdu, sequence=sequence))
        self._sequence = sequence
        self._waiting[sequence] = Entry(token, now + self._response_timeout_s, ANSWERS[type(pdu)])
        return octets

    def deliver_resp(self, sequence: int, status: int = 0) -> bytes:
        """deliver_sm_resp (SMPP 3.4 §4.6.2) to the `DeliverSm` of that sequence; status 0 means that it is stored."""
        if _DELIVER_SM_RESP not in self._sends:
            raise LocalProtocolError(f"deliver_sm_resp is not allowed while {self.state.value}")
        return encode_deliver_sm_resp(sequence, status)

    def data_resp(self, sequence: int, status: int = 0) -> bytes:
        """data_sm_resp (SMPP 3.4 §4.7.2) to the `DataSm` of that sequence."""
        return self._say(DataSmResp(sequence, status))

    def nack(self, sequence: int, status: int) -> bytes:
        """generic_nack (SMPP 3.4 §4.3)."""
        return self._say(GenericNack(sequence, status))

    def enquire_link(self, now: float) -> bytes:
        """enquire_link (SMPP 3.4 §4.11), after `SendEnquireLink` or at will; `LinkDead` follows if the line stays quiet."""
        return self._question(EnquireLink(self._following()), now, self._enquire_timeout_s)

    def unbind(self, now: float) -> bytes:
        """unbind (SMPP 3.4 §4.2); `Unbound` follows. Wait until nothing is `outstanding` to know what became of every text."""
        return self._question(Unbind(self._following()), now, self._bind_timeout_s)

    def abandon(self) -> list[Token]:
        """The connection is gone: CLOSED. Returns the tokens that have had no answer, in sending order; what became of their
        requests is unknown. Harmless to repeat."""
        self._go(State.CLOSED)
        return self._pending.abandon()

    # What happens.

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take octets of the connection and tell what happened, oldest first. Raises nothing; nothing happens once CLOSED."""
        events: list[Event] = []
        if self.closed:
            return events
        try:
            pdus = self._splitter.feed(data)
        except RemoteProtocolError as why:
            self._fail(why, events)
            return events
        if pdus:
            self._heard_at = now
        for raw in pdus:
            try:
                pdu = decode(raw)
            except RemoteProtocolError as why:
                self._garbled(why, events)
                continue
            if type(pdu) is DeliverSm and _DELIVER_SM in self._hears:
                events.append(pdu)
            elif type(pdu) is SubmitSmResp and _SUBMIT_SM_RESP in self._hears:
                events.append(self._pending.answered(pdu))
            else:
                self._heard(pdu, events)
                if self.closed:
                    return events
        if self._splitter.broken:
            self._fail(self._splitter.broken, events)
        return events

    def tick(self, now: float) -> list[Event]:
        """Tell what the time has brought; call it at `next_deadline` or any other time. Nothing comes once CLOSED."""
        events: list[Event] = []
        if self.closed:
            return events
        unanswered = self._questions.unanswered(now, self._heard_at)
        if unanswered:
            self._go(State.CLOSED)
            return [LinkDead(unanswered)]
        events += self._pending.overdue(now)
        if self._enquire_at is not None and self._enquire_at <= now:
            events.append(SendEnquireLink())
        return events

    # Inside.

    @property
    def _enquire_at(self) -> float | None:
        """When the line has been quiet for the interval; None while an answer is waited for anyway, or there is no bind."""
        return self._heard_at + self._enquire_interval_s if self.bound and not self._questions else None

    def _go(self, state: State) -> None:
        self.state = state
        self._sends = MOVES[state, Who.WE]
        self._hears = MOVES[state, Who.SMSC]
        if state is State.CLOSED:
            self._questions.clear()

    def _following(self) -> int:
        sequence = self._sequence % MAX_SEQUENCE + 1
        while sequence in self._waiting or sequence in self._questions:
            sequence = sequence % MAX_SEQUENCE + 1
        return sequence

    def _say(self, pdu: Pdu) -> bytes:
        command = command_of(pdu)
        if command not in self._sends:
            raise LocalProtocolError(f"{command.name.lower()} is not allowed while {self.state.value}")
        octets = encode(pdu)
        self._go(self._sends[command])
        return octets

    def _question(self, pdu: Pdu, now: float, timeout_s: float) -> bytes:
        octets = self._say(pdu)
        self._sequence = pdu.sequence
        self._questions[pdu.sequence] = Question(command_of(pdu), now, now + timeout_s)
        return octets

    def _heard(self, pdu: Pdu, events: list[Event]) -> None:
        """Every PDU but the two hot ones that the state allows."""
        command = command_of(pdu)
        if isinstance(pdu, GenericNack | BindResp | UnbindResp | EnquireLinkResp) and pdu.sequence in self._questions:
            self._settled(pdu, events)
        elif command not in self._hears or isinstance(pdu, BindResp | UnbindResp | EnquireLinkResp):
            self._refuse(pdu, events)
        elif isinstance(pdu, SubmitSmResp | DataSmResp | QuerySmResp | GenericNack):
            events.append(self._pending.answered(pdu))
        elif isinstance(pdu, DataSm):
            events.append(pdu)
        elif isinstance(pdu, EnquireLink):
            self._out.append(encode(EnquireLinkResp(pdu.sequence)))
        elif isinstance(pdu, Unbind):
            self._out.append(encode(UnbindResp(pdu.sequence)))
            self._go(self._hears[command])
            events.append(Unbound(by_peer=True))
        # what is left is alert_notification, which asks for nothing (SMPP 3.4 §4.12)

    def _settled(self, pdu: GenericNack | BindResp | UnbindResp | EnquireLinkResp, events: list[Event]) -> None:
        """An answer to one of the session's own questions; a nacked enquire_link is a sign of life, too."""
        asked = self._questions[pdu.sequence].command
        if not isinstance(pdu, GenericNack) and command_of(pdu) != asked | RESPONSE_BIT:
            events.append(Unexpected(pdu))
            return
        del self._questions[pdu.sequence]
        if isinstance(pdu, BindResp) and pdu.status == 0:
            self._go(self._hears[command_of(pdu)])
            events.append(Bound(pdu.system_id, pdu.interface_version))
        elif asked == Command.UNBIND:
            self._go(self._hears[Command.UNBIND_RESP])
            events.append(Unbound(by_peer=False))
        elif asked == Command.ENQUIRE_LINK:
            events.append(LineAlive())
        else:
            self._go(self._hears[Command.GENERIC_NACK])
            events.append(BindRefused(pdu.status))

    def _refuse(self, pdu: Pdu, events: list[Event]) -> None:
        command = command_of(pdu)
        if not command & RESPONSE_BIT and not isinstance(pdu, AlertNotification):
            self._out.append(refuse(pdu, RINVBNDSTS))
        events.append(Unexpected(pdu))

    def _garbled(self, why: RemoteProtocolError, events: list[Event]) -> None:
        """A PDU of its own length that cannot be read: a request is nacked, an answer ends what it answers."""
        if why.command & RESPONSE_BIT:
            events.append(Garbled(why, self._pending.take(why.sequence)))
        else:
            self._out.append(encode(GenericNack(why.sequence, why.status)))
            events.append(Garbled(why))

    def _fail(self, why: RemoteProtocolError, events: list[Event]) -> None:
        self._out.append(encode(GenericNack(why.sequence, why.status)))
        self._go(State.CLOSED)
        events.append(Failed(str(why)))
