"""The test calls of a process, composed: the link to Asterisk, the relay that dials, and the thread that listens.

A part of the composition root, apart from app.py for its size; nothing but app.py imports it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge
from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from conf.settings import Settings
from hotline.batch import Outcome
from hotline.desk import calendar_of
from hotline.domain.commands import Command
from hotline.domain.testcall_commands import Heard
from hotline.domain.testcall_events import TestCallPlanned
from hotline.ledger import Ledger
from hotline.storage.queries.attempts import ending_of
from hotline.storage.queries.due import still_due
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from hotline.telephony import ami_client
from hotline.testcalls.ears import Ears
from hotline.testcalls.foresight import foreseen
from ivr.ami import AmiClient
from ivr.gathering import gathered
from ivr.inlet import Inlet
from ivr.test_calls import Surroundings, TestCalls
from ivr.test_codes import is_code
from ivr.test_hearing import Hearing

log = logging.getLogger(__name__)

GATHER_S = 0.04
"""How long what Asterisk tells may wait for more, in seconds, where no caller waits for us: its events bring their own times."""
INSIST_S, INSIST_MOST_S = 0.5, 30.0
"""When a command that must not be lost is tried again, while the ledger can't store; each time twice as long."""


def wants_keys(settings: Settings) -> bool:
    """Whether any plan needs to be told of digits."""
    return any(plan.proof for plan in settings.test_plan)


class Dialling:
    """All that places test calls.

    Attributes:
        relay: dials the rows of channel "test".
        ears: listens, in a thread.
        inlet: of the ledger, for all commands about test calls: those of 0.2 s are committed together.
        ami: the link to Asterisk; None without [ami], and then there is no relay either.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        reader: Reader,
        owner: str,
        reactor: Any,
        registry: CollectorRegistry,
        *,
        ami: AmiClient | None = None,
    ) -> None:
        """Make all parts for the process `owner`; nothing connects yet.

        Args:
            ami: the link of this process, if it has one already: it is shared, and whoever made it starts and stops it.
        """
        self._settings, self._reactor, self.ears = settings, reactor, Ears(settings)
        self._routes = {route.name: route.channel for route in settings.route}
        self.inlet = Inlet(ledger.put, reactor)
        self._listeners = ThreadPool(0, 1, "listening")
        self._own = ami is None
        self.ami = ami or ami_client(settings, reactor, gathered(reactor, GATHER_S), keys=wants_keys(settings))
        self.relay = self._make_relay(reader, owner) if self.ami is not None else None
        self._endings = Counter("shouwen_test_calls", "Test calls that have ended", ("ending",), registry=registry)
        gauge = Gauge("shouwen_test_calls_live", "Test calls that are dialled or talk", registry=registry)
        gauge.set_function(lambda: self.relay.live() if self.relay is not None else 0)

    def _make_relay(self, reader: Reader, owner: str) -> TestCalls | None:
        settings = self._settings
        if self.ami is None:
            return None
        hearing = Hearing(self._heard, self._is_code, settings.asterisk.recordings.absolute())
        around = Surroundings(
            channel=self._channel,
            still_due=lambda row: reader.run(still_due, row, owner),
            ended=lambda attempt: reader.run(ending_of, attempt),
            hearing=hearing,
            on_ended=lambda ending: self._endings.labels(ending).inc(),
            grace_s=settings.testing.grace_s,
            at_once=settings.testing.calls_at_once,
        )
        return TestCalls(self.ami, self.inlet.execute, self._insist, around, _now, self._reactor)

    # -- what the relay asks for

    def _channel(self, planned: TestCallPlanned) -> str:
        endpoint = self._routes.get(planned.route, "")
        return f"PJSIP/{planned.number}@{endpoint}" if endpoint else ""

    def _heard(self, planned: TestCallPlanned, path: Path) -> Deferred[tuple[Heard, bool]]:
        return deferToThreadPool(self._reactor, self._listeners, self.ears.listen, planned, path)

    def _is_code(self, digits: str, caller_id: str, since: datetime, until: datetime) -> bool:
        ami = self._settings.ami
        return ami is not None and is_code(digits, ami.secret, caller_id, since, until)

    def _insist(self, command: Command, then: Callable[[], None], delay_s: float = INSIST_S) -> None:
        def done(outcome: Outcome) -> None:
            if isinstance(outcome.error, StorageError):
                self._reactor.callLater(delay_s, self._insist, command, then, min(INSIST_MOST_S, delay_s * 2))
            else:
                if outcome.error is not None:
                    log.error("a test call can't be noted: %s", outcome.error)
                then()

        self.inlet.put(command, done)

    # -- running

    @property
    def trouble(self) -> str:
        """Why test calls can't be placed, or ""; a link that is shared says so itself."""
        return f"no link to Asterisk: {self.ami.why_down}" if self._own and self.ami is not None and not self.ami.up else ""

    def start(self) -> None:
        """Begin to listen and, if the link is our own, to connect; say in the log what is amiss with the plans."""
        self._listeners.start()
        looked = deferToThreadPool(self._reactor, self._listeners, self._foresee)
        looked.addErrback(lambda failure: log.error("the plans can't be looked through: %s", failure.getTraceback()))
        if self._own and self.ami is not None:
            self.ami.start()

    def _foresee(self) -> None:
        today = datetime.now(self._settings.zone).date()
        for line in foreseen(self._settings, calendar_of(self._settings), today):
            log.warning("%s", line)

    def stop(self) -> Deferred[Any]:
        """Dial nothing any more, and store what has ended. Calls that live go on; the next process finds them."""
        ended = self.relay.stop() if self.relay is not None else succeed(None)
        return ended.addBoth(self._disconnect).addBoth(self._stopped)

    def _disconnect(self, _none: object) -> Deferred[Any]:
        return self.ami.stop() if self._own and self.ami is not None else succeed(None)

    def _stopped(self, result: object) -> object:
        self.inlet.flush()
        self._listeners.stop()
        return result


def _now() -> datetime:
    return datetime.now(UTC)
