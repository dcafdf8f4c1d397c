"""A small operator's billing in this process: the default of demos and tests, with faults on command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred

from billing_bridge.adapters.books import Books
from billing_bridge.adapters.faults import Faults
from billing_bridge.lanes import Clock
from billing_bridge.orders import BillingOrder
from billing_bridge.port import Authorised, BillingBroken, BillingUnavailable, Booked, Refused

Answer = TypeVar("Answer", Authorised | Refused, Booked | Refused)


class SimulatedBilling:
    """Fulfils BillingPort from its books; without faults it answers without waiting.

    Attributes:
        books: accounts, prices and bookings, to be set and looked at freely.
        calls: how many calls of any kind came in.
    """

    def __init__(self, clock: Clock, books: Books | None = None) -> None:
        self.books = books or Books()
        self.calls = 0
        self._clock = clock
        self._faults: Faults | None = None

    @property
    def faults(self) -> Faults:
        """The faults in force; set it to replace them all, `Faults()` to heal."""
        return self._faults or Faults()

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = None if faults == Faults() else faults
        self.books.forgetful = faults.forgetful

    async def authorise_and_price(self, order: BillingOrder) -> Authorised | Refused:
        """As in the port; the price list decides, then credit, block and limit."""
        self.calls += 1
        if self._faults is None or not self._faults.concern(order.msisdn, "authorise"):
            return self.books.authorise(order)
        return await self._spoil(self._faults, order, self.books.authorise, False)

    async def confirm(self, order: BillingOrder) -> Booked | Refused:
        """As in the port; takes no money."""
        return await self._book(order)

    async def cancel(self, order: BillingOrder) -> Booked | Refused:
        """As in the port; what was not taken up is cancelled as well."""
        return await self._book(order)

    async def charge(self, order: BillingOrder) -> Booked | Refused:
        """As in the port; takes from the credit, also for a service that was not taken up here."""
        return await self._book(order)

    async def refund(self, order: BillingOrder) -> Booked | Refused:
        """As in the port; adds to the credit."""
        return await self._book(order)

    async def _book(self, order: BillingOrder) -> Booked | Refused:
        self.calls += 1
        if self._faults is None or not self._faults.concern(order.msisdn, order.action):
            return self.books.book(order)
        return await self._spoil(self._faults, order, self.books.book, True)

    async def _spoil(self, faults: Faults, order: BillingOrder, work: Callable[[BillingOrder], Answer], books: bool) -> Answer:
        if faults.dark:
            raise BillingUnavailable("the operator's billing can't be reached")
        if faults.silent:
            await Deferred()
        if faults.take_break():
            raise BillingBroken("the operator's billing knows no such order")
        if faults.take_fail():
            raise BillingUnavailable("the operator's billing has a fault")
        answer: Answer = Refused(faults.reason) if faults.take_refusal() else work(order)
        lost = books and faults.take_loss()
        if faults.delay_ms:
            await self._delay(faults.delay_ms / 1000)
        if lost:
            raise BillingUnavailable("the answer of the operator's billing was lost")
        return answer

    async def _delay(self, delay_s: float) -> None:
        over: Deferred[None] = Deferred(lambda _: timer.cancel())
        timer = self._clock.callLater(delay_s, over.callback, None)
        await over
