"""The alarm: a hotline rate that drops is noticed within a few calls, and hardly ever when it has not dropped.

Theory of operation: a CUSUM (Page's) on good and bad calls. Each call moves a score by its log likelihood ratio of "90 % are
good" against "99 %": up by ln(0.10/0.01) for a bad one, down by ln(0.99/0.90) for a good one, never below 0. These are to each
other as 24.2 to 1, so scores are whole numbers: 24 up, 1 down. The chain of scores is then small and exact, and its mean run
lengths come from linear equations (Brook and Evans's way), not from simulation. The alarm is raised when the score reaches the
threshold, or by three bad calls in a row.

Once it is raised, the score runs the other way from 0: 1 up for a good call, 24 down for a bad one. At `recovery` the alarm ends.

| Calls a month | threshold | mean delay at 90 % | mean calls to a false alarm at 99 % | false alarms a month |
|---|---|---|---|---|
| 8,640 (12 an hour) | 73 | 48.4 | 35,337 | 0.24 |
| 11,430 (381 a day) | 77 | 50.6 | 49,039 | 0.23 |
| 43,200 (60 an hour) | 86 | 56.6 | 114,756 | 0.38 |
| 172,800 (240 an hour) | 91 | 60.1 | 191,121 | 0.90 |

The delay is that of the worst moment for a drop, with the score at 0. The threshold aims at one false alarm in four months, and
at 57 calls, so that there is room below the 60 that are demanded; where both cannot be had there are more false alarms, up to
one a month, and from 114,756 a month on a longer delay. Three bad calls in a row add at most one false alarm in 10⁶
calls, and shorten the delay a little. With fewer than 25 calls a month, one bad call is an alarm: at 99 % that, too, is one in
four months. The alarm ends after 45 calls if all are good, after 54.8 on the mean at 99 %; at 90 % it ends falsely once in
1,025 calls.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

IN_A_ROW = 3
"""Bad calls that are an alarm by themselves."""
_LARGEST = 1_000
"""Thresholds are sought below this; at 99 against 90 % it is far beyond any use."""


@dataclass(frozen=True, slots=True)
class Drop:
    """What is to be told apart: failures of 1 call, 0..1, `usual` and once the rate has dropped, `dropped`."""

    usual: float = 0.01
    dropped: float = 0.10

    @property
    def step(self) -> int:
        """How many good calls outweigh a bad one.

        Raises: ValueError (caller's fault) if nothing drops, or so little that whole steps are too coarse.
        """
        if not 0 < self.usual < self.dropped < 1:
            raise ValueError(f"from {self.usual} to {self.dropped}: failures grow when a rate drops, and are never none or all")
        step = round(math.log(self.dropped / self.usual) / math.log((1 - self.usual) / (1 - self.dropped)))
        if step < 2:
            raise ValueError(f"from {self.usual} to {self.dropped}: too many failures to count them in whole steps")
        return step


@dataclass(frozen=True, slots=True)
class Limits:
    """How a watch decides, made by `design`.

    Attributes:
        step: how much a bad call moves the score.
        threshold: score that raises the alarm.
        recovery: score, from 0 and the other way, that ends it.
        false_alarm_calls: calls to a false alarm, on the mean.
        delay_calls: calls from a drop to the alarm, on the mean, at worst.
        recovery_calls: calls from the repair to the end of the alarm, on the mean, at worst.
        false_recovery_calls: calls to the end of the alarm, on the mean, when nothing is repaired.
    """

    step: int
    threshold: int
    recovery: int
    false_alarm_calls: float
    delay_calls: float
    recovery_calls: float
    false_recovery_calls: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What must be kept of the calls so far.

    Attributes:
        score: towards the alarm, or towards its end while it is on.
        bad_in_a_row: calls that were bad since the last good one.
        alarm: the alarm is on.
    """

    score: int = 0
    bad_in_a_row: int = 0
    alarm: bool = False


def evolve(watch: Watch, good: bool, limits: Limits) -> Watch:
    """The watch after one more valid call. An alarm that begins or ends shows in `alarm`; scores then begin at 0."""
    bad_in_a_row = 0 if good else watch.bad_in_a_row + 1
    if watch.alarm:
        score = max(watch.score + (1 if good else -limits.step), 0)
        return Watch() if score >= limits.recovery else Watch(score, bad_in_a_row, alarm=True)
    score = max(watch.score + (-1 if good else limits.step), 0)
    if score >= limits.threshold or bad_in_a_row >= IN_A_ROW:
        return Watch(0, bad_in_a_row, alarm=True)
    return Watch(score, bad_in_a_row)


@lru_cache(maxsize=64)
def design(
    calls_per_month: int,
    *,
    drop: Drop = Drop(),
    false_alarms_per_month: float = 0.25,
    delay_calls: float = 57.0,
    false_recovery_calls: float = 1_000.0,
) -> Limits:
    """The quickest alarm that is seldom false.

    Args:
        calls_per_month: valid test calls in the watch, from 1.
        drop: what is to be noticed.
        false_alarms_per_month: aimed at, as far as the delay allows; above 0, at most 1.
        delay_calls: the longest mean delay. It gives way where it would cost more than one false alarm a month.
        false_recovery_calls: the fewest calls, on the mean, after which an alarm may end though nothing is repaired.
    Returns: the limits, with the figures that they reach.
    Raises: ValueError (caller's fault) if such an alarm cannot be; `Drop.step`'s.
    """
    if calls_per_month < 1 or not 0 < false_alarms_per_month <= 1:
        raise ValueError(f"{calls_per_month} calls and {false_alarms_per_month} false alarms a month: there is no such alarm")
    step = drop.step

    def fewest(calls: float, failing: float, mean: Callable[[float, int, int], float]) -> int:
        return bisect_left(range(1, _LARGEST), calls, key=lambda size: mean(failing, step, size)) + 1

    seldom = fewest(calls_per_month / false_alarms_per_month, drop.usual, alarm_calls)
    tolerable = fewest(calls_per_month, drop.usual, alarm_calls)
    slow = fewest(math.nextafter(delay_calls, math.inf), drop.dropped, alarm_calls)
    threshold = max(min(seldom, slow - 1), tolerable)
    recovery = fewest(false_recovery_calls, drop.dropped, recovery_calls)
    if max(threshold, recovery) >= _LARGEST:
        raise ValueError(
            f"from {drop.usual} to {drop.dropped}: too slight a drop to be told from chance in {calls_per_month} calls"
        )
    return Limits(
        step,
        threshold,
        recovery,
        false_alarm_calls=alarm_calls(drop.usual, step, threshold),
        delay_calls=alarm_calls(drop.dropped, step, threshold),
        recovery_calls=recovery_calls(drop.usual, step, recovery),
        false_recovery_calls=recovery_calls(drop.dropped, step, recovery),
    )


@lru_cache(maxsize=4096)
def alarm_calls(failing: float, step: int, threshold: int) -> float:
    """Calls until the score reaches the threshold, on the mean, from score 0, without the rule of three in a row.

    Let L(s) be that mean from score s: L(s) = 1 + (1 - failing) L(s - 1) + failing L(s + step), and 0 from the threshold on.
    From the top down, each equation gives L(s) = a + (1 - c) L(s - 1), where c is the chance of the alarm before the score
    falls by 1; at 0, where s - 1 is 0 too, it ends. a and c are sums of positive numbers, so no digits are lost.

    Args:
        failing: chance of a bad call, above 0, below 1.
        step: 2 or more.
        threshold: 1 or more.
    """
    lines: list[tuple[float, float]] = [(0.0, 1.0)] * threshold
    for score in range(threshold - 1, 0, -1):
        a, c = _chained(lines, score, step)
        share = 1 - failing + failing * c
        lines[score] = ((1 + failing * a) / share, failing * c / share)
    a, c = _chained(lines, 0, step)
    return (1 + failing * a) / (failing * c)


def _chained(lines: list[tuple[float, float]], score: int, step: int) -> tuple[float, float]:
    """L(score + step) as a + (1 - c) L(score)."""
    if score + step >= len(lines):
        return 0.0, 1.0
    a, c = 0.0, 0.0
    for above in range(score + step, score, -1):
        a, c = a + (1 - c) * lines[above][0], c + (1 - c) * lines[above][1]
    return a, c


@lru_cache(maxsize=4096)
def recovery_calls(failing: float, step: int, recovery: int) -> float:
    """Calls until the alarm ends, on the mean, from score 0.

    Let T(s) be the mean calls from score s to s + 1. A good call gets there; a bad one falls to s - step, or 0, and all must be
    climbed again: T(s) = (1 + failing (T(max(s - step, 0)) + ... + T(s - 1))) / (1 - failing).

    Args: as for `alarm_calls`.
    """
    climbs: list[float] = []
    for score in range(recovery):
        climbs.append((1 + failing * sum(climbs[max(score - step, 0) : score])) / (1 - failing))
    return sum(climbs)
