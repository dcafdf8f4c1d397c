"""The clock of test plans: each slot is opened, also those that were due while nobody looked, and what can't be stored again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.testing import MemoryReactorClock

from hotline.batch import Outcome
from hotline.domain.calendar import Calendar
from hotline.domain.commands import Command
from hotline.domain.errors import TestCallRefused
from hotline.domain.slots import slots
from hotline.domain.testcall_commands import OpenSlot
from hotline.storage.store import StorageError
from hotline.testcalls.planner import AT_ONCE, BACK, Planner, Slots
from tests.kit.plans import SHANGHAI, START, plan

DAILY = plan(calls_per_hour=60)
OTHER = plan(name="other", calls_per_hour=6)


class Reactor(MemoryReactorClock):
    """One thread, which is the reactor's."""

    def callFromThread(self, function: Callable[..., object], *args: object, **kwargs: object) -> None:
        """Run it with the next turn."""
        self.callLater(0, function, *args, **kwargs)


class World:
    """A planner whose clock is set by hand, and what it tells the ledger. APScheduler's own clock is the machine's."""

    def __init__(self, last: Mapping[str, datetime] | None = None, unread: int = 0) -> None:
        self.now = START
        self.opened: list[OpenSlot] = []
        self.outcomes: list[Outcome] = []
        self.hold, self.held = False, list[Callable[[Outcome], None]]()
        self.reactor = Reactor()
        self._last, self._unread = last or {}, unread
        plans = {each.name: each for each in (DAILY, OTHER)}
        self.planner = Planner(plans, SHANGHAI, self._put, self._slots, lambda: self.now, self.reactor)

    def _slots(self) -> Deferred[Mapping[str, datetime]]:
        self._unread -= 1
        return fail(StorageError("gone")) if self._unread >= 0 else succeed(self._last)

    def _put(self, command: Command, done: Callable[[Outcome], None]) -> None:
        assert isinstance(command, OpenSlot)
        self.opened.append(command)
        if self.hold:
            self.held.append(done)
        else:
            done(self.outcomes.pop(0) if self.outcomes else Outcome())

    def tick(self, name: str = "daily", **span: float) -> list[datetime]:
        """Time passes and the clock fires; returns the slots that were opened."""
        self.now += timedelta(**span)
        before = len(self.opened)
        self.planner._open(name)
        return [each.planned_at for each in self.opened[before:]]


def due(since: datetime, until: datetime, name: str = "daily") -> list[datetime]:
    return list(slots(DAILY if name == "daily" else OTHER, since, until, SHANGHAI))


@pytest.fixture
def world() -> World:
    found = World()
    found.planner.start()
    return found


def test_a_plan_that_is_new_begins_now(world: World) -> None:
    assert world.opened == []
    assert world.tick(minutes=10) == due(START, world.now)
    assert len({each.id for each in world.opened}) == len(world.opened) == len(due(START, world.now))


def test_each_slot_is_opened_once_however_often_the_clock_fires(world: World) -> None:
    for _ in range(100):
        world.tick(seconds=17)
    assert [each.planned_at for each in world.opened] == due(START, world.now)


def test_a_clock_that_stood_still_opens_all_that_was_due(world: World) -> None:
    assert world.tick(hours=3) == due(START, START + timedelta(hours=3))


def test_what_was_due_while_no_process_ran_is_opened_at_the_start() -> None:
    since = START - timedelta(hours=2)
    world = World({"daily": since})
    world.planner.start()
    assert [each.planned_at for each in world.opened] == due(since, START)


def test_after_a_down_time_the_ledger_is_not_flooded() -> None:
    world = World({"daily": START - timedelta(hours=20)})
    world.hold = True
    world.planner.start()
    assert len(world.opened) == AT_ONCE
    while world.held:
        world.held.pop(0)(Outcome())
        assert len(world.held) <= AT_ONCE
    assert [each.planned_at for each in world.opened] == due(START - timedelta(hours=20), START)


