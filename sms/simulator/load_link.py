"""The load generator's wire: four hot PDUs by `struct`, the rest just enough to keep a client bound.

Source: SMPP 3.4 §3.2 (header), §4.1 (binds), §4.4.1-2 (submit_sm), §4.6.1 (deliver_sm), §5.3.2.22-24 (SAR).
"""

from __future__ import annotations

from struct import Struct
from time import perf_counter
from typing import TYPE_CHECKING

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from sms.simulator.ports import Transport
from sms.simulator.texts import UDHI

if TYPE_CHECKING:
    from sms.simulator.load import Load, Subscriber

HEADER = Struct(">LLLL")
TLV = Struct(">HH")
pack, unpack_from = HEADER.pack, HEADER.unpack_from

SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x04, 0x05, 0x06, 0x15
RECEIVES = {0x01: False, 0x02: True, 0x09: True}  # command_id of the binds
RESPONSE = 0x80000000
SUBMIT_SM_RESP, DELIVER_SM_RESP, UNBIND_RESP = RESPONSE | SUBMIT_SM, RESPONSE | DELIVER_SM, RESPONSE | UNBIND
MAX_PDU_OCTETS = 64 * 1024  # beyond this the stream is out of step, and the connection is closed


def is_last_segment(raw: bytes, esm_class: int, at: int, end: int) -> bool:
    """Whether a submit_sm ends its text: not concatenated, or the last number. `at` is where sm_length stands in `raw`."""
    if esm_class & UDHI:
        header = raw[at + 1 : at + 2 + raw[at + 1]]
        return header[1:3] not in {b"\x00\x03", b"\x08\x04"} or header[-1] == header[-2]
    at += 1 + raw[at]
    total = number = 0
    while at + 4 < end:
        tag, length = TLV.unpack_from(raw, at)
        if tag == 0x020E:
            total = raw[at + 4]
        elif tag == 0x020F:
            number = raw[at + 4]
        at += 4 + length
    return total == number


class Link(Protocol):
    """One connection of the client under test. Answers gather in `out` and leave in one write."""

    transport: Transport  # type: ignore[assignment]  # narrower than Twisted declares

    def __init__(self, load: Load) -> None:
        self.load, self.rest, self.sequence = load, b"", 0
        self.out: list[bytes] = []
        self.under_way: dict[int, Subscriber] = {}

    def connectionMade(self) -> None:
        """Called by Twisted."""
        self.transport.setTcpNoDelay(True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """What was not acknowledged goes by another link, or by the next one."""
        self.load.lost(self, list(self.under_way.values()))

    def deliver(self, subscriber: Subscriber, tail: bytes) -> None:
        """Add one deliver_sm to what leaves at the next flush."""
        self.sequence = sequence = self.sequence % 0x7FFFFFFF + 1
        self.under_way[sequence] = subscriber
        body = b"\0\1\1" + subscriber.number + tail
        self.out.append(pack(16 + len(body), DELIVER_SM, 0, sequence) + body)

    def flush(self) -> None:
        """Write what has gathered."""
        if self.out:
            self.transport.write(b"".join(self.out))
            self.out.clear()

    def dataReceived(self, data: bytes) -> None:
        """Called by Twisted; reads every whole PDU, then lets the load go on."""
        raw, at, load = self.rest + data if self.rest else data, 0, self.load
        length_of_raw, now = len(raw), perf_counter()
        while length_of_raw - at >= 16:
            length, command_id, status, sequence = unpack_from(raw, at)
            end = at + length
            if not 16 <= length <= MAX_PDU_OCTETS:
                self.transport.abortConnection()
                return
            if end > length_of_raw:
                break
            if command_id == SUBMIT_SM:
                load.next_id += 1
                message_id = b"%d\0" % load.next_id
                self.out.append(pack(16 + len(message_id), SUBMIT_SM_RESP, 0, sequence) + message_id)
                self.submitted(raw, at + 16, end, now)
            elif command_id == DELIVER_SM_RESP:
                subscriber = self.under_way.pop(sequence, None)
                if subscriber is not None:
                    load.acknowledged(subscriber, status, now)
            else:
                self.rare(command_id, sequence)
            at = end
        self.rest = raw[at:]
        load.pump()
        self.flush()

    def submitted(self, raw: bytes, at: int, end: int, now: float) -> None:
        """Find whom an MT is for, and whether it is whole."""
        find = raw.index
        at = find(b"\0", find(b"\0", at) + 3) + 3
        number_end = find(b"\0", at)
        number, esm_class = raw[at:number_end], raw[number_end + 1]
        at = find(b"\0", find(b"\0", number_end + 4) + 1) + 5
        if (esm_class & UDHI or at + 1 + raw[at] < end) and not is_last_segment(raw, esm_class, at, end):
            return
        self.load.replied(number, now)

    def rare(self, command_id: int, sequence: int) -> None:
        """Binds, enquire_link, unbind; responses that nothing waits for are left alone."""
        if command_id in RECEIVES:
            self.out.append(pack(21, RESPONSE | command_id, 0, sequence) + b"LOAD\0")
            self.flush()
            if RECEIVES[command_id]:
                self.load.begin(self)
        elif command_id in {ENQUIRE_LINK, UNBIND}:
            self.out.append(pack(16, RESPONSE | command_id, 0, sequence))
        if command_id in {UNBIND, UNBIND_RESP}:
            self.flush()
            self.transport.loseConnection()

    def unbind(self) -> None:
        """Ask the client to leave."""
        self.sequence += 1
        self.out.append(pack(16, UNBIND, 0, self.sequence))
        self.flush()
