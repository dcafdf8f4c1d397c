"""Staff are told once when a plan measures nothing any more, and when it does again; alarms of the rate are another matter."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hotline.domain import testcall_events as te
from tests.kit.plans import START, plan, plans_desk
from tests.unit.test_domain_testplans import call, events, open_slot, subject, weigh


@pytest.mark.parametrize("ending", ["own-fault", "missed", "number"])
def test_attempts_that_say_nothing_for_too_long_are_told_of_once(ending: str) -> None:
    at = subject()
    call(at)
    for _ in range(5):  # the first at minute 3, the fifth at minute 15: 12 minutes
        call(at, ending)
    assert events(at, te.MeasuringStopped) == []
    for _ in range(9):
        call(at, ending)
    [stopped] = events(at, te.MeasuringStopped)
    assert stopped == te.MeasuringStopped("daily", "mobile", 6, START + timedelta(minutes=3))
    assert at.state.stopped
    assert (events(at, te.AlarmRaised), events(at, te.MeasuringResumed)) == ([], [])


def test_the_first_call_that_counts_ends_it_whatever_it_says() -> None:
    at = subject()
    for _ in range(8):
        call(at, "own-fault")
    row = next(i for i, event, _, _ in at.stored if isinstance(event, te.MeasuringStopped))
    call(at, "busy")
    assert events(at, te.MeasuringResumed) == [te.MeasuringResumed("daily", "mobile", row, START)]
    call(at)
    assert len(events(at, te.MeasuringResumed)) == 1
    for _ in range(8):
        call(at, "own-fault")
    assert len(events(at, te.MeasuringStopped)) == 2


def test_slots_that_nobody_dialled_count_too() -> None:
    at = subject()
    for _ in range(4):
        at.pass_time(minutes=6)
        open_slot(at, at.now - timedelta(minutes=2))
    [stopped] = events(at, te.MeasuringStopped)
    assert (stopped.attempts, stopped.since) == (4, START + timedelta(minutes=4))


def test_a_few_attempts_far_apart_are_not_enough() -> None:
    at = subject(desk=plans_desk(plan(), unmeasured_s=60))
    for _ in range(2):
        call(at, "own-fault")
        at.pass_time(minutes=60)
    assert events(at, te.MeasuringStopped) == []
    call(at, "own-fault")
    assert len(events(at, te.MeasuringStopped)) == 1


def test_what_a_person_asks_for_and_the_second_route_stop_nothing() -> None:
    at = subject(second_route="unicom")
    for _ in range(3):
        call(at, "busy")
    second = [event.attempt for event in events(at, te.TestCallPlanned) if event.source == "second-route"]
    at.pass_time(minutes=30)
    for attempt in second:
        weigh(at, attempt, "own-fault")
    for _ in range(8):
        call(at, "own-fault", by="amy")
    assert events(at, te.MeasuringStopped) == []
    assert at.state.idle == 0
