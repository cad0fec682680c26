"""Pure: the most that an attempt sends and may be answered, when its strategy adds to the request.

The executor holds itself to these bounds; the orchestrator sets money aside by them.
"""

from typing import Final

import attrs

from atlas_actors.providers.catalog import TRANSPORTS

BYTES_PER_TOKEN: Final = 4  # as context counts what it plans: four characters
CONTEXT_BYTES_MAX: Final = 262_144
PLAN_TOKENS: Final = 512  # what a plan may take to write
PLAN_BYTES_MAX: Final = 8_192  # of a plan that are put into the prompt
PLAN_FRAME_BYTES: Final = 1_024  # what is said around a plan, and to have one written


@attrs.frozen(kw_only=True)
class WorstCase:
    """All calls of an attempt together."""

    prompt_bytes: int
    answer_tokens: int


def context_bytes(context_tokens: int) -> int:
    """The most bytes of files, with what is said around them, that so many tokens add."""
    return min(max(0, context_tokens) * BYTES_PER_TOKEN, CONTEXT_BYTES_MAX)


def worst_case(
    transport: str,
    prompt_bytes: int,
    answer_tokens: int,
    *,
    context_tokens: int = 0,
    plan_first: bool = False,
) -> WorstCase:
    """Of an attempt whose request alone takes `prompt_bytes`, and its answer `answer_tokens`. A
    program plans within its run, so that nothing is sent twice."""
    prompt_bytes += context_bytes(context_tokens)
    if not plan_first:
        return WorstCase(prompt_bytes=prompt_bytes, answer_tokens=answer_tokens)
    if TRANSPORTS[transport].client is not None:
        return WorstCase(prompt_bytes=prompt_bytes + PLAN_FRAME_BYTES, answer_tokens=answer_tokens)
    return WorstCase(
        prompt_bytes=2 * (prompt_bytes + PLAN_FRAME_BYTES) + PLAN_BYTES_MAX,
        answer_tokens=answer_tokens + min(PLAN_TOKENS, answer_tokens),
    )
