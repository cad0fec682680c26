"""What an attempt may send and be answered at the most, with all that a strategy adds."""

import pytest

from atlas_actors.providers.worst_case import (
    CONTEXT_BYTES_MAX,
    PLAN_BYTES_MAX,
    PLAN_FRAME_BYTES,
    PLAN_TOKENS,
    WorstCase,
    context_bytes,
    worst_case,
)


@pytest.mark.parametrize(
    ("tokens", "size"), [(-1, 0), (0, 0), (1, 4), (1_000, 4_000), (10**9, CONTEXT_BYTES_MAX)]
)
def test_context_takes_four_bytes_a_token_within_its_bound(tokens, size):
    assert context_bytes(tokens) == size


@pytest.mark.parametrize("transport", ["openai-chat", "claude-cli"])
def test_a_request_alone_is_what_it_is(transport):
    expected = WorstCase(prompt_bytes=100, answer_tokens=50)
    assert worst_case(transport, 100, 50) == expected


def test_files_come_on_top():
    assert worst_case("codex-cli", 100, 50, context_tokens=10).prompt_bytes == 140


def test_a_plan_of_its_own_sends_everything_twice_and_is_answered_too():
    found = worst_case("anthropic-messages", 100, 4_000, context_tokens=10, plan_first=True)
    assert found.prompt_bytes == 2 * (140 + PLAN_FRAME_BYTES) + PLAN_BYTES_MAX
    assert found.answer_tokens == 4_000 + PLAN_TOKENS


def test_a_plan_is_not_longer_than_an_answer_may_be():
    assert worst_case("openai-chat", 100, 50, plan_first=True).answer_tokens == 100


def test_a_program_plans_in_its_run():
    found = worst_case("claude-cli", 100, 4_000, plan_first=True)
    assert found == WorstCase(prompt_bytes=100 + PLAN_FRAME_BYTES, answer_tokens=4_000)
