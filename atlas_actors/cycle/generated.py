"""Pure: what a task says, put to a proposal about it, or asked of a model that thinks it over."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from atlas_actors.cycle.prompt import as_data, storable, within
from atlas_actors.messages.execution import Request
from atlas_actors.messages.proposal import Propose
from atlas_actors.messages.strategy import ReflectionWanted
from atlas_actors.messages.task import SubmitTask, TaskState

GOAL_CHARACTERS: Final = 200
ATTEMPTS_SHOWN: Final = 4  # the last of them
CHECK_BYTES_MAX: Final = 2_000  # of each attempt; a proposal's evidence may have 20,000
ASKED_CHARACTERS: Final = 500  # of each failed task's request
SAID_CHARACTERS: Final = 1_500  # of what its check said
DEADLINE_S: Final = 86_400.0  # of a reflection: who cannot be asked by then is not waited for
_THINK: Final = (
    "A program puts a template around each request of one kind before it asks a model. {request}"
    " in it stands for the request; a template that is {request} alone adds nothing. With the"
    " template below the answers to some requests did not pass their checks. Think over why, and"
    " write a better template: general advice that helps with all requests of this kind, nothing"
    " about these particular ones, {request} exactly once, at most 4,000 characters, no addresses."
    ' Answer with JSON only: {"template", "why"}, where why is one sentence about what it changes.'
)


def with_task(proposal: Propose, task: Mapping[str, Any] | None) -> Propose | None:
    """The proposal with its task's words and what its attempts came to.

    None: that task did not fail, whatever outcomes say, or a person did not want it.
    """
    if proposal.retry_task is None:
        return proposal
    if task is None or task["state"] != TaskState.FAILED or task["origin"] == "generated":
        return None
    goal = " ".join(storable(task["prompt"]).split())[:GOAL_CHARACTERS]
    attempts = [
        {
            "number": row["number"],
            "provider": row["provider"],
            "end": row["end"],
            "check": within((row["check"] or "")[-CHECK_BYTES_MAX:], CHECK_BYTES_MAX),
        }
        for row in task["attempts"][-ATTEMPTS_SHOWN:]
    ]
    return attrs.evolve(
        proposal,
        title=f"{proposal.title}: {goal}",
        cwd=task["cwd"],
        evidence={**proposal.evidence, "goal": goal, "attempts": attempts},
        from_origin=task["origin"],
    )


def order_of(wanted: ReflectionWanted, tasks: Sequence[Mapping[str, Any]]) -> SubmitTask | None:
    """The task that thinks a template over; None: there is nothing left to show it.

    A person's pin keeps a request with its provider: what of it failed is not shown to another.
    """
    shown = [
        as_data(f"Request {number}", task["prompt"][:ASKED_CHARACTERS])
        + "\n\n"
        + as_data(f"What the check of its answer said ({number})", _said(task), SAID_CHARACTERS)
        for number, task in enumerate(
            (task for task in tasks if task["pinned_provider"] in (None, wanted.provider)), 1
        )
    ]
    if not shown:
        return None
    template = as_data("The template", wanted.template or "{request}")
    return SubmitTask(
        request=Request(
            prompt="\n\n".join((_THINK, template, *shown)),
            schema=wanted.schema,
            provider=wanted.provider,
            budget_usd=wanted.budget_usd,
            deadline_s=DEADLINE_S,
        ),
        key=wanted.key,
        priority="low",
        origin="generated",
    )


def _said(task: Mapping[str, Any]) -> str:
    """What the check of the first refused answer said: that was the lead's."""
    refused = (row["check"] for row in task["attempts"] if row["end"] == "rejected")
    return next(refused, None) or "nothing"
