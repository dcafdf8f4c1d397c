"""Which process uses an SMSC: the one that has its lease. The others stand by, and one of them takes over when it ends.

Two binds of one account from two processes are refused by some SMSCs, and at others they share the subscribers' texts,
so that one subscriber's would no longer be kept in order. On SQLite there is one process, which uses all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import LoopingCall

from hotline.storage.queries.leases import OF_SMSC, take
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from sms.desk import SmscDesk
from sms.outbound import Outbound

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""How often leases are renewed, or asked for."""
LEASE_S = 15.0
"""How long an SMSC stays with a process that no longer renews its lease."""
LEAVE_S = 5.0
"""So long before its end a lease that can't be renewed is given up, so that there never are two."""


class Binding:
    """Starts each desk when this process has its SMSC's lease, and stops it when it has lost it."""

    def __init__(
        self, owner: str, writer: Reader, desks: Sequence[SmscDesk], outbound: Outbound | None, reactor: Any, *, shared: bool
    ) -> None:
        """Wire the desks; `shared`: other processes may use the database, so that leases are needed."""
        self._owner, self._writer, self._desks, self._outbound = owner, writer, desks, outbound
        self._seconds = reactor.seconds
        self._until: dict[SmscDesk, float] = {}
        self._shared = shared and bool(desks)
        self._stopping = False
        self._loop = LoopingCall(lambda: ensureDeferred(self._look()))
        self._loop.clock = reactor

    def start(self) -> None:
        """Connect, or ask for the leases first."""
        if self._shared:
            for desk in self._desks:
                self._grant(desk, False)
            self._loop.start(EVERY_S, now=True)
        else:
            for desk in self._desks:
                desk.start()

    def stop(self) -> Deferred[Any]:
        """Unbind; fires when all links are gone. The leases are given back with all others of the process."""
        self._stopping = True
        if self._loop.running:
            self._loop.stop()
        return DeferredList([desk.stop() for desk in self._desks])

    async def _look(self) -> None:
        for desk in self._desks:
            try:
                await self._renew(desk)
            except Exception:  # whatever it is, there must be a next look
                log.exception("the lease of SMSC %s can't be dealt with", desk.smsc.name)

    async def _renew(self, desk: SmscDesk) -> None:
        began = self._seconds()
        try:
            granted = await self._writer.run(take, OF_SMSC + desk.smsc.name, self._owner, LEASE_S)
        except StorageError:
            granted = began < self._until.get(desk, 0.0) - LEAVE_S
            if granted or desk not in self._until:
                return
        if self._stopping:
            return
        if granted:
            bound, self._until[desk] = desk in self._until, began + LEASE_S
            if not bound:
                self._grant(desk, True)
                desk.start()
        elif self._until.pop(desk, None) is not None:
            log.warning("SMSC %s: its lease is lost; another process may use it now", desk.smsc.name)
            await desk.stop()
            self._grant(desk, False)

    def _grant(self, desk: SmscDesk, granted: bool) -> None:
        if self._outbound is not None:
            self._outbound.grant(desk.smsc.name, granted)
        desk.trouble = "not connected yet" if granted else ""
