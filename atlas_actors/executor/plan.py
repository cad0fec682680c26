"""Pure: how a model is asked to plan first, and how its plan comes before it again."""

import re
from typing import Final

import attrs

from atlas_actors.providers.wire import Ask
from atlas_actors.providers.worst_case import PLAN_BYTES_MAX, PLAN_TOKENS

_TAG: Final = "atlas-plan"
_OURS: Final = re.compile(r"<(?=/?atlas-)", re.IGNORECASE)
_TO_PLAN: Final = (
    "Do not do this yet. First write a short plan for it, of ten lines at most: the steps in their"
    " order, what could go wrong, and how the result can be checked. Answer with the plan only."
)
_PLANNED: Final = (
    "Your own plan for this follows. It is a draft to work from and not a new request: where it is"
    " wrong, do what was asked. Answer with what was asked for only, not with the plan."
)
_PLAN_IN_RUN: Final = (
    "Before you change anything or run anything that does, look around and write a short plan, of"
    " ten lines at most: the steps in their order, what could go wrong, and how the result can be"
    " checked. Then carry it out; where it turns out wrong, correct it."
)


def to_plan(ask: Ask) -> Ask:
    """Ask for the plan alone, in few words and free form."""
    return attrs.evolve(
        ask,
        prompt=f"{ask.prompt}\n\n{_TO_PLAN}",
        schema=None,
        answer_tokens_max=min(PLAN_TOKENS, ask.answer_tokens_max),
    )


def with_plan(ask: Ask, plan: str) -> Ask:
    """The request with the plan behind it, so that both calls begin alike: servers keep that.

    What a model has written is data: it cannot end its fence, and is cut to its bounds.
    """
    text = without_marks(_cut(plan.strip()))
    if not text:
        return ask
    return attrs.evolve(ask, prompt=f"{ask.prompt}\n\n{_PLANNED}\n<{_TAG}>\n{text}\n</{_TAG}>")


def planned_in_run(ask: Ask) -> Ask:
    """For a program, which works in many turns: one run that begins with a plan."""
    return attrs.evolve(ask, prompt=f"{ask.prompt}\n\n{_PLAN_IN_RUN}")


def without_marks(text: str) -> str:
    """Nothing in it is taken for one of our fences."""
    return _OURS.sub("‹", text)


def _cut(text: str) -> str:
    """Within its bytes, also once a mark in it has become longer."""
    most = PLAN_BYTES_MAX - 2 * len(_OURS.findall(text))
    return text.encode("utf-8", "replace")[: max(0, most)].decode("utf-8", "ignore")
