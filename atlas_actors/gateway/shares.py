"""Pure: a share as the socket shows it, with how far the true one may be from it."""

from typing import Any

from atlas_actors.intervals import ENOUGH, wilson


def share_of(right: float, n: float) -> dict[str, Any]:
    """`right` of `n` with Wilson's 95 % interval; `enough` says whether it is one to go by."""
    low, high = wilson(right, n)
    return {
        "rate": round(right / n, 4) if n > 0 else None,
        "low": round(low, 4),
        "high": round(high, 4),
        "enough": n >= ENOUGH,
    }
