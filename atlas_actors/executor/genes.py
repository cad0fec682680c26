"""Pure: how much of what a strategy adds to a request its model can take beside it."""

from typing import Final

import attrs

from atlas_actors.messages.execution import RunAttempt
from atlas_actors.providers.catalog import CONTEXT_TOKENS
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN
from atlas_actors.providers.worst_case import PLAN_FRAME_BYTES, PLAN_TOKENS

SHARE: Final = 0.9  # of what it takes: that a token has four characters is a guess


@attrs.frozen(kw_only=True)
class Genes:
    """What is added."""

    context_tokens: int
    plan_first: bool


def fitting(
    order: RunAttempt, *, takes_tokens: int | None, answer_tokens: int, one_call: bool
) -> Genes:
    """Rather less help than a request that is refused for its length. A plan of its own goes
    before files; a program (not `one_call`) plans within its run."""
    asked = len(order.prompt) // CHARACTERS_PER_TOKEN
    left = int((takes_tokens or CONTEXT_TOKENS) * SHARE) - answer_tokens - asked
    plan_first = order.plan_first
    if plan_first and one_call:
        needs = PLAN_TOKENS + PLAN_FRAME_BYTES // CHARACTERS_PER_TOKEN
        plan_first = needs <= left
        left -= needs if plan_first else 0
    return Genes(context_tokens=max(0, min(order.context_tokens, left)), plan_first=plan_first)
