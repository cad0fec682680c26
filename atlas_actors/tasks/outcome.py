"""Pure: the outcomes that the end of an attempt leaves."""

from atlas_actors.messages.execution import End
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.messages.task import AttemptOver, TaskState
from atlas_actors.store import Row


def outcomes_of(row: Row, over: AttemptOver, now_ms: int) -> list[RecordOutcome]:
    """One for the attempt; one more for the task when that was its last."""
    context = {
        "intent": row["intent"],
        "provider": over.provider,
        "model": over.model,
        "transport": over.transport,
        "end": str(over.end),
        "fault": None if over.fault is None else str(over.fault),
    }
    passed = over.end is End.ANSWERED
    outcomes = [
        RecordOutcome(
            action=f"{row['id']}/{over.attempt}",
            kind="attempt",
            result="success" if passed else "failure",
            verified_by=over.verified_by,
            infrastructure=over.infrastructure,
            context=context,
            duration_ms=over.duration_ms,
            usage=over.usage,
            cost_usd=over.cost_usd,
        )
    ]
    if over.next_state is not TaskState.PENDING:
        outcomes.append(
            RecordOutcome(
                action=row["id"],
                kind="task",
                result="success" if passed else "failure",
                verified_by=over.verified_by,
                infrastructure=over.infrastructure,
                context=context,
                duration_ms=now_ms - row["created_ms"],
                usage=over.usage,
                cost_usd=over.cost_usd,
            )
        )
    return outcomes
