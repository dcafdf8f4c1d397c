"""One try to bring an order to the operator: a place to ask from, a deadline, and the answer as a command."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from traceback import format_tb
from types import coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from billing_bridge.lanes import Clock
from billing_bridge.orders import CANCEL, CHARGE, CONFIRM, REFUND, BillingOrder
from billing_bridge.port import BillingBroken, BillingPort, BillingUnavailable, Booked, Refused
from hotline.domain.commands import Command, NoteBilled, NoteUnbookable

OnAttempt = Callable[[str, str, float], object]
"""Told of every try: action; "accepted", "refused", "unavailable" or "unbookable"; seconds it took."""

log = Logger()


class Trouble(Exception):
    """Why a try failed, in words; it is worth another."""


class Attempts:
    """Asks the operator, for no more than `concurrent` orders at once, each for `deadline_s` at most."""

    def __init__(self, port: BillingPort, clock: Clock, concurrent: int, deadline_s: float, on_attempt: OnAttempt | None) -> None:
        self._authorise = port.authorise_and_price
        self._calls: dict[str, Callable[[BillingOrder], Awaitable[Booked | Refused]]] = {
            CONFIRM: port.confirm,
            CANCEL: port.cancel,
            CHARGE: port.charge,
            REFUND: port.refund,
        }
        self._clock, self._deadline_s, self._on_attempt = clock, deadline_s, on_attempt
        self._free = concurrent
        self._turns: deque[Deferred[None]] = deque()
        self._handing_out = False
        self._asking: set[Deferred[Any]] = set()
        self._stopping = False

    async def ask(self, order: BillingOrder) -> Command | None:
        """Bring one order to the operator once.

        Returns: the answer for the ledger, NoteBilled or NoteUnbookable; None after `stop`.
        Raises: Trouble when there was no answer.
        """
        if self._free > 0:
            self._free -= 1
        else:
            turn: Deferred[None] = Deferred()
            self._turns.append(turn)
            await turn
        try:
            return None if self._stopping else await self._attempt(order)
        finally:
            self._free += 1
            if self._turns:
                self._hand_out()

    def stop(self) -> None:
        """Begin no more tries; those that wait for a place go away."""
        self._stopping = True
        self._free += len(self._turns)
        self._hand_out()

    def cancel(self) -> None:
        """Cut short the tries that are under way; each raises Trouble."""
        for attempt in list(self._asking):
            attempt.cancel()

    def _hand_out(self) -> None:
        """Give free places to those who wait; not from within itself, since each may end at once and recurse."""
        if self._handing_out:
            return
        self._handing_out = True
        try:
            while self._turns and self._free > 0:
                self._free -= 1
                self._turns.popleft().callback(None)
        finally:
            self._handing_out = False

    async def _attempt(self, order: BillingOrder) -> Command:
        began = self._clock.seconds()
        outcome = "unavailable"
        try:
            answer = await self._in_time(order)
            outcome = "refused" if isinstance(answer, Refused) else "accepted"
        except BillingBroken as broken:
            outcome = "unbookable"
            return unbookable(order, str(broken) or "the adapter names no reason")
        except (BillingUnavailable, CancelledError) as error:
            trouble = str(error) or "billing did not answer in time"
            log.info("{order!r} has to wait: {trouble}", order=order, trouble=trouble)
            raise Trouble(trouble) from None
        except Exception as error:  # noqa: BLE001 - an adapter's bug must not lose the order
            log.error("adapter bug, {order!r} is tried again\n{where}", order=order, where=_where(error))
            raise Trouble(f"the adapter failed with {type(error).__name__}") from None
        finally:
            if self._on_attempt is not None:
                self._on_attempt(order.action, outcome, self._clock.seconds() - began)
        if isinstance(answer, Refused):
            return NoteBilled(stream=order.msisdn, order=order.id, accepted=False, reason=answer.reason)
        return NoteBilled(stream=order.msisdn, order=order.id, accepted=True, reference=answer.reference)

    async def _in_time(self, order: BillingOrder) -> Booked | Refused:
        call = self._call(order)
        try:
            waits_for = call.send(None)
        except StopIteration as answered:  # at once: it needs neither a Deferred nor a deadline
            answer: Booked | Refused = answered.value
            return answer
        attempt = Deferred.fromCoroutine(_rest(call, waits_for))
        timer = self._clock.callLater(self._deadline_s, attempt.cancel)
        self._asking.add(attempt)
        try:
            return await attempt
        finally:
            self._asking.discard(attempt)
            if timer.active():
                timer.cancel()

    async def _call(self, order: BillingOrder) -> Booked | Refused:
        call = self._calls.get(order.action)
        if call is None:
            raise BillingBroken(f"billing knows no action {order.action!r}")
        if order.action == CONFIRM:
            allowed = await self._authorise(order)
            if isinstance(allowed, Refused):
                return allowed
            if allowed.price_fen != order.price_fen:
                return Refused("price")
        return await call(order)


@coroutine
def _rest(call: Coroutine[Any, Any, Booked | Refused], waits_for: Any) -> Generator[Any, Any, Booked | Refused]:
    """What is left of a call that has begun to wait."""
    try:
        while True:
            try:
                outcome = yield waits_for
            except BaseException as error:  # noqa: BLE001 - it is the call's
                waits_for = call.throw(error)
            else:
                waits_for = call.send(outcome)
    except StopIteration as answered:
        answer: Booked | Refused = answered.value
        return answer


def unbookable(order: BillingOrder, reason: str) -> NoteUnbookable:
    """Make the answer for an order that can't be brought to the operator, and log it."""
    log.error("{order!r} can't be booked: {reason}", order=order, reason=reason)
    return NoteUnbookable(stream=order.msisdn, order=order.id, reason=reason)


def _where(error: BaseException) -> str:
    """The traceback without the error's own text, which might quote a subscriber's number."""
    return "".join(format_tb(error.__traceback__)) + type(error).__name__
