"""Attempts under way: identical requests, kept answers, budgets, deadlines, breakers."""

import attrs
import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    BreakerChanged,
    CancelAttempt,
    End,
    ExecutorReported,
    Fault,
    Progress,
    Request,
    ResetBreaker,
    RunAttempt,
    Usage,
)
from atlas_actors.messages.routing import Classify, Route
from atlas_actors.messages.supervision import ActorDown, Ending
from atlas_actors.messages.task import (
    AssignLane,
    AttemptCancelled,
    AttemptLost,
    AttemptOver,
    CloseLane,
    OpenLane,
    RouteAgain,
    TaskQueued,
    TasksStarted,
    TaskState,
)
from atlas_actors.orchestrator.actor import BreakerDue, DayBegan, MoneyCameBack, Orchestrator
from atlas_actors.orchestrator.answers import CACHE_LANE
from atlas_actors.providers.prices import shipped
from atlas_actors.settings import BudgetSettings, ProviderSettings, RoutingSettings
from tests.support.plans import planned
from tests.support.stages import Stage

ROUTE = Route(
    id="r", layer=1, rule="x", intent="explain", confidence=0.9, abstained=False, tier="cheap",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
    choice=1,  # made already
)  # fmt: skip
TABLES = {
    "cheap": ProviderSettings(name="cheap", transport="openai-chat", tier="cheap", retries=0),
    "paid": ProviderSettings(
        name="paid", transport="anthropic-messages", tier="haiku", model="claude-haiku-4-5"
    ),
}


def stage_on(tmp_path, **changes):
    fields = {
        "database": tmp_path / "orchestrator.db",
        "providers": TABLES,
        "prices": shipped(),
        "budget": BudgetSettings(usd_per_day=1.0, usd_per_task=1.0, when_over="cheaper"),
        "keep_answers_s": {},
        "interruptions_max": 10,
        "files": tmp_path / "files",
        "settings": RoutingSettings(
            retention_days=1, tiers=("free", "cheap", "haiku", "quality"), capabilities=""
        ),
        "jitter": lambda: 0.0,
        **changes,
    }
    built = Stage(Orchestrator, path=paths.ORCHESTRATOR, **fields)
    for name in TABLES:
        built.directory.cell(paths.executor(name))
    built.start()
    for name in TABLES:
        built.give(
            ExecutorReported(
                provider=name, incarnation=1, state="ready", transport="t", model="m", slots=4
            )
        )
    return built


@pytest.fixture
def stage(tmp_path):
    built = stage_on(tmp_path)
    yield built
    built.stop()


def started(task_id="a", attempt=1, lane="cheap", **changes):
    fields = {
        "epoch": 1, "request": Request(prompt="why"), "route": ROUTE, "answers_asked": 1,
        "attempts_max": 3, "interruptions": 0, "created_ms": 0, **changes,
    }  # fmt: skip
    return AttemptStarted(task_id=task_id, attempt=attempt, lane=lane, **fields)


def answered(order, text="because", **changes):
    fields = {"provider": order.lane, "end": End.ANSWERED, "answer": text, "finish": "stop"}
    return AttemptEnded(started=order, **{**fields, **changes})


def failed(order, fault, end=End.UNREACHABLE, **changes):
    return AttemptEnded(
        started=order, provider=order.lane, end=end, fault=fault, error="no", **changes
    )


def only(kind, sent):
    return [message for message in sent if isinstance(message, kind)]


def test_identical_requests_in_flight_are_done_once(stage):
    first, second = started("a"), started("b")
    sent = stage.give(first, second)
    assert [order.started.task_id for order in only(RunAttempt, sent)] == ["a"]
    overs = only(AttemptOver, stage.give(answered(first, usage=Usage(input=9), cost_usd=0.1)))
    assert [(over.task_id, over.answer, over.cost_usd) for over in overs] == [
        ("a", "because", 0.1), ("b", "because", 0.0),
    ]  # fmt: skip
    assert overs[1].transport == "shared with a"
    assert overs[1].next_state is TaskState.COMPLETED


def test_one_that_was_asked_before_the_other_was_answered_gets_that_answer(stage):
    first = started("a")
    stage.give(first, answered(first))
    late = started("b", created_ms=stage.clock.now_ms())
    assert only(AttemptOver, stage.give(late))[0].answer == "because"
    stage.clock.advance(1)
    later = started("c", created_ms=stage.clock.now_ms())
    assert only(RunAttempt, stage.give(later))


def test_when_the_one_in_flight_fails_the_other_is_run(stage):
    first, second = started("a"), started("b")
    stage.give(first, second)
    sent = stage.give(failed(first, Fault.SERVER))
    assert [order.started.task_id for order in only(RunAttempt, sent)] == ["b"]


