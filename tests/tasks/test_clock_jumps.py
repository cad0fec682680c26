"""F7: the wall clock is set, or the machine sleeps; what was to last so long lasts so long."""

import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted, End, Request
from atlas_actors.messages.routing import Route
from atlas_actors.messages.task import (
    AssignLane,
    AttemptOver,
    OpenLane,
    SubmitTask,
    TaskDue,
    TaskState,
)
from atlas_actors.settings import TaskSettings
from atlas_actors.store_actor import PruneDue
from atlas_actors.tasks.actor import Tasks
from tests.support.stages import Stage

SETTINGS = TaskSettings(pending_max=1000, attempts_max=3, interruptions_max=2, retention_days=1)
ROUTE = Route(
    id="r", layer=1, rule="x", intent="data_text", confidence=0.9, abstained=False, tier="free",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip
HOUR_S, YEARS_S = 3_600, 10 * 365 * 86_400
JUMPS = [HOUR_S, -HOUR_S, YEARS_S, -YEARS_S]


@pytest.fixture
def stage(tmp_path):
    built = Stage(
        Tasks, path=paths.TASKS, database=tmp_path / "tasks.db", settings=SETTINGS, epoch=1
    )
    built.start()
    built.give(OpenLane(lane="a", slots=9))
    yield built
    built.stop()


def jump(stage, seconds):
    """The wall clock alone is set."""
    stage.clock.jump(seconds)


def submit(stage, deadline_s=None, **fields):
    request = Request(prompt="do it", deadline_s=deadline_s)
    return stage.actor.dispatch(SubmitTask(request=request, **fields)).id


def lane(id, name="a"):
    return AssignLane(task_id=id, lane=name, route=ROUTE)


def started(sent):
    return [message.task_id for message in sent if isinstance(message, AttemptStarted)]


def state(stage, id):
    return stage.actor.store.row("select state from tasks where id = ?", (id,))["state"]


@pytest.mark.parametrize("seconds", JUMPS)
def test_f7_a_deadline_has_as_much_left_as_before(stage, seconds):
    id = submit(stage, deadline_s=60.0)
    stage.give(lane(id, name="closed"))
    stage.clock.advance(20)
    jump(stage, seconds)
    stage.give(TaskDue())
    stage.clock.advance(39)
    stage.give(TaskDue())
    assert state(stage, id) == "pending"
    stage.clock.advance(2)
    stage.give(TaskDue())
    assert state(stage, id) == "failed"


@pytest.mark.parametrize("seconds", JUMPS)
def test_f7_a_task_that_is_to_be_tried_again_is_tried_within_a_minute(stage, seconds):
    id = submit(stage)
    stage.give(lane(id))
    again = AttemptOver(
        task_id=id, attempt=1, epoch=1, end=End.UNREACHABLE, next_state=TaskState.PENDING,
        lane="a", delay_ms=10_000,
    )  # fmt: skip
    assert started(stage.give(again)) == []
    jump(stage, seconds)
    begun = started(stage.give(TaskDue()))
    while not begun:
        stage.clock.advance(1)
        begun = started(stage.give(TaskDue()))
        assert stage.clock.monotonic_s() < 1_062
    assert begun == [id]


@pytest.mark.parametrize("seconds", JUMPS)
def test_f7_a_running_attempt_is_left_alone(stage, seconds):
    id = submit(stage, deadline_s=60.0)
    stage.give(lane(id))
    jump(stage, seconds)
    stage.give(TaskDue())
    assert state(stage, id) == "in_progress"
    stage.give(
        AttemptOver(
            task_id=id, attempt=1, epoch=1, end=End.ANSWERED, next_state=TaskState.COMPLETED
        )
    )
    assert state(stage, id) == "completed"


def test_f7_a_task_for_a_time_of_the_wall_clock_goes_by_the_wall_clock(stage):
    id = submit(stage, at_ms=stage.clock.now_ms() + HOUR_S * 1000)
    stage.give(lane(id))
    jump(stage, HOUR_S)
    assert started(stage.give(TaskDue())) == [id]


def test_f8_a_machine_that_slept_finds_its_deadlines_where_they_were(stage):
    """Asleep the wall clock goes on and the monotonic one does not."""
    id = submit(stage, deadline_s=60.0)
    stage.give(lane(id, name="closed"))
    jump(stage, 8 * HOUR_S)
    stage.give(TaskDue())
    assert state(stage, id) == "pending"


def test_the_clock_being_drawn_a_little_moves_nothing(stage):
    id = submit(stage, deadline_s=60.0)
    before = stage.actor.store.row("select deadline_ms from tasks where id = ?", (id,))
    stage.clock.jump(0.9)
    stage.give(TaskDue())
    assert stage.actor.store.row("select deadline_ms from tasks where id = ?", (id,)) == before


def test_f7_a_clock_that_is_set_far_ahead_makes_nothing_old(stage):
    id = submit(stage)
    stage.give(lane(id))
    stage.give(
        AttemptOver(
            task_id=id, attempt=1, epoch=1, end=End.ANSWERED, next_state=TaskState.COMPLETED
        )
    )
    jump(stage, YEARS_S)
    stage.give(PruneDue())
    assert state(stage, id) == "completed"
    stage.clock.advance(2 * 86_400)
    jump(stage, -YEARS_S)
    stage.give(PruneDue())
    assert stage.actor.store.rows("select id from tasks") == []
