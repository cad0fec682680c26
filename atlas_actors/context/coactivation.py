"""Which files are touched together: pairs, decayed like the files, and the lift that they give."""

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from atlas_actors.context.score import strength

# Pairs outlive the files' own presence: what belongs together does so for longer than it is hot.
PAIR_HALF_LIVES: Final = 8.0
TURNS_APART_MAX: Final = 2  # of one session; further apart says nothing
APART: Final = 0.5  # of a pair's weight, for each turn between the two
TOGETHER_MAX: Final = 30  # partners of one access: a sweep through everything binds nothing
PARTNERS_MAX: Final = 64  # that a file keeps
# What a file gains that always comes with one at hand, in reads just now; and what presence alone
# can never reach, so that a busy file does not hide what goes with the one in hand.
LIFT: Final = 10.0
# Turns of evidence at which a share is believed by half.
EVIDENCE_TURNS: Final = 0.5


@attrs.frozen(kw_only=True)
class Partner:
    """A file that is touched together with `of`; what is kept of the pair and of `of` alone."""

    id: int
    of: str
    pair: float
    alone: float


def pair_weight(turns_apart: int) -> float:
    """What it says that two files were touched so many turns apart in a session."""
    return float(APART**turns_apart)


def share(partner: Partner, clock: int, half_life: float) -> float:
    """How much of the turns with the one had the other too, from 0 to below 1."""
    long = half_life * PAIR_HALF_LIVES
    together, alone = strength(partner.pair, clock, long), strength(partner.alone, clock, long)
    return min(1.0, together / alone) * alone / (alone + EVIDENCE_TURNS) if alone else 0.0


def presence(strength: float) -> float:
    """A decayed count as part of a score: nearly itself when small, below LIFT however large."""
    return strength / (1 + strength / LIFT)


def lifts(
    partners: Iterable[Partner], clock: int, half_life: float
) -> Mapping[int, tuple[float, str]]:
    """By file: what it gains from the files at hand, and which of them says most.

    Shares of several are joined as independent causes: 1 - (1 - p)(1 - q).
    """
    found: dict[int, tuple[float, float, str]] = {}
    for partner in partners:
        part = share(partner, clock, half_life)
        joined, most, of = found.get(partner.id, (0.0, 0.0, ""))
        joined = 1 - (1 - joined) * (1 - part)
        found[partner.id] = (joined, part, partner.of) if part > most else (joined, most, of)
    return {id: (LIFT * joined, of) for id, (joined, _, of) in found.items()}
