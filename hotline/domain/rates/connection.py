"""The connection rates of test calls: two of them, never one, and ASR beside them.

| Rate | Numerator | Denominator | Target |
|---|---|---|---|
| network | answered, busy, rings out, rejected, unreachable (NER type, ITU-T E.425 §1.5) | valid attempts | by relation |
| system | answered and the greeting recognised | valid attempts | 0.99 |
| asr | answered (ITU-T E.425 §1.3) | valid attempts | none |

ASR's seizures are taken to be the valid attempts: without a channel nothing was seized, and a number that does not exist says
as little of the route here as in the other rates. So one denominator holds for all three, and network >= asr >= system always.
The third connection rate, that of agents, is of callers and not of test calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hotline.domain.rates.endings import ANSWERED, HOTLINE_GOOD, NETWORK_GOOD, VALID, Ending
from hotline.domain.rates.intervals import Rate

NETWORK_FLOORS = {"local": 0.90, "national": 0.85, "between": 0.80}
"""Floors of the network rate by how the two ends lie. Source: 3G service norm (trial) 2009."""
SYSTEM_TARGET = 0.99
"""Of the hotline. Source: China Unicom's rules for service providers, in force 1 Apr 2007."""


def rates(
    counts: Mapping[str, int], *, network: float = NETWORK_FLOORS["local"], system: float = SYSTEM_TARGET
) -> tuple[Rate, Rate, Rate]:
    """The rates of so many endings.

    Args:
        counts: attempts by ending; one that is not named has none, one that no `Ending` names is no valid attempt.
        network, system: what is demanded of these two, 0..1.
    Returns: network, system, asr.
    Raises: ValueError (caller's fault) for counts that cannot be.
    """
    negative = sorted(ending for ending, calls in counts.items() if calls < 0)
    if negative:
        raise ValueError(f"{negative[0]}: fewer than no calls")
    valid = _sum(counts, VALID)
    return (
        Rate.of("network", _sum(counts, NETWORK_GOOD), valid, network),
        Rate.of("system", _sum(counts, HOTLINE_GOOD), valid, system),
        Rate.of("asr", _sum(counts, ANSWERED), valid),
    )


def excluded(counts: Mapping[str, int]) -> dict[str, int]:
    """Attempts that no rate counts, by ending; with the valid ones they make all attempts.

    The endings of EXCLUDED are always there; one that no `Ending` names, of a newer version perhaps, only where it has calls.
    """
    never = [str(ending) for ending in Ending if ending not in VALID]
    unknown = [ending for ending in counts if ending not in frozenset(Ending)]
    return {ending: counts.get(ending, 0) for ending in (*never, *unknown)}


def _sum(counts: Mapping[str, int], of: Collection[Ending]) -> int:
    return sum(calls for ending, calls in counts.items() if ending in of)
