"""What is asked of the operator's billing: one order, with the key that makes asking twice harmless."""

from __future__ import annotations

import msgspec

from hotline.domain.events import BillingQueued
from hotline.domain.money import yuan
from hotline.domain.msisdn import mask

CONFIRM, CANCEL, CHARGE, REFUND = "confirm", "cancel", "charge", "refund"


class BillingOrder(msgspec.Struct, frozen=True, gc=False):
    """One order to the operator's billing; its repr names no whole number, so it may be logged.

    Attributes:
        id: id of the BillingQueued event, which is that of its outbox row.
        msisdn: the subscriber concerned, and the stream that the order belongs to.
        action: confirm (take up a subscription), cancel, charge or refund.
        code: the service's code.
        price_fen: the price the subscriber agreed to, or the amount to take or give back, in fen.
        key: the idempotency key; the same however often the order is sent.
        period: what a charge or refund is for, "2026-11"; "" for a use and for the other actions.
    """

    id: int
    msisdn: str
    action: str
    code: str
    price_fen: int
    key: str
    period: str = ""

    @classmethod
    def of(cls, row: int, stream: str, queued: BillingQueued) -> BillingOrder:
        """Make the order that an outbox row asks for."""
        return cls(row, stream, queued.action, queued.code, queued.price_fen, queued.key, queued.period)

    def __repr__(self) -> str:
        return f"BillingOrder(#{self.id} {self.action} {self.code} {yuan(self.price_fen)} of {mask(self.msisdn)})"
