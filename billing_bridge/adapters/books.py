"""The simulated operator's books: subscribers, prices, and every booking ever made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from billing_bridge.orders import CANCEL, CHARGE, CONFIRM, BillingOrder
from billing_bridge.port import Authorised, Booked, Refused

BOOKINGS_KEPT, ACCOUNTS_KEPT = 10_000, 50_000
"""Older bookings and accounts are forgotten, so that a long run does not fill the memory; about 3 and 15 MiB at this many."""


class Account(msgspec.Struct, forbid_unknown_fields=True):
    """A subscriber as the operator knows him.

    Attributes:
        credit_fen: prepaid credit, in fen.
        blocked: takes part in no value-added service.
        limit_fen: most that may be charged for one period, in fen; None for no limit.
        services: code to price in fen of what he has taken up.
        spent: period to what was charged for it, in fen.
    """

    credit_fen: int = 100_000
    blocked: bool = False
    limit_fen: int | None = None
    services: dict[str, int] = {}
    spent: dict[str, int] = {}


class Booking(msgspec.Struct, gc=False):
    """What was booked for one key; `times` is how often (1 unless something is wrong), `asked` how often it came."""

    key: str
    msisdn: str
    action: str
    code: str
    price_fen: int
    period: str
    reference: str
    times: int = 1
    asked: int = 1


class Books:
    """Books and refuses orders as a prepaid operator would; repeating a key changes nothing.

    Args:
        prices: code to price in fen; a code that isn't in it costs what the order says.
        credit_fen: credit of subscribers never heard of before.
        open_to_all: False: only subscribers put into `accounts` are known.
    """

    def __init__(self, prices: Mapping[str, int] | None = None, *, credit_fen: int = 100_000, open_to_all: bool = True) -> None:
        self.prices = dict(prices or {})
        self.accounts: dict[str, Account] = {}
        self.bookings: dict[str, Booking] = {}
        self.forgetful = False
        self._credit_fen, self._open = credit_fen, open_to_all
        self._number = 0

    def account(self, msisdn: str) -> Account | None:
        """A subscriber's account; None when the operator doesn't know him."""
        account = self.accounts.get(msisdn)
        if account is None and self._open:
            account = self.accounts[msisdn] = Account(self._credit_fen)
            if len(self.accounts) > ACCOUNTS_KEPT:
                del self.accounts[next(iter(self.accounts))]
        return account

    def authorise(self, order: BillingOrder) -> Authorised | Refused:
        """Say whether and at what price; an order already booked gets the price booked."""
        booking = self.bookings.get(order.key)
        if booking is not None:
            return Authorised(booking.price_fen)
        price_fen = self.prices.get(order.code, order.price_fen)
        account = self.account(order.msisdn)
        return _objection(account, price_fen, order.period) or Authorised(price_fen)

    def book(self, order: BillingOrder) -> Booked | Refused:
        """Book an order once, or refuse it; refusals are not remembered."""
        booking = self.bookings.get(order.key)
        if booking is not None and not self.forgetful:
            booking.asked += 1
            return Booked(booking.reference)
        account = self.account(order.msisdn)
        if account is None:
            return Refused("unknown_subscriber")
        refused = self._refusal(account, order)
        if refused is not None:
            return refused
        _enter(account, order)
        return Booked(self._note(order, booking))

    def booked_twice(self) -> list[str]:
        """Keys that were booked more than once, and of charges, those that share subscriber, service and period."""
        charged = Counter(_charge_of(each) for each in self.bookings.values() if each.action == CHARGE)
        return [
            key
            for key, each in self.bookings.items()
            if each.times > 1 or (each.action == CHARGE and each.period and charged[_charge_of(each)] > 1)
        ]

    def _refusal(self, account: Account, order: BillingOrder) -> Refused | None:
        if order.action == CONFIRM:
            if self.prices.get(order.code, order.price_fen) != order.price_fen:
                return Refused("price")
            return _objection(account, order.price_fen, order.period)
        return _objection(account, order.price_fen, order.period) if order.action == CHARGE else None

    def _note(self, order: BillingOrder, before: Booking | None) -> str:
        if before is not None:
            before.times += 1
            before.asked += 1
            return before.reference
        self._number += 1
        reference = f"SIM{self._number:08d}"
        self.bookings[order.key] = Booking(
            order.key, order.msisdn, order.action, order.code, order.price_fen, order.period, reference
        )
        if len(self.bookings) > BOOKINGS_KEPT:
            del self.bookings[next(iter(self.bookings))]
        return reference


def _charge_of(booking: Booking) -> tuple[str, str, str]:
    return booking.msisdn, booking.code, booking.period


def _objection(account: Account | None, price_fen: int, period: str) -> Refused | None:
    if account is None:
        return Refused("unknown_subscriber")
    if account.blocked:
        return Refused("blocked")
    if account.credit_fen < price_fen:
        return Refused("no_credit")
    if account.limit_fen is not None and account.spent.get(period, 0) + price_fen > account.limit_fen:
        return Refused("limit")
    return None


def _enter(account: Account, order: BillingOrder) -> None:
    """Confirming takes no money; charging does, refunding gives it back."""
    if order.action == CONFIRM:
        account.services[order.code] = order.price_fen
    elif order.action == CANCEL:
        account.services.pop(order.code, None)
    else:
        amount = order.price_fen if order.action == CHARGE else -order.price_fen
        account.credit_fen -= amount
        if order.period:
            account.spent[order.period] = account.spent.get(order.period, 0) + amount
