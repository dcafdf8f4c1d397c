"""How sure a rate is: the Wilson score interval, the verdict against a target, and the calls still needed.

A rate of few calls says little: 10 of 10 is anything from 72.2 % to 100 %. So each rate carries the interval that holds the
true rate in 95 of 100 cases, and a verdict only where that interval lies on one side of the target.

Source: Wilson's score interval, without continuity correction; tests hold it against scipy's.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

CONFIDENCE = 0.95
"""Of every interval, two-sided: 2.5 % on each side."""
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


class Verdict(StrEnum):
    """What an interval says of a target; the values are those on the wire."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NOT_ENOUGH = "not-enough"


def wilson(numerator: int, denominator: int) -> tuple[float, float]:
    """The 95 % interval of a rate.

    Args:
        numerator: calls that count as good, 0 to `denominator`.
        denominator: all calls, from 0.
    Returns: lowest and highest rate, 0..1; (0, 1) without calls.
    Raises: ValueError (caller's fault) for counts that cannot be.
    """
    if not 0 <= numerator <= denominator:
        raise ValueError(f"{numerator} of {denominator}: a numerator lies between 0 and its denominator")
    if denominator == 0:
        return 0.0, 1.0
    rate, weight = numerator / denominator, _Z * _Z / denominator
    middle = rate + weight / 2
    half = math.sqrt(weight * (rate * (1 - rate) + weight / 4))
    # at the ends the formula is 0 or 1 exactly, and the rate lies between its ends; floats miss both by a hair
    low = 0.0 if numerator == 0 else min((middle - half) / (1 + weight), rate)
    high = 1.0 if numerator == denominator else max((middle + half) / (1 + weight), rate)
    return low, min(high, 1.0)


def verdict(numerator: int, denominator: int, target: float) -> Verdict:
    """What so many good calls say of a target, between 0 and 1 without either. Raises: ValueError (caller's fault)."""
    if not 0 < target < 1:
        raise ValueError(f"{target}: no number of calls can show such a rate; allowed: above 0, below 1")
    low, high = wilson(numerator, denominator)
    if low >= target:
        return Verdict.PASS
    return Verdict.FAIL if high < target else Verdict.NOT_ENOUGH


def needed(numerator: int, denominator: int, target: float) -> int | None:
    """How many more calls, all of them good, make the verdict "pass".

    From nothing: 381 for 0.99, 189 for 0.98, 73 for 0.95, 35 for 0.90.

    Args: as for `verdict`.
    Returns: 0 where it is "pass" already; None where it is "fail".
    Raises: ValueError (caller's fault), as `verdict` does.
    """
    so_far = verdict(numerator, denominator, target)
    if so_far is not Verdict.NOT_ENOUGH:
        return 0 if so_far is Verdict.PASS else None
    return bisect_left(
        range(_enough(denominator - numerator, target)), True, key=lambda more: _passes(numerator, denominator, target, more)
    )


def _passes(numerator: int, denominator: int, target: float, more: int) -> bool:
    return wilson(numerator + more, denominator + more)[0] >= target


def _enough(bad: int, target: float) -> int:
    """Calls in all, `bad` of them not good, that certainly make it "pass".

    low >= target is n (1 - target) - bad >= z sqrt(n target (1 - target)), a square equation in sqrt(n).
    """
    spread = _Z * math.sqrt(target * (1 - target))
    root = (spread + math.sqrt(spread * spread + 4 * (1 - target) * bad)) / (2 * (1 - target))
    return math.ceil(root * root) + 2  # two more than the equation says: its rounding


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate with all that must be shown beside it.

    Attributes:
        name: "network", "system", "agent" or "asr".
        numerator, denominator: calls.
        rate: 0..1; None without calls.
        low, high: its 95 % Wilson interval, 0..1.
        target: what it must reach, 0..1; None where nothing is demanded, and then there is no verdict.
        verdict: what the interval says of the target.
        needed: more calls, all good, until it is "pass"; None where it is "fail", or without a target.
    """

    name: str
    numerator: int
    denominator: int
    rate: float | None
    low: float
    high: float
    target: float | None
    verdict: Verdict | None
    needed: int | None

    @classmethod
    def of(cls, name: str, numerator: int, denominator: int, target: float | None = None) -> Rate:
        """Make one of counts. Raises: ValueError (caller's fault), as `wilson` and `verdict` do."""
        low, high = wilson(numerator, denominator)
        return cls(
            name,
            numerator,
            denominator,
            numerator / denominator if denominator else None,
            low,
            high,
            target,
            None if target is None else verdict(numerator, denominator, target),
            None if target is None else needed(numerator, denominator, target),
        )
