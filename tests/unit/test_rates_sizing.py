"""When the next test call is wanted, and what it costs to look after every call. Simulations have fixed seeds."""

from bisect import bisect_left

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from hotline.domain.rates.intervals import Verdict, needed, verdict
from hotline.domain.rates.sizing import interval_s, settled, to_settle

TARGET, HOURS, FLOOR, CEILING = 0.99, 10, 12, 120
MOST = HOURS * CEILING
PLAN = {"target": TARGET, "floor_per_hour": FLOOR, "ceiling_per_hour": CEILING}


def day(generator, share_good):
    """One day of an adaptive plan: how it was settled, and its calls."""
    good = calls = 0
    now_s = 0.0
    while (wait_s := interval_s(good, calls, left_s=HOURS * 3600 - now_s, **PLAN)) is not None:
        now_s += wait_s
        if now_s > HOURS * 3600 + 1e-6:
            break
        good, calls = good + (generator.random() < share_good), calls + 1
    return settled(good, calls, TARGET), calls


def flat(right, share_good, share_of_days):
    """Calls of the smallest plan that dials a fixed number, looks once, and finds the right verdict on so many days (exact)."""
    for calls in range(35, 5_000):
        bad = numpy.arange(calls // 5 + 1)
        hits = numpy.array([verdict(calls - int(number), calls, TARGET) is right for number in bad])
        if binom.pmf(bad, calls, 1 - share_good)[hits].sum() >= share_of_days:
            return calls
    raise AssertionError("no flat plan is as good")


@pytest.mark.parametrize(
    ("share_good", "right", "about"), [(0.999, Verdict.PASS, 490), (0.97, Verdict.FAIL, 305), (0.90, Verdict.FAIL, 29)]
)
def test_an_adaptive_plan_needs_fewer_calls_than_a_flat_one_that_is_right_as_often(share_good, right, about):
    generator = numpy.random.default_rng(21)
    found = [day(generator, share_good) for _ in range(200)]
    mean = sum(calls for _, calls in found) / len(found)
    share = sum(so is right for so, _ in found) / len(found)
    assert share > 0.9
    assert mean == pytest.approx(about, rel=0.02)
    assert mean < 0.75 * flat(right, share_good, min(share, 0.99))


def test_at_the_target_the_plan_goes_on_and_finds_no_false_verdict():
    generator = numpy.random.default_rng(12)
    found = [day(generator, TARGET) for _ in range(40)]
    assert 900 < sum(calls for _, calls in found) / len(found) <= MOST
    assert sum(so is Verdict.NOT_ENOUGH for so, _ in found) >= 36


def looked_at_after_every_call(judge, share_good, days, seed):
    """Shares of days of MOST calls on which the first verdict is pass, and fail."""
    quickest = numpy.array([first(judge, bad, {Verdict.PASS}) for bad in range(151)])
    slowest = numpy.array([first(judge, bad, {Verdict.PASS, Verdict.NOT_ENOUGH}) - 1 for bad in range(151)])
    bad = numpy.cumsum(numpy.random.default_rng(seed).random((days, MOST)) >= share_good, axis=1).clip(max=150)
    calls = numpy.arange(1, MOST + 1)
    passed, failed = calls >= quickest[bad], calls <= slowest[bad]
    at = (passed | failed).argmax(axis=1), numpy.arange(days)
    return passed[at[1], at[0]].mean(), failed[at[1], at[0]].mean()


def first(judge, bad, verdicts):
    """The fewest calls, up to MOST + 1, so many of them bad, that bring one of the verdicts; more good calls then keep it."""
    calls = range(max(bad, 1), MOST + 1)
    return calls.start + bisect_left(calls, True, key=lambda number: judge(number - bad, number, TARGET) in verdicts)


def test_looking_after_every_call_makes_the_interval_alone_err_and_the_plan_not():
    alone = [looked_at_after_every_call(verdict, rate, 4_000, 13) for rate in (0.999, 0.99, 0.9899)]
    plan = [looked_at_after_every_call(settled, rate, 4_000, 13) for rate in (0.999, 0.99, 0.9899)]
    assert alone[0][1] == pytest.approx(0.018, abs=0.006)
    assert alone[1][1] == pytest.approx(0.32, abs=0.03)
    assert alone[2][0] == pytest.approx(0.058, abs=0.012)
    assert plan[0][1] < 0.002
    assert plan[1][1] < 0.05
    assert plan[2][0] < 0.05
    assert plan[0][0] > 0.97, "and it still finds the right verdict"


@pytest.mark.parametrize(("target", "calls"), [(0.99, 381), (0.98, 189), (0.95, 73), (0.90, 35), (0.85, 22), (0.80, 16)])
def test_a_clean_day_ends_with_wilsons_number(target, calls):
    assert to_settle(0, 0, target) == needed(0, 0, target) == calls
    assert settled(calls, calls, target) is Verdict.PASS
    assert settled(calls - 1, calls - 1, target) is Verdict.NOT_ENOUGH


def test_one_bad_call_among_the_first_settles_nothing():
    assert verdict(9, 10, TARGET) is Verdict.FAIL
    assert settled(9, 10, TARGET) is Verdict.NOT_ENOUGH
    assert settled(10, 13, TARGET) is Verdict.FAIL


def test_very_many_calls_settle_it_either_way():
    assert settled(10**9, 10**9 + 10, TARGET) is Verdict.PASS
    assert settled(0, 10**6, TARGET) is Verdict.FAIL
    assert to_settle(10**6, 10**6, TARGET) == 0
    assert to_settle(0, 10**6, TARGET) is None


@given(
    st.integers(0, 3_000).flatmap(lambda calls: st.tuples(st.integers(0, calls), st.just(calls))),
    st.sampled_from([0.8, 0.9, 0.99]),
)
def test_what_is_settled_is_the_intervals_verdict_and_takes_as_many_calls_as_told(of, target):
    found, more = settled(*of, target), to_settle(*of, target)
    assert found in (Verdict.NOT_ENOUGH, verdict(*of, target))
    assert (found is Verdict.FAIL) == (more is None)
    assert (found is Verdict.PASS) == (more == 0)
    if more:
        assert settled(of[0] + more, of[1] + more, target) is Verdict.PASS
        assert settled(of[0] + more - 1, of[1] + more - 1, target) is not Verdict.PASS


def test_calls_are_spread_over_the_time_that_is_left():
    assert interval_s(0, 0, left_s=HOURS * 3600, **PLAN) == pytest.approx(HOURS * 3600 / (to_settle(0, 1, TARGET)))
    assert interval_s(0, 0, left_s=HOURS * 3600, **PLAN) < HOURS * 3600 / 381, "so a clean day ends before its deadline"
    assert interval_s(100, 100, left_s=HOURS * 3600, **PLAN) == pytest.approx(HOURS * 3600 / (679 - 101))
    assert interval_s(99, 100, left_s=HOURS * 3600, **PLAN) < interval_s(100, 100, left_s=HOURS * 3600, **PLAN)


def test_floor_and_ceiling():
    assert interval_s(380, 380, left_s=1e6, **PLAN) == 3600 / FLOOR
    assert interval_s(0, 0, left_s=600, **PLAN) == 3600 / CEILING
    assert interval_s(0, 0, left_s=0, **PLAN) == 3600 / FLOOR
    assert interval_s(0, 0, left_s=-1, **PLAN) == 3600 / FLOOR


def test_a_verdict_ends_it_except_in_an_alarm():
    for of in ((381, 381), (10, 20)):
        assert interval_s(*of, left_s=3600, **PLAN) is None
        assert interval_s(*of, left_s=3600, **PLAN, alarm=True) == 3600 / FLOOR
    assert interval_s(0, 0, left_s=36000, **PLAN, alarm=True) == interval_s(0, 0, left_s=36000, **PLAN)


@given(
    st.integers(0, 2_000).flatmap(lambda calls: st.tuples(st.integers(0, calls), st.just(calls))),
    st.floats(-1e5, 1e5),
    st.booleans(),
)
def test_never_above_the_ceiling_nor_below_the_floor(of, left_s, alarm):
    wanted = interval_s(*of, left_s=left_s, **PLAN, alarm=alarm)
    assert wanted is None or 3600 / CEILING <= wanted <= 3600 / FLOOR
    assert (wanted is None) == (settled(*of, TARGET) is not Verdict.NOT_ENOUGH and not alarm)


@pytest.mark.parametrize(("floor", "ceiling"), [(0, 10), (-1, 10), (20, 10)])
def test_limits_that_cannot_be(floor, ceiling):
    with pytest.raises(ValueError, match="calls an hour"):
        interval_s(0, 0, target=TARGET, left_s=1, floor_per_hour=floor, ceiling_per_hour=ceiling)
