"""Which process dials call-backs: the one that has the lease. The others stand by, and one of them takes over when it ends.

Free agents are counted by each process for itself, so two that dial would together ring more callers than agents are free. What
a process that stands by finds among its rows it gives back, and the one that dials adopts it. On SQLite there is one process.
"""

from __future__ import annotations

import logging
import math
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall

from hotline.storage.queries.leases import take
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from ivr.originate import CallBacks

log = logging.getLogger(__name__)

LEASE = "call-backs"
EVERY_S = 2.0
"""How often the lease is renewed, or asked for."""
LEASE_S = 15.0
"""How long dialling stays with a process that no longer renews its lease."""
LEAVE_S = 5.0
"""So long before its end a lease is good for nothing any more, so that there never are two who dial."""


class Dialling:
    """Grants the relay of call-backs its turn as long as this process has the lease."""

    def __init__(self, owner: str, writer: Reader, relay: CallBacks, reactor: Any, *, shared: bool) -> None:
        """Take the process's name among owners and the relay; `shared`: other processes may use the database."""
        self._owner, self._writer, self._relay, self._shared = owner, writer, relay, shared
        self._seconds = reactor.seconds
        self._dials = False
        self._loop = LoopingCall(self._begin)
        self._loop.clock = reactor
        relay.grant(-math.inf if shared else math.inf)

    def start(self) -> None:
        """Ask for the lease, where there may be others, and every EVERY_S seconds."""
        if self._shared:
            self._loop.start(EVERY_S, now=True)

    def stop(self) -> None:
        """Ask no more, and dial nobody. The lease is given back with all others of the process."""
        if self._loop.running:
            self._loop.stop()
        self._relay.grant(-math.inf)

    def _begin(self) -> Deferred[None]:
        return ensureDeferred(self._renew())

    async def _renew(self) -> None:
        began = float(self._seconds())
        try:
            granted = await self._writer.run(take, LEASE, self._owner, LEASE_S)
        except StorageError:
            return  # what was granted runs out by itself
        except Exception:  # whatever it is, there must be a next look
            log.exception("the lease of call-backs can't be dealt with")
            return
        if not self._loop.running:
            return
        self._relay.grant(began + LEASE_S - LEAVE_S if granted else -math.inf)
        if granted != self._dials:
            self._dials = granted
            log.info("call-backs: %s", "this process dials" if granted else "another process dials; this one stands by")
