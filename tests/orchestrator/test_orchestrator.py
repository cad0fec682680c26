"""The orchestrator, driven by hand: what it tells whom when something happens."""

import attrs
import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    BreakerChanged,
    End,
    ExecutorReported,
    Fault,
    Request,
    RunAttempt,
)
from atlas_actors.messages.routing import Classify, Route, RouteChosen
from atlas_actors.messages.supervision import ActorDown, Ending, RequestFailed
from atlas_actors.messages.task import (
    AssignLane,
    AttemptLost,
    AttemptOver,
    CloseLane,
    OpenLane,
    TaskQueued,
    TasksStarted,
    TaskState,
)
from atlas_actors.orchestrator.actor import BreakerDue, Orchestrator
from atlas_actors.providers.prices import shipped
from atlas_actors.settings import BudgetSettings, ProviderSettings, RoutingSettings
from tests.support.plans import planned, with_strategy
from tests.support.stages import Stage

ROUTE = Route(
    id="r", layer=1, rule="x", intent="data_text", confidence=0.9, abstained=False, tier="free",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip
REQUEST = Request(prompt="extract", schema={"type": "object"})
STARTED = AttemptStarted(
    task_id="t", attempt=1, epoch=7, lane="localai", request=REQUEST,
    route=attrs.evolve(ROUTE, choice=1), answers_asked=1, attempts_max=3, interruptions=0,
)  # fmt: skip
READY = ExecutorReported(
    provider="localai", incarnation=1, state="ready", transport="openai-chat", model="m", slots=2
)


@pytest.fixture
def stage(tmp_path):
    built = Stage(
        Orchestrator,
        path=paths.ORCHESTRATOR,
        database=tmp_path / "orchestrator.db",
        providers={
            "localai": ProviderSettings(name="localai", transport="openai-chat", tier="free")
        },
        prices=shipped(),
        budget=BudgetSettings(usd_per_day=5.0, usd_per_task=2.0, when_over="cheaper"),
        keep_answers_s={},
        interruptions_max=10,
        files=tmp_path / "files",
        settings=RoutingSettings(
            retention_days=1, tiers=("free", "cheap", "haiku", "quality"), capabilities=""
        ),
        jitter=lambda: 0.0,
    )
    built.directory.cell(paths.executor("localai"))
    built.start()
    yield built
    built.stop()


def only(kind, sent):
    return [message for message in sent if isinstance(message, kind)]


def test_a_queued_task_is_classified_then_given_a_lane(stage):
    stage.give(READY)
    (classify,) = only(Classify, stage.give(TaskQueued(task_id="t", request=REQUEST)))
    assert (classify.request_id, classify.text) == ("t", "extract")
    sent = planned(stage, "t", ROUTE)
    (assigned,) = only(AssignLane, sent)
    assert (assigned.task_id, assigned.lane, assigned.waits_for) == ("t", "localai", "")
    assert only(RouteChosen, sent) == [RouteChosen(route_id="r", provider="localai", task_id="t")]


def test_without_a_router_a_task_is_still_given_a_lane_and_says_so(stage):
    stage.give(READY, TaskQueued(task_id="t", request=REQUEST))
    classify = Classify(request_id="t", text="extract")
    failed = RequestFailed(path=paths.ROUTER, request=classify, error="parked")
    (assigned,) = only(AssignLane, with_strategy(stage, stage.give(failed)))
    assert assigned.lane == "localai"
    assert "the router is not working: parked" in assigned.route.reason


def test_a_provider_that_is_down_makes_tasks_wait_with_its_reason_and_cure(stage):
    down = ActorDown(
        path=paths.executor("localai"), incarnation=1, ending=Ending.CANNOT_START,
        error="no model", cure="pull it",
    )  # fmt: skip
    assert only(CloseLane, stage.give(down))
    stage.give(TaskQueued(task_id="t", request=REQUEST))
    (assigned,) = only(AssignLane, planned(stage, "t", ROUTE))
    assert assigned.lane == "localai"
    assert assigned.waits_for == "waits for localai: no model (pull it)"


def test_a_ready_provider_opens_its_lane_with_its_slots(stage):
    assert only(OpenLane, stage.give(READY)) == [OpenLane(lane="localai", slots=2)]


def test_a_started_attempt_goes_to_its_executor(stage):
    (run,) = only(RunAttempt, stage.give(READY, STARTED))
    assert (run.started, run.prompt) == (STARTED, "extract")
    assert (run.deadline_s, run.writes) == (600.0, False)  # as its provider's settings say


def test_a_rejected_answer_is_named_in_the_next_prompt(stage):
    again = attrs.evolve(STARTED, attempt=2, last_error="rejected: n: 1 is not a string")
    (run,) = only(RunAttempt, stage.give(READY, again))
    assert "1 is not a string" in run.prompt


@pytest.mark.parametrize(
    ("told_ms", "waits_s"), [(7_000, 7), (10**12, 3_600)], ids=["as told", "an hour at the most"]
)
def test_a_busy_provider_is_left_alone_as_long_as_it_says(stage, told_ms, waits_s):
    busy = AttemptEnded(started=STARTED, provider="localai", end=End.BUSY, fault=Fault.RATE,
                        retry_after_ms=told_ms)  # fmt: skip
    sent = stage.give(READY, STARTED, busy)
    (over,) = only(AttemptOver, sent)
    assert (over.next_state, over.lane, over.counts, over.interrupted) == (
        TaskState.PENDING, "localai", False, False,
    )  # fmt: skip
    assert only(CloseLane, sent)
    (fact,) = only(BreakerChanged, sent)
    assert fact.until_ms == stage.clock.now_ms() + waits_s * 1000
    stage.clock.advance(waits_s - 0.1)
    assert only(OpenLane, stage.give(BreakerDue(provider="localai"))) == []
    stage.clock.advance(0.1)
    assert only(OpenLane, stage.give(BreakerDue(provider="localai"))) == [
        OpenLane(lane="localai", slots=1)
    ]


def test_a_checked_answer_completes_the_task(stage):
    ended = AttemptEnded(started=STARTED, provider="localai", end=End.ANSWERED, answer="{}",
                         finish="stop", model="m")  # fmt: skip
    (over,) = only(AttemptOver, stage.give(READY, STARTED, ended))
    assert (over.next_state, over.end, over.verified_by) == (
        TaskState.COMPLETED, End.ANSWERED, "schema",
    )  # fmt: skip
    assert (over.task_id, over.attempt, over.epoch) == ("t", 1, 7)


def test_an_answer_that_fails_its_check_is_not_a_result(stage):
    ended = AttemptEnded(started=STARTED, provider="localai", end=End.ANSWERED, answer="sorry",
                         finish="stop")  # fmt: skip
    (over,) = only(AttemptOver, stage.give(READY, STARTED, ended))
    assert (over.next_state, over.end, over.verified_by) == (
        TaskState.PENDING, End.REJECTED, None,
    )  # fmt: skip


DOWN = ActorDown(path=paths.executor("localai"), incarnation=1, ending=Ending.CRASHED, error="boom")
ACCEPTED = AttemptAccepted(task_id="t", attempt=1, provider="localai", incarnation=1)


def test_an_executor_that_dies_ends_the_attempts_that_it_had(stage):
    (over,) = only(AttemptOver, stage.give(READY, STARTED, ACCEPTED, DOWN))
    assert (over.end, over.next_state) == (End.UNREACHABLE, TaskState.PENDING)
    assert "boom" in over.error


def test_an_attempt_still_in_the_mailbox_of_a_dead_executor_is_not_ended(stage):
    assert only(AttemptOver, stage.give(READY, STARTED, DOWN)) == []


def test_a_new_tasks_actor_is_told_the_lanes_and_which_attempts_nobody_has(stage):
    stage.give(READY, STARTED)
    sent = stage.give(TasksStarted(open_attempts=(("t", 1), ("lost", 3))))
    assert only(OpenLane, sent)
    assert [(lost.task_id, lost.attempt) for lost in only(AttemptLost, sent)] == [("lost", 3)]


def test_a_new_orchestrator_waits_for_every_executor_before_it_gives_an_attempt_up(stage):
    assert only(AttemptLost, stage.give(TasksStarted(open_attempts=(("t", 1), ("u", 1))))) == []
    report = attrs.evolve(READY, in_flight=(("t", 1),))
    sent = stage.give(report)
    assert [lost.task_id for lost in only(AttemptLost, sent)] == ["u"]