def test_when_the_one_in_flight_is_cancelled_the_other_is_run(stage):
    first, second = started("a"), started("b")
    stage.give(first, second)
    sent = stage.give(AttemptCancelled(task_id="a", attempt=1, lane="cheap"))
    assert only(CancelAttempt, sent) == [CancelAttempt(task_id="a", attempt=1)]
    assert [order.started.task_id for order in only(RunAttempt, sent)] == ["b"]


def test_cancelling_one_that_waits_leaves_the_other_alone(stage):
    first, second = started("a"), started("b")
    stage.give(first, second)
    assert not stage.give(AttemptCancelled(task_id="b", attempt=1, lane="cheap"))
    assert len(only(AttemptOver, stage.give(answered(first)))) == 1


@pytest.mark.parametrize(
    "request_", [Request(prompt="why", cwd="/tmp/x"), Request(prompt="why", check=("true",))]
)
def test_work_with_effects_is_never_shared(stage, request_):
    sent = stage.give(started("a", request=request_), started("b", request=request_))
    assert len(only(RunAttempt, sent)) == 2


def test_a_kept_answer_is_given_again_without_a_call_until_its_time_is_over(tmp_path):
    stage = stage_on(tmp_path, keep_answers_s={"explain": 60.0})
    first = started("a")
    stage.give(first, answered(first))
    stage.clock.advance(30)
    stage.give(TaskQueued(task_id="b", request=first.request))
    (assigned,) = only(AssignLane, planned(stage, "b", ROUTE))
    assert assigned.lane == CACHE_LANE
    again = started("b", lane=CACHE_LANE, created_ms=stage.clock.now_ms())
    (over,) = only(AttemptOver, stage.give(again))
    assert (over.answer, over.provider, over.cost_usd) == ("because", CACHE_LANE, 0.0)
    stage.clock.advance(31)
    stage.give(TaskQueued(task_id="c", request=first.request))
    (assigned,) = only(AssignLane, planned(stage, "c", ROUTE))
    assert assigned.lane == "cheap"
    stage.stop()


def test_a_kept_answer_that_expires_on_the_way_sends_the_task_to_a_provider(tmp_path):
    stage = stage_on(tmp_path, keep_answers_s={"explain": 60.0})
    (over,) = only(AttemptOver, stage.give(started("b", lane=CACHE_LANE)))
    assert (over.next_state, over.lane, over.counts) == (TaskState.PENDING, "cheap", False)
    stage.stop()


@pytest.mark.parametrize("route", [attrs.evolve(ROUTE, needs=("tools",)),
                                   attrs.evolve(ROUTE, intent="plan")])  # fmt: skip
def test_only_what_the_settings_name_and_has_no_effects_is_kept(tmp_path, route):
    stage = stage_on(tmp_path, keep_answers_s={"explain": 60.0})
    first = started("a", route=route)
    stage.give(first, answered(first))
    stage.clock.advance(1)
    stage.give(TaskQueued(task_id="b", request=first.request))
    (assigned,) = only(AssignLane, planned(stage, "b", route))
    assert assigned.lane == "cheap"
    stage.stop()


@pytest.mark.parametrize("keep", [{}, {"explain": 1.0}])
def test_the_cache_has_a_lane_only_where_a_route_uses_it(tmp_path, keep):
    stage = stage_on(tmp_path, keep_answers_s=keep)
    lanes = {lane.lane for lane in only(OpenLane, stage.give(TasksStarted(open_attempts=())))}
    assert (CACHE_LANE in lanes) is bool(keep)
    stage.stop()


def test_a_call_that_is_over_the_budget_is_not_made_and_a_cheaper_one_is(stage):
    dear = started("a", lane="paid", request=Request(prompt="why", budget_usd=0.0001))
    sent = stage.give(dear)
    assert only(RunAttempt, sent) == []
    (over,) = only(AttemptOver, sent)
    assert (over.end, over.fault) == (End.OVER_BUDGET, Fault.BUDGET)
    assert (over.next_state, over.lane, over.counts) == (TaskState.PENDING, "cheap", False)
    assert "the task's budget of $0.0001:" in over.error


def test_a_task_that_is_pinned_to_what_it_cannot_pay_waits_and_says_so(stage):
    request = Request(prompt="why", provider="paid", budget_usd=0.0001)
    stage.give(TaskQueued(task_id="a", request=request))
    (assigned,) = only(AssignLane, planned(stage, "a", ROUTE))
    assert assigned.lane is None
    assert "waits for paid: over the task's budget" in assigned.waits_for


