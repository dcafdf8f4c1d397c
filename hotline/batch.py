"""One batch of commands: their outcomes, their decisions, and the rows that come of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from hotline.domain import call_events as ce
from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import testcall_events as te
from hotline.domain.decide import decide
from hotline.domain.msisdn import mask
from hotline.domain.step import Desk, Step
from hotline.storage.codec import chained, encode_event, encode_state, from_us, partition_of, state_of
from hotline.storage.projection import PROJECT
from hotline.storage.redaction import ERASABLE, kept_fields
from hotline.storage.store import Head, LinkRow, StateDamaged, Store, Writes

log = logging.getLogger(__name__)

CACHED_STATES = 1024
"""Decided states kept in memory, a few KiB each; beyond it the oldest go."""


class Outcome:
    """What became of a command.

    Attributes:
        repeated: it had been carried out before; nothing was done.
        error: None when it is durable; a DomainError when it was refused; a StorageError when it could not be stored;
            any other exception when deciding it failed.
        result: what deciding it gave back, see the rules concerned.
    """

    __slots__ = ("error", "repeated", "result")

    def __init__(self, error: Exception | None = None, *, repeated: bool = False, result: object = None) -> None:
        self.error, self.repeated, self.result = error, repeated, result


Done = Callable[[Outcome], None]
Queued = tuple[int, str, Any]
"""An event that queued something for a relay: its id, its stream, and itself."""


@dataclass(slots=True)
class Committed:
    """What one commit brought, for the reactor's thread."""

    outcomes: list[tuple[Done, Outcome]]
    texts: list[Queued] = field(default_factory=list)
    orders: list[Queued] = field(default_factory=list)
    calls: list[Queued] = field(default_factory=list)
    tests: list[Queued] = field(default_factory=list)
    alarms: list[Queued] = field(default_factory=list)
    streams: set[str] = field(default_factory=set)
    retried: bool = False
    size: int = 0
    seconds: float = 0.0

    def add(self, other: Committed) -> None:
        """Take in what another commit brought, after this one."""
        self.outcomes += other.outcomes
        self.texts += other.texts
        self.orders += other.orders
        self.calls += other.calls
        self.tests += other.tests
        self.alarms += other.alarms
        self.streams |= other.streams
        self.retried |= other.retried


