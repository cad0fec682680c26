"""Which rules may answer: each has a record of being right and wrong, and a lower bound to hold.

What was measured in training is a rule's prior, worth PRIOR_WEIGHT decisions at most, so that a
person's corrections are heard. A confident Layer 2 is a witness: a tenth of a correction each time,
and five corrections altogether.
"""

from collections.abc import Mapping
from typing import Final

import attrs

from atlas_actors.intervals import Z_80, wilson

PRIOR_WEIGHT: Final = 40.0
AUTHOR_RIGHT: Final = 20.0  # what an author's care is worth before anything was measured
AUTHOR_WRONG: Final = 0.5
ANSWERS_FROM: Final = 0.8  # the lower bound of a rule that may answer
LAYER2_WEIGHT: Final = 0.1
WITNESS_MAX: Final = 5.0  # all that Layer 2 ever said of a rule, in corrections
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


@attrs.frozen(kw_only=True)
class Lived:
    """What a rule has lived: what people said of it, and what Layer 2 made of it."""

    told: Record = Record()
    witnessed: Record = Record()

    def hear(self, evidence: Record) -> "Lived":
        """A person has spoken."""
        return attrs.evolve(self, told=self.told.plus(evidence))

    def witness(self, agrees: bool) -> "Lived":
        """Layer 2 agrees or not; all it ever said weighs at most WITNESS_MAX."""
        seen = self.witnessed.plus(
            Record(right=LAYER2_WEIGHT * agrees, wrong=LAYER2_WEIGHT * (not agrees))
        )
        shrink = min(1.0, WITNESS_MAX / (seen.right + seen.wrong))
        return attrs.evolve(
            self, witnessed=Record(right=seen.right * shrink, wrong=seen.wrong * shrink)
        )


@attrs.frozen
class Trust:
    """The records of all rules: what training says (right, wrong), and what was lived."""

    trained: Mapping[str, tuple[float, float]]
    lived: Mapping[str, Lived] = attrs.field(factory=dict)
    silenced: frozenset[str] = attrs.field()  # who may not answer

    @silenced.default
    def _silenced(self) -> frozenset[str]:
        known = self.trained.keys() | self.lived.keys()
        return frozenset(id for id in known if self.record(id).lower < ANSWERS_FROM)

    def record(self, id: str) -> Record:
        """A rule's whole record."""
        lived = self.lived.get(id, Lived())
        return prior(*self.trained.get(id, (0.0, 0.0))).plus(lived.told).plus(lived.witnessed)

    def with_lived(self, id: str, lived: Lived) -> "Trust":
        """The same where one rule has lived on."""
        new = Trust(self.trained, {**self.lived, id: lived}, self.silenced)
        silent = new.record(id).lower < ANSWERS_FROM
        if silent == (id in self.silenced):
            return new
        return attrs.evolve(new, silenced=self.silenced ^ {id})


def prior(right: float, wrong: float) -> Record:
    """What training and its author's care say of a rule, shrunk to PRIOR_WEIGHT."""
    right, wrong = right + AUTHOR_RIGHT, wrong + AUTHOR_WRONG
    shrink = min(1.0, PRIOR_WEIGHT / (right + wrong))
    return Record(right=right * shrink, wrong=wrong * shrink)