def test_at_midnight_those_who_wait_for_money_are_routed_again(stage):
    assert not only(RouteAgain, stage.give(DayBegan()))
    stage.clock.advance(86_400)
    assert only(RouteAgain, stage.give(DayBegan()))


def test_money_that_comes_back_wakes_those_who_wait_for_it(stage):
    later = []
    stage.actor.after = lambda _, message: later.append(message)
    rich, poor = Request(prompt="why"), Request(prompt="how", provider="paid", budget_usd=0.0001)
    for task_id, request in (("a", rich), ("b", poor)):
        stage.give(TaskQueued(task_id=task_id, request=request))
        order = started(task_id, lane="paid", request=rich)
        planned(stage, task_id, ROUTE)
        if task_id == "a":
            stage.give(order, answered(order, usage=Usage(output=1)))
            assert MoneyCameBack() not in later  # nobody waits for it
    other = started("c", lane="paid", request=Request(prompt="else"))
    stage.give(other, answered(other, usage=Usage(output=1)))
    assert MoneyCameBack() in later
    assert only(RouteAgain, stage.give(MoneyCameBack()))


def test_mail_of_a_batch_that_the_disk_refused_is_handled_when_it_comes_again(stage):
    order = started("a")
    stage.actor.dispatch(order)
    stage.actor.dispatch(TaskQueued(task_id="b", request=order.request))
    stage.sent()
    stage.actor.on_rollback()
    sent = stage.give(order, TaskQueued(task_id="b", request=order.request))
    assert [run.started.task_id for run in only(RunAttempt, sent)] == ["a"]
    assert [asked.request_id for asked in only(Classify, sent)] == ["b"]


def test_an_end_that_the_disk_refused_is_not_given_up_before_it_comes_again(stage):
    order = started("a")
    stage.give(order)
    stage.actor.dispatch(answered(order))
    stage.sent()
    stage.actor.on_rollback()
    assert only(AttemptLost, stage.give(TasksStarted(open_attempts=(("a", 1),)))) == []
    assert only(AttemptOver, stage.give(answered(order)))[0].answer == "because"


def test_what_a_cancelled_attempt_had_reserved_is_not_kept_when_its_executor_dies(stage):
    order = started("a", lane="paid", request=Request(prompt="why"))
    stage.give(order, AttemptCancelled(task_id="a", attempt=1, lane="paid"))
    assert stage.actor._money.open_attempts() == (("a", 1),)
    stage.give(
        ActorDown(path=paths.executor("paid"), incarnation=1, ending=Ending.CRASHED, error="boom")
    )
    assert stage.actor._money.open_attempts() == ()


def test_what_an_attempt_cost_is_by_the_table_to_a_millionth(stage):
    order = started("a", lane="paid")
    stage.give(order)
    usage = Usage(input=240, cache_read=1_800, cache_write=128, output=34)
    (over,) = only(AttemptOver, stage.give(answered(order, usage=usage, model="claude-opus-5-5")))
    assert over.cost_usd == 0.00264


def test_a_deadline_for_all_attempts_is_shared_among_those_that_may_follow(stage):
    deadline_ms = stage.clock.now_ms() + 30_000
    request = Request(prompt="why", deadline_s=30.0)
    order = started("a", deadline_ms=deadline_ms, request=request)
    (run,) = only(RunAttempt, stage.give(order))
    assert run.deadline_s == 15.0  # two providers could be asked


def test_past_the_deadline_nothing_is_asked_any_more(stage):
    deadline_ms = stage.clock.now_ms() + 30_000
    stage.clock.advance(31)
    late = started("a", deadline_ms=deadline_ms, request=Request(prompt="why", deadline_s=30.0))
    sent = stage.give(late)
    assert only(RunAttempt, sent) == []
    (over,) = only(AttemptOver, sent)
    assert (over.end, over.next_state) == (End.TIMED_OUT, TaskState.FAILED)


def test_a_provider_that_says_wait_rests_and_is_probed_by_one(stage):
    order = started("a")
    sent = stage.give(order, failed(order, Fault.RATE, End.BUSY, retry_after_ms=7_000))
    closed = only(CloseLane, sent)
    assert [lane.lane for lane in closed] == ["cheap"]
    (fact,) = only(BreakerChanged, sent)
    assert (fact.state, fact.until_ms) == ("open", stage.clock.now_ms() + 7_000)
    kinds = [type(message) for message in sent]
    assert kinds.index(CloseLane) < kinds.index(AttemptOver)  # or it would be started there again
    stage.clock.advance(7)
    sent = stage.give(BreakerDue(provider="cheap"))
    assert only(OpenLane, sent) == [OpenLane(lane="cheap", slots=1)]
    probe = started("b", request=Request(prompt="other"))
    sent = stage.give(probe)
    assert [lane.lane for lane in only(CloseLane, sent)] == ["cheap"]  # nobody waits behind it
    sent = stage.give(answered(probe))
    assert only(OpenLane, sent) == [OpenLane(lane="cheap", slots=4)]


