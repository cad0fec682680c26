"""Pure: what a schedule's times came to, as outcomes."""

from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.scheduler.when import Due


def of_task(id: str, tick_ms: int, task_id: str) -> RecordOutcome:
    """A time has become a task."""
    return RecordOutcome(
        action=id,
        kind="schedule",
        result="success",
        verified_by="task",
        context={"tick_ms": tick_ms, "task": task_id},
        key=f"schedule {id}/{tick_ms}",
    )


def of_refusal(id: str, tick_ms: int) -> RecordOutcome:
    """Tasks did not take it at first; it is tried again."""
    return RecordOutcome(
        action=id,
        kind="schedule",
        result="failure",
        infrastructure=True,
        context={"tick_ms": tick_ms, "end": "refused"},
        key=f"schedule {id}/{tick_ms} refused",
    )


def of_skipped(id: str, due: Due) -> RecordOutcome:
    """Times have passed while nobody looked, and are not made up for."""
    return RecordOutcome(
        action=id,
        kind="schedule",
        result="failure",
        infrastructure=True,
        context={"ticks": due.skipped, "end": "skipped"},
        key=f"schedule {id} skipped until {due.seen.decided_ms}",
    )
