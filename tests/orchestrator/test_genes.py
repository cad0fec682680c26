"""Each gene of a strategy changes what is executed; without a strategy nothing is changed."""

import attrs
import pytest

from atlas_actors.messages.execution import AttemptEnded, End, Progress, Request, RunAttempt
from atlas_actors.messages.memory import Recall
from atlas_actors.messages.strategy import Genome, Strategy
from atlas_actors.messages.task import AssignLane, AttemptOver, TaskQueued, TaskState
from atlas_actors.orchestrator.genes import templated
from tests.orchestrator.test_attempts import ROUTE, answered, only, stage_on, started
from tests.orchestrator.test_recollection import item, recalled
from tests.support.plans import planned


@pytest.fixture
def stage(tmp_path):
    built = stage_on(tmp_path)
    yield built
    built.stop()


def by(**genes):
    """A route by a strategy with these genes."""
    genome = Genome(**{"providers": ("cheap", "paid"), **genes})
    strategy = Strategy(id="s-1", intent="explain", genome=genome)
    return attrs.evolve(ROUTE, strategy=strategy, choice=1)


def run_of(stage, route, **changes):
    """What the executor is told to run."""
    (order,) = only(RunAttempt, stage.give(started(route=route, **changes)))
    return order


def test_providers_the_strategys_first_is_asked_even_below_the_tier_of_the_request(stage):
    stage.give(TaskQueued(task_id="a", request=Request(prompt="why")))
    route = attrs.evolve(ROUTE, tier="haiku")
    strategy = by().strategy
    (assigned,) = only(AssignLane, planned(stage, "a", route, strategy=strategy, choice=7))
    assert assigned.lane == "cheap"
    assert [(link.provider, link.why) for link in assigned.route.chain] == [
        ("cheap", "cheap tier, the strategy's first"), ("paid", "haiku tier"),
    ]  # fmt: skip
    assert (assigned.route.strategy, assigned.route.choice) == (strategy, 7)


def test_template_the_prompt_stands_in_its_place_and_files_stay_after_it(stage):
    request = Request(prompt="why {x}", schema={"type": "object"})
    order = run_of(stage, by(template="Think. {request}\nBe {brief}."), request=request)
    assert order.prompt == "Think. why {x}\nBe {brief}."
    assert order.started.request == request


def test_recall_so_many_memories_are_asked_for(tmp_path):
    stage = stage_on(tmp_path, recall_tokens=600)
    (asked,) = only(Recall, stage.give(started(route=by(recall=3))))
    assert asked.k == 3
    (order,) = only(RunAttempt, stage.give(recalled(item())))
    assert "running server" in order.prompt
    stage.stop()


def test_recall_of_none_asks_memory_nothing(tmp_path):
    stage = stage_on(tmp_path, recall_tokens=600)
    sent = stage.give(started(route=by(recall=0)))
    assert not only(Recall, sent)
    assert only(RunAttempt, sent)
    stage.stop()


@pytest.mark.parametrize(
    ("gene", "value", "otherwise"),
    [("temperature", 0.7, None), ("plan_first", True, False), ("context_tokens", 900, 0)],
)
def test_temperature_plan_and_context_are_told_to_the_executor(stage, gene, value, otherwise):
    assert getattr(run_of(stage, by(**{gene: value})), gene) == value
    assert getattr(run_of(stage, ROUTE, task_id="b", request=Request(prompt="b")), gene) == (
        otherwise
    )


@pytest.mark.parametrize("genes", [{"plan_first": True}, {"context_tokens": 2_000}])
def test_what_a_gene_adds_to_the_cost_is_set_aside_too(stage, genes):
    def reserved(task_id, route):
        request = Request(prompt=f"why {task_id}")
        run_of(stage, route, task_id=task_id, lane="paid", request=request)
        return stage.actor._money.reserved_usd((task_id, 1))

    assert reserved("a", by(**genes)) > reserved("b", by())
    assert reserved("c", ROUTE) == reserved("d", by())


def test_attempts_one_provider_is_asked_so_often_and_told_what_was_wrong(stage):
    first = started(route=by(attempts=2), attempts_max=4)
    stage.give(first)
    (over,) = only(AttemptOver, stage.give(answered(first, "")))
    assert (over.lane, over.progress) == ("cheap", Progress(answers=1))
    second = attrs.evolve(
        first, attempt=2, answers_asked=2, progress=over.progress, last_error=over.error
    )
    (order,) = only(RunAttempt, stage.give(second))
    assert "the answer is empty" in order.prompt
    (over,) = only(AttemptOver, stage.give(answered(second, "")))
    assert (over.lane, over.progress) == ("paid", Progress(tried=("cheap",)))


@pytest.mark.parametrize(
    ("check", "answer", "state"),
    [
        ("text", "```py\n# rest of the code unchanged\n```", TaskState.COMPLETED),
        ("complete", "```py\n# rest of the code unchanged\n```", TaskState.PENDING),
        ("complete", "```py\ndef f(:\n```", TaskState.COMPLETED),
        ("code", "```py\ndef f(:\n```", TaskState.PENDING),
    ],
)
def test_check_says_what_an_answer_must_pass_where_the_request_says_nothing(
    stage, check, answer, state
):
    order = started(route=by(check=check))
    stage.give(order)
    (over,) = only(AttemptOver, stage.give(answered(order, answer)))
    assert over.next_state is state
    assert over.verified_by == (check if state is TaskState.COMPLETED else None)


def test_check_is_the_requests_own_where_it_brings_one(stage):
    order = started(route=by(check="code"), request=Request(prompt="why", match="def"))
    stage.give(order)
    (over,) = only(AttemptOver, stage.give(answered(order, "```py\ndef f(:\n```")))
    assert (over.next_state, over.verified_by) == (TaskState.COMPLETED, "match")


def test_without_a_strategy_the_order_to_the_executor_is_as_it_always_was(stage):
    order = run_of(stage, ROUTE)
    assert order == RunAttempt(started=order.started, prompt="why", deadline_s=order.deadline_s)


def test_a_fault_of_the_way_forgets_no_answer_that_was_given(stage):
    order = started(
        lane="paid", route=by(attempts=2, providers=("paid",)), progress=Progress(answers=1)
    )
    stage.give(order)
    lost = AttemptEnded(
        started=order, provider="paid", end=End.UNREACHABLE, fault="network", error="reset"
    )
    (over,) = only(AttemptOver, stage.give(lost))
    assert (over.lane, over.progress.answers, over.progress.retried) == ("paid", 1, 1)


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("", "do it"),
        ("{request}", "do it"),
        ("{request} {request}", "do it {request}"),
        ("{0} {request} {}", "{0} do it {}"),
        ("Be brief.", "Be brief.\n\ndo it"),
    ],
)
def test_a_template_is_filled_once_and_its_other_braces_mean_nothing(template, prompt):
    assert templated(Request(prompt="do it"), template).prompt == prompt


def test_a_prompt_that_holds_the_mark_is_not_filled_again():
    assert templated(Request(prompt="{request}!"), "a {request}").prompt == "a {request}!"
