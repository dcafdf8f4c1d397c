"""What came over the links of one SMSC: which texts wait for the ledger, and which ones the SMSC may send again."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any
from zlib import crc32

from hotline.domain.commands import Arrival
from sms.pdu import DataSm, DeliverSm
from sms.text.segments import Part

if TYPE_CHECKING:
    from sms.esme import Link

SLOW_S = 3.0
"""An acknowledgement later than this may have come after the SMSC's own timer ran out, so that it sends the text again."""
REMEMBERED = 512
"""Texts of one link whose sequence numbers are remembered; windows are smaller."""
REPEATED_WITHIN_S = 3600.0
"""How long after a link began, or a text was refused, the SMSC may still repeat an earlier text."""
_SENDER_SHIFT = 39
"""A fingerprint's bits above these are the sender's own."""
REPEATABLE_MAX = 10_000
"""Senders whose texts may be repeated; those who wrote first go first."""
SENDERS_TEXTS = 64
"""Texts of one sender that may be repeated."""


class Taking:
    """A text on its way into the ledger; what most texts don't need is set on the class.

    Attributes:
        arrival: its number on its link.
        part: its place in a long text, or None.
        started, heard: when it came, and when its last copy did.
        first: an arrival that it may repeat, about which the ledger is asked.
        also: copies that came meanwhile on the same link, to be answered alike.
        heir: a copy that came on a later link, which wants to know what becomes of this one.
        heir_of: the text in progress whose copy this is.
        parked: its turn has come, but it waits for that text.
        holds: later texts of the subscriber wait for it.
        whole: the octets of the long text that it completes, and the key of its parts.
        plain: it is taken without a meaning, for with one it failed.
    """

    first: Arrival | None = None
    also: tuple[DeliverSm | DataSm, ...] = ()
    heir: Taking | None = None
    heir_of: Taking | None = None
    parked = holds = plain = False
    whole: tuple[bytes, str] | None = None

    def __init__(
        self,
        answer: Callable[[Taking, Any], None],
        link: Link,
        pdu: DeliverSm | DataSm,
        part: Part | None,
        arrival: Arrival,
        started: float,
    ) -> None:
        """Begin; `answer` is told what became of it."""
        self.link, self.pdu, self.part, self.arrival = link, pdu, part, arrival
        self.started = self.heard = started
        self._answer = answer

    def done(self, outcome: Any) -> None:
        """The ledger has it, or not."""
        self._answer(self, outcome)


class Arrivals:
    """The texts that came over one link: their numbers, and up to where the SMSC has our acknowledgements.

    Attributes:
        by_sequence: the newest texts by their sequence numbers.
        open: those that have no answer yet, by their numbers, oldest first.
        parts: parts of long texts by their fingerprints, unless they were refused.
    """

    __slots__ = ("_early", "acknowledged", "asked", "by_sequence", "confirmed", "count", "link", "open", "parts")

    def __init__(self, link: str) -> None:
        """Begin with the first arrival, number 1."""
        self.link = link
        self.count = self.acknowledged = self.confirmed = self.asked = 0
        self._early: set[int] = set()
        self.by_sequence: OrderedDict[int, Arrival] = OrderedDict()
        self.open: dict[int, Taking] = {}
        self.parts: OrderedDict[int, Taking] = OrderedDict()

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
        self.open.pop(number, None)
        if number != self.acknowledged + 1:
            self._early.add(number)
            return
        self.acknowledged = number
        while self._early and self.acknowledged + 1 in self._early:
            self.acknowledged += 1
            self._early.discard(self.acknowledged)

    def remember_part(self, taking: Taking) -> None:
        """Know a part again for as long as the sequence numbers."""
        self.parts[taking.arrival.fingerprint] = taking
        if len(self.parts) > REMEMBERED:
            self.parts.popitem(last=False)

    def copied(self, pdu: DeliverSm | DataSm, mark: int, now: float) -> Taking | None:
        """The text in progress of which this is another copy: of its sequence number, or of one that has waited long."""
        same = self.by_sequence.get(pdu.sequence)
        if same is not None and same.fingerprint == mark:
            return self.open.get(same.number)
        for taking in self.open.values():
            if now - taking.started <= SLOW_S:
                return None
            if taking.arrival.fingerprint == mark:
                return taking
        return None


def fingerprint(pdu: DeliverSm | DataSm) -> int:
    """What is the same whenever a text is repeated: sender, recipient, octets, and the place among its parts."""
    tlvs = repr(sorted(pdu.tlvs.items())) if pdu.tlvs else ""
    head = f"{pdu.source}\0{pdu.dest}\0{pdu.esm_class}\0{pdu.data_coding}\0{tlvs}\0"
    sender, whole = crc32(pdu.source.encode()) >> 8, blake2b(head.encode() + pdu.payload, digest_size=8).digest()
    return sender << _SENDER_SHIFT | int.from_bytes(whole, "big") >> 64 - _SENDER_SHIFT


class Repeatable:
    """Texts of former links, and refused ones, that the SMSC may send again: by sender, in the order in which they came.

    An SMSC keeps a sender's texts in order: once a later text of his has come, the earlier ones will not come again.
    """

    def __init__(self, seconds: Callable[[], float], forget: Callable[[Arrival], None] = lambda _arrival: None) -> None:
        """Begin with none.

        Args:
            seconds: a clock that never goes back.
            forget: told which texts are not waited for any longer, so that no later link waits for them either.
        """
        self._seconds, self._forget = seconds, forget
        self._until = 0.0
        self._senders: dict[int, deque[Arrival]] = {}

    def __bool__(self) -> bool:
        return bool(self._senders)

    def __len__(self) -> int:
        return sum(map(len, self._senders.values()))

    def add(self, arrival: Arrival) -> None:
        """This text may come again within REPEATED_WITHIN_S."""
        self._until = self._seconds() + REPEATED_WITHIN_S
        self._senders.setdefault(arrival.fingerprint >> _SENDER_SHIFT, deque(maxlen=SENDERS_TEXTS)).append(arrival)
        if len(self._senders) > REPEATABLE_MAX:
            del self._senders[next(iter(self._senders))]

    def take(self, mark: int) -> Arrival | None:
        """The first text of this fingerprint; those of the same sender before it are not waited for any longer."""
        if self._seconds() > self._until:
            self._senders.clear()
        sender = mark >> _SENDER_SHIFT
        waiting = self._senders.get(sender, ())
        for index, arrival in enumerate(waiting):
            if arrival.fingerprint == mark:
                self._dropped(islice(waiting, index))
                later = deque(islice(waiting, index + 1, None), maxlen=SENDERS_TEXTS)
                if later:
                    self._senders[sender] = later
                else:
                    del self._senders[sender]
                return arrival
        return None

    def passed(self, mark: int) -> None:
        """A new text has come: the earlier ones of its sender will not come again."""
        self._dropped(self._senders.pop(mark >> _SENDER_SHIFT, ()))

    def _dropped(self, arrivals: Iterable[Arrival]) -> None:
        for arrival in arrivals:
            self._forget(arrival)
