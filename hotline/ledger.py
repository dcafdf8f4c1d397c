"""The ledger: the one writer. It takes commands, decides them in order, and answers when they are durable.

Theory of operation: edges `put` commands from the reactor's thread into a queue. One writer thread takes
whatever is queued (up to `batch_max`), loads the streams concerned, decides the commands one after the other,
and commits events, state rows and outbox rows in one transaction. Then, and only then, the reactor's thread
hears the outcomes: edges acknowledge, relays send.

A command that raises is found by halving the batch, so that it never takes others with it; so is one whose stream has a
state that can't be read, which edges refuse, too. When the database
can't store, the whole batch fails with StorageError; edges refuse, so that the peer sends again. A connection that
is lost in the commit itself leaves open whether that was kept: then the links are read anew, so that a text which is
sent again is known, and the relays look for what is due.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from twisted.internet.defer import Deferred

from hotline.batch import Batch, Committed, Done, Outcome, Queued, States, foreseen
from hotline.domain import commands as cmd
from hotline.domain.commands import Arrival
from hotline.domain.errors import DomainError
from hotline.domain.step import Desk
from hotline.links import Links
from hotline.storage.codec import to_us
from hotline.storage.store import StateDamaged, StorageError, Store

log = logging.getLogger(__name__)


_BY_ARRIVAL = (cmd.ReceiveText, cmd.KeepSegment)
"""Commands that are known again by their arrival on a link, not by their id."""
TELL_EVERY_S = 10.0
"""A nearly full disk takes one batch and not the next; so often, in seconds, is that logged."""
PATIENT = frozenset({cmd.NoteAccepted, cmd.NoteBilled, cmd.NoteReceipt, cmd.FireWake, cmd.NoteUnsendable})
"""Commands that report what has happened; a moment more or less does not matter to whoever sent them."""
PATIENCE_S = 0.001
"""How long such commands wait for others."""
REPEAT_WINDOW_US = 3600 * 1_000_000
"""How long after the last use of a link its SMSC may repeat a text, in microseconds; SMSCs retry within minutes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the ledger takes at once: commands in one commit, and commands waiting."""

    batch_max: int = 500
    queue_max: int = 10_000


class Ledger:
    """The one writer; construct it in the reactor's thread, then `start`."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        desk: Desk,
        *,
        now: Callable[[], datetime],
        in_reactor: Callable[..., object],
        later: Callable[..., object],
        limits: Limits | None = None,
        owner: Mapping[str, str] | None = None,
    ) -> None:
        """Wire a ledger.

        Args:
            open_store: makes the writer thread's connection; called again after a lost one.
            desk: what decisions share.
            now: the time, aware UTC; called in the writer's thread.
            in_reactor: runs a callable in the reactor's thread (`reactor.callFromThread`).
            later: runs a callable after seconds (`reactor.callLater`).
            limits: bounds.
            owner: who sends what is queued here, by channel (sms, billing, call): this process, or "" for whoever adopts it.
        """
        self.desk = desk
        self.owner = owner or {"sms": "", "billing": ""}
        self.limits = limits or Limits()
        self.trouble: str = ""
        self.on_texts: Callable[[list[Queued]], None] = lambda _: None
        self.on_orders: Callable[[list[Queued]], None] = lambda _: None
        self.on_calls: Callable[[list[Queued]], None] = lambda _: None
        self.on_retried: Callable[[], None] = lambda: None
        self.on_streams: Callable[[set[str]], None] = lambda _: None
        self.on_fatal: Callable[[], None] = lambda: None
        self.on_flush: Callable[[], None] = lambda: None
        self.on_commit: Callable[[int, float], None] = lambda _size, _seconds: None
        self._now, self._in_reactor, self._later = now, in_reactor, later
        self._open_store = open_store
        self._store: Store | None = None
        self._queue: queue.SimpleQueue[tuple[cmd.Command, Done] | Callable[[], None] | None] = queue.SimpleQueue()
        self._states = States()
        self._links = Links()
        self._last_us = 0
        self._confirmed: dict[str, int] = {}
        self._confirming: dict[str, int] = {}
        self._forgotten: deque[Arrival] = deque()
        self._look_again = False
        self._told_at = self._well_at = -TELL_EVERY_S
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    # -- in the reactor's thread ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the writer thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the writer finish what is queued, and wait for it."""
        self._queue.put(None)
        self._thread.join()

    def waiting(self) -> int:
        """Commands that are queued and not yet taken."""
        return self._queue.qsize()

    def put(self, command: cmd.Command, done: Done) -> None:
        """Queue a command; `done` is called in the reactor's thread with its outcome, when it is durable or has failed."""
        if self._queue.qsize() >= self.limits.queue_max:
            done(Outcome(StorageError(f"{self.limits.queue_max} commands are waiting already; see [ledger] queue_max")))
        else:
            self._queue.put((command, done))

    def execute(self, command: cmd.Command) -> Deferred[Outcome]:
        """Queue a command; the Deferred fires with its outcome and never fails."""
        result: Deferred[Outcome] = Deferred()
        self.put(command, result.callback)
        return result

    def foresee(self, command: cmd.Command) -> Deferred[Outcome]:
        """What a command's result would be now, after all commands queued before it; nothing is stored.

        A commit costs several times what reading one state does; so who waits for what is known already need not wait for one.
        The Deferred fires with the outcome and never fails.
        """
        result: Deferred[Outcome] = Deferred()

        def work() -> None:
            self._in_reactor(result.callback, self._foreseen(command))

        self._queue.put(work)
        return result

    def insist(self, command: cmd.Command, then: Callable[[], None], delay_s: float = 0.5) -> None:
        """Queue a command that must not be lost while this process lives: tried again until it can be stored; `then` follows."""

        def done(outcome: Outcome) -> None:
            if isinstance(outcome.error, StorageError):
                self._later(delay_s, self.insist, command, then, min(30.0, delay_s * 2))
            else:
                then()

        self.put(command, done)

    def confirm(self, link: str, number: int) -> None:
        """Note that the SMSC has our acknowledgements of a link's arrivals up to `number`; stored with the next batch."""
        self._confirmed[link] = number

    def forget(self, arrival: Arrival) -> None:
        """Note that the SMSC will not repeat this arrival; stored with the next batch."""
        self._forgotten.append(arrival)

    def open_link(self, link: str, smsc: str) -> Deferred[list[Arrival]]:
        """Note a new bind of an SMSC, once all commands before it are durable.

        Fires with the SMSC's earlier arrivals that it may repeat, oldest first; fails with StorageError.
        """
        result: Deferred[list[Arrival]] = Deferred()

        def work() -> None:
            try:
                now = to_us(self._now())
                rows = self._opened().open_link(link, smsc, now, now - REPEAT_WINDOW_US)
            except Exception as error:  # the writer's thread must go on
                if not isinstance(error, StorageError):
                    log.exception("a link could not be noted")
                self._abandon()
                self._in_reactor(result.errback, error)
                return
            rows.sort(key=lambda row: row[2])
            old = [Arrival(row[0], *each) for row in rows for each in self._links.load(row[0], smsc, row[3]).items()]
            self._links.load(link, smsc)
            self._links.keep(smsc, {row[0] for row in rows})
            self._in_reactor(result.callback, old)

        self._queue.put(work)
        return result

    def close_link(self, link: str) -> None:
        """Note that a bind has ended; it is forgotten once its texts can't be repeated any longer."""
        self._queue.put(lambda: self._links.ended(link))

    # -- in the writer's thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._write()
        except Exception:  # a bug here: a process that can't store must not live on as if it could
            log.critical("the ledger's thread failed", exc_info=True)
            self._in_reactor(self.on_fatal)

    def _write(self) -> None:
        stopping = False
        while not stopping:
            batch, work, stopping = self._drain()
            if batch:
                self._in_reactor(self._tell, self._commit(batch))
            if work is not None:
                work()
        if self._store is not None:
            self._store.close()

    def _drain(self) -> tuple[list[tuple[cmd.Command, Done]], Callable[[], None] | None, bool]:
        """What is queued: commands up to the first other piece of work, that piece, and whether to stop.

        A commit costs nearly the same for one command as for ten. So commands on whose answer nobody waits (PATIENT) wait
        a moment for others before they get a commit of their own.
        """
        batch: list[tuple[cmd.Command, Done]] = []
        take, most, waited = self._queue.get_nowait, self.limits.batch_max, False
        item = self._queue.get()
        while True:
            if not isinstance(item, tuple):
                return batch, item, item is None
            batch.append(item)
            if type(item[0]) not in PATIENT:
                waited = True
            if len(batch) >= most:
                return batch, None, False
            try:
                item = take() if waited or not self._queue.empty() else self._queue.get(timeout=PATIENCE_S)
            except queue.Empty:
                return batch, None, False

    def _opened(self) -> Store:
        if self._store is None:
            store = self._open_store()
            self._links.reload(store.links())
            self._store = store
        return self._store

    def _commit(self, batch: list[tuple[cmd.Command, Done]]) -> Committed:
        started = time.perf_counter()
        committed = self._tried(batch)
        committed.size, committed.seconds = len(batch), time.perf_counter() - started
        return committed

    def _tried(self, batch: list[tuple[cmd.Command, Done]]) -> Committed:
        """Commit a batch; where a command raises, its halves by themselves, down to that command alone."""
        committed = Committed([])
        try:
            self._attempt(batch, committed)
            self._well()
            return committed
        except Exception as error:  # whatever one command does, the others go on
            if isinstance(error, StorageError) and not isinstance(error, StateDamaged):
                return self._failed(batch, error)
            self._abandon()
            if len(batch) == 1:
                if not isinstance(error, DomainError | StateDamaged):
                    log.exception("%s failed", type(batch[0][0]).__name__)
                return Committed([(batch[0][1], Outcome(error))])
        committed = self._tried(batch[: len(batch) // 2])
        committed.add(self._tried(batch[len(batch) // 2 :]))
        return committed

    def _foreseen(self, command: cmd.Command) -> Outcome:
        try:
            return Outcome(result=foreseen(self._opened(), self.desk, command, self._now()))
        except Exception as error:  # whatever one command does, the others go on
            if isinstance(error, StorageError) and not isinstance(error, StateDamaged):
                self._abandon()
            elif not isinstance(error, DomainError | StateDamaged):
                log.exception("what %s would do is not known", type(command).__name__)
            return Outcome(error)

    def _failed(self, batch: list[tuple[cmd.Command, Done]], error: StorageError) -> Committed:
        self._abandon()
        at = time.monotonic()
        if self.trouble != str(error) and at > self._told_at + TELL_EVERY_S:
            self._told_at = at
            log.error("the database can't store: %s; what comes in is refused until it can", error)
        self.trouble = str(error)
        return Committed([(done, Outcome(error)) for _, done in batch])

    def _well(self) -> None:
        if self.trouble:
            self.trouble = ""
            if self._told_at > self._well_at:
                self._well_at = time.monotonic()
                log.warning("the database stores again")

    def _abandon(self) -> None:
        """Forget the open transaction and all states in memory, which may have been changed by it."""
        self._states.forget()
        self._links.rollback()
        for link, upto in self._confirming.items():
            self._confirmed.setdefault(link, upto)
        self._confirming.clear()
        if self._store is not None:
            self._store.rollback()
            if self._store.lost:
                self._store.close()
                self._store = None
                self._look_again = True

    def _attempt(self, batch: list[tuple[cmd.Command, Done]], committed: Committed) -> None:
        store, states, links = self._opened(), self._states, self._links
        store.begin()
        at = self._last_us = max(to_us(self._now()), self._last_us + 1)
        rows = [(command.id, at) for command, _ in batch if command.id and not isinstance(command, _BY_ARRIVAL)]
        seen = store.claim(rows) if rows else set()
        states.load(store, {str(command.stream) for command, _ in batch})
        decisions = Batch(self.desk, states, committed, at=at, partitions=store.partitions, owner=self.owner)
        for command, done in batch:
            committed.outcomes.append((done, self._carry_out(command, decisions, seen)))
        while self._confirmed:
            link, upto = self._confirmed.popitem()
            self._confirming[link] = upto
            links.confirmed(link, upto)
        while self._forgotten:
            links.forgotten(self._forgotten.popleft())
        decisions.finish(links.rows(at))
        store.write(decisions.writes)
        store.commit()
        links.commit()
        self._confirming.clear()
        committed.retried |= self._look_again
        self._look_again = False
        states.heads.update(decisions.heads)
        states.trim()

    def _carry_out(self, command: cmd.Command, decisions: Batch, seen: set[str]) -> Outcome:
        """Decide a command unless it was carried out before; `seen` are the ids of those."""
        links = self._links
        if isinstance(command, _BY_ARRIVAL):
            arrival = command.arrival
            if arrival is None:
                return Outcome(result=decisions.decide(command))
            if links.known(arrival):
                return Outcome(repeated=True)
            result = decisions.decide(command)
            if result is None:
                links.arrived(arrival)
            return Outcome(result=result)
        if isinstance(command, cmd.NoteRepeat):
            known = links.known(command.first)
            if known:
                links.moved(command.first, command.again)
            return Outcome(repeated=known)
        if command.id:
            if command.id in seen:
                return Outcome(repeated=True)
            seen.add(command.id)
        return Outcome(result=decisions.decide(command))

    # -- in the reactor's thread ------------------------------------------------------------------------------

    def _tell(self, committed: Committed) -> None:
        """Acknowledge first, then hand on what is to be sent."""
        for done, outcome in committed.outcomes:
            try:
                done(outcome)
            except Exception:  # the edge's fault must not keep others from their answers
                log.exception("an edge failed to take an outcome")
        if committed.texts:
            _hand_on(self.on_texts, committed.texts)
        if committed.orders:
            _hand_on(self.on_orders, committed.orders)
        if committed.calls:
            _hand_on(self.on_calls, committed.calls)
        if committed.retried:
            _hand_on(self.on_retried)
        _hand_on(self.on_flush)
        _hand_on(self.on_streams, committed.streams)
        _hand_on(self.on_commit, committed.size, committed.seconds)


def _hand_on(hook: Callable[..., object], *what: object) -> None:
    try:
        hook(*what)
    except Exception:  # one listener's fault must not keep the news from the others
        log.exception("what a commit brought could not be handed on")
