"""Intervals for shares: how far an observed rate may be from the true one."""

import math
from typing import Final

Z_80: Final = 1.2816  # two-sided
Z_95: Final = 1.96
ENOUGH: Final = 10  # under so many nobody is told a share: there is not enough data


def wilson(right: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval for `right` of `n`; (0, 1) without data."""
    if n <= 0:
        return 0.0, 1.0
    share = right / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(max(0.0, share * (1 - share)) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)