def test_a_very_long_down_time_is_recorded_as_far_as_it_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    world = World({"other": START - timedelta(days=400)})
    world.planner.start()
    assert [each.planned_at for each in world.opened] == due(START - BACK, START, "other")
    assert "not recorded as missed" in caplog.text


def test_the_plans_are_read_again_when_they_could_not_be() -> None:
    world = World({"daily": START - timedelta(hours=1)}, unread=2)
    world.planner.start()
    world.reactor.advance(1)
    assert world.opened == []
    world.reactor.advance(1)
    assert len(world.opened) == 60


def test_a_slot_that_could_not_be_stored_is_opened_again(world: World) -> None:
    world.outcomes = [Outcome(StorageError("disk full")), Outcome(StorageError("disk full"))]
    [at] = world.tick(seconds=(due(START, START + timedelta(minutes=2))[0] - START).total_seconds())
    world.reactor.advance(1)
    world.reactor.advance(2)
    world.reactor.advance(30)
    assert [each.planned_at for each in world.opened] == [at] * 3


def test_a_slot_that_is_refused_is_named_and_not_tried_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.outcomes = [Outcome(TestCallRefused("no such plan"))]
    world.tick(minutes=1)
    world.reactor.advance(60)
    assert "no such plan" in caplog.text
    assert len(world.opened) == len(due(START, world.now))


def test_after_the_stop_no_slot_is_opened(world: World) -> None:
    world.outcomes = [Outcome(StorageError("disk full"))]
    world.tick(minutes=1)
    before = len(world.opened)
    world.planner.stop()
    world.reactor.advance(60)
    assert len(world.opened) == before


def test_the_trigger_draws_the_next_slot() -> None:
    trigger = Slots(DAILY, SHANGHAI)
    first = trigger.get_next_fire_time(None, START)
    assert first == due(START, START + timedelta(minutes=2))[0]
    assert trigger.get_next_fire_time(first, START) == due(START, START + timedelta(minutes=3))[1]
    late = START + timedelta(hours=1)
    assert trigger.get_next_fire_time(first, late) == due(late, late + timedelta(minutes=2))[0]


def test_the_trigger_of_a_plan_without_days() -> None:
    worked = Calendar(ZoneInfo("Asia/Shanghai"), working_days=frozenset(START.date() + timedelta(days=n) for n in range(-2, 90)))
    assert Slots(plan(days="off"), worked).get_next_fire_time(None, datetime(2026, 11, 25, tzinfo=UTC)) is None


def test_what_could_not_be_stored_comes_before_what_is_due_later(world: World) -> None:
    """The newest slot that a plan's stream knows says where the next process goes on: none before it may be missing."""
    world.outcomes = [Outcome(StorageError("disk full"))]
    [first, second] = due(START, START + timedelta(minutes=3))[:2]
    world.tick(seconds=(first - START).total_seconds())
    assert world.tick(seconds=(second - first).total_seconds()) == []
    world.reactor.advance(30)
    assert [each.planned_at for each in world.opened] == [first, first, second]
    third = due(second, second + timedelta(minutes=3))[0]
    assert world.tick(seconds=(third - second).total_seconds()) == [third]


def test_slots_that_were_out_with_one_that_failed_come_again_in_order(world: World) -> None:
    world.hold = True
    world.tick(minutes=3)
    before = [each.planned_at for each in world.opened]
    held, world.held = world.held, []
    held[0](Outcome())
    held[1](Outcome(StorageError("full")))
    held[2](Outcome())
    world.hold = False
    world.reactor.advance(30)
    assert [each.planned_at for each in world.opened[3:]] == before[1:]


def test_a_slot_that_comes_while_the_clock_is_wound_up_is_not_left_to_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """APScheduler draws the next slot when it starts: what came between our look and that would wait for the slot after it."""
    world = World({"daily": START - timedelta(seconds=1)})
    looked: list[bool] = []
    opening = world.planner._open

    def look(name: str) -> None:
        looked.append(world.planner._clock.running)
        opening(name)

    monkeypatch.setattr(world.planner, "_open", look)
    world.planner.start()
    assert looked == [True, True]
