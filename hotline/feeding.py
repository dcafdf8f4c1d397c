"""Brings outbox rows to the relays: those that a former process left, that memory had no room for, or a person retried."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, cast

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall

from billing_bridge.relay import BillingRelay
from hotline.domain.events import BillingQueued, MtQueued
from hotline.storage.queries.due import Due, due
from hotline.storage.queries.leases import adopt, renew
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
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
        self, owner: str, reader: Reader, writer: Reader, *, outbound: Outbound | None, billing: BillingRelay | None, reactor: Any
    ) -> None:
        """Wire a feeder; a relay that does not run here is None."""
        self._owner, self._reader, self._writer = owner, reader, writer
        self._outbound, self._billing = outbound, billing
        self._loop = LoopingCall(lambda: ensureDeferred(self._look()))
        self._loop.clock = reactor
        self._adopt_all = True
        self._trouble = False

    def start(self) -> None:
        """Read what is left, then look again every EVERY_S seconds."""
        self._loop.start(EVERY_S, now=True)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def retried(self) -> None:
        """A dead letter is due again: fetch it with the next look."""
        self._adopt_all = True

    async def _look(self) -> None:
        try:
            await self._writer.run(renew, self._owner, LEASE_S)
            if self._billing is not None:
                await self._feed_billing(self._billing)
            if self._outbound is not None:
                await self._feed_texts(self._outbound)
            self._adopt_all = False
            self._trouble = False
        except StorageError as error:
            if not self._trouble:
                log.error("the outbox can't be read: %s; trying again every %g s", error, EVERY_S)
            self._trouble = True

    async def _adopted(self, channel: str) -> bool:
        """Take over rows; whether there is anything to fetch."""
        rows = await self._writer.run(adopt, self._owner, channel, AT_ONCE)
        return bool(rows) or self._adopt_all

    async def _feed_billing(self, relay: BillingRelay) -> None:
        while await self._adopted("billing") and relay.pending() < AT_ONCE:
            rows = await self._reader.run(due, "billing", self._owner, AT_ONCE + relay.pending())
            for row in rows:
                relay.offer([(row.id, row.stream, cast(BillingQueued, row.event))], waited_s=_waited_s(row))
            if len(rows) < AT_ONCE:
                return

    async def _feed_texts(self, outbound: Outbound) -> None:
        while await self._adopted("sms") or outbound.wants_rows():
            gone = outbound.watch()
            rows = await self._reader.run(due, "sms", self._owner, AT_ONCE, outbound.rows())
            fresh = [
                (row.id, row.stream, cast(MtQueued, row.event), row.accepted, _waited_s(row))
                for row in rows
                if row.id not in gone
            ]
            outbound.restore(fresh, more=len(rows) == AT_ONCE)
            if len(rows) < AT_ONCE or not outbound.wants_rows():
                return


def _waited_s(row: Due) -> float:
    return max(0.0, (datetime.now(UTC) - row.since).total_seconds())


