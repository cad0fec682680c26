"""Pure: what an outcome from the feed says about a choice that was made."""

from typing import Any, Final

import attrs

from atlas_actors.messages.kinds import TRUST
from atlas_actors.messages.outcome import KeptOutcome
from atlas_actors.strategies.events import Amended, Ended

WEAK: Final = 0.2  # an answer that only looks like one; that it does not even do so says more
# Whose word an amendment is, where nothing proves it: anybody's but a person's.
HEARSAY: Final = frozenset(TRUST) - {"person"}
CHOICE_MAX: Final = 2**53


@attrs.frozen(kw_only=True)
class Choice:
    """A choice as it is kept, and what it counts for by now."""

    number: int
    strategy: str | None
    task_id: str | None
    ended: bool
    lead: str | None = None  # passed, failed or unknown, as its first outcome said
    result: str | None = None  # of that outcome: success though the lead failed was another's
    x: int | None = None
    weight: float = 0.0


def choice_of(outcome: KeptOutcome) -> int | None:
    """The number of the choice that this is the end of; None: it is no trial."""
    number = outcome.context.get("choice")
    if outcome.kind != "task" or not isinstance(number, int) or isinstance(number, bool):
        return None
    return number if 0 < number <= CHOICE_MAX else None


def event_of(outcome: KeptOutcome, choice: Choice | None) -> Ended | Amended | None:
    """What the engine is to hear of this outcome; None: nothing new.

    `choice` is what is kept under its number. An outcome of another life of the database may name
    a number that was given again since: then the task is not the same.
    """
    if choice is None or choice.strategy is None:
        return None
    same_task = choice.task_id is None or choice.task_id == outcome.action
    if not same_task or choice.strategy != outcome.context.get("strategy"):
        return None
    if outcome.before is None:
        return None if choice.ended else _ended(outcome, choice.number)
    return _amended(outcome, choice)


def lead_of(outcome: KeptOutcome) -> str:
    """How who was asked first fared: passed, failed or unknown."""
    lead = outcome.context.get("lead")
    return lead if lead in ("passed", "failed") and not outcome.infrastructure else "unknown"


def _ended(outcome: KeptOutcome, number: int) -> Ended:
    lead = lead_of(outcome)
    x = {"passed": 1, "failed": 0}.get(lead)
    own = outcome.context.get("checked") == "own"
    return Ended(
        choice=number,
        x=x,
        weight=1.0 if own or x == 0 else WEAK,
        cost_usd=_cost_usd(outcome),
        latency_ms=_work_ms(outcome),
        at_ms=outcome.at_ms,
    )


def _amended(outcome: KeptOutcome, choice: Choice) -> Amended | None:
    """Later evidence is about the answer that was given: it says nothing of a lead that failed
    while somebody else's answer was taken, nor of one that faults kept from answering. An
    agent's mere word moves nothing: it may be of the one that is judged."""
    if outcome.verified_by in HEARSAY:
        return None
    if not choice.ended or outcome.infrastructure or choice.lead not in ("passed", "failed"):
        return None
    if choice.lead == "failed" and choice.result == "success":
        return None
    x = int(outcome.result == "success")
    if (x, 1.0) == (choice.x, choice.weight):
        return None
    return Amended(choice=choice.number, x=x, weight=1.0, at_ms=outcome.at_ms)


def _cost_usd(outcome: KeptOutcome) -> float:
    """Of all attempts, where that was told."""
    total: Any = outcome.context.get("task_cost_usd")
    known = isinstance(total, int | float) and not isinstance(total, bool) and total >= 0
    return float(total) if known else outcome.cost_usd


def _work_ms(outcome: KeptOutcome) -> int | None:
    """Of all attempts, where that was told; a task's duration has its waits in it, too."""
    took: Any = outcome.context.get("work_ms")
    known = isinstance(took, int) and not isinstance(took, bool) and took >= 0
    return took if known else outcome.duration_ms
