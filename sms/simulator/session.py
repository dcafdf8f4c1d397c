"""One client's link: binds, requests both ways, timers, and the faults that hit the wire.

States: open -> bound_transmitter, bound_receiver or bound_transceiver -> unbinding -> closed. A bind twice is 0x05, a submit_sm
that the state does not allow 0x04, a command we do not know a generic_nack 0x03, an impossible command_length a generic_nack 0x02
and the end of the link. Source: SMPP 3.4 §2.2 (states), §2.3 (who may send what), §7.2 (timers).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from sms.simulator import wire
from sms.simulator.mailbox import MoHandle
from sms.simulator.ports import Timer, Transport

if TYPE_CHECKING:
    from sms.simulator.server import Smsc

MAY_SEND = frozenset({"bound_transmitter", "bound_transceiver"})
MAY_RECEIVE = frozenset({"bound_receiver", "bound_transceiver"})
CLOSE_S = 1.0  # a TLS peer that does not say goodbye is not waited for any longer
ODD_TLVS = ((0x1400, b"vendor"), (0x0099, b"\1\2"), (0x3FFF, b""))

Outcome = Callable[[int | None], None]


def ton_of(number: str) -> int:
    """Type of number (SMPP 3.4 §5.2.5) of a handset's address: 2, national, as Chinese mobiles write it; else international."""
    return 2 if len(number) == 11 and number.isdigit() and number[0] == "1" else 1


