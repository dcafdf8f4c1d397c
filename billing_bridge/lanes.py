"""One subscriber's orders in a row, and the clock they wait by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from billing_bridge.orders import BillingOrder


class Timer(Protocol):
    """A call set for later."""

    def cancel(self) -> None: ...
    def active(self) -> bool | int: ...


class Clock(Protocol):
    """What the bridge needs of a reactor, or of `twisted.internet.task.Clock`."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> Timer: ...


class Waiting:
    """An order without a durable answer.

    Attributes:
        order: what to ask.
        since: clock seconds since when it waits.
        tries: how many tries have failed.
        told: the ledger knows that it is slow.
        answered: the operator's answer is known, though perhaps not yet durable.
    """

    __slots__ = ("answered", "order", "since", "told", "tries")

    def __init__(self, order: BillingOrder, since: float) -> None:
        self.order = order
        self.since = since
        self.tries = 0
        self.told = False
        self.answered = False


class Lane:
    """One subscriber's orders, by id; the first is being worked on. `nap` is set while it waits for another try."""

    __slots__ = ("nap", "orders")

    def __init__(self) -> None:
        self.orders: deque[Waiting] = deque()
        self.nap: Deferred[None] | None = None

    def add(self, waiting: Waiting) -> None:
        """Put an order in its place: by id, but never before the one being worked on."""
        orders, place = self.orders, len(self.orders)
        while place > 1 and orders[place - 1].order.id > waiting.order.id:
            place -= 1
        orders.insert(place, waiting)

    async def sleep(self, clock: Clock, wait_s: float) -> None:
        """Wait, unless `wake` is called before that."""
        nap = self.nap = Deferred()
        timer = clock.callLater(wait_s, nap.callback, None)
        await nap
        self.nap = None
        if timer.active():
            timer.cancel()

    def wake(self) -> None:
        """End a sleep, if there is one."""
        if self.nap is not None:
            self.nap.callback(None)
