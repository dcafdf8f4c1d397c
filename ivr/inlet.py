"""The ledger's inlet for calls: what is only to be noted goes together, with whatever must not wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from hotline.domain.call_commands import EndCall, NoteCall, StartCall
from hotline.domain.commands import Command

PATIENT = frozenset({StartCall, NoteCall, EndCall})
"""Commands on whose answer nobody waits; all others go at once, and take those along that wait."""
PATIENCE_S = 0.2
"""How long a command may wait for others, in seconds."""
Put = Callable[[Any, Callable[[Any], None]], None]


class Clock(Protocol):
    """What is used of the reactor."""

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any) -> Any: ...


class Inlet:
    """The ledger's inlet for calls: those of PATIENT wait for others, in order.

    The ledger commits each lot in one go, and a commit costs nearly the same for one command as for twenty.
    """

    def __init__(self, put: Put, clock: Clock) -> None:
        """Put to `put`."""
        self._put, self._clock = put, clock
        self._held: list[tuple[Command, Callable[[Any], None]]] = []
        self._timer: Any = None

    def __len__(self) -> int:
        return len(self._held)

    def put(self, command: Command, done: Callable[[Any], None]) -> None:
        """As the ledger's `put`."""
        self._held.append((command, done))
        if type(command) not in PATIENT:
            self.flush()
        elif self._timer is None:
            self._timer = self._clock.callLater(PATIENCE_S, self.flush)

    def execute(self, command: Command) -> Deferred[Any]:
        """As the ledger's `execute`."""
        result: Deferred[Any] = Deferred()
        self.put(command, result.callback)
        return result

    def flush(self) -> None:
        """Hand on what waits."""
        self._stop()
        held, self._held = self._held, []
        for command, done in held:
            self._put(command, done)

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
