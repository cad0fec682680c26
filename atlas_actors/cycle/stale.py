"""Pure: interrupted work that nobody goes on with, as proposed work."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from atlas_actors.cycle.prompt import as_data, storable
from atlas_actors.messages.handoff import StaleHandoff
from atlas_actors.messages.proposal import Propose

GOAL_CHARACTERS: Final = 1_000


def proposals_of(
    stale: Sequence[StaleHandoff], tasks: Mapping[str, Mapping[str, Any]]
) -> list[Propose]:
    """`tasks` are those that the handoffs are of, with state and origin.

    Of a task only what failed is proposed: pending ones go on by themselves, and a person has
    cancelled the cancelled ones.
    """
    found = []
    for handoff in stale:
        task = None if handoff.task_id is None else tasks.get(handoff.task_id)
        if handoff.task_id is None or (task is not None and task["state"] == "failed"):
            found.append(_proposal_of(handoff, task))
    return found


def _proposal_of(handoff: StaleHandoff, task: Mapping[str, Any] | None) -> Propose:
    goal = storable(handoff.goal)
    return Propose(
        kind="handoff",
        title=f"go on with: {goal}",
        prompt="Go on with interrupted work. See first what has been done already.\n\n"
        + as_data("Its goal", goal),
        fingerprint=f"handoff:{handoff.id}",
        cwd=handoff.cwd,
        evidence={
            "handoff_id": handoff.id,
            "goal": goal[:GOAL_CHARACTERS],
            "updated_at_ms": handoff.updated_ms,
            "task_id": handoff.task_id,
        },
        evidence_key=str(handoff.updated_ms),
        handoff_id=handoff.id,
        retry_task=handoff.task_id,
        from_task=handoff.task_id,
        from_origin=None if task is None else task["origin"],
    )
