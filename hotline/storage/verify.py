"""Is the record whole? Every event is held against its hash, and every partition against its head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hotline.domain.msisdn import mask
from hotline.storage.codec import GENESIS, chain_hash, decode_event, is_erased
from hotline.storage.opening import reading_engine
from hotline.storage.queries.events import by_id
from hotline.storage.retention import ERASABLE
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
            missing), unreadable (the body is no event), forged (an erased body of a kind that is never erased),
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

    __slots__ = ("_problems", "_stride", "computed", "doubtful", "last_id", "stored")

    def __init__(self, number: int, stride: int, problems: list[Problem]) -> None:
        self._stride, self._problems = stride, problems
        self.last_id = number
        self.stored = self.computed = GENESIS
        self.doubtful: Any = None

    def walk(self, row: Any) -> None:
        """Hold the next event against what came before."""
        claimed, missing = bytes(row.hash), (row.id - self.last_id) // self._stride - 1
        readable = self._readable(row)
        mended = self.doubtful is not None and readable and _hash(self.computed, row) == claimed
        self._name_doubtful("hash" if mended else "content")
        if missing:
            plural = "s are" if missing > 1 else " is"
            self._problem(row, "gap", f"follows event {self.last_id}: {missing} event{plural} missing between them")
        trusted = mended or missing or not readable
        self.computed = claimed if trusted else _hash(self.stored, row)
        self.doubtful = row if self.computed != claimed else None
        self.last_id, self.stored = row.id, claimed

    def _readable(self, row: Any) -> bool:
        try:
            _hash(GENESIS, row)
            decode_event(row.kind, row.body)
        except (ValueError, KeyError, AttributeError, TypeError):
            self._problem(row, "unreadable", "can't be read as an event of its kind")
            return False
        if is_erased(row.body) and row.kind not in _ERASABLE:
            self._problem(row, "forged", "has no words, but events of its kind keep theirs")
        return True

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


def _hash(previous: bytes, row: Any) -> bytes:
    return chain_hash(previous, row.id, row.stream, row.at, row.kind, row.cause, row.body.encode())


def _keep_bad_octets(connection: sa.Connection) -> None:
    """Have SQLite hand over text that is no UTF-8, too: it is to be named, not to end the walk."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        raw.text_factory = lambda octets: octets.decode("utf-8", "surrogateescape")


def verify(url: str, *, progress: Callable[[int], None] = lambda _: None) -> list[Problem]:
    """Walk every partition's chain from its first event to its head.

    Sees the database at one moment, so it may run beside the service; holds a page of events in memory.

    Args:
        url: SQLAlchemy URL.
        progress: told every so often how many events were walked.
    Returns: what is wrong, in the order of the events, at most MOST; empty when the record is whole.
    Raises: sqlalchemy.exc.SQLAlchemyError when the database can't be read.
    """
    problems: list[Problem] = []
    with reading_engine(url).begin() as connection:
        _keep_bad_octets(connection)
        heads = {row.partition: (row.seq, bytes(row.hash)) for row in connection.execute(sa.select(chain))}
        stride = max(1, len(heads))
        partitions = [_Partition(number, stride, problems) for number in range(stride)]
        number = 0
        for number, row in enumerate(by_id(connection), 1):
            partitions[row.id % stride].walk(row)
            if number % STEP == 0:
                progress(number)
        progress(number)
        for partition, walked in enumerate(partitions):
            walked.end(partition, heads.get(partition, (0, GENESIS)))
    return sorted(problems, key=lambda problem: (problem.event == 0, problem.event))
