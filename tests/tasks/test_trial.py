"""What the attempts of a task say about the strategy by which it was gone about."""

import json

import attrs
import pytest

from atlas_actors.messages.execution import End, Progress
from atlas_actors.messages.outcome import OutcomesWanted, RecordOutcome
from atlas_actors.messages.strategy import Genome, Strategy
from atlas_actors.messages.task import (
    AssignLane,
    ImportTasks,
    LanesWanted,
    OpenLane,
    RetryTask,
    TaskQueued,
    TaskState,
    Unique,
)
from atlas_actors.tasks import rows
from atlas_actors.tasks.trial import lead_of
from tests.support.queues import ROUTE, Queue, order, over

STRATEGY = Strategy(
    id="s-1",
    intent="data_text",
    genome=Genome(providers=("a", "b"), template="Now: {request}", attempts=2, temperature=0.5),
)
BY = attrs.evolve(ROUTE, strategy=STRATEGY, choice=5, strategy_why="it has done best")


@pytest.fixture
def queue(tmp_path):
    built = Queue(tmp_path)
    yield built
    built.die()


def attempt(provider, end="rejected", choice=1, infrastructure=0, transport="t"):
    return {
        "provider": provider, "end": end, "choice": choice, "infrastructure": infrastructure,
        "transport": transport, "cost_usd": 0.0,
    }  # fmt: skip


def fault(provider, end="unreachable"):
    return attempt(provider, end, infrastructure=1)


def lost(provider):
    return attempt(provider, "unreachable", transport=None)


def passed(provider, **fields):
    return attempt(provider, "answered", **fields)


NO = attempt


@pytest.mark.parametrize(
    ("most", "attempts", "lead"),
    [
        (1, [passed("a")], "passed"),
        (1, [NO("a")], "failed"),
        (1, [NO("a"), passed("b")], "failed"),
        (1, [NO("a"), passed("a")], "failed"),  # one answer was its share
        (2, [NO("a"), passed("a")], "passed"),
        (2, [NO("a"), NO("a"), passed("b")], "failed"),
        (2, [NO("a")], "failed"),  # the task was at the end of its attempts
        (1, [attempt("a", "refused"), passed("b")], "failed"),
        # a fault of the way says nothing
        (1, [fault("a"), passed("b")], "unknown"),
        (1, [lost("a"), passed("b")], "unknown"),
        (1, [fault("a"), passed("a")], "passed"),
        (1, [lost("a"), NO("a"), passed("b")], "failed"),
        (1, [fault("a")], "unknown"),
        (2, [NO("a"), fault("a"), passed("b")], "unknown"),
        (2, [NO("a"), passed("b")], "unknown"),
        (2, [NO("a"), fault("a")], "unknown"),
        (2, [NO("a"), fault("a"), passed("a")], "passed"),
        (1, [fault("a", "cancelled")], "unknown"),
        # somebody else was first
        (1, [passed("b")], "unknown"),
        (1, [NO("b"), passed("a")], "unknown"),
        # given without a call
        (1, [passed("a", transport="cache")], "unknown"),
        (1, [passed("a", transport="shared with t-1")], "unknown"),
        # of another choice, or of none
        (1, [NO("a", choice=0), passed("a")], "passed"),
        (1, [passed("a", choice=0)], "unknown"),
        (1, [], "unknown"),
    ],
)
def test_how_the_strategys_first_provider_has_done(most, attempts, lead):
    genome = {"providers": ["a", "b"], "attempts": most}
    assert lead_of(genome, 1, attempts) == lead


def assigned(id, route=BY, name="a"):
    return AssignLane(task_id=id, lane=name, route=route)


def begin(queue, route=BY, **fields):
    id = queue.submit(**fields)
    queue.tell(OpenLane(lane="a", slots=9), OpenLane(lane="b", slots=9), assigned(id, route))
    return id


def told(queue):
    """The outcomes that were told, by their keys."""
    return {outcome.key: outcome for outcome in queue.heard(RecordOutcome)}


def two_attempts(queue, **fields):
    """A task that a fails and b does."""
    id = begin(queue, **fields)
    told_to = {"provider": "a", "transport": "t", "cost_usd": 0.01}
    again = {"end": End.REJECTED, "state": TaskState.PENDING, "delay_ms": 60_000}
    queue.clock.advance(2)
    queue.tell(over(id, lane="b", **again, **told_to))
    queue.advance(60)
    queue.clock.advance(3)
    queue.tell(
        over(id, 2, provider="b", transport="t", cost_usd=0.02, verified_by="text", lane="b")
    )
    return id


def test_outcomes_say_by_which_strategy_how_it_has_led_and_what_all_of_it_cost(queue):
    id = two_attempts(queue)
    outcomes = told(queue)
    for number in (1, 2):
        context = outcomes[f"attempt {id}/{number}"].context
        assert (context["strategy"], context["choice"]) == ("s-1", 5)
    task = outcomes[f"task {id}/2"]
    expected = {
        "strategy": "s-1", "choice": 5, "lead": "unknown", "checked": "text", "origin": "person",
        "task_cost_usd": 0.03, "intent": "data_text", "work_ms": 5_000,
    }  # fmt: skip
    assert {name: task.context[name] for name in expected} == expected
    assert "project" not in task.context
    assert task.cost_usd == 0.03
    assert outcomes[f"attempt {id}/2"].cost_usd == 0.02


