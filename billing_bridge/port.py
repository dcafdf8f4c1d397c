"""The port: what the bridge needs of an operator's billing. An adapter fulfils it for one operator's interface.

Every method is a coroutine that waits for Twisted Deferreds only, runs on the reactor's thread, never blocks it,
and may finish without waiting at all. Repeating a call with the same `order.key` has one effect and gets the same
answer: an answer may be lost after the work was done, so the relay does repeat. That holds for
`authorise_and_price` too: for an order already confirmed it answers with the price that was booked.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from billing_bridge.orders import BillingOrder


class BillingUnavailable(Exception):
    """Transient (the operator's or the network's fault): no answer, or none that can be relied on; asked again later.

    Its text, in words and without whole numbers, is logged.
    """


class BillingBroken(Exception):
    """Permanent: this order can't ever be sent; its text says why to whoever reads the dead letters."""


class Authorised(msgspec.Struct, frozen=True, gc=False):
    """The subscriber may have the service, at `price_fen` fen."""

    price_fen: int


class Booked(msgspec.Struct, frozen=True, gc=False):
    """The order is booked; `reference` is the operator's own number for it, or ""."""

    reference: str = ""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The operator will not have it; `reason` is one of `hotline.domain.charging.REASONS`."""

    reason: str


class BillingPort(Protocol):
    """An operator's billing.

    All methods raise BillingUnavailable and BillingBroken; anything else that they raise counts as an adapter's bug, is
    logged with its place, and the order is tried again. A call that takes too long is cancelled at the Deferred it
    waits for.
    """

    async def authorise_and_price(self, order: BillingOrder) -> Authorised | Refused:
        """Ask whether the subscriber may have the service, and at what price now; books nothing."""

    async def confirm(self, order: BillingOrder) -> Booked | Refused:
        """Take up the subscription at `order.price_fen`."""

    async def cancel(self, order: BillingOrder) -> Booked | Refused:
        """End the subscription; nothing more is charged for it."""

    async def charge(self, order: BillingOrder) -> Booked | Refused:
        """Take `order.price_fen` for `order.period`."""

    async def refund(self, order: BillingOrder) -> Booked | Refused:
        """Give `order.price_fen` back."""
