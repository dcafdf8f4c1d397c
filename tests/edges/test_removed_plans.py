"""Alarms of plans that are gone are closed, once, and those of others are left alone."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from hotline.domain.commands import Command
from hotline.domain.testcall_commands import CloseAlarm
from hotline.storage.store import StorageError
from hotline.testcalls.removed import AGAIN_S, RemovedPlans


def test_what_is_gone_is_closed_though_it_can_not_be_read_at_once() -> None:
    clock, commands = Clock(), list[Command]()
    answers: list[Deferred[Mapping[str, int]]] = [fail(StorageError("gone")), succeed({"old": 7, "daily": 9})]
    removed = RemovedPlans({"daily"}, lambda: answers.pop(0), lambda command, _then: commands.append(command), clock)
    removed.start()
    assert commands == []
    clock.advance(AGAIN_S)
    assert commands == [CloseAlarm(stream="plan:old", id="alarm:7:close")]
    assert clock.getDelayedCalls() == []


def test_after_the_stop_nothing_is_read_again() -> None:
    clock = Clock()
    removed = RemovedPlans((), lambda: fail(StorageError("gone")), lambda *_: None, clock)
    removed.start()
    removed.stop()
    assert clock.getDelayedCalls() == []
