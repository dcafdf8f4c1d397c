"""The rates that are made of endings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.domain.rates.connection import NETWORK_FLOORS, excluded, rates
from hotline.domain.rates.endings import EXCLUDED, VALID, Ending
from hotline.domain.rates.intervals import Rate

some = st.dictionaries(st.sampled_from(Ending), st.integers(0, 10**7))
DAY = {
    Ending.ANSWERED_OK: 300,
    Ending.ANSWERED_WRONG_PROMPT: 2,
    Ending.ANSWERED_SILENT: 3,
    Ending.BUSY: 10,
    Ending.NO_ANSWER: 7,
    Ending.REJECTED: 1,
    Ending.UNREACHABLE: 4,
    Ending.CONGESTION: 20,
    Ending.PROTOCOL: 3,
    Ending.NUMBER: 5,
    Ending.OWN_FAULT: 6,
    Ending.MISSED: 2,
}


def test_a_day():
    network, system, asr = rates(DAY, network=NETWORK_FLOORS["national"])
    assert network == Rate.of("network", 327, 350, 0.85)
    assert system == Rate.of("system", 300, 350, 0.99)
    assert asr == Rate.of("asr", 305, 350)
    assert (network.verdict, system.verdict, asr.verdict) == ("pass", "fail", None)
    assert excluded(DAY) == {"number": 5, "own-fault": 6, "missed": 2}


def test_no_calls():
    assert [rate.rate for rate in rates({})] == [None] * 3
    assert excluded({}) == {"number": 0, "own-fault": 0, "missed": 0}


def test_targets_can_be_set():
    assert [rate.target for rate in rates(DAY, network=0.5, system=0.6)] == [0.5, 0.6, None]
    assert [rate.target for rate in rates(DAY)] == [0.90, 0.99, None]


def test_an_ending_of_a_newer_version_is_in_no_rate_but_is_shown():
    assert rates({**DAY, "abducted": 3}) == rates(DAY)
    assert excluded({**DAY, "abducted": 3}) == {**excluded(DAY), "abducted": 3}


def test_counts_that_cannot_be():
    with pytest.raises(ValueError, match="busy"):
        rates({Ending.BUSY: -1})


@given(some)
def test_network_is_never_below_asr_and_asr_never_below_system(counts):
    network, system, asr = rates(counts)
    assert network.numerator >= asr.numerator >= system.numerator
    assert network.denominator == asr.denominator == system.denominator


@given(some)
def test_each_attempt_is_counted_or_excluded(counts):
    valid = rates(counts)[0].denominator
    assert valid + sum(excluded(counts).values()) == sum(counts.values())
    assert set(excluded(counts)) == EXCLUDED


@given(some, st.sampled_from(sorted(EXCLUDED)), st.integers(0, 1000))
def test_own_faults_and_wrong_numbers_change_no_rate(counts, ending, calls):
    assert rates(counts) == rates({**counts, ending: calls})


@given(some, st.sampled_from(sorted(VALID)))
def test_each_other_ending_is_one_more_attempt(counts, ending):
    more = rates({**counts, ending: counts.get(ending, 0) + 1})
    assert more[1].denominator == rates(counts)[1].denominator + 1