def test_outcomes_that_are_told_again_after_a_crash_say_the_same(queue, tmp_path):
    (tmp_path / "project" / ".git").mkdir(parents=True)
    two_attempts(queue, cwd=str(tmp_path / "project"))
    first = told(queue)
    queue.reopen()
    queue.tell(OutcomesWanted(since_ms=0))
    again = told(queue)
    assert {key: one.context for key, one in again.items()} == {
        key: one.context for key, one in first.items()
    }
    assert [one.context["project"] for one in again.values() if one.kind == "task"] == [
        str(tmp_path / "project")
    ]


def test_a_request_with_a_check_of_its_own_is_said_to_have_one(queue):
    id = queue.ask(order(prompt="p")).id
    queue.actor.store.run("update tasks set match = 'x' where id = ?", (id,))
    queue.tell(OpenLane(lane="a", slots=9), assigned(id))
    queue.tell(over(id, provider="a", transport="t", verified_by="match"))
    context = told(queue)[f"task {id}/1"].context
    assert (context["checked"], context["lead"]) == ("own", "passed")


def test_without_a_strategy_nothing_is_said_of_one(queue):
    id = begin(queue, ROUTE)
    queue.tell(over(id, provider="a", transport="t"))
    for outcome in told(queue).values():
        assert not {"strategy", "choice", "lead"} & outcome.context.keys()


def test_a_strategy_is_kept_with_the_route_and_comes_back_the_same():
    row = {"route": rows.route_text(BY)}
    assert rows.route_of(row) == BY


def test_a_route_of_before_there_were_strategies_still_loads():
    fields = json.loads(rows.route_text(ROUTE))
    for name in ("strategy", "choice", "strategy_why"):
        del fields[name]
    assert rows.route_of({"route": json.dumps(fields)}) == ROUTE


def test_progress_of_before_there_were_strategies_still_loads():
    text = json.dumps({"tried": ["a"], "rounds": 1, "retried": 0})
    assert rows.progress_of({"progress": text}) == Progress(tried=("a",), rounds=1)


def offered(queue, id):
    """What the orchestrator is told of a task that it forgot."""
    queue.heard(TaskQueued)
    queue.reopen()
    queue.tell(LanesWanted())
    return next(task for task in queue.heard(TaskQueued) if task.task_id == id)


def test_a_task_whose_answer_was_rejected_is_offered_with_its_strategy(queue):
    id = begin(queue)
    queue.tell(over(id, end=End.REJECTED, state=TaskState.PENDING, lane=None, provider="a"))
    task = offered(queue, id)
    assert (task.strategy, task.choice, task.answered) == (STRATEGY, 5, True)


def test_a_task_that_nobody_has_answered_is_offered_as_such(queue):
    id = begin(queue)
    fields = {"counts": False, "infrastructure": True, "provider": "a"}
    queue.tell(over(id, end=End.BUSY, state=TaskState.PENDING, lane=None, **fields))
    task = offered(queue, id)
    assert (task.strategy, task.choice, task.answered) == (STRATEGY, 5, False)


def test_a_task_that_a_person_has_begun_anew_is_chosen_for_anew(queue):
    id = begin(queue)
    queue.tell(over(id, end=End.REJECTED, state=TaskState.FAILED, provider="a"))
    queue.ask(RetryTask(id=id))
    task = offered(queue, id)
    assert (task.strategy, task.choice, task.answered) == (None, None, False)


def test_a_task_that_has_got_another_request_is_chosen_for_anew(queue):
    id = queue.submit(prompt="one", unique=Unique(key="k", replace=True))
    queue.tell(assigned(id))
    queue.ask(order(prompt="other", unique=Unique(key="k", replace=True)))
    task = offered(queue, id)
    assert (task.request.prompt, task.strategy, task.choice) == ("other", None, None)


def test_the_choice_of_another_daemon_is_not_taken_over_with_its_task(tmp_path):
    (tmp_path / "new").mkdir()
    new = Queue(tmp_path / "new")
    task = {
        "id": "x", "state": "completed", "prompt": "p", "priority": 1, "attempts_max": 3,
        "due_ms": 1, "created_ms": 1, "ended_ms": 2, "verified_by": "text",
        "route": json.loads(rows.route_text(BY)),
        "attempts": [{"number": 1, "epoch": 1, "provider": "a", "end": "answered",
                      "transport": "t", "started_ms": 1, "ended_ms": 2, "strategy": "s-1",
                      "choice": 5}],
    }  # fmt: skip
    assert new.ask(ImportTasks(tasks=(task,))).count == 1
    route = rows.route_of(new.row("x"))
    assert (route.strategy, route.choice) == (STRATEGY, None)
    new.tell(OutcomesWanted(since_ms=0))
    assert [one.context.get("choice") for one in told(new).values()] == [None, None]
    new.die()
