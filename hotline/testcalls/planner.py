"""The clock of test plans: as each slot comes, the ledger is told; it decides whether a call is placed.

Theory of operation. APScheduler is the clock only: one job a plan, in memory, whose trigger draws the plan's next slot. When it
fires, all slots since the last one known are opened, each by a command whose id is made from the slot. So whichever process is
first opens it, and all others find it opened; a slot that comes up late, because the process or the machine stood still, is
opened all the same and recorded as missed. What was due while no process ran is read off the plan's stream at the start.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.twisted import TwistedScheduler
from apscheduler.triggers.base import BaseTrigger
from twisted.internet.defer import Deferred

from hotline.batch import Outcome
from hotline.domain.calendar import Calendar
from hotline.domain.commands import Command
from hotline.domain.slots import attempt_id, next_slot, slots
from hotline.domain.testcall_commands import OpenSlot
from hotline.domain.testplan import TestPlan
from hotline.storage.store import StorageError

log = logging.getLogger(__name__)

BACK = timedelta(days=31)
"""How far back slots are recorded as missed after a down-time; the log says so where it was longer."""
AT_ONCE = 200
"""Slots of a plan that are with the ledger at once: after a down-time there may be thousands, and others have commands, too."""
AGAIN_S = 1.0
"""When a slot that could not be stored is opened again, in seconds; by then it may be missed, which is stored instead."""
AGAIN_MOST_S = 30.0


class Slots(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A trigger that fires at a plan's slots."""

    def __init__(self, plan: TestPlan, calendar: Calendar) -> None:
        """Take the plan, and the calendar of its days."""
        self._plan, self._calendar = plan, calendar
        self._next: tuple[datetime | None, datetime | None] = (None, None)  # after when, and what; the clock asks twice

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first slot after the later of the previous one and now."""
        after = max(previous_fire_time or now, now).astimezone(UTC)  # local times of an hour that comes twice are equal
        if self._next[0] != after:
            self._next = (after, next_slot(self._plan, after, self._calendar))
        return self._next[1]


class _Clock(TwistedScheduler):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler's own for Twisted, without its way through another thread: whatever wakes it here is on the reactor's."""

    def wakeup(self) -> None:
        """Run what is due, and wait for what comes next."""
        self._stop_timer()
        self._start_timer(self._process_jobs())


class Planner:
    """Opens the slots of all plans; all on the reactor's thread."""

    def __init__(
        self,
        plans: Mapping[str, TestPlan],
        calendar: Calendar,
        put: Callable[[Command, Callable[[Outcome], None]], None],
        last_slots: Callable[[], Deferred[Mapping[str, datetime]]],
        now: Callable[[], datetime],
        reactor: Any,
    ) -> None:
        """Wire it.

        Args:
            plans: by name.
            put: the ledger's inlet.
            last_slots: reads the newest slot that each plan's stream knows; a plan that never had one is absent.
            now: aware UTC.
        """
        self._plans, self._calendar, self._put, self._now, self._reactor = plans, calendar, put, now, reactor
        self._last_slots = last_slots
        self._opened: dict[str, datetime] = {}
        self._out: Counter[str] = Counter()
        self._behind: set[str] = set()
        self._stuck: set[str] = set()
        self._again_s: dict[str, float] = {}
        # that executor runs a job where the clock fires, on the reactor's thread; the usual one takes a thread of the pool
        self._clock = _Clock(reactor=reactor, timezone=calendar.zone, executors={"default": DebugExecutor()})
        self._clock.add_listener(_failed, EVENT_JOB_ERROR)
        self._starting: Any = None
        self._running = False

    def start(self) -> None:
        """Open what was due meanwhile, then each slot as it comes."""
        self._running = True
        self._read()

    def stop(self) -> None:
        """Open no more slots."""
        self._running = False
        if self._starting is not None and self._starting.active():
            self._starting.cancel()
        if self._clock.running:
            self._clock.shutdown(wait=False)

    def _read(self) -> None:
        reading = self._last_slots()
        reading.addCallbacks(self._begin, self._unread).addErrback(
            lambda failure: log.critical("test plans can't begin: %s", failure.getTraceback())
        )

    def _unread(self, failure: Any) -> None:
        log.error("test plans can't be read: %s; trying again", failure.value)
        if self._running:
            self._starting = self._reactor.callLater(AGAIN_S, self._read)

    def _begin(self, last: Mapping[str, datetime]) -> None:
        if not self._running:
            return
        now = self._now()
        for name, plan in self._plans.items():
            since = last.get(name, now)
            if since < now - BACK:
                log.warning("test plan %s: slots before the last %d days are not recorded as missed", name, BACK.days)
            self._opened[name] = max(since, now - BACK)
            self._clock.add_job(
                self._open, Slots(plan, self._calendar), (name,), coalesce=True, misfire_grace_time=None, max_instances=1
            )
        self._clock.start()
        for name in self._plans:  # after the clock has drawn its first slots, so that none comes in between
            self._open(name)

    def _open(self, name: str) -> None:
        """Open all slots of a plan that have come since the last look."""
        now, plan = self._now(), self._plans[name]
        if name in self._stuck or not self._running:
            return
        self._behind.discard(name)
        for at in slots(plan, self._opened[name], now, self._calendar):
            if self._out[name] >= AT_ONCE:
                self._behind.add(name)
                return
            self._opened[name] = at
            self._out[name] += 1
            attempt = attempt_id(name, at)
            self._tell(name, OpenSlot(stream=plan.stream, id=f"slot:{attempt}", attempt=attempt, planned_at=at))
            if name in self._stuck:
                return

    def _tell(self, name: str, command: OpenSlot) -> None:
        def done(outcome: Outcome) -> None:
            self._out[name] -= 1
            if isinstance(outcome.error, StorageError):
                self._hold(name, command.planned_at)
                return
            self._again_s.pop(name, None)
            if outcome.error is not None:
                log.error("slot %s can't be opened: %s", command.attempt, outcome.error)
            if name in self._behind and self._out[name] < AT_ONCE // 2:
                self._open(name)

        self._put(command, done)

    def _hold(self, name: str, at: datetime) -> None:
        """A slot could not be stored: it comes again, and whatever comes after it in its order waits for it.

        What a plan's stream knows last is where the next process goes on, so nothing before that may be left to memory alone.
        """
        self._opened[name] = min(self._opened[name], at - timedelta(microseconds=1))
        if name not in self._stuck:
            self._stuck.add(name)
            again_s = self._again_s[name] = min(self._again_s.get(name, AGAIN_S / 2) * 2, AGAIN_MOST_S)
            self._reactor.callLater(again_s, self._go_on, name)

    def _go_on(self, name: str) -> None:
        self._stuck.discard(name)
        self._open(name)


def _failed(event: JobExecutionEvent) -> None:
    log.error("the clock of test plans failed: %s\n%s", event.exception, event.traceback)
