"""MO: what an SMSC delivers becomes a command, and is acknowledged when that is durable.

Theory of operation. Every text that comes over a link gets an arrival number. It stays "unconfirmed" until the SMSC has
shown that it has our acknowledgement, by answering something written after it. When a link is lost, or we are
killed, its unconfirmed texts are the ones that the SMSC may send again; one of the same fingerprint on a later
link is then that text, not a new one. On one link, a text counts as repeated when it carries the sequence number
of an earlier one, or when we were so slow to acknowledge that the SMSC's own timer may have run out.
"""

from __future__ import annotations

import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from hotline.domain import commands as cmd
from hotline.domain.commands import Arrival
from hotline.domain.errors import BadMsisdn
from hotline.domain.meaning import Meaning
from hotline.domain.msisdn import msisdn
from sms.pdu import DataSm, DeliverSm
from sms.text import encodings, receipts
from sms.text.segments import join, part_of, text_octets

if TYPE_CHECKING:
    from conf.settings import Smsc
    from sms.esme import Link

log = logging.getLogger(__name__)

RX_T_APPN = 0x64
"""ESME_RX_T_APPN: not now, send it again (SMPP 3.4 §5.1.3)."""
RX_P_APPN = 0x65
"""ESME_RX_P_APPN: never, do not send it again."""
SLOW_S = 3.0
"""An acknowledgement later than this may have come after the SMSC's own timer ran out, so that it sends the text again."""
REMEMBERED = 512
"""Texts of one link whose sequence numbers are remembered; windows are smaller."""
ASK_AFTER = 200
"""Unconfirmed acknowledgements after which the line is tested, so that the list of them stays short."""

Put = Callable[[cmd.Command, Callable[[Any], None]], None]


class Arrivals:
    """The texts that came over one link: their numbers, and up to where the SMSC has our acknowledgements."""

    __slots__ = ("_early", "acknowledged", "asked", "by_sequence", "confirmed", "count", "link")

    def __init__(self, link: str) -> None:
        """Begin with the first arrival, number 1."""
        self.link = link
        self.count = self.acknowledged = self.confirmed = self.asked = 0
        self._early: set[int] = set()
        self.by_sequence: OrderedDict[int, Arrival] = OrderedDict()

    def next(self, sequence: int, fingerprint: int) -> Arrival:
        """Number an arrival."""
        self.count += 1
        arrival = Arrival(self.link, self.count, fingerprint)
        self.by_sequence[sequence] = arrival
        if len(self.by_sequence) > REMEMBERED:
            self.by_sequence.popitem(last=False)
        return arrival

    def answered(self, number: int) -> None:
        """Note that arrival `number` has been answered; `acknowledged` is up to where all have been."""
        if number != self.acknowledged + 1:
            self._early.add(number)
            return
        self.acknowledged = number
        while self._early and self.acknowledged + 1 in self._early:
            self.acknowledged += 1
            self._early.discard(self.acknowledged)


def fingerprint(pdu: DeliverSm | DataSm) -> int:
    """What is the same whenever a text is repeated: sender, recipient, octets, and the place among its parts."""
    tlvs = repr(sorted(pdu.tlvs.items())) if pdu.tlvs else ""
    head = f"{pdu.source}\0{pdu.dest}\0{pdu.esm_class}\0{pdu.data_coding}\0{tlvs}\0"
    return int.from_bytes(blake2b(head.encode() + pdu.payload, digest_size=8).digest(), "big") >> 1


