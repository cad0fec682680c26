"""What actions came to, told to outcomes by whoever acted; KINDS and RESULTS: outcome_kinds.py."""

from typing import Any, Final

import attrs

from atlas_actors.messages.execution import Usage

# In a context: whose word an outcome is that neither a part of Atlas nor a person has told.
TOLD_BY: Final = "told_by"


@attrs.frozen(kw_only=True)
class RecordOutcome:
    """Tell or ask outcomes: keep this; the answer is an OutcomeRecorded, after the commit.

    What `context` may say, all of it optional: project, intent, provider, model, strategy, choice,
    session, turn (a number), request (a fingerprint of what was asked), files (paths that it
    changed), reverts (paths that it put back), test (true: it ran tests), ended (true: so has the
    session), rule. Attempts add transport, end, fault; tasks these and origin, checked (own or
    text), lead (how who was asked first has done: passed, failed or unknown), task_cost_usd,
    work_ms.
    """

    action: str  # what was done: a task's id, a command, a tool
    kind: str  # one of KINDS
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
    after: tuple[str, int] = (
        "",
        0,
    )  # task and attempt of those at that very time: it goes on there


@attrs.frozen(kw_only=True)
class OutcomeRecorded:
    """Answer to RecordOutcome, with its key."""

    id: str
    key: str | None = None


@attrs.frozen(kw_only=True)
class AmendOutcome:
    """Tell or ask outcomes: later evidence says otherwise of the outcome with this id or key.

    What was said before stays. Of all that is known a person's word stands above other evidence,
    then the latest. With a key, it may come before its outcome. The answer is an OutcomeAmended.
    """

    result: str  # success, partial or failure
    verified_by: str  # how that is known now; "person": a person's word
    reason: str
    id: str | None = None
    key: str | None = None
    at_ms: int | None = None  # when that was found; None: just now


@attrs.frozen(kw_only=True)
class OutcomeAmended:
    """Answer to AmendOutcome; not `changed`: it was known to be so, or something stronger is.

    `id` None: the outcome with that key has not come yet, and is amended when it does.
    """

    id: str | None
    before: str | None
    changed: bool


@attrs.frozen(kw_only=True)
class OutcomesGrew:
    """Fact for strategies and analytics: there are outcomes up to this number."""

    seq: int


@attrs.frozen(kw_only=True)
class OutcomesAfter:
    """Ask outcomes: what has come after this number, oldest first; answered by an OutcomeBatch.

    Who asks keeps the number with what it has learned, so that each counts once.
    """

    seq: int
    limit: int = 200


@attrs.frozen(kw_only=True)
class KeptOutcome:
    """An outcome as it was recorded, or (with `before`, the result until then) as amended.

    An amendment may leave the result and change only how it is verified. `tokens` are those in
    and out, cached ones too.
    """

    seq: int
    id: str
    at_ms: int  # of the outcome, also when it is amended
    action: str
    kind: str
    result: str
    verified_by: str | None
    infrastructure: bool
    context: dict[str, Any]
    duration_ms: int | None
    tokens: int
    cost_usd: float
    before: str | None = None


@attrs.frozen(kw_only=True)
class OutcomeBatch:
    """Answer to OutcomesAfter; `upto` is where to go on: keep it even without outcomes."""

    outcomes: tuple[KeptOutcome, ...]
    upto: int
    more: bool
