"""The outcomes that the end of an attempt leaves, at once and once more from the rows."""

import json
from collections.abc import Sequence
from typing import Any

import attrs

from atlas_actors.messages.execution import End, Usage
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.messages.task import AttemptOver, TaskState
from atlas_actors.projects import project_of
from atlas_actors.store import Row
from atlas_actors.tasks.trial import lead_of


def outcomes_of(
    row: Row, over: AttemptOver, now_ms: int, attempts: Sequence[Row]
) -> list[RecordOutcome]:
    """One for the attempt; one more for the task when that was its last. `row` is the task's,
    `attempts` are all of its present work, with this one."""
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
        context=_of_plan(row) | facts,
        duration_ms=over.duration_ms,
        usage=over.usage,
        cost_usd=over.cost_usd,
        key=f"attempt {row['id']}/{over.attempt}",
    )
    if over.next_state is TaskState.PENDING:
        return [first]
    return [first, _of_task(first, row, over.attempt, now_ms - row["created_ms"], attempts)]


def outcomes_again(row: Row, attempts: Sequence[Row]) -> list[RecordOutcome]:
    """The same from an attempt's row with what it needs of its task's, for who may have missed it:
    as claims.ended_since gives it."""
    completed = row["state"] == "completed" and row["last"]
    first = RecordOutcome(
        action=f"{row['id']}/{row['number']}",
        kind="attempt",
        result="success" if row["end"] == str(End.ANSWERED) else "failure",
        verified_by=row["verified_by"] if completed else None,
        infrastructure=bool(row["infrastructure"]),
        context={
            **_of_plan(row),
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
    took_ms = row["ended_ms"] - row["created_ms"]
    return [first, _of_task(first, row, row["number"], took_ms, attempts)]


def _of_plan(row: Row) -> dict[str, Any]:
    plan = {"intent": row["intent"]}
    plan |= {name: row[name] for name in ("strategy", "choice") if row[name] is not None}
    project = _project(row["cwd"])
    return plan if project is None else plan | {"project": project}


def _of_task(
    attempt: RecordOutcome, row: Row, number: int, took_ms: int, attempts: Sequence[Row]
) -> RecordOutcome:
    """What its last attempt came to, with what all of them took."""
    context = {
        **attempt.context,
        "origin": row["origin"],
        "checked": "own" if row["checks_itself"] else "text",
        "task_cost_usd": round(sum(one["cost_usd"] for one in attempts), 6),
        # of the attempts: the task's duration has the time that it waited in, too
        "work_ms": sum(max(0, one["ended_ms"] - one["started_ms"]) for one in attempts),
    }
    if row["strategy"] is not None:
        genome = json.loads(row["genome"])
        context["lead"] = lead_of(genome, row["choice"], attempts)
    return attrs.evolve(
        attempt,
        action=row["id"],
        kind="task",
        context=context,
        duration_ms=took_ms,
        usage=_usage(attempts),
        cost_usd=context["task_cost_usd"],
        key=f"task {row['id']}/{number}",
    )


def _usage(attempts: Sequence[Row]) -> Usage:
    names = [field.name for field in attrs.fields(Usage)]
    return Usage(**{name: sum(one[name] for one in attempts) for name in names})


def _project(cwd: str | None) -> str | None:
    """None too where its directory cannot be read any more."""
    try:
        return None if cwd is None else project_of(cwd)
    except (OSError, RuntimeError):
        return None
