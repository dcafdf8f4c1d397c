"""The alarm: its figures by formula, and by simulation with fixed seeds."""

import itertools

import msgspec
import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hotline.domain.rates import sequential
from hotline.domain.rates.sequential import Drop, Watch, alarm_calls, design, evolve, recovery_calls

MONTHS = {8_640: (73, 48.4, 35_337), 11_430: (77, 50.6, 49_039), 43_200: (86, 56.6, 114_756), 172_800: (91, 60.1, 191_121)}


@pytest.fixture
def score_alone(monkeypatch):
    """Without the rule of three in a row."""
    monkeypatch.setattr(sequential, "IN_A_ROW", 10**9)


def calls(seed, share_good, number):
    return (numpy.random.default_rng(seed).random(number) < share_good).tolist()


def false_alarms(plan, seed, number):
    """Alarms that begin in so many calls of which 99 % are good; each ends by its own rule."""
    watch, begun = Watch(), 0
    for good in calls(seed, 0.99, number):
        before, watch = watch.alarm, evolve(watch, good, plan)
        begun += watch.alarm and not before
    return begun


def lengths(plan, seed, times, share_good, start):
    """Calls until the alarm changes, each time from `start`."""
    drawn = itertools.chain.from_iterable(calls([seed, block], share_good, 50_000) for block in itertools.count())
    found = []
    for _ in range(times):
        watch, length = start, 0
        while watch.alarm == start.alarm:
            watch, length = evolve(watch, next(drawn), plan), length + 1
        found.append(length)
    return numpy.array(found)


@pytest.mark.parametrize("month", MONTHS)
def test_figures_of_the_table(month):
    plan = design(month)
    threshold, delay, between = MONTHS[month]
    assert (plan.step, plan.threshold, round(plan.delay_calls, 1), round(plan.false_alarm_calls)) == (
        24,
        threshold,
        delay,
        between,
    )
    assert (plan.recovery, round(plan.recovery_calls, 1), round(plan.false_recovery_calls)) == (45, 54.8, 1_025)


@pytest.mark.parametrize("month", [8_640, 43_200])
def test_a_drop_is_found_within_60_calls(month, score_alone):
    found = lengths(design(month), 1, 6_000, 0.90, Watch())
    assert found.mean() <= 60
    assert found.mean() == pytest.approx(design(month).delay_calls, rel=0.04)


@pytest.mark.parametrize("month", [8_640, 43_200])
def test_a_drop_is_found_sooner_with_three_in_a_row(month):
    assert lengths(design(month), 1, 6_000, 0.90, Watch()).mean() <= 60


def test_false_alarms_are_at_most_one_a_month(score_alone):
    assert false_alarms(design(8_640), 2, 100 * 8_640) <= 100


def test_so_are_they_with_three_in_a_row():
    assert false_alarms(design(8_640), 2, 100 * 8_640) <= 100


def test_calls_to_a_false_alarm_are_as_by_formula(score_alone):
    plan = design(1_000)
    number = 1_200_000
    cycle = plan.false_alarm_calls + plan.recovery_calls
    assert false_alarms(plan, 3, number) == pytest.approx(number / cycle, rel=0.15)


def test_the_alarm_ends_as_by_formula():
    plan, on = design(8_640), Watch(alarm=True)
    assert lengths(plan, 4, 4_000, 0.99, on).mean() == pytest.approx(plan.recovery_calls, rel=0.04)
    assert lengths(plan, 5, 400, 0.90, on).mean() == pytest.approx(plan.false_recovery_calls, rel=0.15)
    assert lengths(plan, 6, 4, 1.0, on).tolist() == [45] * 4


def solved(failing, step, size, *, falling):
    """The same mean run lengths, from the equations of the whole chain."""
    chain = numpy.zeros((size, size))
    for score in range(size):
        for good, chance in ((True, 1 - failing), (False, failing)):
            up = good if falling else not good
            to = score + (1 if falling else step) if up else max(score - (step if falling else 1), 0)
            if to < size:
                chain[score, to] += chance
    return numpy.linalg.solve(numpy.eye(size) - chain, numpy.ones(size))[0]


@given(st.floats(0.01, 0.6), st.integers(2, 30), st.integers(1, 60))
def test_run_lengths_solve_the_equations_of_the_chain(failing, step, size):
    for found, falling in ((alarm_calls(failing, step, size), False), (recovery_calls(failing, step, size), True)):
        assume(found < 1e7)  # above, solving the whole chain loses digits
        assert found == pytest.approx(solved(failing, step, size, falling=falling), rel=1e-6)


def test_run_lengths_grow_beyond_all_use():
    assert 10**15 < alarm_calls(0.01, 24, 500) < alarm_calls(0.01, 24, 999)


def test_bad_calls_raise_the_alarm_once_and_good_ones_end_it():
    plan, watch, told = design(43_200), Watch(), []
    for good in [True] * 9 + [False] * 6 + [True] * 60:
        before, watch = watch, evolve(watch, good, plan)
        if before.alarm != watch.alarm:
            told.append((watch.alarm, watch))
    assert told == [(True, Watch(0, 3, alarm=True)), (False, Watch())]


def test_scattered_failures_raise_it_too():
    plan, watch = design(8_640), Watch()
    for good in [False, *[True] * 7, False, *[True] * 7, False]:
        watch = evolve(watch, good, plan)
    assert watch == Watch(3 * 24 - 14, 1)
    assert evolve(watch, False, plan).alarm


def test_a_failure_sets_recovery_back():
    plan, watch = design(8_640), Watch(40, 0, alarm=True)
    assert evolve(watch, False, plan) == Watch(16, 1, alarm=True)
    assert evolve(Watch(3, 1, alarm=True), False, plan) == Watch(0, 2, alarm=True)


def test_a_watch_can_be_stored():
    watch = Watch(48, 2, alarm=True)
    assert msgspec.json.decode(msgspec.json.encode(watch), type=Watch) == watch


@pytest.mark.parametrize("month", [1, 24, 100, 1_000])
def test_few_calls_a_month_still_make_an_alarm_that_is_seldom_false(month):
    plan = design(month)
    assert plan.false_alarm_calls >= 4 * month
    assert plan.delay_calls < 40


def test_another_drop():
    plan = design(1_000, drop=Drop(0.05, 0.30), delay_calls=40)
    assert (plan.step, plan.false_alarm_calls >= 4_000, plan.delay_calls <= 40) == (6, True, True)


def test_the_aim_gives_way_to_the_delay_and_the_delay_to_one_false_alarm_a_month():
    assert design(114_755).threshold == design(50_000).threshold == 86
    beyond = design(114_756)
    assert (beyond.threshold, beyond.false_alarm_calls >= 114_756, beyond.delay_calls > 57) == (87, True, True)
    assert design(518_400).false_alarm_calls >= 518_400, "one call in 5 s"


def test_too_slight_a_drop():
    with pytest.raises(ValueError, match="too slight"):
        design(1_000_000, drop=Drop(0.0010, 0.0011))


@pytest.mark.parametrize(("month", "false"), [(0, 0.5), (10, 0.0), (10, 1.5)])
def test_alarms_that_cannot_be(month, false):
    with pytest.raises(ValueError, match="no such alarm"):
        design(month, false_alarms_per_month=false)


@pytest.mark.parametrize("drop", [Drop(0.1, 0.1), Drop(0.2, 0.1), Drop(0.0, 0.1), Drop(0.1, 1.0), Drop(0.45, 0.6)])
def test_drops_that_cannot_be(drop):
    with pytest.raises(ValueError, match="from 0"):
        design(1_000, drop=drop)
