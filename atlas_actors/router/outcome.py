"""Pure: what a decision of the router came to, by the work that it led to or by a person's word."""

from typing import Any

from atlas_actors.messages.outcome import AmendOutcome, RecordOutcome
from atlas_actors.messages.routing import RouteSpent
from atlas_actors.store import Row


def of_work(decision: Row, spent: RouteSpent) -> RecordOutcome:
    """The work is over. What it cost is with its attempts."""
    return RecordOutcome(
        action=decision["id"],
        kind="route",
        result="success" if spent.success else "failure",
        verified_by="work",
        infrastructure=spent.infrastructure and not spent.success,
        context=_context(decision),
        key=_key(decision),
    )


def of_correction(decision: Row, intent: str) -> tuple[RecordOutcome, AmendOutcome]:
    """A person says what the intent was: recorded if nothing came of the decision before, and
    above what did."""
    right = decision["intent"] == intent
    result = "success" if right else "failure"
    recorded = RecordOutcome(
        action=decision["id"],
        kind="route",
        result=result,
        verified_by="person",
        context=_context(decision),
        key=_key(decision),
    )
    amended = AmendOutcome(
        result=result,
        verified_by="person",
        reason="a person confirmed it" if right else f"a person corrected it to {intent}",
        key=_key(decision),
    )
    return recorded, amended


def _key(decision: Row) -> str:
    return f"route {decision['id']}"


def _context(decision: Row) -> dict[str, Any]:
    known = {name: decision[name] for name in ("rule", "layer", "intent", "provider")}
    return {name: value for name, value in known.items() if value is not None}
