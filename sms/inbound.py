"""MO: what an SMSC delivers becomes a command, and is acknowledged when that is durable.

Theory of operation. Every text that comes over a link gets an arrival number. It stays "unconfirmed" until the SMSC has
shown that it has our acknowledgement, by answering something written after it. When a link is lost, or we are
killed, its unconfirmed texts are the ones that the SMSC may send again; one of the same fingerprint on a later
link is then that text, not a new one. On one link, a text counts as repeated when it carries the sequence number
of an earlier one, or when we were so slow to acknowledge that the SMSC's own timer may have run out; a part of a long
text always does, for no two texts share a reference within minutes.

A text that is repeated while its first copy is still being stored waits for that: on the same link both are acknowledged
then, on a later one the ledger is asked as for any other. Most texts are one command. Where one needs several (a long
text, a possible repetition), the later texts of its subscriber wait until its last command is queued, for the order.

A subscriber may also send the same words again. So an unconfirmed text is not waited for any longer once the same
sender's next text has come, for SMSCs keep a sender's texts in order, nor an hour after the link began.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from hotline.domain import commands as cmd
from hotline.domain.commands import Arrival
from hotline.domain.errors import BadMsisdn
from hotline.domain.meaning import Meaning, Unknown
from hotline.domain.msisdn import mask, msisdn
from hotline.storage.store import StorageError
from sms.arrivals import SLOW_S, Arrivals, Repeatable, Taking, fingerprint
from sms.pdu import DataSm, DeliverSm
from sms.text import encodings, receipts
from sms.text.segments import Part, join, part_of, text_octets

if TYPE_CHECKING:
    from conf.settings import Smsc
    from sms.esme import Link

log = logging.getLogger(__name__)

LONGEST_ADDRESS = 20
"""Characters of an address that an answer can come from (SMPP 3.4 §5.2.8)."""
RX_T_APPN = 0x64
"""ESME_RX_T_APPN: not now, send it again (SMPP 3.4 §5.1.3)."""
RX_P_APPN = 0x65
"""ESME_RX_P_APPN: never, do not send it again."""
ASK_AFTER = 200
"""Unconfirmed acknowledgements after which the line is tested, so that the list of them stays short."""
UNCONFIRMED_MAX, UNCONFIRMED_KEPT = 2000, 1000
"""An SMSC that answers no test has what it was sent so many texts ago: no window is as large."""

Put = Callable[[cmd.Command, Callable[[Any], None]], None]


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
        forget: Callable[[Arrival], None] = lambda _arrival: None,
        count: Callable[[str], None] = lambda _what: None,
    ) -> None:
        """Wire the MO side.

        Args:
            smsc: its settings.
            read: the grammar.
            put: the ledger's inlet.
            seconds: a clock that never goes back.
            confirm: told up to which arrival a link's acknowledgements have reached the SMSC.
            forget: told which stored arrivals of earlier links will not be repeated.
            count: told each of: received, refused, repeated, and receipt:STATE.
        """
        self.smsc = smsc
        self._read, self._put, self._seconds, self._confirm, self._count = read, put, seconds, confirm, count
        self._links: dict[Link, Arrivals] = {}
        self._repeatable = Repeatable(seconds, forget)
        self._orphans: dict[int, list[Taking]] = {}
        self._waiting: dict[str, deque[Taking]] = {}

    # -- links come and go

    def opened(self, link: Link, link_id: str, unconfirmed: Iterable[Arrival]) -> None:
        """A link begins; `unconfirmed` are arrivals of earlier links that the SMSC may repeat."""
        self._links[link] = Arrivals(link_id)
        live = {arrivals.link for arrivals in self._links.values()}
        for arrival in unconfirmed:
            if arrival.link not in live:
                self._repeatable.add(arrival)

    def closed(self, link: Link) -> None:
        """A link has ended; what it brought and is not answered yet may come again over the next one."""
        arrivals = self._links.pop(link, None)
        for taking in arrivals.open.values() if arrivals is not None else ():
            self._orphans.setdefault(taking.arrival.fingerprint, []).append(taking)

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
        if arrivals.acknowledged - arrivals.confirmed > UNCONFIRMED_MAX:
            self.heard_back(link, arrivals.acknowledged - UNCONFIRMED_KEPT)
        return True

    def testing(self, link: Link) -> None:
        """The line is being tested: the answer will confirm what is acknowledged by now."""
        arrivals = self._links.get(link)
        if arrivals is not None:
            arrivals.asked = arrivals.acknowledged

    def tested(self, link: Link) -> None:
        """The line's test was answered."""
        arrivals = self._links.get(link)
        if arrivals is not None:
            self.heard_back(link, arrivals.asked)

    # -- texts and receipts

    def delivered(self, link: Link, pdu: DeliverSm | DataSm) -> None:
        """Take a text or a receipt."""
        part = None
        if pdu.esm_class or pdu.tlvs:
            if pdu.esm_class & receipts.MESSAGE_TYPE or pdu.tlvs:
                receipt = receipts.receipt_of(pdu)
                if receipt is not None:
                    self._receipt(link, pdu, receipt)
                    return
            part = _part(pdu)
        arrivals = self._links[link]
        mark = fingerprint(pdu)
        now = self._seconds()
        copy = arrivals.copied(pdu, mark, now) if arrivals.open else None
        if part is not None and copy is None:
            copy = arrivals.parts.get(mark)
        if copy is not None:
            self._copied(arrivals, copy, pdu)
            return
        first = self._repeated(arrivals, pdu, mark)
        arrival = arrivals.next(pdu.sequence, mark)
        taking = arrivals.open[arrival.number] = Taking(self._answer, link, pdu, part, arrival, now)
        self._count("received")
        if first is None and part is None and not self._waiting and not self._orphans:
            self._text(taking, text_octets(pdu), "")
            return
        taking.first = first
        if part is not None:
            arrivals.remember_part(taking)
        orphan = self._orphan(mark)
        if orphan is not None:
            orphan.heir, taking.heir_of = taking, orphan
        self._in_turn(taking)

    def _copied(self, arrivals: Arrivals, taking: Taking, pdu: DeliverSm | DataSm) -> None:
        """Another copy on the same link: answered with the first, or at once if that is stored."""
        self._count("repeated")
        arrivals.by_sequence[pdu.sequence] = taking.arrival
        if taking.arrival.number in arrivals.open:
            taking.also += (pdu,)
            taking.heard = self._seconds()
        else:
            taking.link.acknowledge(pdu)

    def _repeated(self, arrivals: Arrivals, pdu: DeliverSm | DataSm, mark: int) -> Arrival | None:
        """The arrival that this PDU may repeat, if there is one."""
        same = arrivals.by_sequence.get(pdu.sequence)
        if same is not None and same.fingerprint == mark:
            return same
        if not self._repeatable:
            return None
        first = self._repeatable.take(mark)
        if first is None and mark not in self._orphans:
            self._repeatable.passed(mark)
        return first

    def _orphan(self, mark: int) -> Taking | None:
        """A text in progress, of a link that has gone, of which no copy has come yet."""
        for taking in self._orphans.get(mark, ()):
            if taking.heir is None:
                return taking
        return None

    def _stream(self, pdu: DeliverSm | DataSm) -> tuple[str, bool]:
        """Whose text it is, and whether he can be answered."""
        try:
            return msisdn(pdu.source, self.smsc.country, pdu.source_ton == 1, pdu.source_ton == 2), True
        except BadMsisdn:
            return f"alpha:{pdu.source[:20]}", False

    # -- one after the other

    def _in_turn(self, taking: Taking) -> None:
        """Take a text after those of the same subscriber that came before it."""
        stream = self._stream(taking.pdu)[0]
        queue = self._waiting.get(stream)
        if queue is not None:
            queue.append(taking)
            return
        if taking.first is not None or taking.heir_of is not None or taking.part is not None:
            self._waiting[stream] = deque()
            taking.holds = True
        if taking.heir_of is not None:
            taking.parked = True
        elif taking.first is not None:
            self._ask(taking, taking.first)
        else:
            self._take(taking)

    def _release(self, taking: Taking) -> None:
        """The last command of a text is queued: the later ones of its subscriber follow."""
        if taking.holds:
            taking.holds = False
            for each in self._waiting.pop(self._stream(taking.pdu)[0]):
                self._in_turn(each)

    def _ask(self, taking: Taking, first: Arrival) -> None:
        """Ask the ledger whether `first` is stored; if it is, this is the same text again."""
        taking.first = first

        def asked(outcome: Any) -> None:
            if outcome.error is not None:
                taking.done(outcome)
            elif outcome.repeated:
                self._count("repeated")
                taking.done(outcome)
            else:
                taking.first = self._repeatable.take(first.fingerprint)
                if taking.first is None:
                    self._take(taking)
                else:
                    self._ask(taking, taking.first)

        self._put(cmd.NoteRepeat(stream=self._stream(taking.pdu)[0], first=first, again=taking.arrival), asked)

    def _take(self, taking: Taking) -> None:
        part, pdu, arrival = taking.part, taking.pdu, taking.arrival
        if part is None:
            self._text(taking, text_octets(pdu), "")
            return
        key = f"{self.smsc.name}/{pdu.dest}/{part.reference}/{part.total}"
        keep = cmd.KeepSegment(
            stream=self._stream(pdu)[0],
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
                taking.whole = join(outcome.result), key
                self._text(taking, *taking.whole)
            else:
                taking.done(outcome)

        self._put(keep, kept)

    def _text(self, taking: Taking, octets: bytes, segments: str) -> None:
        smsc, pdu, arrival = self.smsc, taking.pdu, taking.arrival
        text = encodings.decode(octets, pdu.data_coding, default=smsc.default_alphabet, national=smsc.national)
        stream, answerable = self._stream(pdu)
        command = cmd.ReceiveText(
            stream=stream,
            id=f"{arrival.link}:{arrival.number}",
            text=text,
            meaning=self._meaning(text) if not taking.plain else Unknown(),
            smsc=smsc.name,
            number=pdu.dest if len(pdu.dest) <= LONGEST_ADDRESS else smsc.service_number,
            arrival=arrival,
            segments=segments,
            answerable=answerable,
        )
        self._put(command, taking.done)
        if taking.holds:
            self._release(taking)

    def _meaning(self, text: str) -> Meaning:
        try:
            return self._read(text)
        except Exception:  # a text that the grammar can't read is answered like any that means nothing
            log.exception("the grammar failed")
            return Unknown()

    # -- answers

    def _answer(self, taking: Taking, outcome: Any) -> None:
        """Acknowledge what is durable; refuse what is not, and know it again when it comes again."""
        error = outcome.error
        if error is None:
            status = 0
        elif isinstance(error, StorageError):
            status = RX_T_APPN
        elif not taking.plain:
            self._without_meaning(taking)
            return
        else:
            log.error("a text from %s can't be processed; it is refused for good", mask(taking.pdu.source))
            status = RX_P_APPN
        link = taking.link
        link.acknowledge(taking.pdu, status)
        for pdu in taking.also:
            link.acknowledge(pdu, status)
        arrivals = self._links.get(link)
        if status:
            self._refused(taking, arrivals)
        elif arrivals is None or self._seconds() - taking.heard > SLOW_S:
            self._repeatable.add(taking.arrival)
        if arrivals is not None:
            arrivals.answered(taking.arrival.number)
        else:
            self._orphan_done(taking)
        if taking.holds:
            self._release(taking)

    def _without_meaning(self, taking: Taking) -> None:
        """What a text means could not be carried out: once more as one that means nothing, so that it does not come for ever."""
        taking.plain = True
        octets, segments = taking.whole or (taking.part.payload if taking.part else text_octets(taking.pdu), "")
        self._text(taking, octets, segments)

    def _refused(self, taking: Taking, arrivals: Arrivals | None) -> None:
        """Not stored, or not known to be: both this arrival and the one that it may repeat are asked about the next time."""
        self._count("refused")
        self._repeatable.add(taking.arrival)
        if taking.first is not None:
            self._repeatable.add(taking.first)
        if arrivals is not None:
            arrivals.parts.pop(taking.arrival.fingerprint, None)
            for pdu in (taking.pdu, *taking.also):
                arrivals.by_sequence.pop(pdu.sequence, None)

    def _orphan_done(self, taking: Taking) -> None:
        """A text whose link has gone is done with: its copy on a later link goes on."""
        mark, heir = taking.arrival.fingerprint, taking.heir
        orphans = [each for each in self._orphans.pop(mark, ()) if each is not taking]
        if orphans:
            self._orphans[mark] = orphans
        if heir is None:
            return
        heir.heir_of, heir.first = None, taking.arrival
        if heir.parked:
            self._ask(heir, taking.arrival)

    def _receipt(self, link: Link, pdu: DeliverSm | DataSm, receipt: receipts.DeliveryReceipt) -> None:
        stream, answerable = self._stream(pdu)
        if not answerable or self._is_ours(pdu.source):  # some SMSCs leave the addresses as submitted
            with contextlib.suppress(BadMsisdn):
                stream = msisdn(pdu.dest, self.smsc.country, pdu.dest_ton == 1, pdu.dest_ton == 2)
        note = cmd.NoteReceipt(
            stream=stream,
            smsc=self.smsc.name,
            message_id=receipt.message_id,
            state=receipt.state.value if receipt.state else (receipt.stat or "UNKNOWN"),
            error=receipt.error,
        )

        def noted(outcome: Any) -> None:
            error = outcome.error
            if error is None:
                self._count(f"receipt:{receipt.state.value if receipt.state else 'OTHER'}")
            link.acknowledge(pdu, 0 if error is None else RX_T_APPN if isinstance(error, StorageError) else RX_P_APPN)

        self._put(note, noted)

    def _is_ours(self, address: str) -> bool:
        """Whether an address is our service number, as it is, in international form, or with digits after it."""
        number = self.smsc.service_number
        return address.startswith(number) or address.lstrip("+0").startswith(self.smsc.country + number)


def _part(pdu: DeliverSm | DataSm) -> Part | None:
    """The place of a PDU in a text of several parts."""
    part = part_of(pdu)
    return part if part is not None and part.total > 1 else None
