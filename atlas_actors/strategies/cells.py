"""Pure: what is known of one strategy in one context, and what is to be expected of it."""

from typing import Any, Final

import attrs

POOL_MASS: Final = 4.0  # of the offer's prior against the provider's record in other contexts
PRIOR_MASS: Final = 6.0  # of what is expected against the record in this context
WINDOW: Final = 20


@attrs.define
class Cell:
    """Counts of verified successes and failures since `epoch` began, and the newest of them."""

    successes: float = 0.0
    failures: float = 0.0
    epoch: int = 0  # times that it began anew
    recent: list[list[float]] = attrs.field(factory=list)  # [choice, x, weight], newest last

    @property
    def n(self) -> float:
        return self.successes + self.failures

    def to_json(self) -> list[Any]:
        return [self.successes, self.failures, self.epoch, self.recent]

    def count(self, choice: int, x: int, weight: float) -> None:
        """One more trial."""
        if x:
            self.successes += weight
        else:
            self.failures += weight
        self.recent.append([choice, x, weight])
        if len(self.recent) > WINDOW:
            del self.recent[0]

    def take_back(self, choice: int, x: int, weight: float) -> None:
        """That trial was not what it seemed; never below nothing."""
        if x:
            self.successes = max(0.0, self.successes - weight)
        else:
            self.failures = max(0.0, self.failures - weight)
        self.recent = [trial for trial in self.recent if trial[0] != choice]
