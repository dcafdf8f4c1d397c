"""hotline.clock: what is due is fired, whatever fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock as Time

from hotline.batch import Outcome
from hotline.clock import AGAIN_S, AT_ONCE, Clock, WakeRow, fire
from hotline.domain import commands as cmd
from hotline.domain.events import HelpGiven, OfferMade, WakeSet
from hotline.storage.store import StorageError
from tests.kit.edge import ANN

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def row(wake: int, event: Any = None) -> WakeRow:
    return wake, NOW, ANN, event or WakeSet(NOW, "charge", "10", 5, 0)


class Rig:
    """A clock on rows that go when they are carried out."""

    def __init__(self, *rows: WakeRow) -> None:
        self.time, self.rows = Time(), {each[0]: each for each in rows}
        self.put_: list[tuple[cmd.FireWake, Callable[[Any], None]]] = []
        self.fails: dict[int, Exception] = {}
        self.held = False
        self.limits: list[int] = []
        self.read: Callable[[], Deferred[Any]] = lambda: succeed(list(self.rows.values())[: self.limits[-1]])
        self.clock = Clock(self.due, self.put, lambda: NOW + timedelta(seconds=self.time.seconds()), self.time)
        self.clock.start()

    def due(self, by: datetime, limit: int) -> Deferred[Any]:
        assert by.tzinfo is UTC
        self.limits.append(limit)
        return self.read()

    def put(self, command: Any, done: Callable[[Any], None]) -> None:
        self.put_.append((command, done))
        if not self.held:
            self.carry_out()

    def carry_out(self) -> None:
        waiting, self.put_ = self.put_, []
        for command, done in waiting:
            error = self.fails.get(command.wake)
            if error is None:
                self.rows.pop(command.wake, None)
            done(Outcome(error))

    def pass_(self, seconds: int = 1) -> None:
        self.time.pump([1.0] * seconds)


def test_commands_of_wakes() -> None:
    command = fire(row(7))
    assert (command.id, command.wake, command.what, command.subject, command.of) == ("wake:7", 7, "charge", "10", 5)
    offer = fire(row(9, OfferMade("10", 500, NOW)))
    assert (offer.what, offer.subject, offer.of) == ("offer", "10", 9)
    with pytest.raises(TypeError):
        fire(row(1, HelpGiven()))


def test_what_is_due_is_fired_once_a_second() -> None:
    rig = Rig(row(1), row(2))
    assert rig.rows == {}
    rig.rows[3] = row(3)
    rig.pass_()
    assert rig.rows == {}


def test_the_next_look_waits_for_a_slow_ledger() -> None:
    """The same rows again each second would fill its queue."""
    rig = Rig()
    rig.held = True
    rig.rows[1] = row(1)
    rig.pass_(30)
    assert len(rig.put_) == 1
    rig.carry_out()
    rig.rows[2] = row(2)
    rig.pass_()
    assert [command.wake for command, _ in rig.put_] == [2]


def test_what_can_not_be_stored_is_fired_again() -> None:
    rig = Rig()
    rig.fails[1] = StorageError("disk full")
    rig.rows[1] = row(1)
    rig.pass_(3)
    assert list(rig.rows) == [1]
    rig.fails.clear()
    rig.pass_()
    assert rig.rows == {}


def test_a_wake_that_fails_keeps_no_others_and_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(row(2, HelpGiven()))
    rig.fails[1] = KeyError("bug")
    rig.rows |= {1: row(1), 3: row(3)}
    with caplog.at_level(logging.ERROR):
        rig.pass_(100)
    assert sorted(rig.rows) == [1, 2]
    assert len(caplog.records) == 2, "each once"
    assert rig.limits[-1] == AT_ONCE + 2, "so many failing rows can't crowd out the others"
    rig.fails.clear()
    rig.time.advance(AGAIN_S)
    rig.pass_(2)
    assert sorted(rig.rows) == [2]


def test_the_database_is_away(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    good = rig.read

    def bad() -> Deferred[Any]:
        failed: Deferred[Any] = Deferred()
        failed.errback(StorageError("gone"))
        return failed

    rig.read = bad
    rig.pass_(10)
    assert len(caplog.records) == 1
    rig.read = good
    rig.rows[1] = row(1)
    rig.pass_()
    assert rig.rows == {}


def test_stopping() -> None:
    rig = Rig()
    rig.clock.stop()
    rig.clock.stop()
    assert rig.time.getDelayedCalls() == []
    held = Rig()
    held.held = True
    held.rows[1] = row(1)
    held.pass_()
    held.clock.stop()
    held.carry_out()
    assert held.time.getDelayedCalls() == []
