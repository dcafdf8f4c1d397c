"""What becomes of a submit_sm: checked as strictly as a network would, put together with its siblings, remembered, receipted."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any
from zoneinfo import ZoneInfo

from twisted.internet.defer import Deferred

from sms.simulator.faults import Referee
from sms.simulator.receipts import is_due
from sms.simulator.records import Lines, Mt, MtPart, forget_oldest
from sms.simulator.texts import UDHI, Place, capacity, decode, take_header
from sms.simulator.wire import RINVDSTADR, RINVESMCLASS, RINVMSGLEN, ROK, Malformed, text_of

MAX_UNFINISHED = 10_000  # long texts waiting for segments; the oldest is forgotten first
CHINA = ZoneInfo("Asia/Shanghai")

Key = tuple[str, str, str, int, int]


class Reception:
    """Takes submit_sm. `received` are whole texts in the order they became whole, `refused` those answered with an error.

    A whole text to one of `services`, numbers of services themselves, is for no handset: `on_service` is told it.
    """

    def __init__(self, referee: Referee, lines: Lines, messages: list[Any],
                 on_receipt_due: Callable[[Mt, MtPart, str], None]) -> None:
        self.received: list[Mt] = []
        self.refused: list[Mt] = []
        self.subscribers: Container[str] | None = None
        self.services: frozenset[str] = frozenset()
        self.on_service: Callable[[Mt], None] = lambda _mt: None
        self.default_alphabet = "gsm7"
        self.next_id = 1_000_000_001
        self._referee, self._lines, self._messages, self._on_receipt_due = referee, lines, messages, on_receipt_due
        self._unfinished: dict[Key, Mt] = {}
        self._waiting: list[Deferred[Mt]] = []

    def next_mt(self) -> Deferred[Mt]:
        """Fires with the next text that becomes whole."""
        self._waiting.append(Deferred())
        return self._waiting[-1]

    def take(self, pdu: Any, system_id: str, now: float) -> tuple[int, str, Callable[[], None]]:
        """Judge one submit_sm and keep it if it is good.

        Returns: status and message id for its response, and what to call for its receipt (perhaps nothing happens then).
        """
        try:
            octets, place = self._checked(pdu)
            status = self._referee.verdict(text_of(pdu.destination_addr), now)
        except Malformed as error:
            octets, place, status = pdu.short_message or b"", None, error.status
        if status:
            self._refuse(pdu, octets, system_id, now, status)
            return status, "", _nothing
        message_id, id_in_receipts = self._referee.message_ids(self.next_id)
        self.next_id += 1
        text = decode(octets, pdu.data_coding, self.default_alphabet)
        part = MtPart(
            now, message_id, pdu.sequence, pdu.esm_class, pdu.data_coding, pdu.registered_delivery, octets, text,
            place.number if place else 1,
        )
        mt = self._keep(pdu, part, place, system_id, now)
        return ROK, message_id, lambda: self._receipt_if_due(mt, part, id_in_receipts)

    def _checked(self, pdu: Any) -> tuple[bytes, Place | None]:
        dest, short, payload = text_of(pdu.destination_addr), pdu.short_message or b"", pdu.message_payload
        unknown = self.subscribers is not None and dest not in self.subscribers and dest not in self.services
        if not (dest.isascii() and dest.isdigit()) or unknown:
            raise Malformed(RINVDSTADR, "destination_addr is not a subscriber's number")
        if short and payload:
            raise Malformed(RINVMSGLEN, "both short_message and message_payload (§5.3.2.32)")
        octets, place = self._without_header(pdu, payload or short)
        header_octets = len(payload or short) - len(octets)
        if not payload and len(octets) > capacity(pdu.data_coding, header_octets):
            raise Malformed(RINVMSGLEN, f"{len(octets)} octets are more than one segment holds")
        return octets, place

    def _without_header(self, pdu: Any, octets: bytes) -> tuple[bytes, Place | None]:
        if pdu.esm_class & UDHI:
            try:
                return take_header(octets)
            except ValueError as error:
                raise Malformed(RINVESMCLASS, str(error)) from None
        sar = (pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum)
        if None in sar:
            return octets, None
        if not 1 <= sar[2] <= sar[1]:
            raise Malformed(RINVESMCLASS, "sar_segment_seqnum outside 1..total")
        return octets, Place(*sar)

    def _keep(self, pdu: Any, part: MtPart, place: Place | None, system_id: str, now: float) -> Mt:
        source, dest = text_of(pdu.source_addr), text_of(pdu.destination_addr)
        key = (system_id, source, dest, place.reference, place.total) if place else None
        mt = self._unfinished.get(key) if key else None
        if mt is None:
            mt = Mt(len(self._messages) + 1, now, source, dest, system_id, total=place.total if place else 1)
            self._messages.append(mt)
            if key and mt.total > 1:
                self._unfinished[key] = mt
        mt.parts.append(part)
        newest = {p.number: p for p in mt.parts}
        if len(newest) == mt.total:
            mt.text, mt.complete = "".join(newest[n].text for n in sorted(newest)), True
            if key:
                self._unfinished.pop(key, None)
            self._whole(mt, now)
        if len(self._unfinished) > MAX_UNFINISHED:
            del self._unfinished[next(iter(self._unfinished))]
        forget_oldest(self._messages, self.received)
        return mt

    def _whole(self, mt: Mt, now: float) -> None:
        if mt.dest in self.services:
            self.on_service(mt)
        self.received.append(mt)
        self._lines.write("mt", now, source=mt.source, dest=mt.dest, text=mt.text, parts=mt.total, id=mt.parts[0].message_id)
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(mt)

    def _refuse(self, pdu: Any, octets: bytes, system_id: str, now: float, status: int) -> None:
        source, dest = text_of(pdu.source_addr), text_of(pdu.destination_addr)
        text = decode(octets, pdu.data_coding, self.default_alphabet)
        mt = Mt(len(self._messages) + 1, now, source, dest, system_id, text=text, status=status)
        self._messages.append(mt)
        self.refused.append(mt)
        forget_oldest(self._messages, self.refused)
        self._lines.write("mt_refused", now, source=source, dest=dest, text=text, status=status)

    def _receipt_if_due(self, mt: Mt, part: MtPart, id_in_receipts: str) -> None:
        faults = self._referee.faults
        if is_due(faults.receipts, part.registered_delivery, faults.receipt_state):
            self._on_receipt_due(mt, part, id_in_receipts)


def _nothing() -> None:
    return None
