"""Plain synchronous code on the reactor's one thread.

Theory of operation. A function run by `in_greenlet` may give the thread back in the middle (`wait`, `pause`) and goes on when
what it waits for is there. A greenlet returns to its parent, so whoever resumes one becomes its parent first: a Deferred may
be fired from inside another greenlet, which then goes on as after any call.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from greenlet import getcurrent, greenlet
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
_NOTHING = object()


def start(fn: Callable[[], Any]) -> greenlet:
    """Run a function in a greenlet of its own until it first waits, in the present context; returns the greenlet."""
    green = greenlet(fn)
    green.gr_context = copy_context()
    green.switch()
    return green


def pause() -> Any:
    """Give the thread back until `resume` or `interrupt`. Raises RuntimeError outside a greenlet, and what `interrupt` says."""
    parent = getcurrent().parent
    if parent is None:
        raise RuntimeError("only code run in a greenlet can wait")
    return parent.switch()


def resume(green: greenlet, value: Any = None) -> None:
    """Let a paused greenlet go on; returns when it pauses again, or has ended."""
    green.parent = getcurrent()
    green.switch(value)


def interrupt(green: greenlet, error: BaseException) -> None:
    """Raise an error where a greenlet is paused."""
    green.parent = getcurrent()
    green.throw(error)


class Waiting:
    """A greenlet's wait for a Deferred; `give_up` ends it early, what comes later is dropped."""

    __slots__ = ("_green", "_outcome", "_paused", "over")

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        """Ask to be told; `over` says whether it is already."""
        self._green = getcurrent()
        self._outcome: Any = _NOTHING
        self._paused = False
        self.over = False
        deferred: Deferred[Any]
        if isinstance(awaitable, Deferred):
            deferred = awaitable
        elif isinstance(awaitable, Coroutine):
            deferred = Deferred.fromCoroutine(awaitable)
        else:
            deferred = Deferred.fromCoroutine(_awaited(awaitable))
        deferred.addBoth(self._fired)

    def _fired(self, outcome: Any) -> None:
        if self.over:
            if isinstance(outcome, Failure):
                log.warning("what nobody waited for any more failed: %s", type(outcome.value).__name__)
            return
        self.over, self._outcome = True, outcome
        if self._paused:
            resume(self._green)

    def give_up(self, error: BaseException) -> None:
        """Raise an error at the wait, unless it is over."""
        if not self.over:
            self.over = True
            interrupt(self._green, error)

    def result(self) -> Any:
        """Wait; returns what the Deferred gave. Raises: what it failed with, or what `give_up` said."""
        if self._outcome is _NOTHING:
            self._paused = True
            pause()
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, Failure):
            error: BaseException = outcome.value  # type: ignore[assignment]  # Twisted says it may be None, in old pickles
            outcome = None
            raise error
        return outcome


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def wait(awaitable: Awaitable[T]) -> T:
    """The result of a Deferred or coroutine; the reactor goes on meanwhile.

    Raises: what that raises; RuntimeError outside a greenlet.
    """
    if getcurrent().parent is None:
        if isinstance(awaitable, Coroutine):
            awaitable.close()
        raise RuntimeError("only code run in a greenlet can wait")
    result: T = Waiting(awaitable).result()
    return result


def in_greenlet(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
    """Run a function that may `wait`; the Deferred fires with what it returns or raises. Cancelling that is not supported."""
    done: Deferred[T] = Deferred()

    def run() -> None:
        try:
            result = fn(*args, **kwargs)
        except Exception:  # noqa: BLE001  # handed over, not swallowed
            done.errback(Failure())
        else:
            done.callback(result)

    start(run)
    return done
