"""Percentiles by nearest rank, and the limits of post-dial delay."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.domain.rates.percentiles import FIXED_TO_MOBILE, MOBILE_TO_FIXED, MOBILE_TO_MOBILE, Times, times


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 5)), max_size=40))
def test_as_the_reference_says(counted):
    found = times(counted)
    spread = [ms for ms, calls in counted for _ in range(calls)]
    if not spread:
        assert found is None
        return
    p50, p95 = numpy.percentile(spread, [50, 95], method="inverted_cdf")
    assert found == Times(len(spread), pytest.approx(numpy.mean(spread)), p50, p95, max(spread))


def test_few_calls():
    assert times([]) is None
    assert times([(7, 0)]) is None
    assert times([(412, 1)]) == Times(1, 412.0, 412, 412, 412)
    assert times([(400, 19), (9_000, 1)]) == Times(20, 830.0, 400, 400, 9_000)
    assert times([(9_000, 2), (400, 18), (12_000, 0)]) == Times(20, 1_260.0, 400, 9_000, 9_000)


def test_fewer_than_no_calls():
    with pytest.raises(ValueError, match="fewer"):
        times([(1, 2), (2, -1)])


def test_what_the_norm_allows():
    assert [(limit.mean_ms, limit.max_ms) for limit in (FIXED_TO_MOBILE, MOBILE_TO_FIXED, MOBILE_TO_MOBILE)] == [
        (9_000, 16_000),
        (9_000, 12_500),
        (10_300, 19_000),
    ]
    assert MOBILE_TO_FIXED.met(Times(1, 9_000.0, 9_000, 9_000, 12_500))
    assert not MOBILE_TO_FIXED.met(Times(1, 9_000.1, 9_000, 9_000, 12_500))
    assert not MOBILE_TO_FIXED.met(Times(1, 9_000.0, 9_000, 9_000, 12_501))
