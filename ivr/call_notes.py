"""What happened in calls, put to the ledger in order, and again when it could not be stored.

Theory of operation: the commands of one call go one after another, each when the one before is durable, so that a call
never ends before what happened in it. Each has an id of its own, so that putting it again has no second effect. What the
rules refuse is logged and passed over. While nothing can be stored, a bounded number waits.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from hotline.domain.call_commands import CallStep, EndCall, NoteCall
from hotline.storage.store import StorageError
from ivr.ami_link import Clock

log = logging.getLogger(__name__)

AGAIN_S = 1.0
"""When what could not be stored is put again, in seconds."""
WAITING_MAX = 20_000
"""Commands that wait; more are lost, and counted: an hour without a database must not take the calls with it."""


class CallNotes:
    """Takes steps and ends of calls.

    Attributes:
        lost: commands given up because too many waited.
    """

    def __init__(self, put: Callable[[Any, Callable[[Any], None]], None], clock: Clock, prefix: str) -> None:
        """Wire it; `put` is the ledger's inlet, `prefix` is of this run of the program alone: ids begin with it."""
        self.lost = 0
        self._put, self._clock, self._prefix = put, clock, prefix
        self._ids = count(1)
        self._waiting: dict[str, deque[NoteCall | EndCall]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def note(self, stream: str, call: str, steps: Sequence[CallStep]) -> None:
        """Something happened in a call."""
        self._add(NoteCall(stream=stream, id=self._id(), call=call, steps=tuple(steps)))

    def ended(self, stream: str, call: str, why: str, at: datetime) -> None:
        """A call is over."""
        self._add(EndCall(stream=stream, id=self._id(), call=call, why=why, at=at))

    def _id(self) -> str:
        return f"{self._prefix}:{next(self._ids)}"

    def _add(self, command: NoteCall | EndCall) -> None:
        if self._size >= WAITING_MAX:
            if not self.lost:
                log.error("too much waits to be noted about calls; more is lost until the database is back")
            self.lost += 1
            return
        self._size += 1
        line = self._waiting.get(command.call)
        if line is not None:
            line.append(command)
            return
        self._waiting[command.call] = deque([command])
        self._next(command.call)

    def _next(self, call: str) -> None:
        command = self._waiting[call][0]
        self._put(command, lambda outcome: self._done(call, outcome.error))

    def _done(self, call: str, error: Exception | None) -> None:
        if isinstance(error, StorageError):
            self._clock.callLater(AGAIN_S, self._next, call)
            return
        line = self._waiting[call]
        command = line.popleft()
        self._size -= 1
        if error is not None:
            log.error("call %s: %s refused: %s", call, type(command).__name__, type(error).__name__)
        if line:
            self._next(call)
        else:
            del self._waiting[call]
