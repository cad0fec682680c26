"""How an attempt is gone about is said just before it begins; another lane takes it back."""

import attrs
import pytest

from atlas_actors.messages.execution import End
from atlas_actors.messages.strategy import Genome, Strategy
from atlas_actors.messages.task import (
    AssignLane,
    AttemptPlanned,
    CancelTask,
    OpenLane,
    RouteAgain,
    TaskChanged,
    TaskQueued,
    TaskState,
)
from tests.support.stages import Stage
from tests.tasks.test_tasks import ROUTE, begin, build, lane, over, row, started, submit

STRATEGY = Strategy(id="s-1", intent="data_text", genome=Genome(providers=("b",)))
CHOSEN = attrs.evolve(ROUTE, strategy=STRATEGY, choice=5, strategy_why="it has done best")


@pytest.fixture
def stage(tmp_path):
    built = build(tmp_path)
    built.start()
    yield built
    built.stop()


def plan(id, lane="a", attempt=1, epoch=1):
    return AttemptPlanned(task_id=id, attempt=attempt, epoch=epoch, lane=lane, route=CHOSEN)


def attempts(stage: Stage):
    return stage.actor.store.rows(
        "select number, provider, strategy, choice from attempts order by number"
    )


def test_in_its_own_lane_the_attempt_runs_on_under_its_strategy(stage):
    id = begin(stage)
    assert started(stage.give(plan(id))) == []
    assert row(stage, id)["state"] == "in_progress"
    assert attempts(stage) == [{"number": 1, "provider": "a", "strategy": "s-1", "choice": 5}]
    sent = stage.give(over(id, end=End.REJECTED, state=TaskState.PENDING, lane="a"))
    (again,) = [message for message in sent if hasattr(message, "route") and message.route]
    assert (again.attempt, again.route.strategy, again.route.choice) == (2, STRATEGY, 5)


def test_for_another_lane_it_is_as_if_it_had_not_been_started(stage):
    stage.give(OpenLane(lane="b", slots=1))
    id = begin(stage)
    sent = stage.give(plan(id, lane="b"))
    assert started(sent) == [id]
    (again,) = [message for message in sent if hasattr(message, "answers_asked")]
    assert (again.lane, again.attempt, again.answers_asked) == ("b", 1, 1)
    assert again.route.choice == 5
    assert attempts(stage) == [{"number": 1, "provider": "b", "strategy": "s-1", "choice": 5}]
    assert started(stage.give(over(id))) == []
    assert row(stage, id)["state"] == "completed"


def test_it_waits_for_a_lane_that_is_full_and_leaves_its_own_to_the_next(stage):
    stage.give(OpenLane(lane="a", slots=1), OpenLane(lane="b", slots=1))
    first, second, third = (submit(stage).id for _ in range(3))
    sent = stage.give(lane(first, "b"), lane(second, "a"), lane(third, "a"))
    assert set(started(sent)) == {first, second}
    sent = stage.give(plan(second, lane="b"))
    assert started(sent) == [third]
    waits = next(message for message in sent if isinstance(message, TaskChanged))
    assert (waits.id, waits.state, waits.before) == (second, "pending", "in_progress")
    assert waits.waits_for == "goes to b instead of a: it has done best"
    kept = row(stage, second)
    assert (kept["state"], kept["lane"], kept["attempt"], kept["started_ms"]) == (
        "pending", "b", 0, None,
    )  # fmt: skip
    assert started(stage.give(over(first))) == [second]


@pytest.mark.parametrize("wrong", [{"attempt": 2}, {"epoch": 2}])
def test_a_plan_that_comes_too_late_changes_nothing(stage, wrong):
    stage.give(OpenLane(lane="b", slots=1))
    id = begin(stage)
    before = row(stage, id)
    stage.give(plan(id, lane="b", **wrong))
    assert row(stage, id) == before


def test_what_was_cancelled_meanwhile_stays_so(stage):
    stage.give(OpenLane(lane="b", slots=1))
    id = begin(stage)
    stage.give(CancelTask(id=id))
    assert started(stage.give(plan(id, lane="b"))) == []
    assert row(stage, id)["state"] == "cancelled"


def test_when_another_is_the_best_known_of_an_intent_who_has_not_begun_is_routed_anew(stage):
    stage.give(OpenLane(lane="a", slots=1))
    runs, waits, other = (submit(stage).id for _ in range(3))
    elsewhere = AssignLane(task_id=other, lane="a", route=attrs.evolve(ROUTE, intent="plan"))
    stage.give(lane(runs), lane(waits), elsewhere)
    offered = [
        message.task_id
        for message in stage.give(RouteAgain(intent="data_text"))
        if isinstance(message, TaskQueued)
    ]
    assert offered == [waits]
    assert row(stage, runs)["state"] == "in_progress"


def test_what_was_chosen_for_somebody_or_answered_once_stays_where_it_waits(stage):
    stage.give(OpenLane(lane="a", slots=2), OpenLane(lane="b", slots=1))
    first, chosen, answered = (submit(stage).id for _ in range(3))
    stage.give(lane(first, "b"), lane(chosen), lane(answered))
    stage.give(
        plan(chosen, lane="b"),
        over(answered, end=End.REJECTED, state=TaskState.PENDING, lane="b"),
    )
    sent = stage.give(RouteAgain(intent="data_text"))
    assert not [message for message in sent if isinstance(message, TaskQueued)]


def test_who_goes_on_elsewhere_keeps_its_place_before_those_that_have_not_begun(stage):
    stage.give(OpenLane(lane="a", slots=1), OpenLane(lane="b", slots=1))
    ids = [submit(stage).id for _ in range(4)]
    stage.clock.advance(1)
    stage.give(lane(ids[0], "a"), *(lane(id, "b") for id in ids[1:]))
    stage.give(over(ids[0], end=End.REJECTED, state=TaskState.PENDING, lane="b"))
    assert started(stage.give(over(ids[1]))) == [ids[0]]
