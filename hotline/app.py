"""The composition root: it alone knows every part, makes each one, and ties them together."""

from __future__ import annotations

import gc
import logging
import os
import platform
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread

from billing_bridge.adapters.books import Books
from billing_bridge.adapters.faults import Faults
from billing_bridge.adapters.simulated import SimulatedBilling
from billing_bridge.relay import BillingRelay
from conf.load import read_words
from conf.settings import PACKAGED_TEXTS, Settings
from hotline.batch import Outcome
from hotline.binding import Binding
from hotline.clock import Clock, WakeRow
from hotline.database import DatabaseTrouble, hold, require_schema
from hotline.desk import desk_of
from hotline.dialling import Dialling
from hotline.domain.commands import Command
from hotline.feeding import Feeder
from hotline.ledger import Ledger, Limits
from hotline.metrics import Counted, Metrics, Tally
from hotline.reads import Changes, WebCommands, WebQueries, WebReadiness
from hotline.recordings import Recordings
from hotline.storage.opening import open_store
from hotline.storage.queries.leases import release
from hotline.storage.queries.wakes import Wake, due_wakes
from hotline.storage.reading import Reader
from hotline.telephony import Telephony
from hotline.web.ports import Handset
from hotline.web.site import Web
from hotline.web.staff import load_staff_texts
from sms.desk import SmscDesk
from sms.grammar import Grammar
from sms.inbound import Inbound
from sms.outbound import Outbound
from sms.status import words
from sms.words import load_words

log = logging.getLogger(__name__)

ROLES = ("sms", "ivr", "billing", "web")
CHANNELS = {"sms": "sms", "billing": "billing", "call": "ivr"}
"""Which role sends what waits in each channel of the outbox."""
COLLECT_S = 5.0
"""How often garbage in cycles is looked for, in seconds; while texts come in, looking costs 5 to 8 % of the CPU."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class CannotStart(Exception):
    """The service can't start; the message names why and the way out."""


