"""What a strategy adds is cut to what the model takes beside the request."""

import pytest

from atlas_actors.executor.genes import Genes, fitting
from atlas_actors.messages.execution import AttemptStarted, Request, RunAttempt
from tests.support.executors import ROUTE


def cut(context_tokens, *, plan_first, prompt=400, takes=10_000, answer=1_000, one_call=True):
    started = AttemptStarted(
        task_id="t", attempt=1, epoch=1, lane="x", request=Request(prompt=""), route=ROUTE,
        answers_asked=1, attempts_max=3, interruptions=0,
    )  # fmt: skip
    order = RunAttempt(
        started=started, prompt="x" * prompt, deadline_s=1.0,
        context_tokens=context_tokens, plan_first=plan_first,
    )  # fmt: skip
    found = fitting(order, takes_tokens=takes, answer_tokens=answer, one_call=one_call)
    assert isinstance(found, Genes)
    return found.context_tokens, found.plan_first


@pytest.mark.parametrize(
    ("asked", "changes", "expected"),
    [
        # all of it fits
        ((2_000, True), {}, (2_000, True)),
        ((0, False), {}, (0, False)),
        # 9,000 - 1,000 for the answer - 100 for the prompt are left, and less with a plan
        ((20_000, False), {}, (7_900, False)),
        ((20_000, True), {}, (7_132, True)),
        ((20_000, True), {"one_call": False}, (7_900, True)),
        # a plan goes before files
        ((500, True), {"prompt": 28_000}, (232, True)),
        ((500, True), {"prompt": 29_200}, (500, False)),
        ((500, True), {"prompt": 31_200}, (200, False)),
        # no room at all
        ((500, True), {"prompt": 40_000}, (0, False)),
        ((500, True), {"prompt": 40_000, "one_call": False}, (0, True)),
        # nobody knows what it takes: 32,768
        ((40_000, False), {"takes": None}, (28_391, False)),
    ],
)
def test_what_is_added_fits_beside_the_request(asked, changes, expected):
    context_tokens, plan_first = asked
    assert cut(context_tokens, plan_first=plan_first, **changes) == expected
