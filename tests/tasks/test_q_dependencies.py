"""Q12: what comes after what; what becomes of it when that was not completed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.errors import Conflict, NotFound
from atlas_actors.messages.task import (
    CancelTask,
    OpenLane,
    PruneTasks,
    RetryTask,
    SubmitTasks,
    TaskQueued,
    TaskRefused,
)
from atlas_actors.settings import GroupSettings
from atlas_actors.tasks.dependencies import in_order
from tests.support.queues import Queue, failed, lane, order, over

ENDED_AS = {"fail": "failed", "skip": "cancelled", "run": "pending"}


@pytest.fixture
def queue(tmp_path):
    built = Queue(tmp_path)
    built.tell(OpenLane(lane="a", slots=99))
    yield built
    built.die()


def test_q12_a_task_begins_only_after_the_one_that_it_comes_after(queue):
    first = queue.begin()
    second = queue.submit(after=(first,))
    queue.tell(OpenLane(lane="a", slots=9))
    assert [queued.task_id for queued in queue.heard(TaskQueued)] == [first]
    queue.tell(over(first))
    assert [queued.task_id for queued in queue.heard(TaskQueued)] == [second]
    queue.tell(lane(second))
    assert queue.started() == [second]


def test_q12_a_task_may_come_after_a_key_and_after_what_is_over(queue):
    first = queue.begin(key="build")
    queue.tell(over(first))
    second = queue.submit(after=("build",))
    queue.tell(lane(second))
    assert queue.started() == [second]


def test_q12_one_that_comes_after_nobody_is_refused_by_name(queue):
    with pytest.raises(NotFound, match="no task build"):
        queue.ask(order(after=("build",)))
    with pytest.raises(NotFound, match="no task itself"):
        queue.ask(order(key="itself", after=("itself",)))
    assert queue.rows("select * from tasks") == []


@pytest.mark.parametrize("if_dead", ENDED_AS)
@pytest.mark.parametrize("ended", ["failed", "cancelled", "expired"])
def test_q12_what_comes_after_a_dead_one_fails_is_skipped_or_runs(queue, if_dead, ended):
    first = queue.submit(deadline_s=5.0 if ended == "expired" else None)
    second = queue.submit(after=(first,), if_dead=if_dead)
    match ended:
        case "failed":
            queue.tell(lane(first))
            queue.tell(failed(first))
        case "cancelled":
            queue.ask(CancelTask(id=first))
        case "expired":
            queue.advance(5)
    assert queue.state(first) != "completed"
    assert queue.state(second) == ENDED_AS[if_dead]
    queue.tell(lane(second))
    assert (second in queue.started()) == (if_dead == "run")
    if if_dead != "run":
        assert queue.row(second)["error"].startswith(f"it comes after {first}, which was not")


@pytest.mark.parametrize("if_dead", ENDED_AS)
def test_q12_one_that_is_submitted_after_a_dead_one_is_treated_the_same(queue, if_dead):
    first = queue.begin()
    queue.tell(failed(first))
    second = queue.submit(after=(first,), if_dead=if_dead)
    assert queue.state(second) == ENDED_AS[if_dead]


def test_q12_a_chain_falls_as_far_as_its_policies_say(queue):
    first = queue.begin()
    skipped = queue.submit(after=(first,), if_dead="skip")
    fallen = queue.submit(after=(skipped,))
    last = queue.submit(after=(fallen,), if_dead="run")
    queue.tell(failed(first))
    states = [queue.state(id) for id in (skipped, fallen, last)]
    assert states == ["cancelled", "failed", "pending"]
    queue.tell(lane(last))
    assert queue.started() == [last]


@pytest.mark.slow
def test_q12_a_chain_of_a_thousand_falls_at_once(tmp_path):
    queue = Queue(tmp_path, pending_max=2_000)
    orders = [order(key="0"), *(order(key=str(n), after=(str(n - 1),)) for n in range(1, 1_000))]
    ids = [result.id for result in queue.ask(SubmitTasks(orders=tuple(reversed(orders)))).results]
    queue.ask(CancelTask(id=ids[-1]))
    counted = queue.rows("select state, tasks from inspect_counts where tasks > 0")
    assert {row["state"]: row["tasks"] for row in counted} == {"cancelled": 1, "failed": 999}
    queue.die()


def test_q12_a_batch_may_name_what_comes_later_in_it(queue):
    orders = (order(key="last", after=("middle",)), order(key="middle", after=("first",)))
    results = queue.ask(SubmitTasks(orders=(*orders, order(key="first")))).results
    assert all(result.created for result in results)
    last, middle, first = (result.id for result in results)
    needs = queue.rows("select task_id, needs_id from inspect_dependencies order by task_id")
    assert {(row["task_id"], row["needs_id"]) for row in needs} == {(last, middle), (middle, first)}


def test_q12_those_that_would_wait_for_themselves_are_refused_by_name_and_no_others(queue):
    orders = (
        order(key="a", after=("b",)),
        order(key="b", after=("c",)),
        order(key="c", after=("a",)),
        order(key="alone", after=("alone",)),
        order(key="behind", after=("a",)),
        order(key="fine"),
    )
    a, b, c, alone, behind, fine = queue.ask(SubmitTasks(orders=orders)).results
    for refused in (a, b, c):
        assert "tasks would wait for themselves" in refused.error
        assert all(f"{key} after" in refused.error for key in "abc")
    assert "alone after alone" in alone.error
    assert "no task a" in behind.error
    assert queue.rows("select id, key from tasks") == [{"id": fine.id, "key": "fine"}]


@pytest.mark.slow
@given(
    needs=st.lists(st.sets(st.integers(0, 11), max_size=3), min_size=1, max_size=12),
)
def test_q12_any_batch_is_put_in_order_and_what_is_refused_is_a_cycle(needs):
    orders = tuple(
        order(key=str(n), after=tuple(str(m) for m in sorted(after)))
        for n, after in enumerate(needs)
    )
    positions, wrong = in_order(orders)
    assert sorted([*positions, *wrong]) == list(range(len(orders)))
    place = {n: at for at, n in enumerate(positions)}
    for n in positions:
        for m in needs[n]:
            assert m >= len(orders) or m in wrong or place[m] < place[n]
    for n in wrong:
        assert n in reachable(needs, n)


def reachable(needs, start):
    """What comes before `start`, by any number of steps."""
    seen, todo = set(), [start]
    while todo:
        for m in needs[todo.pop()]:
            if m < len(needs) and m not in seen:
                seen.add(m)
                todo.append(m)
    return seen


def test_q12_one_of_several_is_not_enough(queue):
    first, second = queue.begin(), queue.begin()
    third = queue.submit(after=(first, second))
    queue.tell(over(first))
    assert third not in [queued.task_id for queued in queue.heard(TaskQueued)]
    queue.tell(over(second))
    assert [queued.task_id for queued in queue.heard(TaskQueued)] == [third]


def test_q12_a_need_that_is_tried_again_counts_once(queue):
    first, second = queue.begin(), queue.begin()
    third = queue.submit(after=(first, second), if_dead="run")
    queue.tell(failed(first))
    queue.ask(RetryTask(id=first))
    queue.tell(lane(first))
    queue.tell(over(first, 2))
    assert queue.row(third)["blocked"] == 1, "second still runs"
    queue.tell(over(second))
    assert queue.row(third)["blocked"] == 0


def test_q12_what_has_begun_to_wait_waits_for_a_need_that_is_tried_again(queue):
    first, second = queue.begin(), queue.begin()
    third = queue.submit(after=(first, second), if_dead="run")
    queue.tell(failed(first))
    queue.ask(RetryTask(id=first))
    queue.tell(over(second))
    assert queue.row(third)["blocked"] == 1, "first is to be tried again"


def test_q12_a_fallen_task_is_tried_again_after_the_one_that_it_fell_with(queue):
    first = queue.begin()
    second = queue.submit(after=(first,))
    queue.tell(failed(first))
    with pytest.raises(Conflict, match=f"comes after {first}") as caught:
        queue.ask(RetryTask(id=second))
    assert first in caught.value.cure
    queue.ask(RetryTask(id=first))
    queue.ask(RetryTask(id=second))
    queue.tell(lane(first), lane(second))
    assert queue.started() == [first]
    queue.tell(over(first, 2))
    queue.tell(lane(second))
    assert queue.started() == [second]


def test_q12_a_need_that_was_pruned_is_waited_for_no_more(queue):
    first = queue.begin()
    second = queue.submit(after=(first,), if_dead="run")
    queue.tell(failed(first))
    queue.ask(CancelTask(id=second))
    queue.advance(1)
    queue.ask(PruneTasks(before_ms=queue.clock.now_ms(), states=("failed",)))
    queue.ask(RetryTask(id=second))
    queue.tell(lane(second))
    assert queue.started() == [second]


def test_q12_who_waits_for_whom_survives_a_kill(queue):
    first = queue.begin()
    second = queue.submit(after=(first,))
    queue.reopen()
    queue.tell(OpenLane(lane="a", slots=9), lane(first), lane(second))
    assert queue.started() == [first]
    queue.tell(over(first, 2, epoch=2))
    queue.tell(lane(second))
    assert queue.started() == [second]


@pytest.mark.parametrize("kept_back", ["group", "after"])
def test_q12_a_late_answer_starts_nothing_that_must_wait(tmp_path, kept_back):
    queue = Queue(tmp_path, groups={"g": GroupSettings(name="g", slots=1)})
    queue.tell(OpenLane(lane="a", slots=9))
    first = queue.submit(group="g" if kept_back == "group" else None)
    if kept_back == "group":
        second = queue.submit(group="g")
        queue.ask(CancelTask(id=first))  # second has the group's slot now
    else:
        second = first
        first = queue.submit(after=(second,))
        queue.ask(CancelTask(id=second))
        queue.ask(RetryTask(id=second))
    queue.ask(RetryTask(id=first))
    queue.tell(lane(first))  # the answer to what it was offered before it was cancelled
    queue.tell(lane(second))
    assert queue.started() == [second]
    queue.tell(over(second))
    queue.heard(TaskQueued)
    queue.tell(lane(first))
    assert queue.started() == [first]
    queue.die()


def test_q12_a_batch_with_a_need_that_is_refused_refuses_what_comes_after(queue):
    results = queue.ask(
        SubmitTasks(orders=(order(key="b", after=("a",)), order(key="a", prompt="x" * 2_000_000)))
    ).results
    assert [type(result) for result in results] == [TaskRefused, TaskRefused]
