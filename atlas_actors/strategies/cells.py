"""Pure: what is known of one strategy in one context, and what is to be expected of it."""

import math
from typing import Any, Final

import attrs

POOL_MASS: Final = 4.0  # of the prior against the provider's record in other contexts
PRIOR_MASS: Final = 6.0  # of what is expected against the record in this context
CHILD_MASS: Final = 4.0  # of what its parent came to, for a child
WINDOW: Final = 20  # newest trials that are compared with the ones before
FORGETS: Final = 0.998  # each trial of a cell counts so much after the next one
IDLE_FORGETS: Final = 0.9993  # and so much after each trial of another one of its context
SHARPNESS: Final = 3.0  # draws are made from so many times the evidence: less wandering


@attrs.define
class Cell:
    """Weights of verified successes and failures since it last began anew, older ones fading."""

    successes: float = 0.0
    failures: float = 0.0
    seen: int = 0  # trials ever
    began: int = 0  # `seen` when it began anew
    drifts: int = 0
    drift_at_ms: int | None = None
    recent: list[list[float]] = attrs.field(factory=list)  # [choice, x, weight], newest last
    alone: bool = False  # what was known elsewhere of the provider is not trusted either

    @property
    def n(self) -> float:
        """How much evidence there is, in trials."""
        return self.successes + self.failures

    @property
    def mean(self) -> float:
        """Laplace's estimate of the success rate."""
        return (self.successes + 1) / (self.n + 2)

    def count(self, choice: int, x: int, weight: float) -> None:
        """One more trial."""
        self.successes = self.successes * FORGETS + weight * x
        self.failures = self.failures * FORGETS + weight * (1 - x)
        self.seen += 1
        self.recent.append([choice, x, weight])
        if len(self.recent) > WINDOW:
            del self.recent[0]

    def recount(self, choice: int, at: int, was: tuple[int, float], now: tuple[int, float]) -> None:
        """The trial that was counted as number `at` was another: (x, weight) before and now.

        Of one from before the cell began anew nothing is left.
        """
        if at <= self.began:
            return
        faded = FORGETS ** (self.seen - at)
        for (x, weight), sign in ((was, -1), (now, 1)):
            self.successes = max(0.0, self.successes + sign * weight * x * faded)
            self.failures = max(0.0, self.failures + sign * weight * (1 - x) * faded)
        for trial in self.recent:
            if trial[0] == choice:
                trial[1:] = now

    def begin_anew(self, at_ms: int, since: frozenset[int] | None = None) -> None:
        """Only the newest trials are still true, of these only the choices `since`."""
        if since is not None:
            self.recent = [trial for trial in self.recent if trial[0] in since]
        weights = [(x, weight) for _, x, weight in self.recent]
        self.successes = sum(weight * x for x, weight in weights)
        self.failures = sum(weight * (1 - x) for x, weight in weights)
        self.began = self.seen - len(self.recent)
        self.drifts += 1
        self.drift_at_ms = at_ms

    def forget(self, *, alone: bool) -> None:
        """Another one of this context has fallen: this is looked at as if for the first time."""
        self.successes = self.failures = 0.0
        self.began = self.seen
        self.recent = []
        self.alone = alone

    def fade(self) -> None:
        """Somebody else was asked meanwhile."""
        self.successes *= IDLE_FORGETS
        self.failures *= IDLE_FORGETS

    def to_json(self) -> list[Any]:
        return list(attrs.astuple(self))


@attrs.frozen
class Belief:
    """A Beta posterior of the success rate."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    @property
    def deviation(self) -> float:
        n = self.a + self.b
        return math.sqrt(self.a * self.b / (n + 1)) / n


def belief(cell: Cell | None, pool: tuple[float, float], prior: float) -> Belief:
    """What is to be expected: the cell's record, on top of the record of the same provider in
    other contexts (`pool`: successes, failures), on top of the prior."""
    successes, failures = pool
    mean = (successes + POOL_MASS * prior) / (successes + failures + POOL_MASS)
    return _with_mass(cell, mean, PRIOR_MASS)


def belief_of_child(cell: Cell | None, parents_mean: float) -> Belief:
    """What is to be expected of a child: what its parent came to, and its own record."""
    return _with_mass(cell, parents_mean, CHILD_MASS)


def _with_mass(cell: Cell | None, mean: float, mass: float) -> Belief:
    successes, failures = (cell.successes, cell.failures) if cell is not None else (0.0, 0.0)
    return Belief(successes + mass * mean, failures + mass * (1 - mean))
