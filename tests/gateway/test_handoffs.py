"""handoff.* on the socket: going on with what a task has left."""

import anyio
import pytest

from atlas_actors.errors import UsageError
from atlas_actors.gateway import handoffs
from atlas_actors.handoffs.actor import Handoffs
from atlas_actors.messages import paths
from atlas_actors.messages.handoff import Checkpoint, SaveCheckpoint
from atlas_actors.messages.task import RetryTask
from atlas_actors.settings import HandoffSettings
from tests.support.doors import door_on
from tests.support.stages import Stage


@pytest.fixture
def asked():
    return []


@pytest.fixture
def door(tmp_path, asked):
    return door_on(tmp_path, asked)


@pytest.fixture
def handoff_id(door):
    """A handoff that an attempt of task t has left."""
    door.home.state.mkdir(parents=True, exist_ok=True)
    stage = Stage(
        Handoffs,
        path=paths.HANDOFFS,
        database=door.home.state / "handoffs.db",
        settings=HandoffSettings(retention_days=7, stale_s=60),
    )
    stage.start()
    checkpoint = Checkpoint(goal="mend it")
    stage.give(
        SaveCheckpoint(task_id="t", attempt=1, provider="claude", cwd="/w", checkpoint=checkpoint)
    )
    yield stage.actor.store.row("select id from handoffs")["id"]
    stage.stop()


def resume(door, **params):
    return anyio.run(handoffs.answer, door, "handoff.resume", params)


def test_the_task_that_has_left_it_is_tried_again(door, handoff_id, asked):
    assert resume(door, id=handoff_id) == {"task_id": "t"}
    assert asked == [(paths.TASKS, RetryTask(id="t", handoff_id=handoff_id))]


def test_a_task_of_its_own_cannot_be_given_to_another_provider(door, handoff_id, asked):
    with pytest.raises(UsageError, match="cannot be given to haiku"):
        resume(door, id=handoff_id, provider="haiku")
    assert asked == []
