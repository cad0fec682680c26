"""Pure but for its own count: which executors have been silent for too long.

An executor with attempts reports every few seconds. What is counted are our own looks at it, not
time: a machine that slept, or a process that was stopped, has missed none.
"""

from collections.abc import Iterable
from typing import Final

LOOK_S: Final = 5.0
LOOKS_MAX: Final = 12  # a minute; a stuck event loop is ended long after its attempts' idle time


class Leases:
    """Looks since each executor was last heard of."""

    def __init__(self) -> None:
        self._looks: dict[str, int] = {}

    def heard(self, name: str) -> None:
        """It is there."""
        self._looks.pop(name, None)

    def look(self, busy: Iterable[str]) -> list[str]:
        """One more look at those that have attempts: who has been silent for too long."""
        self._looks = {name: self._looks.get(name, 0) + 1 for name in set(busy)}
        return [name for name, looks in self._looks.items() if looks > LOOKS_MAX]
