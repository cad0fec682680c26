"""Pure: which strategies of an intent nobody beats in both success and cost."""

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Point:
    """What a strategy comes to: success 0 to 1, cost of one request, from so many trials."""

    success: float
    cost_usd: float
    n: float


def front(points: Mapping[str, Point]) -> frozenset[str]:
    """Those that no other one is at least as good as in both and better than in one."""
    return frozenset(
        name
        for name, point in points.items()
        if not any(_beats(other, point) for other in points.values())
    )


def _beats(one: Point, other: Point) -> bool:
    no_worse = one.success >= other.success and one.cost_usd <= other.cost_usd
    return no_worse and (one.success > other.success or one.cost_usd < other.cost_usd)