class Inbound:
    """The MO side of one SMSC; its methods are called by the links in the reactor's thread."""

    def __init__(
        self,
        smsc: Smsc,
        read: Callable[[str], Meaning],
        put: Put,
        *,
        seconds: Callable[[], float],
        confirm: Callable[[str, int], None],
        count: Callable[[str], None] = lambda _what: None,
    ) -> None:
        """Wire the MO side.

        Args:
            smsc: its settings.
            read: the grammar.
            put: the ledger's inlet.
            seconds: a clock that never goes back.
            confirm: told up to which arrival a link's acknowledgements have reached the SMSC.
            count: told each of: received, refused, repeated, receipt.
        """
        self.smsc = smsc
        self._read, self._put, self._seconds, self._confirm, self._count = read, put, seconds, confirm, count
        self._links: dict[Link, Arrivals] = {}
        self._repeatable: dict[int, deque[Arrival]] = {}

    # -- links come and go

    def opened(self, link: Link, link_id: str, unconfirmed: Iterable[Arrival]) -> None:
        """A link begins; `unconfirmed` are arrivals of earlier links that the SMSC may repeat."""
        self._links[link] = Arrivals(link_id)
        live = {arrivals.link for arrivals in self._links.values()}
        self._repeatable.clear()
        for arrival in unconfirmed:
            if arrival.link not in live:
                self._may_repeat(arrival)

    def closed(self, link: Link) -> None:
        """A link has ended."""
        self._links.pop(link, None)

    def heard_back(self, link: Link, upto: int) -> None:
        """The SMSC has all our acknowledgements of this link up to arrival `upto`."""
        arrivals = self._links.get(link)
        if arrivals is not None and upto > arrivals.confirmed:
            arrivals.confirmed = upto
            self._confirm(arrivals.link, upto)

    def acknowledged(self, link: Link) -> int:
        """Up to which arrival of this link all acknowledgements have been written."""
        arrivals = self._links.get(link)
        return arrivals.acknowledged if arrivals is not None else 0

    def wants_test(self, link: Link) -> bool:
        """Whether so many acknowledgements are unconfirmed that the line should be tested."""
        arrivals = self._links.get(link)
        if arrivals is None or arrivals.acknowledged - arrivals.confirmed < ASK_AFTER:
            return False
        return arrivals.asked == 0

    def testing(self, link: Link) -> None:
        """The line is being tested: the answer will confirm what is acknowledged by now."""
        arrivals = self._links.get(link)
        if arrivals is not None and not arrivals.asked:
            arrivals.asked = arrivals.acknowledged

    def tested(self, link: Link) -> None:
        """The line's test was answered."""
        arrivals = self._links.get(link)
        if arrivals is not None:
            upto, arrivals.asked = arrivals.asked, 0
            self.heard_back(link, upto)

    # -- texts and receipts

    def delivered(self, link: Link, pdu: DeliverSm | DataSm) -> None:
        """Take a text or a receipt."""
        if pdu.esm_class & receipts.MESSAGE_TYPE or pdu.tlvs:
            receipt = receipts.receipt_of(pdu)
            if receipt is not None:
                self._receipt(link, pdu, receipt)
                return
        arrivals = self._links[link]
        mark = fingerprint(pdu)
        first = self._repeated(arrivals, pdu, mark)
        arrival = arrivals.next(pdu.sequence, mark)
        started = self._seconds()

        def done(outcome: Any) -> None:
            self._answer(link, pdu, arrival, outcome, started)

        self._count("received")
        if first is None:
            self._take(pdu, arrival, done)
            return

        def asked(outcome: Any) -> None:
            if outcome.repeated or outcome.error is not None:
                self._count("repeated")
                done(outcome)
            else:
                self._take(pdu, arrival, done)

        self._put(cmd.NoteRepeat(stream=self._stream(pdu)[0], first=first, again=arrival), asked)

    def _repeated(self, arrivals: Arrivals, pdu: DeliverSm | DataSm, mark: int) -> Arrival | None:
        """The arrival that this PDU repeats, if it repeats one."""
        same = arrivals.by_sequence.get(pdu.sequence)
        if same is not None and same.fingerprint == mark:
            return same
        waiting = self._repeatable.get(mark)
        if not waiting:
            return None
        first = waiting.popleft()
        if not waiting:
            del self._repeatable[mark]
        return first

    def _may_repeat(self, arrival: Arrival) -> None:
        self._repeatable.setdefault(arrival.fingerprint, deque(maxlen=64)).append(arrival)

    def _stream(self, pdu: DeliverSm | DataSm) -> tuple[str, bool]:
        """Whose text it is, and whether he can be answered."""
        try:
            return msisdn(pdu.source, self.smsc.country, pdu.source_ton == 1), True
        except BadMsisdn:
            return f"alpha:{pdu.source[:20]}", False

    def _take(self, pdu: DeliverSm | DataSm, arrival: Arrival, done: Callable[[Any], None]) -> None:
        part = part_of(pdu)
        if part is None or part.total == 1:
            self._text(pdu, arrival, part.payload if part else text_octets(pdu), "", done)
            return
        stream, _ = self._stream(pdu)
        key = f"{self.smsc.name}/{pdu.dest}/{part.reference}/{part.total}"
        keep = cmd.KeepSegment(
            stream=stream,
            id=f"{arrival.link}:{arrival.number}",
            key=key,
            part=part.number,
            total=part.total,
            payload=part.payload,
            data_coding=pdu.data_coding,
            arrival=arrival,
        )

        def kept(outcome: Any) -> None:
            if outcome.error is None and outcome.result is not None:
                self._text(pdu, arrival, join(outcome.result), key, done)
            else:
                done(outcome)

        self._put(keep, kept)

    def _text(
        self, pdu: DeliverSm | DataSm, arrival: Arrival, octets: bytes, segments: str, done: Callable[[Any], None]
    ) -> None:
        smsc = self.smsc
        text = encodings.decode(octets, pdu.data_coding, default=smsc.default_alphabet, national=smsc.national)
        stream, answerable = self._stream(pdu)
        command = cmd.ReceiveText(
            stream=stream,
            id=f"{arrival.link}:{arrival.number}",
            text=text,
            meaning=self._read(text),
            smsc=smsc.name,
            number=pdu.dest,
            arrival=arrival,
            segments=segments,
            answerable=answerable,
        )
        self._put(command, done)

    def _answer(self, link: Link, pdu: DeliverSm | DataSm, arrival: Arrival, outcome: Any, started: float) -> None:
        """Acknowledge what is durable; refuse what is not, and know it again when it comes again."""
        arrivals = self._links.get(link)
        if outcome.error is None:
            link.acknowledge(pdu)
            if self._seconds() - started > SLOW_S:
                self._may_repeat(arrival)
        else:
            self._count("refused")
            self._may_repeat(arrival)
            link.acknowledge(pdu, RX_T_APPN)
        if arrivals is not None:
            arrivals.answered(arrival.number)

    def _receipt(self, link: Link, pdu: DeliverSm | DataSm, receipt: receipts.DeliveryReceipt) -> None:
        self._count("receipt")
        stream, answerable = self._stream(pdu)
        if not answerable or pdu.source == self.smsc.service_number:  # some SMSCs leave the addresses as submitted
            with contextlib.suppress(BadMsisdn):
                stream = msisdn(pdu.dest, self.smsc.country, pdu.dest_ton == 1)
        note = cmd.NoteReceipt(
            stream=stream,
            smsc=self.smsc.name,
            message_id=receipt.message_id,
            state=receipt.state.value if receipt.state else (receipt.stat or "UNKNOWN"),
            error=receipt.error,
        )
        self._put(note, lambda outcome: link.acknowledge(pdu, 0 if outcome.error is None else RX_T_APPN))
