"""Pure: has the success rate of a cell changed? A likelihood ratio of its newest trials."""

import math
from typing import Final

import attrs

from atlas_actors.strategies.cells import FORGETS, WINDOW, Cell

LIKELIHOOD: Final = 7.0  # nats; in a world that stands still about 1 false alarm in 10,000 trials
RATE_LEAST: Final = 0.03  # rates are taken to be this far from 0 and 1
OLDER_LEAST: Final = 8.0  # trials before the window


@attrs.frozen(kw_only=True)
class Drift:
    """A change: the rate until the window, of so many trials, and in the window."""

    before: float
    trials: float
    now: float
    likelihood: float


def drift_of(cell: Cell) -> Drift | None:
    """The change in this cell, when there is clearly one."""
    if len(cell.recent) < WINDOW or cell.seen - cell.began < 2 * WINDOW:
        return None
    weight = sum(trial[2] for trial in cell.recent)
    now = sum(trial[1] * trial[2] for trial in cell.recent) / weight
    faded = [(trial[1], trial[2] * FORGETS**age) for age, trial in enumerate(cell.recent[::-1])]
    older = cell.n - sum(weight for _, weight in faded)
    if older < OLDER_LEAST:
        return None
    rate = (cell.successes - sum(x * weight for x, weight in faded) + 1) / (older + 2)
    likelihood = weight * _divergence(_inside(now), _inside(rate))
    if likelihood <= LIKELIHOOD:
        return None
    return Drift(before=rate, trials=older, now=now, likelihood=likelihood)


def _divergence(q: float, p: float) -> float:
    return q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))


def _inside(rate: float) -> float:
    return min(1 - RATE_LEAST, max(RATE_LEAST, rate))