class States:
    """States in memory, and the chain heads they belong to: a head that has moved on means that another process wrote.

    Attributes:
        entries: by stream, the state and its stored JSON.
        heads: by partition, as of the last commit of ours.
    """

    __slots__ = ("_told", "entries", "heads")

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.entries: dict[str, list[Any]] = {}
        self.heads: dict[int, Head] = {}
        self._told: set[str] = set()

    def forget(self) -> None:
        """Forget all, as after a rollback: what is in memory may have been changed by it."""
        self.entries.clear()
        self.heads.clear()

    def load(self, store: Store, streams: set[str]) -> None:
        """Lock the heads of these streams' partitions and bring their states into memory."""
        partitions = store.partitions
        wanted = {partition_of(stream, partitions) for stream in streams}
        for partition, head in store.heads(wanted).items():
            if self.heads.get(partition) != head:
                self._forget_partition(partition, partitions)
                self.heads[partition] = head
        entries = self.entries
        missing = [stream for stream in streams if stream not in entries]
        found = store.states(missing) if missing else {}
        for stream in missing:
            body = found.get(stream, "")
            try:
                entries[stream] = [state_of(stream, body), body]
            except (ValueError, msgspec.MsgspecError):
                self._tell_damaged(stream)

    def _tell_damaged(self, stream: str) -> None:
        """Such a stream stays out of memory: its commands fail, so that the peer sends again, and the others go on."""
        if stream not in self._told and len(self._told) < CACHED_STATES:
            self._told.add(stream)
            log.error("the state of %s can't be read; way out: stop the service, then shouwen rebuild --write", mask(stream))

    def _forget_partition(self, partition: int, partitions: int) -> None:
        for stream in [stream for stream in self.entries if partition_of(stream, partitions) == partition]:
            del self.entries[stream]

    def trim(self) -> None:
        """Keep memory bounded: the states that came first go first."""
        excess = len(self.entries) - CACHED_STATES
        if excess > 0:
            for stream in list(self.entries)[: excess + CACHED_STATES // 4]:
                del self.entries[stream]


class Batch:
    """The decisions of one batch, and the rows that come of them."""

    __slots__ = (
        "_at",
        "_committed",
        "_desk",
        "_known_heads",
        "_now",
        "_owner",
        "_partitions",
        "_states",
        "_touched",
        "heads",
        "writes",
    )

    def __init__(
        self, desk: Desk, states: States, committed: Committed, *, at: int, partitions: int, owner: Mapping[str, str]
    ) -> None:
        """Begin a batch at time `at` (microseconds) on loaded states; what comes of it goes to `committed` and `writes`."""
        self._desk, self._owner, self._states = desk, owner, states.entries
        self._at, self._now = at, from_us(at)
        self._committed, self._partitions = committed, partitions
        self._touched: dict[str, list[Any]] = {}
        self.writes = Writes()
        self.heads: dict[int, Head] = {}
        self._known_heads = states.heads

    def decide(self, command: cmd.Command) -> object:
        """Decide one command and add its rows; returns its result.

        Raises: StateDamaged, whatever the rules raise.
        """
        stream, stride = str(command.stream), self._partitions  # drivers are slow with subclasses of str
        partition = partition_of(stream, stride)
        seq, digest = self.heads.get(partition) or self._known_heads[partition]
        entry = self._states.get(stream)
        if entry is None:
            raise _damaged(stream)
        step = Step(self._desk, stream, entry[0], self._now, (seq + 1) * stride + partition, stride)
        decide(step, command)
        if step.recorded:
            self.heads[partition] = (seq + len(step.recorded), self._add(step, digest))
            self._touched[stream] = entry
        return step.result

    def _add(self, step: Step, digest: bytes) -> bytes:
        stream, at, append = step.stream, self._at, self.writes.events.append
        for event_id, event, cause in step.recorded:
            kind, erasable, project, tell = _KINDS[type(event)]
            body = encode_event(event)
            kept = kept_fields(event, body) if erasable else b""
            digest = chained(digest, event_id, stream, at, kind, cause, kept + sha256(body).digest())
            append((event_id, stream, at, kind, cause, body.decode(), digest))
            if project is not None:
                project(self.writes, self._owner, event_id, stream, at, event)
            if tell is not None:
                tell(self._committed, (event_id, stream, event))
        return digest

    def finish(self, links: list[LinkRow]) -> None:
        """Add the state rows, the chain heads, and the links' rows."""
        self.writes.links = links
        for stream, entry in self._touched.items():
            body = encode_state(entry[0])
            if body != entry[1]:
                entry[1] = body
                self.writes.states.append((stream, body))
        self.writes.heads = [(seq, digest, partition) for partition, (seq, digest) in self.heads.items()]
        self._committed.streams = set(self._touched)


def foreseen(store: Store, desk: Desk, command: cmd.Command, now: datetime) -> object:
    """What deciding a command would give back, on a state read anew, for another process may have changed it; nothing is kept.

    Raises: StateDamaged, StorageError, whatever the rules raise.
    """
    stream = str(command.stream)
    body = store.states([stream]).get(stream, "")
    try:
        state: Any = state_of(stream, body)
    except (ValueError, msgspec.MsgspecError) as error:
        raise _damaged(stream) from error
    step = Step(desk, stream, state, now, 1, 1)
    decide(step, command)
    return step.result


def _damaged(stream: str) -> StateDamaged:
    return StateDamaged(f"the state of {mask(stream)} can't be read; way out: shouwen rebuild --write")


def _retried(committed: Committed, _queued: Queued) -> None:
    committed.retried = True


_TELL: Mapping[type[ev.Event], Callable[[Committed, Queued], None]] = {
    ev.MtQueued: lambda committed, queued: committed.texts.append(queued),
    ev.BillingQueued: lambda committed, queued: committed.orders.append(queued),
    ce.CallBackQueued: lambda committed, queued: committed.calls.append(queued),
    te.TestCallPlanned: lambda committed, queued: committed.tests.append(queued),
    te.AlarmRaised: lambda committed, queued: committed.alarms.append(queued),
    te.MeasuringStopped: lambda committed, queued: committed.alarms.append(queued),
    te.MeasuringResumed: lambda committed, queued: committed.alarms.append(queued),
    te.AlarmEnded: lambda committed, queued: committed.alarms.append(queued),
    ev.DeadLetterRetried: _retried,
}
"""What relays are told after the commit, by the kind of event."""
_KINDS = {event: (kind, event in ERASABLE, PROJECT.get(event), _TELL.get(event)) for kind, event in ev.EVENTS.items()}
"""By the type of an event: its kind, whether its words are erased one day, what else of it is stored, and who is told."""
