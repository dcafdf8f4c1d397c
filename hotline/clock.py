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

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from hotline.domain import commands as cmd
from hotline.domain.events import Event, OfferMade, WakeSet

log = logging.getLogger(__name__)

WakeRow = tuple[int, datetime, str, Event]
"""Id of the event that set it, when it is due, stream, that event."""
AT_ONCE = 500
"""Wake-ups read at once; the rest a second later."""


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
    """Polls for what is due, once a second."""

    def __init__(
        self,
        due: Callable[[datetime, int], Deferred[Sequence[WakeRow]]],
        put: Callable[[cmd.Command, Callable[[Any], None]], None],
        now: Callable[[], datetime],
        reactor: Any,
    ) -> None:
        """Wire the clock; `due` reads wake-ups due by a time, `put` is the ledger's inlet."""
        self._due, self._put, self._now = due, put, now
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor
        self._trouble = False

    def start(self) -> None:
        """Begin to look."""
        self._loop.start(1.0, now=True)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> Deferred[None]:
        return self._due(self._now(), AT_ONCE).addCallbacks(self._fire, self._failed)

    def _fire(self, rows: Sequence[WakeRow]) -> None:
        self._trouble = False
        for row in rows:
            self._put(fire(row), lambda _outcome: None)

    def _failed(self, failure: Any) -> None:
        if not self._trouble:
            log.error("wake-ups can't be read: %s; trying again each second", failure.value)
        self._trouble = True
