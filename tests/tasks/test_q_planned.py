"""An attempt that is planned for another lane: what limits, deadlines and faults make of it."""

import pytest

from atlas_actors.messages.task import AttemptLost, CloseLane, LanesWanted, OpenLane, TaskQueued
from atlas_actors.settings import GroupSettings
from atlas_actors.store_actor import TELL_AGAIN_S
from tests.support.queues import Queue, lane, order, over, planned

PER_MINUTE = 6  # one at once, then one each ten seconds


@pytest.fixture
def queue(tmp_path):
    built = Queue(tmp_path, groups={"one": GroupSettings(name="one", slots=1)})
    yield built
    built.die()


def test_its_deadline_is_over_in_time_while_it_waits_for_the_other_lane(queue):
    queue.tell(OpenLane(lane="a", slots=9), OpenLane(lane="b", slots=1))
    first = queue.submit(deadline_s=10.0)
    second = queue.submit(deadline_s=40.0)
    busy = queue.submit()
    queue.tell(lane(busy, "b"), lane(second))
    queue.advance(11)  # nobody waits with a deadline any more
    assert queue.state(first) == "failed"
    queue.tell(planned(second, "b"))
    assert queue.state(second) == "pending"
    queue.advance(30)
    assert queue.state(second) == "failed"


def test_the_lane_that_it_was_started_for_may_begin_another_instead(queue):
    queue.tell(OpenLane(lane="a", slots=9, per_minute=PER_MINUTE), OpenLane(lane="b", slots=9))
    first, second = queue.submit(), queue.submit()
    queue.tell(lane(first), lane(second))
    assert queue.started() == [first]
    queue.tell(planned(first, "b"))
    assert set(queue.started()) == {first, second}


def test_moving_gives_a_lane_no_more_than_its_rate(queue):
    queue.tell(OpenLane(lane="a", slots=9, per_minute=PER_MINUTE), OpenLane(lane="b", slots=9))
    ids = [queue.submit() for _ in range(4)]
    queue.tell(*map(lane, ids))
    (first,) = queue.started()
    queue.tell(planned(first, "b"), planned(first, "b"))
    begun = [id for id in queue.started() if id != first]
    assert len(begun) == 1


def test_a_lane_that_has_closed_before_the_plan_is_on_disk_keeps_nobody(queue):
    queue.tell(OpenLane(lane="a", slots=9), OpenLane(lane="b", slots=9))
    id = queue.submit()
    queue.tell(lane(id))
    queue.refuse_next_commit()
    queue.tell(planned(id, "b"))
    queue.tell(CloseLane(lane="b", reason="gone", reroute=True))
    queue.heard(TaskQueued)
    queue.advance(TELL_AGAIN_S + 0.1)
    assert [queued.task_id for queued in queue.heard(TaskQueued)] == [id]


def test_a_lane_that_is_expected_back_is_waited_for(queue):
    queue.tell(OpenLane(lane="a", slots=9), OpenLane(lane="b", slots=9))
    id = queue.submit()
    queue.tell(lane(id))
    queue.tell(CloseLane(lane="b", reason="it crashed", reroute=False))
    queue.heard(TaskQueued)
    queue.tell(planned(id, "b"))
    assert (queue.heard(TaskQueued), queue.state(id)) == ([], "pending")
    queue.started()
    queue.tell(OpenLane(lane="b", slots=1))
    assert queue.started() == [id]


def test_its_group_counts_it_once(queue):
    queue.tell(OpenLane(lane="a", slots=9), OpenLane(lane="b", slots=9))
    first, second = queue.submit(group="one"), queue.submit(group="one")
    queue.tell(lane(first), lane(second))
    assert queue.started() == [first]
    queue.tell(planned(first, "b"))
    assert queue.started() == [first]
    queue.tell(over(first))
    queue.tell(lane(second))
    assert queue.started() == [second]


@pytest.mark.parametrize("told", [True, False])
def test_a_daemon_that_dies_about_a_plan_runs_it_once_more_and_flags_what_may_have_run(queue, told):
    queue.tell(OpenLane(lane="a", slots=9))
    id = queue.submit()
    queue.tell(lane(id))
    if told:
        queue.tell(planned(id, "b"))
    queue.started()
    queue.reopen()
    row = queue.row(id)
    assert (row["state"], row["maybe_ran"]) == ("pending", 0 if told else 1)
    queue.tell(OpenLane(lane="b", slots=9))
    queue.tell(lane(id, "b"))
    assert queue.started() == [id]


def test_a_plan_of_an_orchestrator_that_has_died_holds(queue):
    queue.tell(OpenLane(lane="a", slots=9))
    id = queue.submit()
    queue.tell(lane(id))
    queue.tell(planned(id, "b"), LanesWanted(), AttemptLost(task_id=id, attempt=1, reason="old"))
    assert (queue.state(id), queue.row(id)["interruptions"]) == ("pending", 0)
    queue.started()
    queue.tell(OpenLane(lane="b", slots=9))
    assert queue.started() == [id]


def test_an_order_and_its_plan_in_one_commit_begin_it_once(queue):
    queue.tell(OpenLane(lane="a", slots=9), OpenLane(lane="b", slots=9))
    (reply,) = queue.batch(order())
    id = reply.value.id
    queue.tell(lane(id))
    queue.started()
    queue.tell(planned(id, "b"), planned(id, "a"))
    assert queue.started() == [id]
    assert queue.row(id)["lane"] == "b"
