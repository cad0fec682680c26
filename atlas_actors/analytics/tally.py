"""Pure: what the actions of a part came to, counted so that hours can be added up."""

import json
import math
from collections.abc import Iterable
from typing import Any, Final, Self

import attrs

from atlas_actors.intervals import wilson
from atlas_actors.messages.execution import Fault
from atlas_actors.messages.outcome import KeptOutcome

# A bin is 2^(1/4) wide, and its middle stands for it: a percentile is at most 9 % off.
BINS_PER_DOUBLING: Final = 4
TIMED_OUT: Final = "timed_out"
WAITED_S: Final = "waited_s"  # by those together: which limit was it that they met?
RETRIED, RETRY_HELPED, FULL = "retried", "retry_helped", "full"
OTHER: Final = "other"  # fault than those that we know
_FAULTS: Final = frozenset(map(str, Fault))
_RESULTS: Final = ("success", "partial", "failure")


@attrs.define
class Tally:
    """Counts of outcomes. `n` is all of them; what was the way's fault is in `infrastructure`
    alone. `faults` says which, and what else is counted; `latencies` counts by bin what answered.
    """

    n: int = 0
    success: int = 0
    partial: int = 0
    failure: int = 0
    infrastructure: int = 0
    cost_usd: float = 0.0
    faults: dict[str, int] = attrs.field(factory=dict)
    latencies: dict[int, int] = attrs.field(factory=dict)

    def count(self, outcome: KeptOutcome) -> None:
        """Add an outcome; an amendment moves one from what it was taken for."""
        if outcome.before is not None:
            self._amend(outcome)
            return
        self.n += 1
        self.cost_usd += outcome.cost_usd
        fault = fault_of(outcome)
        if fault:
            self.note(fault)
        if fault == TIMED_OUT:
            self.note(WAITED_S, round((outcome.duration_ms or 0) / 1000))
        if outcome.infrastructure:
            self.infrastructure += 1
            return
        self._move(outcome.result, 1)
        if outcome.duration_ms is not None and fault != TIMED_OUT:
            bin = bin_of(outcome.duration_ms)
            self.latencies[bin] = self.latencies.get(bin, 0) + 1

    def note(self, what: str, times: int = 1) -> None:
        """Count something beside the results."""
        self.faults[what] = self.faults.get(what, 0) + times

    def add(self, other: "Tally") -> Self:
        """Take in the counts of another; ours."""
        for name in ("n", *_RESULTS, "infrastructure", "cost_usd"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for what, times in other.faults.items():
            self.note(what, times)
        for bin, times in other.latencies.items():
            self.latencies[bin] = self.latencies.get(bin, 0) + times
        return self

    def without(self, part: "Tally") -> "Tally":
        """What is left when a part that is in it is taken out."""
        rest = Tally().add(self)
        for name in ("n", *_RESULTS, "infrastructure", "cost_usd"):
            setattr(rest, name, max(0, getattr(self, name) - getattr(part, name)))
        for bin, times in part.latencies.items():
            rest.latencies[bin] = rest.latencies.get(bin, 0) - times
        for what, times in part.faults.items():
            rest.faults[what] = rest.faults.get(what, 0) - times
        return rest

    @property
    def judged(self) -> int:
        """Of how many the result says something about quality."""
        return max(0, self.success) + max(0, self.partial) + max(0, self.failure)

    @property
    def good(self) -> int:
        """How many of those succeeded."""
        return max(0, self.success)

    @property
    def rate(self) -> float | None:
        """Success among those; None without any."""
        return self.good / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of that rate."""
        return wilson(self.good, self.judged)

    def fault_share(self, *faults: str) -> float:
        """How often one of these, of all."""
        return sum(self.faults.get(fault, 0) for fault in faults) / self.n if self.n else 0.0

    def percentile_ms(self, share: float) -> float | None:
        """The duration that this share of those that answered does not exceed."""
        bins = sorted((bin, times) for bin, times in self.latencies.items() if times > 0)
        wanted, seen = share * sum(times for _, times in bins), 0
        for bin, times in bins:
            seen += times
            if seen >= wanted:
                return middle_ms(bin)
        return None

    @property
    def timed(self) -> int:
        """How many durations it knows."""
        return sum(times for times in self.latencies.values() if times > 0)

    def to_json(self) -> str:
        """As a column holds it."""
        return json.dumps(attrs.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Tally":
        """Of a column."""
        fields: dict[str, Any] = json.loads(text)
        latencies = {int(bin): times for bin, times in fields.pop("latencies").items()}
        return cls(**fields, latencies=latencies)

    def _amend(self, outcome: KeptOutcome) -> None:
        if not outcome.infrastructure and outcome.before in _RESULTS:
            self._move(outcome.before, -1)
            self._move(outcome.result, 1)

    def _move(self, result: str, by: int) -> None:
        setattr(self, result, getattr(self, result) + by)


def fault_of(outcome: KeptOutcome) -> str:
    """Why an attempt was not answered, as it says; "" for none. What had no time left of its own
    before it began was not waited for."""
    end, fault = outcome.context.get("end"), outcome.context.get("fault")
    if end == TIMED_OUT and fault != "task":
        return TIMED_OUT
    if not fault:
        return ""
    return str(fault) if str(fault) in _FAULTS else OTHER


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole


def bin_of(duration_ms: float) -> int:
    """The bin of a duration; 0 holds all up to 1 ms."""
    return max(0, math.ceil(BINS_PER_DOUBLING * math.log2(max(1.0, duration_ms))))


def middle_ms(bin: int) -> float:
    """What stands for a bin."""
    return 1.0 if bin == 0 else float(2.0 ** ((bin - 0.5) / BINS_PER_DOUBLING))
