"""Pure: who is so clearly not the best that only a rare look at it is worth its price."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

NEAR: Final = 0.02  # of the best in worth
BENCH_BELOW: Final = 0.01  # chance of being near the best
RETURN_ABOVE: Final = 0.05
EVIDENCE_LEAST: Final = 30.0  # trials
PROBE_SHARE: Final = 0.01  # of an intent's choices that look at a benched one


@attrs.frozen(kw_only=True)
class Standing:
    """What a strategy is worth in one context, with its standard deviation and trials."""

    worth: float
    deviation: float
    n: float


def near_best(one: Standing, others: Sequence[Standing]) -> float:
    """The chance that it is at most NEAR below the best of the others; 1 without others."""
    if not others:
        return 1.0
    best = max(others, key=lambda other: other.worth)
    spread = math.hypot(one.deviation, best.deviation) or 1e-9
    return 0.5 * math.erfc((best.worth - NEAR - one.worth) / spread / math.sqrt(2))


def may_rest(chances: Mapping[str, float], evidence: Mapping[str, float]) -> bool:
    """Given the chance and the evidence in each band: is it time to bench it? It is, where there
    is enough evidence in one band and none that it may be good in another."""
    enough = any(n >= EVIDENCE_LEAST for n in evidence.values())
    known = [band for band, n in evidence.items() if n >= EVIDENCE_LEAST / 3]
    return enough and all(chances[band] < BENCH_BELOW for band in known)


def should_return(chances: Mapping[str, float], evidence: Mapping[str, float]) -> bool:
    """Has a benched one a chance again, in a band in which it is known?"""
    return any(chances[band] > RETURN_ABOVE for band, n in evidence.items() if n > 0)
