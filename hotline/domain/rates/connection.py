"""The connection rates: three of them, never one, and ASR beside them.

| Rate | Numerator | Denominator | Target |
|---|---|---|---|
| network | answered, busy, rings out, rejected, unreachable (NER type, ITU-T E.425 §1.5) | valid attempts | by relation |
| system | answered and the greeting recognised | valid attempts | 0.99 |
| agent | answered by a person within T of asking | callers who asked for a person | 0.80 |
| asr | answered (ITU-T E.425 §1.3) | valid attempts | none |

ASR's seizures are taken to be the valid attempts: without a channel nothing was seized, and a number that does not exist says
as little of the route here as in the other rates. So one denominator holds for all three, and network >= asr >= system always.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hotline.domain.rates.endings import ANSWERED, EXCLUDED, HOTLINE_GOOD, NETWORK_GOOD, VALID, Ending
from hotline.domain.rates.intervals import Rate


class Relation(StrEnum):
    """Where a route leads; the floor of the network rate hangs on it."""

    LOCAL = "local"
    NATIONAL = "national"
    BETWEEN = "between"
    """From one operator's network into another's."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What each rate must reach, 0..1.

    Attributes:
        local, national, between: floors of the network rate (3G service norm, trial, 2009).
        system: of the hotline (China Unicom's rules for service providers, in force 1 Apr 2007).
        agent: answered by a person within 20 s (the same).
    """

    local: float = 0.90
    national: float = 0.85
    between: float = 0.80
    system: float = 0.99
    agent: float = 0.80

    def network(self, relation: Relation) -> float:
        """The floor of the network rate on a route."""
        return {Relation.LOCAL: self.local, Relation.NATIONAL: self.national, Relation.BETWEEN: self.between}[relation]


def rates(
    counts: Mapping[Ending, int],
    *,
    relation: Relation = Relation.LOCAL,
    agent: tuple[int, int] = (0, 0),
    targets: Targets = Targets(),
) -> tuple[Rate, Rate, Rate, Rate]:
    """The rates of so many endings.

    Args:
        counts: attempts by ending; one that is not named has none.
        relation: of the route, or of the least demanding one where several are counted together.
        agent: callers who were answered by a person in time, and all who asked for one.
        targets: what is demanded.
    Returns: network, system, agent, asr.
    Raises: ValueError (caller's fault) for counts that cannot be.
    """
    negative = sorted(ending for ending, calls in counts.items() if calls < 0)
    if negative:
        raise ValueError(f"{negative[0]}: fewer than no calls")
    valid = _sum(counts, VALID)
    return (
        Rate.of("network", _sum(counts, NETWORK_GOOD), valid, targets.network(relation)),
        Rate.of("system", _sum(counts, HOTLINE_GOOD), valid, targets.system),
        Rate.of("agent", *agent, targets.agent),
        Rate.of("asr", _sum(counts, ANSWERED), valid),
    )


def excluded(counts: Mapping[Ending, int]) -> dict[Ending, int]:
    """Attempts that no rate counts, by ending, each of EXCLUDED named; with the valid ones they make all attempts."""
    return {ending: counts.get(ending, 0) for ending in Ending if ending in EXCLUDED}


def _sum(counts: Mapping[Ending, int], of: Collection[Ending]) -> int:
    return sum(calls for ending, calls in counts.items() if ending in of)