def test_a_probe_that_is_cancelled_leaves_room_for_another(stage):
    order = started("a")
    stage.give(order, failed(order, Fault.RATE, End.BUSY, retry_after_ms=1_000))
    stage.clock.advance(1)
    probe = started("b", request=Request(prompt="other"))
    stage.give(BreakerDue(provider="cheap"), probe)
    sent = stage.give(
        AttemptCancelled(task_id="b", attempt=1, lane="cheap"),
        failed(probe, None, End.CANCELLED),
    )
    assert only(OpenLane, sent) == [OpenLane(lane="cheap", slots=1)]


def test_a_provider_that_has_just_said_it_is_too_dear_is_not_asked_again_at_once(tmp_path):
    stage = stage_on(tmp_path, providers={"paid": TABLES["paid"]})
    request = Request(prompt="Ж" * 40_000, budget_usd=0.03)
    order = started("a", lane="paid", request=request)
    (over,) = only(AttemptOver, stage.give(order))
    assert (over.fault, over.lane) == (Fault.BUDGET, None)
    assert over.next_state is TaskState.PENDING
    stage.stop()


def test_what_is_chosen_is_also_paid_for(stage):
    """Both sides of the same decision measure the same text."""
    for cents in range(1, 40):
        request = Request(prompt="Ж" * 40_000, provider="paid", budget_usd=cents / 400)
        stage.give(TaskQueued(task_id=f"t{cents}", request=request))
        route = attrs.evolve(ROUTE, id=f"r{cents}")
        (assigned,) = only(AssignLane, planned(stage, f"t{cents}", route))
        sent = stage.give(started(f"t{cents}", lane="paid", request=request))
        assert bool(only(RunAttempt, sent)) is (assigned.lane == "paid")
        stage.give(AttemptCancelled(task_id=f"t{cents}", attempt=1, lane="paid"))


def test_a_person_can_say_that_a_provider_works_again(stage):
    order = started("a")
    stage.give(order, failed(order, Fault.KEY, End.REFUSED))
    sent = stage.give(ResetBreaker(provider="cheap"))
    assert only(OpenLane, sent) == [OpenLane(lane="cheap", slots=4)]


def test_a_task_that_was_routed_again_does_not_go_back_to_who_has_just_failed_it(stage):
    resting = started("x", lane="paid", request=Request(prompt="x"))
    stage.give(resting, failed(resting, Fault.RATE, End.BUSY, retry_after_ms=9_000))
    queued = TaskQueued(
        task_id="a", request=Request(prompt="why"), progress=Progress(tried=("cheap",))
    )
    stage.give(queued)
    (assigned,) = only(AssignLane, planned(stage, "a", ROUTE))
    assert assigned.lane == "paid"
    stage.give(attrs.evolve(queued, task_id="b", progress=Progress(tried=("cheap", "paid"))))
    (assigned,) = only(AssignLane, planned(stage, "b", ROUTE))
    assert assigned.lane == "cheap"  # all have: from the beginning


def test_what_a_task_has_spent_counts_when_it_is_routed_again(stage):
    request = Request(prompt="why", provider="paid", budget_usd=0.03)
    for spent_usd, lane in ((0.0, "paid"), (0.02, None)):
        id = f"t{spent_usd}"
        stage.give(TaskQueued(task_id=id, request=request, spent_usd=spent_usd))
        (assigned,) = only(AssignLane, planned(stage, id, ROUTE))
        assert assigned.lane == lane


def test_a_crash_of_an_executor_counts_at_the_worst_case_for_the_task_too(stage):
    order = started("a", lane="paid")
    accepted = AttemptAccepted(task_id="a", attempt=1, provider="paid", incarnation=1)
    down = ActorDown(
        path=paths.executor("paid"), incarnation=1, ending=Ending.CRASHED, error="boom"
    )
    (over,) = only(AttemptOver, stage.give(order, accepted, down))
    assert over.counted_usd > 0.02
    assert over.cost_usd == 0.0


def test_every_hop_is_told_with_its_fault_and_where_the_task_goes_next(stage):
    first = started("a")
    stage.give(first)
    (over,) = only(AttemptOver, stage.give(failed(first, Fault.SERVER)))
    assert (over.fault, over.lane, over.progress.tried) == (Fault.SERVER, "paid", ("cheap",))
    assert (over.infrastructure, over.counts) == (True, False)
