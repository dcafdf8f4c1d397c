"""Brings billing orders from the outbox to the operator, and the operator's answers to the ledger.

Theory: orders of one subscriber wait in one *lane* and are asked one after the other; an order leaves its lane only
when its answer is durable. Lanes are independent of each other; a bounded number of them ask at once, and one that
waits (for its next try, or for the ledger) takes no one's place. An order is sent at least once and its key makes
that once: whatever is lost on the way, by either side, is simply asked again.
"""

from __future__ import annotations

import random as chance
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from billing_bridge.attempts import Attempts, OnAttempt, Trouble, unbookable
from billing_bridge.lanes import Clock, Lane, Timer, Waiting
from billing_bridge.orders import BillingOrder
from billing_bridge.port import BillingPort
from hotline.domain.commands import Command, NoteBillingSlow
from hotline.domain.events import BillingQueued

Row = tuple[int, str, BillingQueued]
"""Id of the outbox row, stream, event."""

log = Logger()


class BillingRelay:
    """Sends orders in order per subscriber until each has an answer; all on the reactor's thread.

    Args:
        port: the operator's billing.
        execute: hands a command to the ledger; its Deferred fires when that is durable.
        clock: the reactor.
        concurrent: how many subscribers' orders may be with the operator at once.
        first_wait_s, longest_wait_s: bounds of the wait before another try; it doubles from one to the other.
        deadline_s: how long one try may take before it is cancelled and counts as failed.
        slow_after_s: an order that waits for its turn longer than this is reported slow as well.
        give_up_h: an order without an answer for so long becomes a dead letter.
        random: gives 0..1, for jitter.
        on_attempt: told of every try, for metrics.
    """

    def __init__(
        self,
        port: BillingPort,
        execute: Callable[[Command], Deferred[Any]],
        clock: Clock,
        *,
        concurrent: int = 100,
        first_wait_s: float = 0.5,
        longest_wait_s: float = 60.0,
        deadline_s: float = 20.0,
        slow_after_s: float = 10.0,
        give_up_h: float = 48.0,
        random: Callable[[], float] = chance.random,
        on_attempt: OnAttempt | None = None,
    ) -> None:
        self._attempts = Attempts(port, clock, concurrent, deadline_s, on_attempt)
        self._execute, self._clock, self._random = execute, clock, random
        self._first_wait_s, self._longest_wait_s = first_wait_s, longest_wait_s
        self._slow_after_s, self._give_up_h = slow_after_s, give_up_h
        self._pending: dict[int, Waiting] = {}
        self._lanes: dict[str, Lane] = {}
        self._watch: Timer | None = None
        self._stopping = False
        self._stopped: list[Deferred[None]] = []

    def offer(self, rows: Iterable[Row], *, waited_s: float = 0.0) -> None:
        """Take over committed orders; one that is already here is passed over, so offering twice is harmless.

        Args:
            rows: in the order in which they were committed.
            waited_s: how long they have waited already, counted towards giving up (for what a start-up finds).
        """
        if self._stopping:
            return
        now = self._clock.seconds()
        for row, stream, queued in rows:
            if row not in self._pending:
                self._take(Waiting(BillingOrder.of(row, stream, queued), now - waited_s))
        if self._watch is None and self._pending:
            self._watch = self._clock.callLater(self._slow_after_s, self._look)

    def retry(self, row: Row) -> None:
        """Send a dead letter again, with its full time; one that only waits for its next try is tried now."""
        waiting, lane = self._pending.get(row[0]), self._lanes.get(row[1])
        if waiting is not None and lane is not None:
            waiting.since = self._clock.seconds()
            lane.wake()
        else:
            self._pending.pop(row[0], None)
            self.offer((row,))

    def pending(self) -> int:
        """How many orders have no durable answer yet."""
        return len(self._pending)

    def oldest_s(self) -> float:
        """How long the oldest of them has waited, in seconds; 0 when there is none."""
        if not self._pending:
            return 0.0
        return self._clock.seconds() - min(waiting.since for waiting in self._pending.values())

    def stop(self, *, within_s: float = 5.0) -> Deferred[None]:
        """Begin no more tries; what has no durable answer is to be offered again at the next start.

        Returns: fires when nothing is with the operator and the ledger has every answer that came, or after
            `within_s` seconds; tries still under way are then cut short. Stop the ledger after this.
        """
        self._stopping = True
        stopped: Deferred[None] = Deferred()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._attempts.stop()
        for lane in list(self._lanes.values()):
            lane.wake()
        if not self._lanes:
            stopped.callback(None)
            return stopped
        self._stopped.append(stopped)
        timer = self._clock.callLater(within_s, self._cut_short)
        stopped.addCallback(lambda _: timer.cancel() if timer.active() else None)
        return stopped

    def _cut_short(self) -> None:
        self._attempts.cancel()
        self._say_stopped()

    def _say_stopped(self) -> None:
        stopped, self._stopped = self._stopped, []
        for each in stopped:
            each.callback(None)

    def _take(self, waiting: Waiting) -> None:
        stream = waiting.order.msisdn
        self._pending[waiting.order.id] = waiting
        lane = self._lanes.get(stream)
        if lane is not None:
            lane.add(waiting)
            return
        lane = self._lanes[stream] = Lane()
        lane.orders.append(waiting)
        _run(self._empty(stream, lane))

    async def _empty(self, stream: str, lane: Lane) -> None:
        """Work off a lane; it goes when it is empty, or when the relay stops."""
        try:
            while lane.orders and not self._stopping:
                waiting = lane.orders[0]
                answer = await self._answer(lane, waiting)
                if answer is None or not await self._store(lane, answer, waiting):
                    return
                lane.orders.popleft()
                del self._pending[waiting.order.id]
        finally:
            del self._lanes[stream]
            if self._stopped and not self._lanes:
                self._say_stopped()

    async def _answer(self, lane: Lane, waiting: Waiting) -> Command | None:
        """Ask until there is an answer; None when the relay stops before that."""
        while not self._stopping:
            try:
                answer = await self._attempts.ask(waiting.order)
            except Trouble as trouble:
                self._tell_slow(waiting)
                waiting.tries += 1
                if self._clock.seconds() - waiting.since < self._give_up_h * 3600:
                    await self._back_off(lane, waiting.tries)
                    continue
                answer = unbookable(waiting.order, f"no answer for {self._give_up_h:g} hours: {trouble}")
            waiting.answered = True
            return answer
        return None

    async def _store(self, lane: Lane, answer: Command, waiting: Waiting) -> bool:
        """Hand an answer to the ledger until it has it; False when the relay stops before that."""
        tries = 0
        while True:
            try:
                await self._execute(answer)
            except Exception as error:  # noqa: BLE001 - whatever ails the ledger, the answer must not be lost
                log.warn("answer to {order!r} not stored yet: {error}", order=waiting.order, error=type(error).__name__)
            else:
                return True
            tries += 1
            await self._back_off(lane, tries)
            if self._stopping:
                return False

    async def _back_off(self, lane: Lane, tries: int) -> None:
        """Wait before another try, between half and all of a time that doubles; `retry` and `stop` end it early."""
        if not self._stopping:
            full_s = min(self._longest_wait_s, self._first_wait_s * 2.0 ** min(tries, 32))
            await lane.sleep(self._clock, full_s * (0.5 + 0.5 * self._random()))

    def _look(self) -> None:
        """Report as slow what waits for its turn behind others."""
        self._watch = None
        latest = self._clock.seconds() - self._slow_after_s
        for waiting in list(self._pending.values()):
            if waiting.since <= latest:
                self._tell_slow(waiting)
        if self._pending and not self._stopping:
            self._watch = self._clock.callLater(self._slow_after_s, self._look)

    def _tell_slow(self, waiting: Waiting) -> None:
        if not waiting.told and not waiting.answered and not self._stopping:
            waiting.told = True
            _run(self._note_slow(waiting))

    async def _note_slow(self, waiting: Waiting) -> None:
        try:
            await self._execute(NoteBillingSlow(stream=waiting.order.msisdn, order=waiting.order.id))
        except Exception as error:  # noqa: BLE001 - told again at the next occasion
            waiting.told = False
            log.info("{order!r} not yet reported slow: {error}", order=waiting.order, error=type(error).__name__)


def _run(work: Coroutine[Any, Any, None], outcome: Any = None) -> None:
    """Run a coroutine that nobody waits for up to its next wait; Deferred.fromCoroutine would take twice as long."""
    try:
        waits_for = outcome.throwExceptionIntoGenerator(work) if isinstance(outcome, Failure) else work.send(outcome)
    except StopIteration:
        return
    except BaseException:  # noqa: BLE001 - it must not reach whoever fired what was waited for
        log.failure("bug in the billing relay")
        return
    waits_for.addBoth(lambda outcome: _run(work, outcome))
