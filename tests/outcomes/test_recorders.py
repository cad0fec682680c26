"""Who tells outcomes what, and under which keys."""

import pytest

from atlas_actors.config import load
from atlas_actors.executor.outcome import of_start
from atlas_actors.messages import paths
from atlas_actors.messages.memory import RateMemories
from atlas_actors.messages.outcome import AmendOutcome, OutcomesWanted, RecordOutcome
from atlas_actors.messages.routing import Classify, CorrectRoute, RouteChosen, RouteSpent
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import SettleWorkspace, SubmitTask, TaskAccepted
from atlas_actors.messages.workspace import Workspace
from atlas_actors.outcomes.actor import Outcomes
from atlas_actors.providers.prices import shipped
from atlas_actors.router.actor import Router
from atlas_actors.settings import RetentionSettings, RoutingSettings
from tests.support.memories import Remembering
from tests.support.queues import Queue, over
from tests.support.schedulers import order, scheduler_stage
from tests.support.stages import stage


def results_of(told, tmp_path):
    """What is told to outcomes twice leaves: (kind, result, verified_by, infrastructure)."""
    settings = RetentionSettings(retention_days=1)
    database = tmp_path / "outcomes.db"
    with stage(Outcomes, path=paths.OUTCOMES, database=database, settings=settings) as room:
        for message in [*told, *told]:
            room.actor.dispatch(message)
        rows = room.actor.store.rows(
            "select kind, result, verified_by, infrastructure from inspect_outcomes"
        )
    return [tuple(row.values()) for row in rows]


@pytest.fixture
def router(tmp_path):
    with stage(
        Router,
        database=tmp_path / "router.db",
        settings=RoutingSettings(retention_days=1, tiers=("free", "quality"), capabilities=""),
        intent_settings={},
        rule_settings=(),
        providers=load({"ATLAS_HOME": str(tmp_path)}).providers,
        prices=shipped(),
    ) as built:
        yield built


def routed(router):
    asked = Classify(request_id="q", text="fix the flaky login test")
    route = router.actor.on_receive(asked).route
    router.give(RouteChosen(route_id=route.id, provider="claude"))
    return route


def spent(route, **fields):
    return RouteSpent(route_id=route.id, cost_usd=0.5, duration_ms=5, **fields)


def test_a_route_comes_to_what_its_work_comes_to(router, tmp_path):
    route = routed(router)
    assert router.give(spent(route)) == []
    told = router.give(spent(route, success=True))
    (outcome,) = told
    assert outcome.cost_usd == 0.0  # it is with the attempts
    assert outcome.context == {
        "rule": "fix", "layer": 1, "intent": "bug_fix", "provider": "claude",
    }  # fmt: skip
    assert results_of(told, tmp_path) == [("route", "success", "work", 0)]


def test_a_route_is_not_to_blame_for_a_fault_of_the_way(router, tmp_path):
    told = router.give(spent(routed(router), success=False, infrastructure=True))
    assert results_of(told, tmp_path) == [("route", "failure", "work", 1)]


def test_a_corrected_route_was_none_whatever_came_of_it(router, tmp_path):
    route = routed(router)
    told = router.give(spent(route, success=True), CorrectRoute(route_id=route.id, intent="plan"))
    assert results_of(told, tmp_path) == [("route", "failure", "person", 0)]


@pytest.mark.parametrize(("intent", "result"), [("plan", "failure"), ("bug_fix", "success")])
def test_a_person_says_what_a_route_without_work_was(router, tmp_path, intent, result):
    told = router.give(CorrectRoute(route_id=routed(router).id, intent=intent))
    assert results_of(told, tmp_path) == [("route", result, "person", 0)]


@pytest.fixture
def queue(tmp_path):
    built = Queue(tmp_path)
    yield built
    built.die()


def settle(queue, id, state):
    workspace = Workspace(kind="copy", source="/s", root="/r", cwd="/r", state=state)
    queue.ask(SettleWorkspace(id=id, workspace=workspace))


@pytest.mark.parametrize(("state", "result"), [("applied", "success"), ("discarded", "failure")])
def test_what_a_person_does_with_the_changes_is_what_the_task_came_to(
    queue, tmp_path, state, result
):
    id = queue.begin()
    queue.tell(over(id))
    recorded = queue.heard(RecordOutcome)
    settle(queue, id, state)
    told = queue.heard(AmendOutcome)
    queue.clock.advance(100)
    queue.tell(OutcomesWanted(since_ms=0))
    assert queue.heard(AmendOutcome) == told
    kept = results_of([*told, *recorded], tmp_path)
    assert ("task", result, "person", 0) in kept
    assert len(kept) == 2


def test_a_decision_that_is_still_open_says_nothing(queue):
    id = queue.begin()
    queue.tell(over(id))
    settle(queue, id, "open")
    assert queue.heard(AmendOutcome) == []
    queue.tell(OutcomesWanted(since_ms=0))
    assert queue.heard(AmendOutcome) == []


@pytest.fixture
def scheduler(tmp_path):
    built = scheduler_stage(tmp_path)
    built.start()
    yield built
    built.stop()


def kept(sent):
    return [message for message in sent if isinstance(message, RecordOutcome)]


def ticked(scheduler):
    """The submission of a tick."""
    scheduler.give(order(every_s=60))
    scheduler.clock.advance(60)
    scheduler.actor._look()
    (submission,) = [one for one in scheduler.give() if isinstance(one, SubmitTask)]
    return submission


def test_a_tick_that_becomes_a_task_is_a_success_after_all_refusals(scheduler, tmp_path):
    submission = ticked(scheduler)
    refused = RequestFailed(path=paths.TASKS, request=submission, error="busy")
    told = kept([*scheduler.give(refused), *scheduler.give(refused)])
    assert len(told) == 1
    accepted = TaskAccepted(id="t", key=submission.key, created=True)
    told += kept(scheduler.give(accepted, accepted))
    assert sorted(results_of(told, tmp_path)) == [
        ("schedule", "failure", None, 1),
        ("schedule", "success", "task", 0),
    ]


def test_ticks_that_nobody_looked_at_are_told_of_once(scheduler, tmp_path):
    scheduler.give(order(every_s=60, missed="skip"))
    scheduler.clock.advance(600)
    scheduler.actor._look()
    told = kept(scheduler.give())
    assert [outcome.context["end"] for outcome in told] == ["skipped"]
    assert results_of(told, tmp_path) == [("schedule", "failure", None, 1)]


@pytest.mark.parametrize(("useful", "result"), [(True, "success"), (False, "failure")])
def test_a_recall_comes_to_how_a_client_has_rated_its_memories(tmp_path, useful, result):
    memory = Remembering(tmp_path)
    id = memory.one("the parser is in parse.py").id
    memory.sent()
    rated = RateMemories(ids=(id,), useful=useful, rated_by="client")
    (told,) = memory.give(rated)
    assert (told.kind, told.result, told.verified_by) == ("recall", result, "client")
    nothing = RateMemories(ids=("none",), useful=True, rated_by="client")
    told_elsewhere = RateMemories(ids=(id,), useful=useful)
    assert memory.give(nothing, told_elsewhere) == []
    memory.stop()


@pytest.mark.parametrize(("error", "kept"), [("", ("success", 0)), ("no memory", ("failure", 1))])
def test_a_start_of_the_model_says_how_long_it_took(error, kept):
    started = of_start("localai", "m", now_ms=7, took_s=1.25, error=error)
    assert (started.result, int(started.infrastructure), started.duration_ms) == (*kept, 1250)
