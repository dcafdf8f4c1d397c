"""The clock: what is due becomes a command. It decides nothing and remembers nothing.

Theory of operation: a wake-up is a row that some event has set. Every second the rows that are due are read and put to
the ledger, which carries each out once: the row goes in the same commit. A row read twice does no harm, for
the second finds the wake-up spent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from hotline.domain import commands as cmd
from hotline.domain.events import Event, OfferMade, WakeSet
from hotline.storage.store import StorageError

log = logging.getLogger(__name__)

WakeRow = tuple[int, datetime, str, Event]
"""Id of the event that set it, when it is due, stream, that event."""
AT_ONCE = 500
"""Wake-ups read at once; the rest a second later."""
AGAIN_S = 3600.0
"""When a wake-up is tried again that could not be carried out, in seconds."""


def fire(row: WakeRow) -> cmd.FireWake:
    """The command that a due wake-up becomes."""
    wake, due, stream, event = row
    if isinstance(event, WakeSet):
        what, subject, of, nth = event.what, event.subject, event.of, event.nth
        return cmd.FireWake(stream=stream, id=f"wake:{wake}", wake=wake, what=what, subject=subject, due=due, of=of, nth=nth)
    if not isinstance(event, OfferMade):
        raise TypeError(f"event {wake} sets no wake-up: {type(event).__name__}")
    return cmd.FireWake(stream=stream, id=f"wake:{wake}", wake=wake, what="offer", subject=event.code, due=due, of=wake)


class Clock:
    """Polls for what is due, once a second; the next look waits until all that was found has been dealt with."""

    def __init__(
        self,
        due: Callable[[datetime, int], Deferred[Sequence[WakeRow]]],
        put: Callable[[cmd.Command, Callable[[Any], None]], None],
        now: Callable[[], datetime],
        reactor: Any,
    ) -> None:
        """Wire the clock; `due` reads wake-ups due by a time, `put` is the ledger's inlet."""
        self._due, self._put, self._now = due, put, now
        self._seconds = reactor.seconds
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor
        self._failed: dict[int, float] = {}
        self._trouble = False

    def start(self) -> None:
        """Begin to look."""
        self._loop.start(1.0, now=True)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> Deferred[Any]:
        now = self._seconds()
        self._failed = {wake: again for wake, again in self._failed.items() if again > now}
        looking: Deferred[Any] = self._due(self._now(), AT_ONCE + len(self._failed))
        return looking.addCallbacks(self._fire, self._unread)

    def _fire(self, rows: Sequence[WakeRow]) -> Deferred[Any]:
        self._trouble = False
        return DeferredList([self._one(row) for row in rows if row[0] not in self._failed])

    def _one(self, row: WakeRow) -> Deferred[None]:
        dealt_with: Deferred[None] = Deferred()

        def done(outcome: Any) -> None:
            if outcome.error is not None and not isinstance(outcome.error, StorageError):
                self._give_up(row, outcome.error)
            dealt_with.callback(None)

        try:
            command = fire(row)
        except TypeError as error:
            self._give_up(row, error)
            dealt_with.callback(None)
        else:
            self._put(command, done)
        return dealt_with

    def _give_up(self, row: WakeRow, error: Exception) -> None:
        """A wake-up that fails must not fill the log each second, nor keep the others."""
        log.error("wake-up %d can't be carried out: %s; trying again in an hour", row[0], type(error).__name__)
        self._failed[row[0]] = self._seconds() + AGAIN_S

    def _unread(self, failure: Failure) -> None:
        if not self._trouble:
            log.error("wake-ups can't be read: %s; trying again each second", failure.value)
        self._trouble = True
