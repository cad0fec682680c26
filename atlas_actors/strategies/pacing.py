"""Pure: how much a dollar weighs, so that today's budget lasts for today."""

from typing import Final

PACE: Final = 0.5  # what being twice as fast as the day adds to the weight
DAY_LEAST: Final = 0.1  # of the day: a morning's first request is not yet a pace
WEIGHT_MAX: Final = 5.0


def cost_weight(base: float, spent_share: float, day_share: float) -> float:
    """The weight of the price: as set while spending keeps the day's pace, more beyond it."""
    ahead = spent_share / max(day_share, DAY_LEAST) - 1
    return base + min(WEIGHT_MAX, PACE * max(0.0, ahead))
