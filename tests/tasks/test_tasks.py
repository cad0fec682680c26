"""The queue, driven by hand with a fake clock: what is accepted, started, ended, rescued."""

import attrs
import pytest

from atlas_actors.errors import Busy, Conflict, NotFound
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted, End, Request
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.messages.routing import Route
from atlas_actors.messages.task import (
    AssignLane,
    AttemptCancelled,
    AttemptLost,
    AttemptOver,
    CancelTask,
    CloseLane,
    LanesWanted,
    OpenLane,
    RetryTask,
    SubmitTask,
    TaskDue,
    TaskQueued,
    TasksStarted,
    TaskState,
)
from atlas_actors.settings import TaskSettings
from atlas_actors.store_actor import PruneDue
from atlas_actors.tasks.actor import Tasks
from atlas_actors.tasks.offers import OFFERED_MAX
from tests.support.stages import Stage

SETTINGS = TaskSettings(pending_max=1000, attempts_max=3, interruptions_max=2, retention_days=1)
ROUTE = Route(
    id="r", layer=1, rule="x", intent="data_text", confidence=0.9, abstained=False, tier="free",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip


def build(tmp_path, epoch=1, settings=SETTINGS):
    return Stage(
        Tasks, path=paths.TASKS, database=tmp_path / "tasks.db", settings=settings, epoch=epoch
    )


@pytest.fixture
def stage(tmp_path):
    built = build(tmp_path)
    built.start()
    yield built
    built.stop()


def submit(stage, **fields):
    order = SubmitTask(request=Request(prompt=fields.pop("prompt", "do it")), **fields)
    return stage.actor.dispatch(order)


def lane(id, name="a"):
    return AssignLane(task_id=id, lane=name, route=ROUTE)


def started(sent):
    return [message.task_id for message in sent if isinstance(message, AttemptStarted)]


def over(id, attempt=1, end=End.ANSWERED, state=TaskState.COMPLETED, epoch=1, **fields):
    return AttemptOver(
        task_id=id, attempt=attempt, epoch=epoch, end=end, next_state=state, **fields
    )


def row(stage, id):
    return stage.actor.store.row("select * from tasks where id = ?", (id,))


def begin(stage, **fields):
    """A task that runs on lane a."""
    id = submit(stage, **fields).id
    assert started(stage.give(OpenLane(lane="a", slots=9), lane(id))) == [id]
    return id


def test_q1_the_same_key_gives_the_same_task(stage):
    first, second = submit(stage, key="k"), submit(stage, key="k", prompt="other")
    assert (first.created, second.created) == (True, False)
    assert first.id == second.id
    assert submit(stage, key="other").id != first.id


def test_a_new_task_is_offered_to_the_orchestrator_once(stage):
    id = submit(stage).id
    offers = [m.task_id for m in stage.give() if isinstance(m, TaskQueued)]
    assert offers == [id]
    assert [m for m in stage.give() if isinstance(m, TaskQueued)] == []


def test_offers_are_bounded_and_go_on_as_lanes_are_assigned(tmp_path):
    stage = build(tmp_path)
    stage.start()
    ids = [submit(stage).id for _ in range(OFFERED_MAX + 5)]
    assert len([m for m in stage.give() if isinstance(m, TaskQueued)]) == OFFERED_MAX
    more = [m.task_id for m in stage.give(lane(ids[0]), lane(ids[1])) if isinstance(m, TaskQueued)]
    assert more == ids[OFFERED_MAX : OFFERED_MAX + 2]
    stage.stop()


def test_an_attempt_is_journalled_before_it_is_told(stage):
    id = begin(stage)
    assert (row(stage, id)["state"], row(stage, id)["attempt"]) == ("in_progress", 1)
    attempts = stage.actor.store.rows('select number, provider, "end" from attempts')
    assert attempts == [{"number": 1, "provider": "a", "end": None}]


def test_a_lane_takes_as_many_as_it_has_slots_and_the_next_when_one_ends(stage):
    ids = [submit(stage).id for _ in range(3)]
    assert started(stage.give(OpenLane(lane="a", slots=2), *map(lane, ids))) == ids[:2]
    assert started(stage.give(over(ids[0]))) == ids[2:]


def test_a_closed_lane_starts_nothing(stage):
    id = submit(stage).id
    assert started(stage.give(lane(id))) == []
    stage.give(OpenLane(lane="a", slots=0), CloseLane(lane="a", reason="gone", reroute=True))
    assert row(stage, id)["state"] == "pending"


def test_q5_priority_then_due_time_then_id(stage):
    ids = {name: submit(stage, priority=name).id for name in ("low", "normal", "high", "urgent")}
    second_normal = submit(stage).id
    stage.give(*map(lane, [*ids.values(), second_normal]))
    order = started(stage.give(OpenLane(lane="a", slots=9)))
    assert order == [ids["urgent"], ids["high"], ids["normal"], second_normal, ids["low"]]


def test_a_delayed_task_starts_when_it_is_due(stage):
    id = submit(stage, at_ms=stage.clock.now_ms() + 60_000).id
    assert started(stage.give(OpenLane(lane="a", slots=1), lane(id))) == []
    due_s = stage.actor._next_timer_s()
    assert due_s == pytest.approx(60)
    stage.clock.advance(due_s)
    assert started(stage.give(TaskDue())) == [id]


def test_q2_a_completed_task_is_final(stage):
    id = begin(stage)
    stage.give(over(id, answer="4", verified_by="text"))
    assert (row(stage, id)["state"], row(stage, id)["result"]) == ("completed", "4")
    for refused in (CancelTask(id=id), RetryTask(id=id)):
        with pytest.raises(Conflict, match="completed"):
            stage.actor.dispatch(refused)


@pytest.mark.parametrize("late", [{"attempt": 2}, {"epoch": 2}])
def test_q3_a_late_end_of_another_attempt_or_life_is_refused(stage, late):
    id = begin(stage)
    sent = stage.give(over(id, **late))
    assert row(stage, id)["state"] == "in_progress"
    assert [m for m in sent if isinstance(m, RecordOutcome)] == []


def test_q4_what_an_older_life_left_running_is_pending_again_and_flagged(tmp_path):
    stage = build(tmp_path, epoch=1)
    stage.start()
    id = begin(stage)
    stage.actor.store.close()  # killed: no on_stop
    stage = build(tmp_path, epoch=2)
    sent = stage.start()
    found = row(stage, id)
    assert (found["state"], found["maybe_ran"], found["attempt"]) == ("pending", 1, 1)
    assert [m.open_attempts for m in sent if isinstance(m, TasksStarted)] == [()]
    attempts = stage.actor.store.rows('select "end", error from attempts')
    assert attempts == [{"end": "unreachable", "error": "the daemon died during this attempt"}]
    stage.stop()


def test_q4_a_task_that_is_interrupted_too_often_fails_with_the_cause(tmp_path):
    stage = build(tmp_path, epoch=1)
    stage.start()
    id = begin(stage)
    for epoch in (2, 3):
        stage.actor.store.close()
        stage = build(tmp_path, epoch=epoch)
        stage.start()
        assert started(stage.give(OpenLane(lane="a", slots=1), lane(id))) == [id]
    stage.actor.store.close()
    stage = build(tmp_path, epoch=4)
    stage.start()
    found = row(stage, id)
    assert found["state"] == "failed"
    assert found["error"] == "interrupted too often; last: the daemon died during this attempt"
    stage.stop()


def test_a_stopped_daemon_leaves_nothing_in_progress(stage):
    id = begin(stage)
    stage.actor.on_stop()
    assert (row(stage, id)["state"], row(stage, id)["maybe_ran"]) == ("pending", 1)


def test_a_lost_attempt_makes_its_task_pending_and_frees_its_slot(stage):
    ids = [submit(stage).id for _ in range(2)]
    assert started(stage.give(OpenLane(lane="a", slots=1), *map(lane, ids))) == ids[:1]
    sent = stage.give(AttemptLost(task_id=ids[0], attempt=1, reason="nobody has it"))
    assert started(sent) == ids[1:]
    assert row(stage, ids[0])["state"] == "pending"


def test_q9_a_pending_task_is_cancelled_at_once_and_a_running_one_is_fenced(stage):
    waiting, running = submit(stage).id, begin(stage)
    stage.give(CancelTask(id=waiting))
    sent = stage.give(CancelTask(id=running))
    assert AttemptCancelled(task_id=running, attempt=1, lane="a") in sent
    stage.give(over(running, answer="too late"))
    assert [row(stage, id)["state"] for id in (waiting, running)] == ["cancelled"] * 2
    assert row(stage, running)["result"] is None


def test_a_retried_task_has_all_its_attempts_before_it_again(stage):
    id = begin(stage)
    stage.give(over(id, end=End.REFUSED, state=TaskState.FAILED, error="no"))
    stage.give(RetryTask(id=id))
    assert row(stage, id)["state"] == "pending"
    (again,) = [m for m in stage.give(lane(id)) if isinstance(m, AttemptStarted)]
    assert (again.attempt, again.answers_asked) == (2, 1)


def test_a_task_that_is_tried_again_waits_for_its_delay_on_its_new_lane(stage):
    id = begin(stage)
    stage.give(OpenLane(lane="b", slots=1))
    stage.give(over(id, end=End.BUSY, state=TaskState.PENDING, lane="b", delay_ms=5_000))
    assert row(stage, id)["lane"] == "b"
    stage.clock.advance(5)
    assert started(stage.give(TaskDue())) == [id]


def test_faults_of_the_way_do_not_use_up_answers(stage):
    id = begin(stage)
    fault = {"end": End.UNREACHABLE, "counts": False, "interrupted": True}
    stage.give(over(id, state=TaskState.PENDING, lane="a", **fault))
    assert (row(stage, id)["answers_asked"], row(stage, id)["interruptions"]) == (0, 1)


def test_an_answer_that_counts_is_one_of_those_that_may_be_asked_for(stage):
    id = begin(stage)
    stage.give(over(id, end=End.REJECTED, state=TaskState.PENDING, lane="a"))
    assert (row(stage, id)["answers_asked"], row(stage, id)["interruptions"]) == (1, 0)


def test_every_end_leaves_outcomes_with_how_it_was_verified(stage):
    id = begin(stage)
    sent = stage.give(over(id, verified_by="schema", provider="a", model="m", duration_ms=5))
    outcomes = [m for m in sent if isinstance(m, RecordOutcome)]
    assert [(o.kind, o.result, o.verified_by) for o in outcomes] == [
        ("attempt", "success", "schema"),
        ("task", "success", "schema"),
    ]
    assert outcomes[0].context["intent"] == "data_text"


def test_when_a_lane_closes_who_waits_for_it_is_routed_anew(stage):
    id = submit(stage).id
    stage.give(OpenLane(lane="b", slots=1))
    stage.give(lane(id))
    sent = stage.give(CloseLane(lane="b", reason="gone", reroute=True))
    assert [m.task_id for m in sent if isinstance(m, TaskQueued)] == [id]


def test_a_new_orchestrator_is_told_what_is_open_and_what_has_no_lane(stage):
    running, waiting = begin(stage), submit(stage).id
    stage.give()
    sent = stage.give(LanesWanted())
    assert TasksStarted(open_attempts=((running, 1),)) in sent
    assert [m.task_id for m in sent if isinstance(m, TaskQueued)] == [waiting]


def test_q18_more_pending_tasks_than_the_limit_are_refused_with_a_time(tmp_path):
    stage = build(tmp_path, settings=attrs.evolve(SETTINGS, pending_max=2))
    stage.start()
    submit(stage), submit(stage)
    with pytest.raises(Busy) as caught:
        submit(stage)
    assert caught.value.retry_after_ms > 0
    stage.stop()


def test_q14_tasks_that_ended_long_ago_are_pruned_with_their_attempts(stage):
    old, new = begin(stage), submit(stage).id
    stage.give(over(old))
    stage.clock.advance(2 * 86_400)
    stage.give(PruneDue())
    assert (row(stage, old), row(stage, new)["state"]) == (None, "pending")
    assert stage.actor.store.rows("select * from attempts") == []


def test_the_counts_equal_the_rows(stage):
    id = begin(stage)
    submit(stage)
    stage.give(over(id))
    counted = stage.actor.store.rows("select state, tasks from inspect_counts where tasks > 0")
    real = stage.actor.store.rows("select state, count(*) as tasks from tasks group by state")
    assert sorted(map(str, counted)) == sorted(map(str, real))


def test_a_deadline_ends_a_task_that_waits_and_says_for_what(stage):
    order = SubmitTask(request=Request(prompt="do it", deadline_s=30.0))
    id = stage.actor.dispatch(order).id
    waiting = AssignLane(task_id=id, lane=None, route=ROUTE, waits_for="nobody can")
    stage.give(waiting)
    stage.clock.advance(29)
    stage.give(TaskDue())
    assert row(stage, id)["state"] == "pending"
    stage.clock.advance(1)
    stage.give(TaskDue())
    assert row(stage, id)["state"] == "failed"
    assert (
        row(stage, id)["error"]
        == "timed_out: the deadline of 30.0 s is over; it waited: nobody can"
    )
    stage.actor.dispatch(RetryTask(id=id))
    stage.give()
    assert row(stage, id)["state"] == "pending"


def test_what_a_lost_attempt_may_have_cost_counts_against_the_tasks_budget(stage):
    id = begin(stage)
    stage.give(AttemptLost(task_id=id, attempt=1, reason="gone", counted_usd=0.5))
    assert row(stage, id)["spent_usd"] == 0.5


def test_an_unknown_task_is_not_found(stage):
    with pytest.raises(NotFound):
        stage.actor.dispatch(CancelTask(id="nobody"))
