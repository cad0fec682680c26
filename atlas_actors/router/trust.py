"""Which rules may answer: each has a record of being right and wrong, and a lower bound to hold.

What was measured in training is a rule's prior, worth PRIOR_WEIGHT decisions at most, so that a
person's corrections are heard; agreement with a confident Layer 2 counts a tenth of a correction.
"""

from collections.abc import Mapping
from typing import Final

import attrs

from atlas_actors.intervals import Z_80, wilson

PRIOR_WEIGHT: Final = 40.0
AUTHOR_RIGHT: Final = 10.0  # what an author's care is worth before anything was measured
AUTHOR_WRONG: Final = 0.5
ANSWERS_FROM: Final = 0.8  # the lower bound of a rule that may answer
LAYER2_WEIGHT: Final = 0.1
LAYER2_SURE: Final = 0.9  # a Layer 2 less sure than this is no witness


@attrs.frozen(kw_only=True)
class Record:
    """How often a rule was right and wrong; parts of one count are possible."""

    right: float = 0.0
    wrong: float = 0.0

    @property
    def mean(self) -> float:
        """The share of right decisions."""
        return self.right / (self.right + self.wrong)

    @property
    def lower(self) -> float:
        """The lower end of Wilson's 80 % interval."""
        return wilson(self.right, self.right + self.wrong, Z_80)[0]

    def plus(self, other: "Record") -> "Record":
        """Both together."""
        return Record(right=self.right + other.right, wrong=self.wrong + other.wrong)


@attrs.frozen
class Trust:
    """The records of all rules: what training says (right, wrong), and what was lived."""

    trained: Mapping[str, tuple[float, float]]
    lived: Mapping[str, Record] = attrs.field(factory=dict)
    silenced: frozenset[str] = attrs.field(init=False)  # who may not answer

    @silenced.default
    def _silenced(self) -> frozenset[str]:
        known = self.trained.keys() | self.lived.keys()
        return frozenset(id for id in known if self.record(id).lower < ANSWERS_FROM)

    def record(self, id: str) -> Record:
        """A rule's whole record."""
        return prior(*self.trained.get(id, (0.0, 0.0))).plus(self.lived.get(id, Record()))

    def learned(self, id: str, evidence: Record) -> "Trust":
        """The same with more evidence on one rule."""
        return Trust(self.trained, {**self.lived, id: self.lived.get(id, Record()).plus(evidence)})


def prior(right: float, wrong: float) -> Record:
    """What training and its author's care say of a rule, shrunk to PRIOR_WEIGHT."""
    right, wrong = right + AUTHOR_RIGHT, wrong + AUTHOR_WRONG
    shrink = min(1.0, PRIOR_WEIGHT / (right + wrong))
    return Record(right=right * shrink, wrong=wrong * shrink)
