"""Whose answer is taken for what a model has thought of a template."""

import pytest

from atlas_actors.cycle import views
from atlas_actors.messages.task import OpenLane
from atlas_actors.strategies import work_records
from tests.support.queues import Queue, lane, order, over
from tests.support.strategists import room_on

KEY = "reflect:bug_fix:9"


@pytest.fixture
def queue(tmp_path):
    built = Queue(tmp_path)
    built.tell(OpenLane(lane="a", slots=9))
    yield built
    built.die()


def wait_for(queue, folder):
    """Note that the key is waited for."""
    room = room_on(folder, queue.clock)
    room.start()
    values = {
        "key": KEY, "intent": "bug_fix", "parent": "p", "tasks": "[]", "upto": 9, "day": "d",
        "at_ms": queue.clock.now_ms(),
    }  # fmt: skip
    work_records.add_reflection(room.actor.store, values)
    if room.actor.store.connection.in_transaction:
        room.actor.store.commit()
    room.stop()


def answer(queue, origin):
    """A task with that key, and its end."""
    accepted = queue.ask(order(key=KEY, origin=origin))
    queue.tell(lane(accepted.id))
    queue.tell(over(accepted.id, answer="a template"))


def ended(queue, folder):
    return views.reflections_ended(folder, queue.clock.now_ms())


def test_what_we_have_generated_after_the_question_is_its_answer(queue, tmp_path):
    wait_for(queue, tmp_path)
    assert ended(queue, tmp_path) == []
    answer(queue, "generated")
    assert ended(queue, tmp_path) == [(KEY, "a template")]


@pytest.mark.parametrize("origin", ["person", "schedule", "handoff", "import"])
def test_somebody_elses_task_with_such_a_key_answers_nothing(queue, tmp_path, origin):
    wait_for(queue, tmp_path)
    answer(queue, origin)
    assert ended(queue, tmp_path) == [(KEY, None)]


def test_what_was_there_before_the_question_answers_nothing(queue, tmp_path):
    answer(queue, "generated")
    queue.clock.advance(1)
    wait_for(queue, tmp_path)
    assert ended(queue, tmp_path) == [(KEY, None)]
