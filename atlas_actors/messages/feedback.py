"""Between people, analytics and what it adjusts: health, and what follows of it."""

from typing import Any, Literal

import attrs


@attrs.frozen(kw_only=True)
class RunFeedback:
    """Ask analytics: look now; the answer is a FeedbackEnded."""


@attrs.frozen(kw_only=True)
class FeedbackEnded:
    """Answer to RunFeedback: what was found and done; `new` False: no evidence since the last."""

    id: int | None
    new: bool
    report: dict[str, Any]


@attrs.frozen(kw_only=True)
class Knob:
    """Something that can be adjusted while the daemon runs.

    name is slots, deadline_s or retries of a provider, as in slots.haiku; or recall_tokens,
    context_tokens.
    """

    name: str
    value: float
    low: float
    high: float
    default: float  # what the settings say


@attrs.frozen(kw_only=True)
class KnobsWanted:
    """Ask the orchestrator for its knobs; the answer is a Knobs."""


@attrs.frozen(kw_only=True)
class Knobs:
    """Answer to KnobsWanted."""

    knobs: tuple[Knob, ...]


@attrs.frozen(kw_only=True)
class AdjustKnob:
    """Ask the orchestrator: from now on this value (None: what the settings say). The answer is
    the Knob as it is then; out of its bounds or unknown: a UsageError."""

    name: str
    value: float | None


@attrs.frozen(kw_only=True)
class DecideAdjustment:
    """Ask analytics: a person decides on an adjustment. The answer is an AdjustmentChanged."""

    id: int
    decision: Literal["approve", "reject", "undo"]


@attrs.frozen(kw_only=True)
class AdjustmentChanged:
    """Answer to DecideAdjustment."""

    id: int
    state: str  # proposed, applied, kept, undone, rejected
    knob: str
    before: float
    after: float