class Session(Protocol):
    """A Twisted protocol; made by `Smsc.session()`. All its timers run on the Smsc's clock."""

    transport: Transport  # type: ignore[assignment]  # narrower than Twisted declares

    def __init__(self, smsc: Smsc) -> None:
        self.smsc, self.state, self.system_id, self.delivering = smsc, "open", "", 0
        self._framer, self._sequence, self._heard = wire.Framer(), 0, False
        self._waiting: dict[int, tuple[Outcome, Timer]] = {}
        self._timers: set[Timer] = set()

    def connectionMade(self) -> None:
        """Start the session_init timer."""
        self.transport.setTcpNoDelay(True)
        self.smsc.sessions.append(self)
        self.later(self.smsc.settings.session_init_s, self._expect_bound)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """Everything unanswered counts as lost; its texts go back to the mailbox."""
        self.state = "closed"
        self.smsc.gone(self)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        waiting, self._waiting = self._waiting, {}
        for outcome, timer in waiting.values():
            timer.cancel()
            outcome(None)

    def dataReceived(self, data: bytes) -> None:
        """Feed octets from the client."""
        self._heard = True
        try:
            for raw in self._framer.feed(data):
                if self.state == "closed":
                    return
                if not self.smsc.faults.silent:
                    self._received(raw)
        except wire.Malformed as error:
            self._nack(0, error)
            self.close()

    def _received(self, raw: bytes) -> None:
        referee = self.smsc.referee
        if referee.cuts_unread():
            self.cut()
            return
        _, command_id, status, sequence = wire.HEADER.unpack_from(raw)
        if command_id & wire.RESPONSE:
            self._answered(command_id, status, sequence)
        else:
            self._requested(raw, command_id, sequence)
        if self.state != "closed" and referee.cuts_answered():
            self.close()

    # what the client asks

    def _requested(self, raw: bytes, command_id: int, sequence: int) -> None:
        name = wire.name_of(command_id)
        answer = self._ANSWERS.get(name or "")
        if answer is None:
            self._nack(sequence, wire.Malformed(wire.RINVCMDID, f"command 0x{command_id:08X}"))
            return
        try:
            pdu = wire.parse(raw)
        except wire.Malformed as error:
            self.smsc.note(f"{name}: {error}")
            self.send(wire.build(f"{name}_resp", sequence, error.status))
            return
        answer(self, pdu)

    def _bind(self, pdu: Any) -> None:
        system_id, password = wire.text_of(pdu.system_id), wire.text_of(pdu.password)
        status = wire.RALYBND if self.state != "open" else self.smsc.admits(system_id, password)
        own = {"system_id": self.smsc.settings.system_id, "sc_interface_version": 0x34}
        response = wire.build(f"{pdu.command}_resp", pdu.sequence, status, **({} if status else own))
        self.send(self._odd(response))
        if status == wire.ROK:
            self.system_id, self.state = system_id, pdu.command.replace("bind_", "bound_")
            self.smsc.bound(self)
            self._enquire_later()
        elif self.state == "open":
            self.close()

    def _submit(self, pdu: Any) -> None:
        if self.state not in MAY_SEND:
            self.send(wire.build("submit_sm_resp", pdu.sequence, wire.RINVBNDSTS))
            return
        smsc, faults = self.smsc, self.smsc.faults
        status, message_id, receipt = smsc.reception.take(pdu, self.system_id, smsc.clock.seconds())
        if faults.receipt_before_response:
            receipt()
        if status or not smsc.referee.is_swallowed():
            response = wire.build("submit_sm_resp", pdu.sequence, status, message_id=message_id)
            self._send_after(faults.delay_s, response if status else self._odd(response))
        if not faults.receipt_before_response and faults.delay_s > 0:
            smsc.clock.callLater(faults.delay_s, receipt)
        elif not faults.receipt_before_response:
            receipt()

    def _enquired(self, pdu: Any) -> None:
        if not self.smsc.faults.ignore_enquire_link:
            self.send(wire.build("enquire_link_resp", pdu.sequence))

    def _unbound(self, pdu: Any) -> None:
        self.send(wire.build("unbind_resp", pdu.sequence))
        self.close()

    def _nack(self, sequence: int, error: wire.Malformed) -> None:
        self.smsc.note(f"generic_nack: {error}")
        self.send(wire.build("generic_nack", sequence, error.status))

    _ANSWERS: ClassVar[dict[str, Callable[[Session, Any], None]]] = {}

    # what we ask of the client

    def request(self, name: str, outcome: Outcome, **fields: Any) -> tuple[int, bytes]:
        """Write one request, without sending it, and wait for its response.

        Args:
            outcome: called once with the response's status, or None when the timer ran out or the link was lost.
        Returns: its sequence number and octets.
        """
        self._sequence = self._sequence % wire.MAX_SEQUENCE + 1
        sequence = self._sequence
        timer = self.smsc.clock.callLater(self.smsc.settings.response_s, self._unanswered, sequence)
        self._waiting[sequence] = (outcome, timer)
        return sequence, wire.build(name, sequence, **fields)

    def _answered(self, command_id: int, status: int, sequence: int) -> None:
        outcome, timer = self._waiting.pop(sequence, (None, None))
        if outcome is None or timer is None:
            self.smsc.note(f"response 0x{command_id:08X} to nothing that is waiting")
            return
        timer.cancel()
        outcome((status or wire.RX_T_APPN) if command_id == wire.GENERIC_NACK else status)

    def _unanswered(self, sequence: int) -> None:
        outcome, _ = self._waiting.pop(sequence)
        outcome(None)

    def has_room(self) -> bool:
        """Whether the window takes one more deliver_sm."""
        return self.state in MAY_RECEIVE and self.delivering < self.smsc.settings.window

    def deliver(self, handle: MoHandle) -> None:
        """Send the next segment of a text or receipt; its outcome goes to the mailbox."""
        segment = handle.segments[handle.settled]

        def delivered(status: int | None) -> None:
            self.delivering -= 1
            self.smsc.mailbox.outcome(handle, status)

        self.delivering += 1
        sequence, raw = self.request(
            "deliver_sm", delivered,
            source_addr=handle.source, source_addr_ton=ton_of(handle.source), source_addr_npi=1,
            destination_addr=handle.dest, dest_addr_ton=0, dest_addr_npi=1,
            esm_class=segment.esm_class, data_coding=segment.data_coding, short_message=segment.octets, **segment.tlvs,
        )
        handle.tries.append((self.smsc.clock.seconds(), sequence, None))
        raw = self._odd(raw)
        self.send(raw)
        if self.smsc.referee.is_repeated():
            self._repeat(raw)

    def _repeat(self, raw: bytes) -> None:
        if self.smsc.faults.repeat_sequence == "new":
            self._sequence = self._sequence % wire.MAX_SEQUENCE + 1
            raw = raw[:12] + self._sequence.to_bytes(4, "big") + raw[16:]
        self.send(raw)

    def _enquire_later(self) -> None:
        if self.smsc.settings.enquire_s:
            self.later(self.smsc.settings.enquire_s, self._enquire)

    def _enquire(self) -> None:
        if not self._heard:
            self.send(self.request("enquire_link", lambda status: self.cut() if status is None else None)[1])
        self._heard = False
        self._enquire_later()

    def _expect_bound(self) -> None:
        if self.state == "open":
            self.cut()

    def unbind(self) -> None:
        """Ask the client to leave; the link closes at its answer, or when the response timer runs out."""
        if self.state.startswith("bound"):
            self.state = "unbinding"
            self.smsc.gone(self, keep=True)
            self.send(self.request("unbind", lambda _: self.close())[1])

    # the wire

    def send(self, raw: bytes) -> None:
        """Write octets as they are, as far as the faults let them out."""
        if self.state == "closed" or self.smsc.faults.silent:
            return
        out = self.smsc.referee.octets_before_cut()
        self.transport.write(raw if out is None else raw[:out])
        if out is not None:
            self.close()

    def _send_after(self, delay_s: float, raw: bytes) -> None:
        if delay_s > 0:
            self.later(delay_s, lambda: self.send(raw))
        else:
            self.send(raw)

    def _odd(self, raw: bytes) -> bytes:
        if self.smsc.faults.unknown_tlvs:
            for tag, value in ODD_TLVS:
                raw = wire.with_tlv(raw, tag, value)
        return raw

    def later(self, delay_s: float, what: Callable[[], None]) -> None:
        """Call unless the link is lost before."""

        def due() -> None:
            self._timers.discard(timer)
            what()

        timer = self.smsc.clock.callLater(delay_s, due)
        self._timers.add(timer)

    def close(self) -> None:
        """End the link after what is written has left."""
        if self.state != "closed":
            self.state = "closed"
            self.smsc.gone(self, keep=True)
            self.transport.loseConnection()
            self.later(CLOSE_S, self.transport.abortConnection)

    def cut(self) -> None:
        """End the link at once, as a broken line would."""
        self.state = "closed"
        self.smsc.gone(self, keep=True)
        self.transport.abortConnection()


Session._ANSWERS.update(
    bind_transmitter=Session._bind, bind_receiver=Session._bind, bind_transceiver=Session._bind,
    submit_sm=Session._submit, enquire_link=Session._enquired, unbind=Session._unbound,
)
