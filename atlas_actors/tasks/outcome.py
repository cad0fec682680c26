"""Pure: the outcomes that the end of an attempt leaves."""

import attrs

from atlas_actors.messages.execution import End, Usage
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.messages.task import AttemptOver, TaskState
from atlas_actors.store import Row


def outcomes_of(row: Row, over: AttemptOver, now_ms: int) -> list[RecordOutcome]:
    """One for the attempt; one more for the task when that was its last. `row` is the task's."""
    facts = {
        "provider": over.provider,
        "model": over.model,
        "transport": over.transport,
        "end": str(over.end),
        "fault": None if over.fault is None else str(over.fault),
    }
    first = RecordOutcome(
        action=f"{row['id']}/{over.attempt}",
        kind="attempt",
        result="success" if over.end is End.ANSWERED else "failure",
        verified_by=over.verified_by,
        infrastructure=over.infrastructure,
        context={"intent": row["intent"], **facts},
        duration_ms=over.duration_ms,
        usage=over.usage,
        cost_usd=over.cost_usd,
        key=f"attempt {row['id']}/{over.attempt}",
    )
    if over.next_state is TaskState.PENDING:
        return [first]
    return [first, _of_task(first, row["id"], over.attempt, now_ms - row["created_ms"])]


def outcomes_again(row: Row) -> list[RecordOutcome]:
    """The same from an attempt's row with what it needs of its task's, for who may have missed it:
    id, intent, created_ms, state, verified_by, last."""
    completed = row["state"] == "completed" and row["last"]
    first = RecordOutcome(
        action=f"{row['id']}/{row['number']}",
        kind="attempt",
        result="success" if row["end"] == str(End.ANSWERED) else "failure",
        verified_by=row["verified_by"] if completed else None,
        infrastructure=bool(row["infrastructure"]),
        context={
            "intent": row["intent"],
            **{name: row[name] for name in ("provider", "model", "transport", "end", "fault")},
        },
        duration_ms=row["ended_ms"] - row["started_ms"],
        usage=Usage(**{field.name: row[field.name] for field in attrs.fields(Usage)}),
        cost_usd=row["cost_usd"],
        at_ms=row["ended_ms"],
        key=f"attempt {row['id']}/{row['number']}",
    )
    if not row["last"] or row["state"] not in ("completed", "failed"):
        return [first]
    return [first, _of_task(first, row["id"], row["number"], row["ended_ms"] - row["created_ms"])]


def _of_task(attempt: RecordOutcome, id: str, number: int, took_ms: int) -> RecordOutcome:
    return attrs.evolve(
        attempt, action=id, kind="task", duration_ms=took_ms, key=f"task {id}/{number}"
    )
