"""Q2, Q3, Q8, Q9, Q17: how tasks go from state to state, and what is told of it."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.errors import Conflict
from atlas_actors.messages.execution import AttemptStarted, End
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.messages.task import (
    AttemptCancelled,
    AttemptLost,
    CancelTask,
    OpenLane,
    PruneTasks,
    RetryTask,
    SettleWorkspace,
    TaskChanged,
    TaskState,
)
from atlas_actors.messages.workspace import Workspace
from atlas_actors.tasks.records import RETRY_DELAY_MAX_MS
from tests.support.queues import Queue, failed, lane, over

STATES = ("pending", "in_progress", "completed", "failed", "cancelled")


@pytest.fixture
def queue(tmp_path):
    built = Queue(tmp_path, interruptions_max=2)
    yield built
    built.die()


def bring(queue, state):
    """A task in this state."""
    if state == "pending":
        return queue.submit()
    id = queue.begin()
    match state:
        case "completed":
            queue.tell(over(id, answer="4"))
        case "failed":
            queue.tell(failed(id))
        case "cancelled":
            queue.ask(CancelTask(id=id))
    assert queue.state(id) == state
    queue.changes()
    return id


# Q2


@pytest.mark.parametrize(
    ("order", "allowed", "becomes"),
    [
        (CancelTask, ("pending", "in_progress"), "cancelled"),
        (RetryTask, ("failed", "cancelled"), "pending"),
    ],
)
@pytest.mark.parametrize("state", STATES)
def test_q2_an_order_that_the_state_forbids_is_refused_by_name(
    queue, order, allowed, becomes, state
):
    id = bring(queue, state)
    if state in allowed:
        queue.ask(order(id=id))
        assert (queue.state(id), queue.changes()) == (becomes, [(state, becomes)])
    else:
        with pytest.raises(Conflict, match=f"task {id} is {state}"):
            queue.ask(order(id=id))
        assert (queue.state(id), queue.changes()) == (state, [])


@pytest.mark.parametrize("state", ["pending", "in_progress"])
def test_q2_a_workspace_is_decided_on_only_when_the_work_is_over(queue, state):
    id = bring(queue, state)
    workspace = Workspace(kind="copy", source="/s", root="/r", cwd="/r")
    with pytest.raises(Conflict, match=f"task {id} is {state}"):
        queue.ask(SettleWorkspace(id=id, workspace=workspace))


@pytest.mark.parametrize("state", ["pending", "completed", "failed", "cancelled"])
def test_q2_an_end_of_what_does_not_run_changes_nothing(queue, state):
    id = bring(queue, state)
    before, attempts = queue.row(id), queue.rows("select * from attempts")
    queue.heard(RecordOutcome)
    for end in (over(id, answer="other"), failed(id), over(id, state=TaskState.PENDING)):
        queue.tell(end)
    queue.tell(AttemptLost(task_id=id, attempt=1, reason="late"))
    assert queue.row(id) == before
    assert queue.rows("select * from attempts") == attempts
    assert (queue.changes(), queue.heard(RecordOutcome)) == ([], [])


@pytest.mark.slow
@settings(max_examples=20)
@given(
    orders=st.lists(
        st.sampled_from(["cancel", "retry", "over", "failed", "again", "lost", "kill", "start"]),
        max_size=8,
    )
)
def test_q2_completed_is_final_whatever_comes_after_it(tmp_path_factory, orders):
    queue = Queue(tmp_path_factory.mktemp("queue"))
    id = queue.begin()
    queue.tell(over(id, answer="4", verified_by="schema"))
    final = queue.row(id)
    for order in orders:
        match order:
            case "cancel" | "retry":
                with pytest.raises(Conflict):
                    queue.ask((CancelTask if order == "cancel" else RetryTask)(id=id))
            case "over":
                queue.tell(over(id, answer="5", epoch=queue.epoch))
            case "failed":
                queue.tell(failed(id, epoch=queue.epoch))
            case "again":
                queue.tell(over(id, state=TaskState.PENDING, epoch=queue.epoch))
            case "lost":
                queue.tell(AttemptLost(task_id=id, attempt=1, reason="x"))
            case "kill":
                queue.reopen()
            case "start":
                queue.tell(OpenLane(lane="a", slots=9), lane(id))
        assert queue.started() == []
    assert queue.row(id) == final
    queue.die()


# Q3


def test_q3_the_end_of_an_attempt_before_a_kill_does_not_end_the_one_after_it(queue):
    id = queue.begin()
    queue.reopen()
    queue.tell(OpenLane(lane="a", slots=1), lane(id))
    assert queue.started() == [id]
    queue.tell(over(id, 1, epoch=1, answer="late"), over(id, 2, epoch=1), over(id, 1, epoch=2))
    assert (queue.state(id), queue.row(id)["result"]) == ("in_progress", None)
    queue.tell(over(id, 2, epoch=2, answer="in time"))
    assert (queue.state(id), queue.row(id)["result"]) == ("completed", "in time")


# Q8


def test_q8_who_was_told_to_come_later_has_used_no_attempt(queue):
    id = queue.begin(max_attempts=1)
    for attempt in range(1, 6):
        busy = over(
            id, attempt, end=End.BUSY, state=TaskState.PENDING, lane="a", delay_ms=5_000,
            counts=False,
        )  # fmt: skip
        queue.tell(busy)
        assert queue.started() == []
        queue.advance(5)
        (again,) = queue.heard(AttemptStarted)
        assert (again.attempt, again.answers_asked, again.interruptions) == (attempt + 1, 1, 0)


def test_q8_an_answer_that_was_rejected_has_used_one(queue):
    id = queue.begin()
    queue.tell(over(id, end=End.REJECTED, state=TaskState.PENDING, lane="a"))
    (again,) = [s for s in queue.heard(AttemptStarted) if s.attempt == 2]
    assert again.answers_asked == 2


def test_q8_a_delay_that_was_asked_for_is_kept_to_the_millisecond(queue):
    id = queue.begin()
    queue.tell(over(id, end=End.BUSY, state=TaskState.PENDING, lane="a", delay_ms=30_000))
    queue.advance(29.999)
    assert queue.started() == []
    queue.advance(0.001)
    assert queue.started() == [id]


@pytest.mark.parametrize("restarted", [False, True])
def test_q8_a_delay_that_a_wrong_clock_has_set_is_bounded(queue, restarted):
    id = queue.begin()
    queue.clock.jump(86_400)
    queue.tell(over(id, end=End.BUSY, state=TaskState.PENDING, lane="a", delay_ms=1_000))
    queue.clock.jump(-86_400)
    if restarted:
        queue.reopen()
        queue.tell(OpenLane(lane="a", slots=1), lane(id))
    queue.advance(1)
    queue.started()
    queue.advance(RETRY_DELAY_MAX_MS / 1000)
    assert queue.row(id)["attempt"] == 2


def test_q8_a_deadline_is_as_far_away_as_before_when_the_clock_is_set(queue):
    id = queue.submit(deadline_s=60.0)
    for jump_s in (3_600, -7_200):
        queue.clock.jump(jump_s)
        queue.advance(10)
        assert queue.state(id) == "pending"
    queue.advance(39)
    assert queue.state(id) == "pending"
    queue.advance(1)
    assert queue.state(id) == "failed"


def test_q8_a_deadline_is_kept_when_the_disk_refuses_just_as_the_clock_is_set(queue):
    id = queue.submit(deadline_s=60.0)
    queue.clock.jump(3_600)
    queue.refuse_next_commit()
    queue.tell(OpenLane(lane="a", slots=1))
    queue.advance(59)
    assert queue.state(id) == "pending"
    queue.advance(1)
    assert queue.state(id) == "failed"


# Q9


@pytest.mark.parametrize("end", [End.ANSWERED, End.CANCELLED])
def test_q9_the_result_of_a_cancelled_task_is_refused(queue, end):
    id = queue.begin()
    queue.ask(CancelTask(id=id))
    assert queue.heard(AttemptCancelled) == [AttemptCancelled(task_id=id, attempt=1, lane="a")]
    queue.tell(over(id, end=end, answer="late", state=TaskState.COMPLETED))
    row = queue.row(id)
    assert (row["state"], row["result"]) == ("cancelled", None)
    assert queue.rows('select "end" from attempts') == [{"end": "cancelled"}]


def test_q9_the_slot_of_a_cancelled_task_is_free_at_once(queue):
    first, second = queue.submit(), queue.submit()
    queue.tell(OpenLane(lane="a", slots=1), lane(first), lane(second))
    assert queue.started() == [first]
    queue.ask(CancelTask(id=first))
    assert queue.started() == [second]


def test_q9_a_cancelled_task_never_begins(queue):
    id = queue.submit(at_ms=queue.clock.now_ms() + 5_000)
    queue.tell(OpenLane(lane="a", slots=1), lane(id))
    queue.ask(CancelTask(id=id))
    queue.advance(10)
    queue.tell(lane(id))
    assert (queue.started(), queue.state(id)) == ([], "cancelled")


# Q17


def test_q17_each_change_is_told_with_the_time_in_the_state_before(queue):
    id = queue.submit()
    queue.advance(3)
    queue.tell(OpenLane(lane="a", slots=1), lane(id))
    queue.advance(5)
    queue.tell(over(id, state=TaskState.PENDING, end=End.BUSY, lane="a"))
    queue.advance(7)
    queue.tell(over(id, 2))
    told = [
        (fact.before, str(fact.state), fact.spent_ms)
        for fact in queue.heard(TaskChanged)
        if fact.before
    ]
    assert told == [
        ("pending", "in_progress", 3_000),
        ("in_progress", "pending", 5_000),
        ("pending", "in_progress", 0),
        ("in_progress", "completed", 7_000),
    ]


@pytest.mark.slow
def test_q17_after_a_storm_the_counters_equal_the_ledger_and_the_facts(queue):
    """The model test does the same under faults; this one also prunes and outlives a kill."""
    ledger, spent = Counter(), Counter()
    queue.tell(OpenLane(lane="a", slots=5))
    for round_number in range(60):
        id = queue.submit()
        ledger["new", "pending"] += 1
        queue.tell(lane(id))
        queue.advance(round_number % 7)
        attempt = queue.row(id)["attempt"]
        match round_number % 5:
            case 0:
                queue.tell(over(id, attempt, epoch=queue.epoch))
            case 1:
                queue.ask(CancelTask(id=id))
                queue.ask(RetryTask(id=id))
            case 2:
                queue.tell(failed(id, attempt, epoch=queue.epoch))
            case 3:
                queue.tell(AttemptLost(task_id=id, attempt=attempt, reason="x"))
            case 4 if round_number % 20 == 4:
                queue.reopen()
                queue.tell(OpenLane(lane="a", slots=5))
        for fact in queue.heard(TaskChanged):
            if fact.before:
                ledger[fact.before, str(fact.state)] += 1
                spent[fact.before, str(fact.state)] += fact.spent_ms
    ended = queue.rows(
        "select state, count(*) as n from tasks where ended_ms is not null group by 1"
    )
    queue.advance(1)
    pruned = queue.ask(PruneTasks(before_ms=queue.clock.now_ms()))
    assert (pruned.count, pruned.more) == (sum(row["n"] for row in ended), False)
    ledger.update({(row["state"], "gone"): row["n"] for row in ended})
    for fact in queue.heard(TaskChanged):
        ledger[fact.before, str(fact.state)] += bool(fact.before)
    counted = {
        (row["before"], row["after"]): row
        for row in queue.rows("select * from inspect_transitions")
    }
    assert {way: row["tasks"] for way, row in counted.items()} == +ledger
    assert {way: row["spent_ms"] for way, row in counted.items() if row["spent_ms"]} == +spent
    held = Counter(row["state"] for row in queue.rows("select state from tasks"))
    shown = {row["state"]: row["tasks"] for row in queue.rows("select * from inspect_counts")}
    assert shown == {state: held[state] for state in STATES}
