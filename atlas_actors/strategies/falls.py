"""Pure: has a provider fallen everywhere at once? Its newest trials of all contexts together."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import attrs

WINDOW: Final = 24  # newest trials of a provider, whatever their context
TRIALS_LEAST: Final = 4
LIKELIHOOD: Final = 11.0  # nats, over all of them
ELSEWHERE: Final = 4.0  # nats that are left without the context that says most
RATE_LEAST: Final = 0.03  # rates are taken to be this far from 0 and 1


@attrs.frozen(kw_only=True)
class Fall:
    """What was expected of the trials since it fell, and what they came to."""

    before: float
    now: float
    likelihood: float
    choices: frozenset[int]


def seen_of(choice: int, expected: float, x: int, weight: float, context: str) -> list[Any]:
    """One trial as it is kept."""
    return [choice, expected, x, weight, context]


def fall_of(seen: Sequence[Sequence[Any]]) -> Fall | None:
    """The likeliest fall within these trials, oldest first, when there is clearly one in more
    than one context."""
    found = None
    passed = weighed = expected = 0.0
    by_context: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for count, (_, mean, x, weight, context) in enumerate(reversed(seen), 1):
        rate = min(1 - RATE_LEAST, max(RATE_LEAST, mean))
        passed, weighed, expected = passed + weight * x, weighed + weight, expected + weight * mean
        told = by_context[context]
        told[0] += weight * x
        told[1] += weight
        told[2] += weight * (math.log(rate) if x else math.log(1 - rate))
        if x or count < TRIALS_LEAST or len(by_context) < 2:
            continue  # a fall begins with a failure
        now = (passed + 0.5) / (weighed + 1)
        likelihood, elsewhere = _likelihood(now, by_context.values())
        if likelihood < LIKELIHOOD or elsewhere < ELSEWHERE or now > expected / weighed:
            continue
        if found is None or likelihood > found.likelihood:
            choices = frozenset(trial[0] for trial in seen[-count:])
            found = Fall(before=expected / weighed, now=now, likelihood=likelihood, choices=choices)
    return found


def _likelihood(now: float, told: Any) -> tuple[float, float]:
    """How much better `now` explains the trials than what was expected: all, and without the
    context that says most."""
    parts = [
        passed * math.log(now) + (weighed - passed) * math.log(1 - now) - before
        for passed, weighed, before in told
    ]
    return sum(parts), sum(parts) - max(parts)
