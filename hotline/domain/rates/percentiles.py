"""Times of calls in milliseconds: p50, p95 and the longest, and what the norm allows for post-dial delay.

Percentiles are by nearest rank: the p-th is the shortest time that at least p of 100 calls did not exceed. It is always a time
that a call really took, and needs no rule for what lies between two of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, in ms.

    Attributes:
        calls: how many were timed, at least 1.
        mean_ms: their mean.
        p50_ms, p95_ms: half, and 95 of 100, took no longer.
        max_ms: the longest.
    """

    calls: int
    mean_ms: float
    p50_ms: int
    p95_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest post-dial delay that is allowed, in ms: on the mean, and in any call."""

    mean_ms: int
    max_ms: int

    def met(self, times: Times) -> bool:
        """Whether both are kept."""
        return times.mean_ms <= self.mean_ms and times.max_ms <= self.max_ms


FIXED_TO_MOBILE = Limit(9_000, 16_000)
MOBILE_TO_FIXED = Limit(9_000, 12_500)
MOBILE_TO_MOBILE = Limit(10_300, 19_000)
"""Post-dial delay: 3G service norm (trial) 2009."""


def times(counted: Iterable[tuple[int, int]]) -> Times | None:
    """Sum up times.

    Args:
        counted: pairs of a time in ms and how many calls took it, in any order; a time may come twice.
    Returns: None without calls.
    Raises: ValueError (caller's fault) for fewer than no calls.
    """
    ordered = sorted(counted)
    if any(calls < 0 for _, calls in ordered):
        raise ValueError("fewer than no calls took some time")
    ordered = [(ms, calls) for ms, calls in ordered if calls]
    total = sum(calls for _, calls in ordered)
    if not total:
        return None
    mean = sum(ms * calls for ms, calls in ordered) / total
    return Times(total, mean, _nearest(ordered, total, 50), _nearest(ordered, total, 95), ordered[-1][0])


def _nearest(ordered: list[tuple[int, int]], total: int, percent: int) -> int:
    rank = -(-total * percent // 100)  # rounded up, in whole numbers
    seen = 0
    return next(ms for ms, calls in ordered if (seen := seen + calls) >= rank)
