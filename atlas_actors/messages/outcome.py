"""What actions came to, told to outcomes by whoever acted."""

from typing import Any

import attrs

from atlas_actors.messages.execution import Usage


@attrs.frozen(kw_only=True)
class RecordOutcome:
    """Tell or ask outcomes: keep this; the answer is an OutcomeRecorded, after the commit."""

    action: str  # what was done: a task's id, a command, a tool
    kind: str  # task, attempt, route, hook, recall, schedule, agent, skill, model
    result: str  # success, partial or failure
    verified_by: str | None = None
    infrastructure: bool = False  # a fault of the way, not of the answer
    context: dict[str, Any] = attrs.field(factory=dict)
    duration_ms: int | None = None
    usage: Usage = attrs.field(factory=Usage)
    cost_usd: float = 0.0
    at_ms: int | None = None  # when it came to that; None: just now
    key: str | None = None  # told twice with the same key it is kept once


@attrs.frozen(kw_only=True)
class OutcomesWanted:
    """Order to who tells outcomes: those since then may not have been kept; tell them again."""

    since_ms: int


@attrs.frozen(kw_only=True)
class OutcomeRecorded:
    """Answer to RecordOutcome."""

    id: str