class App:
    """One process of the service with some or all of its roles."""

    def __init__(
        self, settings: Settings, reactor: Any, *, roles: Iterable[str] = ROLES, handset: Handset | None = None
    ) -> None:
        """Make all parts; nothing connects or listens yet.

        Raises: CannotStart, BadSettings (texts), WordsWrong, ValueError (words that clash with services).
        """
        self.settings, self.roles = settings, tuple(roles)
        self._reactor = reactor
        self._lock: Any = None
        self._check_schema()
        self.owner = f"{platform.node()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.metrics = Metrics.on(self.registry)
        self.tally = Tally(self.metrics)
        self._billed = Counted(self.metrics.billing)
        self.changes = Changes()
        url = str(settings.database.url)
        self.reader = Reader(url, settings.database.queries, reactor)
        self.writer = Reader(url, 1, reactor, writing=True)
        self.ledger = self._make_ledger()
        self.outbound = self._make_outbound()
        self.desks = self._make_desks()
        self.simulated_billing: SimulatedBilling | None = None
        self.billing = self._make_billing()
        self.clock = Clock(self._due_wakes, self.ledger.put, _now, reactor)
        self.telephony = self._make_telephony()
        self.call_backs = self.telephony.call_backs if self.telephony is not None else None
        self.feeder = Feeder(
            self.owner,
            self.reader,
            self.writer,
            outbound=self.outbound,
            billing=self.billing,
            calls=self.call_backs,
            reactor=reactor,
        )
        self._shared = settings.database.url.dialect != "sqlite"
        self.binding = Binding(self.owner, self.writer, self.desks, self.outbound, reactor, shared=self._shared)
        self.dialling = (
            Dialling(self.owner, self.writer, self.call_backs, reactor, shared=self._shared)
            if self.call_backs is not None
            else None
        )
        self.recordings = self._make_recordings()
        self._connect()
        self.web = self._make_web(handset)
        self.port: Any = None
        self.failed = False
        self._collector = LoopingCall(gc.collect, 1)
        self._collector.clock = reactor

    # -- making

    def _check_schema(self) -> None:
        try:
            require_schema(self.settings.database.url)
        except DatabaseTrouble as error:
            raise CannotStart(str(error)) from error

    def _make_ledger(self) -> Ledger:
        settings = self.settings
        url = str(settings.database.url)
        return Ledger(
            lambda: open_store(url),
            desk_of(settings),
            now=_now,
            in_reactor=self._reactor.callFromThread,
            later=self._reactor.callLater,
            limits=Limits(settings.ledger.batch_max, settings.ledger.queue_max),
            owner={channel: self.owner if role in self.roles else "" for channel, role in CHANNELS.items()},
        )

    def _make_outbound(self) -> Outbound | None:
        if "sms" not in self.roles:
            return None
        settings = self.settings
        return Outbound(
            settings.smsc, self.ledger.insist, self._reactor, valid_s=settings.rules.mt_valid_h * 3600.0, count=self.tally.add_mt
        )

    def _make_desks(self) -> list[SmscDesk]:
        if self.outbound is None:
            return []
        settings = self.settings
        grammar = Grammar(load_words(read_words(settings.texts.dir)), settings.service)
        desks = []
        for smsc in settings.smsc:
            inbound = Inbound(
                smsc,
                grammar.read,
                self.ledger.put,
                seconds=self._reactor.seconds,
                confirm=self.ledger.confirm,
                forget=self.ledger.forget,
                count=partial(self.tally.add, smsc.name),
            )
            desks.append(
                SmscDesk(
                    smsc, inbound, self.outbound, self.ledger.open_link, self._reactor, close_link=self.ledger.close_link
                )
            )
        return desks

    def _make_telephony(self) -> Telephony | None:
        if "ivr" not in self.roles:
            return None
        return Telephony(self.settings, self.ledger, self.reader, self.owner, self._reactor, self.registry)

    def _make_recordings(self) -> Recordings | None:
        if "ivr" not in self.roles:
            return None
        folder, days = self.settings.asterisk.recordings.absolute(), self.settings.queue.keep_recordings_days
        return Recordings(folder, days, self.owner, self.reader, self.writer, self.ledger.execute, self._reactor, _now)

    def _make_billing(self) -> BillingRelay | None:
        if "billing" not in self.roles:
            return None
        settings = self.settings.billing
        simulated = settings.simulated
        books = Books(credit_fen=simulated.credit_fen)  # a price is what the order says: it may have changed since it was offered
        self.simulated_billing = SimulatedBilling(self._reactor, books)
        self.simulated_billing.faults = Faults(
            delay_ms=simulated.delay_ms, refuse_next=simulated.refuse_next, reason=simulated.refuse_reason
        )
        return BillingRelay(
            self.simulated_billing,
            self._made_durable,
            self._reactor,
            concurrent=settings.concurrent,
            first_wait_s=settings.first_wait_s,
            longest_wait_s=settings.longest_wait_s,
            deadline_s=settings.deadline_s,
            slow_after_s=settings.slow_after_s,
            give_up_h=settings.give_up_h,
            on_attempt=lambda action, outcome, _seconds: self._billed.count(action, outcome),
        )

    def _made_durable(self, command: Command) -> Deferred[None]:
        """Put a command to the ledger; unlike the ledger's own answer, this fails when it could not be stored."""

        def stored(outcome: Outcome) -> None:
            if outcome.error is not None:
                raise outcome.error

        return self.ledger.execute(command).addCallback(stored)

    def _make_web(self, handset: Handset | None) -> Web | None:
        if "web" not in self.roles:
            return None
        settings = self.settings
        checks: list[tuple[str, Callable[[], str]]] = [("ledger", lambda: self.ledger.trouble)]
        checks += [(f"smsc {desk.smsc.name}", lambda desk=desk: desk.trouble) for desk in self.desks]  # type: ignore[misc]
        if self.telephony is not None:
            checks.append(("asterisk", lambda: self.telephony.trouble if self.telephony is not None else ""))
        return Web(
            queries=WebQueries(self.reader, self.telephony.phones, self.telephony.calls)
            if self.telephony is not None
            else WebQueries(self.reader),
            commands=WebCommands(self.ledger, self.writer),
            changes=self.changes,
            readiness=WebReadiness(checks, self.reader),
            metrics_registry=self.registry,
            tokens=settings.web.tokens,
            demo=handset,
            reactor=self._reactor,
            staff_texts=load_staff_texts(PACKAGED_TEXTS),
            catalogue=self.ledger.desk.catalogue,
            zone=settings.zone,
            loopback=settings.web.listen.host in LOOPBACK,
            smsc_words=lambda status, lang: words(status, "zh" if lang == "zh" else "en"),
        )

    def _connect(self) -> None:
        """Tie the ledger to the relays and to whoever watches."""
        ledger = self.ledger
        if self.outbound is not None:
            ledger.on_texts = self.outbound.offer
        if self.billing is not None:
            ledger.on_orders = self.billing.offer
        if self.call_backs is not None:
            ledger.on_calls = self.call_backs.offer
        ledger.on_retried = self.feeder.retried
        ledger.on_streams = self._streams_changed
        ledger.on_flush = self._flush
        ledger.on_fatal = self._fail
        ledger.on_commit = self._count_commit

    def _fail(self) -> None:
        """Nothing can be stored any more: end, so that whoever supervises the process starts it anew."""
        self.failed = True
        self._reactor.stop()

    def _streams_changed(self, streams: set[str]) -> None:
        self.changes.told(streams)
        if self.telephony is not None:
            self.telephony.streams_changed(streams)

    def _flush(self) -> None:
        for desk in self.desks:
            desk.flush()

    def _due_wakes(self, by: datetime, limit: int) -> Deferred[Sequence[WakeRow]]:
        def rows(found: list[Wake]) -> Sequence[WakeRow]:
            return [(row.id, row.due, row.stream, row.event) for row in found]

        return self.reader.run(due_wakes, by, limit).addCallback(rows)

    # -- counting

    def _count_commit(self, size: int, seconds: float) -> None:
        self.metrics.batch_size.observe(size)
        self.metrics.commit_seconds.observe(seconds)
        self.tally.flush()

    # -- running

    def start(self) -> None:
        """Begin: web, store, relays, SMSCs, in this order. Raises: CannotStart, with nothing begun."""
        self._lock_file()
        if self.web is not None:
            self._listen()  # the port may be taken, so this comes first; nobody is answered before the reactor runs
        if self.telephony is not None:
            self._listen_agi(self.telephony)
        self.ledger.start()
        self.feeder.start()
        self.clock.start()
        self.binding.start()
        if self.dialling is not None:
            self.dialling.start()
        if self.telephony is not None:
            self.telephony.start()
        if self.recordings is not None:
            self.recordings.start()
        # what lives until the end need not be looked at by the collector again
        gc.collect()
        gc.freeze()
        gc.disable()
        self._collector.start(COLLECT_S, now=False)

    def _listen(self) -> None:
        at = self.settings.web.listen
        if self.web is None:
            return
        try:
            self.port = self._reactor.listenTCP(at.port, self.web.site(), interface=at.host)
        except Exception as error:
            raise CannotStart(f"can't listen on {at.host}:{at.port}: {error}; set [web] listen to a free address") from error

    def _listen_agi(self, telephony: Telephony) -> None:
        at = self.settings.ivr.listen
        try:
            telephony.listen()
        except Exception as error:
            raise CannotStart(f"can't listen on {at.host}:{at.port}: {error}; set [ivr] listen to a free address") from error

    def _lock_file(self) -> None:
        try:
            self._lock = hold(self.settings.database.url)
        except DatabaseTrouble as error:
            raise CannotStart(str(error)) from error

    @inlineCallbacks
    def stop(self) -> Any:
        """End in good order: no more work comes in, what is under way is stored, links are unbound."""
        if self.port is not None:
            yield self.port.stopListening()
        if self.web is not None:
            self.web.close()
        if self._collector.running:
            self._collector.stop()
            gc.enable()
        self.clock.stop()
        if self.dialling is not None:
            self.dialling.stop()
        if self.telephony is not None:
            yield self.telephony.stop()
        if self.recordings is not None:
            yield self.recordings.stop()
        yield self.feeder.stop()
        yield self.binding.stop()
        yield self.billing.stop() if self.billing is not None else succeed(None)
        yield deferToThread(self.ledger.stop)
        yield self.writer.run(release, self.owner).addErrback(lambda _failure: None)
        for reader in (self.reader, self.writer):
            yield deferToThread(reader.stop)
        if self._lock is not None:
            self._lock.close()


def _now() -> datetime:
    return datetime.now(UTC)
