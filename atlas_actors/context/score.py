"""How present a file is: decayed counts of accesses, in log space so that decay rewrites nothing.

An access of weight w at turn t adds exp(t·ln 2/h) · w to a sum whose logarithm is kept; `h` is the
half-life in turns. Divided by exp(now·ln 2/h), that sum is the decayed count at any later turn,
and two files compare by what is kept alone, whatever the turn.
"""

import math
from typing import Final

from atlas_actors.messages.context import AccessKind

# Of one access, where a read is 1. An edit says most of what the next turns are about; a search
# merely lists.
WEIGHTS: Final[dict[AccessKind, float]] = {"edit": 2.0, "test": 1.2, "read": 1.0, "search": 0.3}
# The same file of the same turn again says less each time: a file is read in pieces.
AGAIN: Final = 0.25


def raised(kept: float | None, weight: float, clock: int, half_life: float) -> float:
    """What is kept after an access of this weight at turn `clock`; `kept` is None at first."""
    added = math.log(weight) + now(clock, half_life)
    return added if kept is None else joined(kept, added)


def joined(one: float, other: float) -> float:
    """What is kept of two sums together: the logarithm of the sum of what both stand for."""
    high, low = max(one, other), min(one, other)
    return high + math.log1p(math.exp(low - high))


def now(clock: int, half_life: float) -> float:
    """What an access of weight 1 at this turn is worth."""
    return clock * math.log(2) / half_life


def strength(kept: float, clock: int, half_life: float) -> float:
    """The decayed count at this turn: one read just now is 1."""
    return math.exp(min(700.0, kept - now(clock, half_life)))


def weight(kind: AccessKind, again: bool) -> float:
    """Of one access; `again`: this file was touched in this turn already."""
    return WEIGHTS[kind] * (AGAIN if again else 1.0)
