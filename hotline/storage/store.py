"""What the ledger asks of a database, and the errors that it may meet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

EventRow = tuple[int, str, int, str, str, str, bytes]
"""id, stream, at, kind, cause, body, hash."""
CommandRow = tuple[str, int]
"""id, at."""
OutboxRow = tuple[int, str, str, str, int, str, str]
"""id, stream, channel, state, since, reason, owner."""
LinkRow = tuple[str, str, int, str]
"""id, smsc, used_at, arrivals as JSON."""
TestRow = tuple[Any, ...]
"""A row of `test_call`, its columns in their order."""
Head = tuple[int, bytes]
"""How many events a partition has, and the hash of its last one."""


class StorageError(Exception):
    """The database can't store now: full, locked, read-only or gone; nothing of the batch was kept."""


class StateDamaged(StorageError):
    """One stream's stored state can't be read; only that stream's commands fail."""


@dataclass(slots=True)
class Writes:
    """All rows that one batch changes, for one commit."""

    events: list[EventRow] = field(default_factory=list)
    states: list[tuple[str, str]] = field(default_factory=list)
    queued: list[OutboxRow] = field(default_factory=list)
    done: list[tuple[int]] = field(default_factory=list)
    changed: list[tuple[str, str, str, int, int]] = field(default_factory=list)  # state, reason, owner, since, id
    wakes: list[tuple[int, int, str]] = field(default_factory=list)
    woken: list[tuple[int, int]] = field(default_factory=list)
    heads: list[tuple[int, bytes, int]] = field(default_factory=list)  # seq, hash, partition
    links: list[LinkRow] = field(default_factory=list)
    tests: list[TestRow] = field(default_factory=list)
    corrected: list[tuple[str, str, str]] = field(default_factory=list)  # ending, ending_was, id of a test call


class Store(Protocol):
    """One connection of the ledger's writer thread; every method raises StorageError when it can't.

    Attributes:
        partitions: how many chains there are.
        lost: the connection is of no more use, or whether the last commit was kept is not known: open another.
    """

    partitions: int
    lost: bool

    def begin(self) -> None:
        """Open the batch's transaction."""

    def claim(self, commands: list[CommandRow]) -> set[str]:
        """Note the commands' ids; returns those that were there before, which must not be carried out again."""

    def heads(self, partitions: Collection[int]) -> Mapping[int, Head]:
        """The chain heads of these partitions, locked until the commit."""

    def states(self, streams: list[str]) -> Mapping[str, str]:
        """The stored states of these streams; those without one are absent."""

    def write(self, writes: Writes) -> None:
        """Store all rows of the batch."""

    def commit(self) -> None:
        """Make the batch durable."""

    def rollback(self) -> None:
        """Forget the batch; never raises."""

    def open_link(self, link: str, smsc: str, at: int, since: int) -> list[LinkRow]:
        """Note a new bind, drop the SMSC's links not used since `since`; returns its other links."""

    def links(self) -> list[LinkRow]:
        """All links."""

    def close(self) -> None:
        """Give the connection back."""
