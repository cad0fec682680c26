"""Named places where a test lets the process die by SIGKILL: `ATLAS_FAIL=point:n[,point:n]`.

The n-th passing of a point kills; without the variable a passing costs one look at an empty
dictionary.
"""

import os
import signal
import threading
from collections.abc import Mapping
from typing import Final

from atlas_actors.errors import SettingsError

VARIABLE: Final = "ATLAS_FAIL"
# Every point and when it is passed.
POINTS: Final[Mapping[str, str]] = {
    "tasks.committed": "after a commit that accepted or ended work, before its answers",
    "tasks.claimed": "after the commit of a claim, before anybody hears of it",
    "tasks.planned": "after the commit of a plan for an attempt, before anybody hears of it",
    "memory.committed": "after a commit that stored or forgot memories, before its answers",
    "memory.indexing": "inside a transaction, after a memory's row, before it is indexed",
    "executor.answered": "after a provider's answer, before its end is told",
    "store.migrating": "inside a migration's transaction, before its stamp",
    "store.checkpoint": "while a checkpoint copies the WAL into the database",
}

_left: dict[str, int] = {}
_counting = threading.Lock()


def arm(environment: Mapping[str, str]) -> None:
    """Read the variable, replacing what was armed. Raises SettingsError on a strange value."""
    _left.clear()
    for item in filter(None, environment.get(VARIABLE, "").split(",")):
        point, _, count = item.strip().partition(":")
        if point not in POINTS or not (count.isascii() and count.isdigit() and int(count) > 0):
            raise SettingsError(
                f"{VARIABLE}: {item!r} is not POINT:N with N from 1",
                cure=f"the points are {', '.join(POINTS)}",
            )
        _left[point] = int(count)


def armed(point: str) -> bool:
    """Whether this point will kill."""
    return point in _left


def passing(point: str) -> None:
    """Die here, if it is the time."""
    if _left and last(point):
        os.kill(os.getpid(), signal.SIGKILL)


def last(point: str) -> bool:
    """Count a passing; whether it is the one that kills. For points that die in their own way."""
    with _counting:
        left = _left.get(point, 0) - 1
        if left < 0:
            return False
        _left[point] = left
        return left == 0
