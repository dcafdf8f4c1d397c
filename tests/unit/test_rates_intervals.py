"""Intervals, verdicts and calls still needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from hotline.domain.rates.intervals import Rate, Verdict, needed, verdict, wilson

counts = st.integers(1, 2_000_000).flatmap(lambda calls: st.tuples(st.integers(0, calls), st.just(calls)))


@given(counts)
def test_interval_is_the_references(of):
    low, high = wilson(*of)
    reference = binomtest(*of).proportion_ci(0.95, method="wilson")
    assert low == pytest.approx(reference.low, abs=1e-9)
    assert high == pytest.approx(reference.high, abs=1e-9)
    assert 0 <= low <= of[0] / of[1] <= high <= 1


@pytest.mark.parametrize("calls", [1, 2, 3, 10, 50, 381, 10_000])
def test_every_interval_of_a_few_calls_is_the_references(calls):
    for good in range(0, calls + 1, max(1, calls // 100)):
        reference = binomtest(good, calls).proportion_ci(0.95, method="wilson")
        assert wilson(good, calls) == pytest.approx((reference.low, reference.high), abs=1e-9)


@pytest.mark.parametrize(
    ("of", "percent"), [((10, 10), (72.2, 100)), ((50, 50), (92.9, 100)), ((99, 100), (94.6, 99.8)), ((0, 10), (0, 27.8))]
)
def test_known_intervals(of, percent):
    assert [round(100 * end, 1) for end in wilson(*of)] == list(percent)


def test_ends_are_exact():
    assert wilson(0, 7)[0] == 0.0
    assert wilson(7, 7)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("calls", [10**6, 10**12, 9_975_542_898_924_666, 21_263_180_477_632_440, 10**18])
@pytest.mark.parametrize("bad", [1, 2, 50])
def test_the_rate_of_however_many_calls_lies_within_its_interval(calls, bad):
    for good in (bad, calls - bad):
        low, high = wilson(good, calls)
        assert 0 <= low <= good / calls <= high <= 1


@pytest.mark.parametrize("of", [(-1, 3), (4, 3), (0, -1)])
def test_counts_that_cannot_be(of):
    with pytest.raises(ValueError, match="numerator"):
        wilson(*of)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.5, 99.0, float("nan")])
def test_targets_that_no_calls_show(target):
    with pytest.raises(ValueError, match="above 0, below 1"):
        verdict(1, 1, target)


@pytest.mark.parametrize(("target", "calls"), [(0.99, 381), (0.98, 189), (0.95, 73), (0.90, 35)])
def test_calls_needed_from_nothing(target, calls):
    assert needed(0, 0, target) == calls
    assert needed(calls - 1, calls - 1, target) == 1
    assert needed(calls, calls, target) == 0


def test_needed_after_failures():
    assert needed(99, 100, 0.99) == 463  # 562 of 563
    assert wilson(561, 562)[0] < 0.99 <= wilson(562, 563)[0]
    assert needed(80, 100, 0.99) is None


@given(counts, st.floats(0.01, 0.999))
def test_needed_is_the_fewest(of, target):
    more = needed(*of, target)
    found = verdict(*of, target)
    assert (more is None) == (found is Verdict.FAIL)
    assert (more == 0) == (found is Verdict.PASS)
    if more:
        assert verdict(of[0] + more, of[1] + more, target) is Verdict.PASS
        assert verdict(of[0] + more - 1, of[1] + more - 1, target) is not Verdict.PASS


@pytest.mark.parametrize(
    ("of", "found"),
    [((381, 381), "pass"), ((380, 380), "not-enough"), ((0, 0), "not-enough"), ((96, 100), "fail"), ((98, 100), "not-enough")],
)
def test_verdicts_and_their_names(of, found):
    assert verdict(*of, 0.99) == found


def test_a_rate_carries_all_that_is_shown():
    rate = Rate.of("system", 99, 100, 0.99)
    assert (rate.name, rate.numerator, rate.denominator, rate.rate, rate.target) == ("system", 99, 100, 0.99, 0.99)
    assert (rate.low, rate.high) == wilson(99, 100)
    assert (rate.verdict, rate.needed) == ("not-enough", 463)


def test_a_rate_without_calls_or_target():
    assert Rate.of("asr", 0, 0) == Rate("asr", 0, 0, None, 0.0, 1.0, None, None, None)
    assert Rate.of("agent", 0, 0, 0.8) == Rate("agent", 0, 0, None, 0.0, 1.0, 0.8, Verdict.NOT_ENOUGH, 16)
