"""Brings outbox rows to the relays: those that a former process left, that memory had no room for, or a person retried."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, cast

from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import LoopingCall

from billing_bridge.relay import BillingRelay
from hotline.domain.call_events import CallBackQueued
from hotline.domain.events import BillingQueued, MtQueued
from hotline.storage.queries.due import Due, due
from hotline.storage.queries.leases import Scope, adopt, give_back, renew
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from ivr.originate import CallBacks
from sms.outbound import Outbound

log = logging.getLogger(__name__)

AT_ONCE = 2000
"""Rows read at once."""
EVERY_S = 2.0
"""How often rows without a living owner are looked for."""
LEASE_S = 15.0
"""How long a process counts as alive after its last sign of life."""


class Feeder:
    """Keeps the process's lease, adopts rows that no living process owns, and hands them to the relays."""

    def __init__(
        self,
        owner: str,
        reader: Reader,
        writer: Reader,
        *,
        outbound: Outbound | None,
        billing: BillingRelay | None,
        reactor: Any,
        calls: CallBacks | None = None,
    ) -> None:
        """Wire a feeder; a relay that does not run here is None."""
        self._owner, self._reader, self._writer = owner, reader, writer
        self._outbound, self._billing, self._calls = outbound, billing, calls
        self._loop = LoopingCall(self._begin)
        self._loop.clock = reactor
        self._seconds = reactor.seconds
        self._renewed = float(reactor.seconds())
        self._adopt_all = self._fetch = self._orders_left = self._calls_left = True
        self._trouble = False
        self._looking: Deferred[None] = succeed(None)

    def start(self) -> None:
        """Read what is left, then look again every EVERY_S seconds."""
        self._loop.start(EVERY_S, now=True)

    def stop(self) -> Deferred[None]:
        """Look no more; fires when the look that is under way has ended."""
        if self._loop.running:
            self._loop.stop()
        ended: Deferred[None] = Deferred()
        self._looking.addBoth(ended.callback)
        return ended

    def _begin(self) -> Deferred[None]:
        self._looking = ensureDeferred(self._look())
        return self._looking

    def retried(self) -> None:
        """A dead letter is due again: fetch it with the next look."""
        self._adopt_all = True

    async def _look(self) -> None:
        self._fetch, self._adopt_all = self._adopt_all, False  # `retried` may ask for another look while this one lasts
        try:
            await self._renew()
            if self._billing is not None:
                await self._feed_billing(self._billing)
            if self._calls is not None:
                await self._feed_calls(self._calls)
            if self._outbound is not None:
                await self._feed_texts(self._outbound)
            self._trouble = False
        except Exception as error:  # whatever it is, there must be a next look
            self._adopt_all = self._orders_left = self._calls_left = True
            if self._outbound is not None:
                self._outbound.not_read()
            if not isinstance(error, StorageError):
                log.exception("the outbox can't be fed")
            elif not self._trouble:
                log.error("the outbox can't be read: %s; trying again every %g s", error, EVERY_S)
            self._trouble = True

    async def _renew(self) -> None:
        """Show that this process lives; if it did not for too long, others may have taken its rows over."""
        began = float(self._seconds())
        await self._writer.run(renew, self._owner, LEASE_S)
        if began - self._renewed > LEASE_S and self._outbound is not None:
            self._outbound.disowned()
        self._renewed = began

    async def _adopt(self, channel: str, scope: Scope | None = None) -> bool:
        """Take over rows; whether there were any."""
        rows = await self._writer.run(adopt, self._owner, channel, AT_ONCE, scope)
        return bool(rows)

    async def _feed_billing(self, relay: BillingRelay) -> None:
        more = await self._adopt("billing") or self._fetch or self._orders_left
        while more and relay.pending() < AT_ONCE:
            limit = AT_ONCE + relay.pending()
            rows = await self._reader.run(due, "billing", self._owner, limit)
            for row in rows:
                relay.offer([(row.id, row.stream, cast(BillingQueued, row.event))], waited_s=_waited_s(row))
            more = len(rows) == limit or await self._adopt("billing")
        self._orders_left = more

    async def _feed_calls(self, relay: CallBacks) -> None:
        if not relay.granted:
            left = relay.release()
            if left:
                await self._writer.run(give_back, self._owner, left)
            self._calls_left = True  # what is in the table is read when this process dials
            return
        more = await self._adopt("call") or self._fetch or self._calls_left
        while more and relay.pending() < AT_ONCE:
            limit = AT_ONCE + relay.pending()
            rows = await self._reader.run(due, "call", self._owner, limit)
            relay.offer([(row.id, row.stream, cast(CallBackQueued, row.event)) for row in rows], left=True)
            more = len(rows) == limit or await self._adopt("call")
        self._calls_left = more

    async def _feed_texts(self, outbound: Outbound) -> None:
        foreign = outbound.foreign()
        if foreign:
            await self._writer.run(give_back, self._owner, foreign)
        scope = _scope(outbound)
        outbound.behind |= self._fetch
        while outbound.has_room() and (await self._adopt("sms", scope) or outbound.behind):
            gone = outbound.watch()
            rows = await self._reader.run(due, "sms", self._owner, AT_ONCE, outbound.rows())
            fresh = [
                (row.id, row.stream, cast(MtQueued, row.event), row.accepted, _waited_s(row))
                for row in rows
                if row.id not in gone
            ]
            outbound.restore(fresh, more=len(rows) == AT_ONCE)
        outbound.expire()


def _scope(outbound: Outbound) -> Scope | None:
    """The texts to adopt: all, unless another process uses some of the SMSCs."""
    granted = {smsc: outbound.route(smsc).granted for smsc in outbound.gates}
    others = tuple(smsc for smsc in granted if not granted[smsc])
    if not others:
        return None
    mine = tuple(smsc for smsc in granted if granted[smsc])
    return Scope(mine, others if outbound.route("").granted else None)


def _waited_s(row: Due) -> float:
    return max(0.0, (datetime.now(UTC) - row.since).total_seconds())
