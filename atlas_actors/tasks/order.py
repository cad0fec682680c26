"""Pure: which of the tasks that are ready begins next."""

from collections.abc import Iterable
from heapq import nsmallest
from typing import Final

from atlas_actors.store import Row

PRIORITIES: Final = {"low": 0, "normal": 1, "high": 2, "urgent": 3}
URGENT: Final = PRIORITIES["urgent"]


def first_of(heads: Iterable[Row], count: int, now_ms: int, ageing_ms: float) -> list[Row]:
    """The `count` to begin: by priority, then due time, then id.

    `heads` hold the longest due of each priority, `count` of each. Who has waited for `ageing_ms`
    counts as one priority higher, up to urgent: behind a stream of others nobody waits for ever.
    """
    return nsmallest(count, heads, key=lambda row: _rank(row, now_ms, ageing_ms))


def _rank(row: Row, now_ms: int, ageing_ms: float) -> tuple[int, int, str]:
    steps = int(max(0, now_ms - row["due_ms"]) // ageing_ms)
    return -min(URGENT, row["priority"] + steps), row["due_ms"], row["id"]
