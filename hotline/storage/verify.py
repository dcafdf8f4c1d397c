"""Is the record whole? Every event is held against its hash, and every partition against its head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hotline.domain.events import Event
from hotline.domain.msisdn import mask
from hotline.storage.codec import GENESIS, chain_hash, decode_event, encode_event, erased, is_erased, to_us
from hotline.storage.opening import reading_engine
from hotline.storage.queries.events import by_id
from hotline.storage.redaction import ERASABLE, kept_fields, redacted
from hotline.storage.schema import chain

MOST = 100
"""Problems that are told; a damaged disk has thousands."""
STEP = 10_000
"""Events between two calls of `progress`."""
_ERASABLE = frozenset(kind.__name__ for kind in ERASABLE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written.

    Attributes:
        event: id of the event; 0 where a head row is meant.
        stream: the subscriber's number, masked, or "".
        kind: the event's kind, or "".
        what: content (a field or the body was changed), hash (the stored hash was), gap (events before this one are
            missing), unreadable (the body is no event), forged (an erased body of a kind that is never erased, that still
            holds words, or that is too young),
            head (the partition's row doesn't match its last event).
        words: the same as a sentence.
    """

    event: int
    stream: str
    kind: str
    what: str
    words: str


class _Partition:
    """One chain as far as it has been walked; what differs is named once the next event has shown what it was.

    `stored` is the last event's hash as stored, `computed` as it should be; they differ while `doubtful` holds the event.
    """

    __slots__ = ("_erased_before", "_kept", "_problems", "_stride", "computed", "doubtful", "last_id", "stored")

    def __init__(self, number: int, stride: int, problems: list[Problem], erased_before: int) -> None:
        self._stride, self._problems, self._erased_before = stride, problems, erased_before
        self._kept = b""
        self.last_id = number
        self.stored = self.computed = GENESIS
        self.doubtful: Any = None

    def walk(self, row: Any) -> None:
        """Hold the next event against what came before."""
        claimed, missing = bytes(row.hash), (row.id - self.last_id) // self._stride - 1
        readable = self._readable(row)
        mended = self.doubtful is not None and readable and self._hash(self.computed, row) == claimed
        self._name_doubtful("hash" if mended else "content")
        if missing:
            plural = "s are" if missing > 1 else " is"
            self._problem(row, "gap", f"follows event {self.last_id}: {missing} event{plural} missing between them")
        trusted = mended or missing or not readable
        self.computed = claimed if trusted else self._hash(self.stored, row)
        self.doubtful = row if self.computed != claimed else None
        self.last_id, self.stored = row.id, claimed

    def _readable(self, row: Any) -> bool:
        try:
            happened = decode_event(row.kind, row.body)
            self._kept = _kept(happened, row.body)
            self._hash(GENESIS, row)
        except (ValueError, KeyError, AttributeError, TypeError):
            self._problem(row, "unreadable", "can't be read as an event of its kind")
            return False
        if is_erased(row.body):
            self._look_at_erased(row, happened)
        return True

    def _look_at_erased(self, row: Any, happened: Event) -> None:
        if row.kind not in _ERASABLE:
            self._problem(row, "forged", "has no words, but events of its kind keep theirs")
        elif row.body.encode() != erased(row.body.encode(), redacted(happened)):
            self._problem(row, "forged", "is said to be erased, but holds more than what stays then")
        elif row.at >= self._erased_before:
            self._problem(row, "forged", "has lost its words before their retention ended")

    def _hash(self, previous: bytes, row: Any) -> bytes:
        return chain_hash(previous, row.id, row.stream, row.at, row.kind, row.cause, row.body.encode(), self._kept)

    def _name_doubtful(self, what: str) -> None:
        """Name what differs in the doubtful event: the next one was hashed over the hash that it had at first."""
        row, self.doubtful = self.doubtful, None
        if row is not None:
            told = "is whole, but its stored hash was changed" if what == "hash" else "was changed: it doesn't match its hash"
            self._problem(row, what, told)

    def end(self, partition: int, head: tuple[int, bytes]) -> None:
        """Hold the last event against the head row."""
        seq, digest = head
        mended = self.doubtful is not None and self.computed == digest
        self._name_doubtful("hash" if mended else "content")
        named, where = seq * self._stride + partition, f"partition {partition}: its head"
        if named != self.last_id:
            words = f"{where} names event {named}, but the last one is {self.last_id}"
        elif digest != self.stored and not mended:
            words = f"{where} holds another hash than its last event, {self.last_id}"
        else:
            return
        self._problems.append(Problem(0, "", "", "head", words))

    def _problem(self, row: Any, what: str, words: str) -> None:
        if len(self._problems) < MOST:
            told = f"event {row.id} ({row.kind} of {mask(row.stream)}) {words}"
            self._problems.append(Problem(row.id, mask(row.stream), row.kind, what, told))


def _kept(happened: Event, body: str) -> bytes:
    return kept_fields(happened, encode_event(happened) if is_erased(body) else body.encode())


def keep_bad_octets(connection: sa.Connection) -> None:
    """Have SQLite hand over text that is no UTF-8, too: it is to be named, not to end the walk."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        raw.text_factory = lambda octets: octets.decode("utf-8", "surrogateescape")


def verify(
    url: str, *, erased_before: datetime | None = None, progress: Callable[[int], None] = lambda _: None
) -> list[Problem]:
    """Walk every partition's chain from its first event to its head.

    Sees the database at one moment, so it may run beside the service; holds a page of events in memory.

    Args:
        url: SQLAlchemy URL.
        erased_before: events from then on (aware) can't have been erased in order; None: any may have been.
        progress: told every so often how many events were walked.
    Returns: what is wrong, in the order of the events, at most MOST; empty when the record is whole.
    Raises: sqlalchemy.exc.SQLAlchemyError when the database can't be read.
    """
    problems: list[Problem] = []
    young = to_us(erased_before) if erased_before is not None else 2**63
    with reading_engine(url).begin() as connection:
        keep_bad_octets(connection)
        heads = {row.partition: (row.seq, bytes(row.hash)) for row in connection.execute(sa.select(chain))}
        stride = max(1, len(heads))
        partitions = [_Partition(number, stride, problems, young) for number in range(stride)]
        number = 0
        for number, row in enumerate(by_id(connection), 1):
            partitions[row.id % stride].walk(row)
            if number % STEP == 0:
                progress(number)
        progress(number)
        for partition, walked in enumerate(partitions):
            walked.end(partition, heads.get(partition, (0, GENESIS)))
    return sorted(problems, key=lambda problem: (problem.event == 0, problem.event))
