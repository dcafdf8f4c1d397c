"""How many test calls a question needs, and when the next one is wanted.

A plan asks "is the rate at least the target, shown by the deadline?". Its rules:

1. A verdict that is in ends it: no more calls, except at the floor while an alarm is on, whose end could not be seen without
   them.
2. Else the calls that would make it "pass" if one more of them failed are spread evenly over the time that is left. So a clean
   day ends early, and a failure, which makes them more, makes calls come faster while the interval straddles the target: never
   above the ceiling, never below the floor.
3. After the deadline, or when the ceiling cannot do it in time, calls go on: at the floor and at the ceiling.

**Looking after every call.** A 95 % interval that is looked at once is wrong on each side in 2.5 % of days; one that is looked
at after every call, until it says something, far more often. In 20,000 simulated days of at most 1,200 calls, target 0.99:

| True rate | interval alone: pass, fail | `settled`: pass, fail | calls a day: alone, `settled` |
|---|---|---|---|
| 0.999 | 98.1 %, **1.8 %** | 98.2 %, **0.0 %** | 450, 510 |
| 0.995 | 52.7 %, **10.8 %** | 32.6 %, **0.3 %** | 805, 1,013 |
| 0.99 | 6.1 %, **32.3 %** | 3.0 %, **2.3 %** | 827, 1,158 |
| 0.9899 | **5.8 %**, 33.0 % | **2.8 %**, 2.4 % | 824, 1,158 |
| 0.97 | 0 %, 100 % | 0 %, 99.3 % | 96, 318 |
| 0.90 | 0 %, 100 % | 0 %, 100 % | 12, 31 |

False verdicts are bold. The interval alone fails on one bad call among the first 17, which happens on every sixth day at 99 %.

So "in" asks for more than Wilson's interval. Beside it there must be 20 to 1 against the other answer: a likelihood ratio,
mixed over several alternatives that are fixed beforehand. If the rate is on the other side, such a ratio reaches 20 on at most
1 of 20 days, however often one looks (Ville's inequality); so a plan's false pass, and its false fail, stay below 5 %. The
alternatives are chosen such that a clean day still ends with Wilson's number: 381 calls for 0.99. The price is calls, and more
days without a verdict where the rate is near the target. All of this holds as long as calls are alike through the day: a rate
that changes in it is the alarm's matter.

**Against a flat plan**, which dials a fixed number of calls, looks once, and must be sized before the rate is known. Adaptive:
200 simulated days of ten hours, 12 to 120 calls an hour. Flat: the smallest number that is right as often, exact by the
binomial distribution. A flat plan of 381 is right on 68 % of days at 0.999, and on 89 % at 0.97.

| True rate | adaptive: right verdict, calls a day | flat: calls a day |
|---|---|---|
| 0.999 | 96 %, 490 | 726 |
| 0.97 | 99.5 %, 305 | 889 |
| 0.90 | 100 %, 29 | 85 for 99 % |
| 0.99 | none to be found, 1,063 | none to be found |
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from hotline.domain.rates.intervals import Verdict, verdict

AGAINST = 20.0
"""How much likelier the calls must be under the answer than under its contrary: 5 % of false answers at most."""
_BETTER = ((0.0, 0.40), (0.2, 0.35), (0.5, 0.25))
_WORSE = ((2.0, 0.20), (4.0, 0.20), (8.0, 0.20), (16.0, 0.20), (64.0, 0.20))
"""Alternatives to a rate at the target: odds of a failure, as a multiple of those at the target, and their weight."""


def settled(numerator: int, denominator: int, target: float) -> Verdict:
    """The verdict on which a plan may end, though it looked after every call.

    Where it is not NOT_ENOUGH, it is `intervals.verdict`'s; that one alone may come earlier.

    Args: as for `intervals.verdict`.
    Raises: ValueError (caller's fault), as `intervals.verdict` does.
    """
    so_far = verdict(numerator, denominator, target)
    if so_far is Verdict.NOT_ENOUGH:
        return so_far
    alternatives = _BETTER if so_far is Verdict.PASS else _WORSE
    enough = _likelier(numerator, denominator - numerator, target, alternatives) >= AGAINST
    return so_far if enough else Verdict.NOT_ENOUGH


def _likelier(good: int, bad: int, target: float, alternatives: Sequence[tuple[float, float]]) -> float:
    """How much likelier the calls are under the alternatives than at the target; inf above the largest float."""
    ratio = 0.0
    for times, weight in alternatives:
        odds = times * (1 - target) / target
        failing = odds / (1 + odds)
        if failing or not bad:
            log = good * math.log((1 - failing) / target) + (bad * math.log(failing / (1 - target)) if bad else 0.0)
            ratio += weight * math.exp(min(log, 700.0))
    return ratio


@lru_cache(maxsize=65_536)
def to_settle(numerator: int, denominator: int, target: float) -> int | None:
    """How many more calls, all of them good, settle it as "pass".

    Returns: 0 where it is settled so; None where it is settled as "fail".
    Raises: ValueError (caller's fault), as `settled` does.
    """
    so_far = settled(numerator, denominator, target)
    if so_far is not Verdict.NOT_ENOUGH:
        return 0 if so_far is Verdict.PASS else None
    most = 1
    while settled(numerator + most, denominator + most, target) is not Verdict.PASS:
        most *= 2
    return bisect_left(range(most), True, key=lambda more: settled(numerator + more, denominator + more, target) is Verdict.PASS)


def interval_s(
    numerator: int,
    denominator: int,
    *,
    target: float,
    left_s: float,
    floor_per_hour: float,
    ceiling_per_hour: float,
    alarm: bool = False,
) -> float | None:
    """Seconds from one test call to the next that are wanted now; a slot is dialled if the last call is at least as long ago.

    Args:
        numerator, denominator: good and valid calls of the plan today.
        target: 0..1, without either.
        left_s: seconds to the deadline; 0 or less after it.
        floor_per_hour, ceiling_per_hour: fewest and most calls an hour while there is no verdict; above 0, in this order.
        alarm: an alarm on these calls is on.
    Returns: between 3600/ceiling and 3600/floor; None when no more calls are wanted.
    Raises: ValueError (caller's fault) for limits and counts that cannot be.
    """
    if not 0 < floor_per_hour <= ceiling_per_hour:
        raise ValueError(f"{floor_per_hour:g} to {ceiling_per_hour:g} calls an hour: the floor is above 0, and no higher")
    slowest, fastest = 3600 / floor_per_hour, 3600 / ceiling_per_hour
    wanted = to_settle(numerator, denominator, target)
    if not wanted:
        return slowest if alarm else None
    if left_s <= 0:
        return slowest
    with_one_more_failure = to_settle(numerator, denominator + 1, target) or wanted
    return min(max(left_s / with_one_more_failure, fastest), slowest)
