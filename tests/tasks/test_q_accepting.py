"""Q1, Q6, Q16, Q18, Q19: what is accepted, once and for good, and what is refused by name."""

import threading

import pytest

from atlas_actors.errors import (
    ActorCrashed,
    Busy,
    Conflict,
    NotFound,
    Unavailable,
    UsageError,
)
from atlas_actors.mailbox import Reply
from atlas_actors.messages.execution import AttemptStarted, End, File
from atlas_actors.messages.task import (
    CancelTask,
    ImportTasks,
    OpenLane,
    RetryTask,
    SubmitTasks,
    TaskQueued,
    TaskState,
    Unique,
)
from atlas_actors.store import Reader
from atlas_actors.tasks.actor import Tasks
from atlas_actors.tasks.intake import PAYLOAD_BYTES_MAX
from supervisors.child import ChildSpec
from tests.support.queues import SETTINGS, Queue, error_of, failed, lane, order, over
from tests.support.trees import WAIT_S, tree_of

HALF_A_PAIR = "\ud800"


@pytest.fixture
def queue(tmp_path):
    built = Queue(tmp_path)
    yield built
    built.die()


def keys(queue):
    return [row["key"] for row in queue.rows("select key from tasks order by id")]


# Q1


def test_q1_no_answer_leaves_before_the_commit_of_its_batch(queue, tmp_path):
    plain, waiting = queue.actor.store.commit, []

    def commit():
        waiting.extend(queue.stage.cell.mailbox.take(9))
        assert answered == [], "nobody may hear of what is not on disk"
        plain()

    answered = []
    queue.actor.store.commit = commit
    first, second = Reply(answered.append), Reply(answered.append)
    queue.stage.cell.put(order(key="b"), second)
    queue.stage.cell.put(order(key="a"), first)
    queue.actor._handle(queue.stage.cell.mailbox.get(0))
    assert [reply.value.created for reply in answered] == [True, True]
    rows = Reader(tmp_path / "tasks.db").rows("select id from inspect_tasks order by id")
    assert [row["id"] for row in rows] == [second.value.id, first.value.id]


def test_q1_when_the_disk_refuses_the_commit_nobody_is_told_that_a_task_is_there(queue):
    queue.refuse_next_commit()
    replies = queue.batch(order(key="a"), order(key="b"), SubmitTasks(orders=(order(key="c"),)))
    assert [type(error_of(reply)) for reply in replies] == [Unavailable] * 3
    assert (keys(queue), queue.heard(TaskQueued)) == ([], [])


def test_q1_when_the_commit_fails_in_any_other_way_nobody_is_told_that_a_task_is_there(queue):
    queue.actor.store.connection.set_commit_hook(lambda: True)
    replies = [Reply(), Reply()]
    queue.stage.cell.put(order(key="b"), replies[1])
    envelope = type(queue.stage.cell.mailbox.get(0))(order(key="a"), replies[0])
    with pytest.raises(Exception, match="constraint"):
        queue.actor._handle(envelope)
    assert isinstance(replies[0].error, ActorCrashed)
    queue.actor.outbox.clear()
    queue.reopen()
    assert keys(queue) == []


def test_q1_what_was_not_answered_is_sent_again_and_makes_one_task(queue):
    queue.refuse_next_commit()
    queue.batch(order(key="a"))
    second, third = queue.ask(order(key="a")), queue.ask(order(key="a"))
    assert (second.created, third.created, third.id) == (True, False, second.id)
    queue.reopen()
    fourth = queue.ask(order(key="a"))
    assert (fourth.created, fourth.id, len(keys(queue))) == (False, second.id, 1)


@pytest.mark.parametrize("ending", ["completed", "failed", "cancelled"])
def test_q1_a_key_gives_its_task_also_when_that_is_over(queue, ending):
    id = queue.begin(key="a")
    match ending:
        case "completed":
            queue.tell(over(id))
        case "failed":
            queue.tell(failed(id))
        case "cancelled":
            queue.ask(CancelTask(id=id))
    assert queue.state(id) == ending
    again = queue.ask(order(key="a", prompt="another"))
    assert (again.id, again.created, again.replaced) == (id, False, False)


def test_q1_one_key_twice_in_a_batch_is_one_task(queue):
    one, other = queue.ask(SubmitTasks(orders=(order(key="a"), order(key="a")))).results
    assert {one.created, other.created} == {True, False}
    assert one.id == other.id


def test_q1_tasks_that_were_accepted_are_there_after_a_kill(queue):
    ids = [reply.value.id for reply in queue.batch(*(order() for _ in range(50)))]
    queue.reopen()
    assert [row["id"] for row in queue.rows("select id from tasks order by id")] == ids


# Q6


@pytest.mark.slow
def test_q6_a_hundred_who_submit_one_unique_task_at_once_make_one_row(tmp_path):
    arguments = {"database": tmp_path / "tasks.db", "settings": SETTINGS, "epoch": 1}
    with tree_of(ChildSpec(id="tasks", actor=Tasks, arguments=arguments)) as tree:
        ref, together, answers = tree.ref("tasks"), threading.Barrier(100), []

        def submit():
            together.wait(WAIT_S)
            answers.append(ref.ask(order(unique="nightly"), WAIT_S))

        threads = [threading.Thread(target=submit) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert sum(answer.created for answer in answers) == 1
        assert len({answer.id for answer in answers}) == 1
        assert len(answers) == 100
        rows = Reader(tmp_path / "tasks.db").rows("select id from inspect_tasks")
        assert [row["id"] for row in rows] == [answers[0].id]


@pytest.mark.parametrize(
    ("states", "same"),
    [
        (("pending", "in_progress"), (True, True, False)),
        (("pending",), (True, False, False)),
        (("pending", "in_progress", "completed"), (True, True, True)),
    ],
)
def test_q6_a_unique_task_is_one_among_the_chosen_states(queue, states, same):
    unique = Unique(key="u", states=states)
    id = queue.submit(unique=Unique(key="u"))
    found = [queue.ask(order(unique=unique)).id == id]
    for step in ((OpenLane(lane="a", slots=1), lane(id)), (over(id),)):
        for row in queue.rows("select id from tasks where id <> ? and state = 'pending'", id):
            queue.ask(CancelTask(id=row["id"]))
        queue.tell(*step)
        found.append(queue.ask(order(unique=unique)).id == id)
    assert tuple(found) == same


def test_q6_a_unique_task_is_one_within_its_period(queue):
    unique = Unique(key="u", states=("completed", "pending"), period_s=60)
    id = queue.begin(unique=unique)
    queue.tell(over(id))
    queue.advance(59)
    assert queue.ask(order(unique=unique)).id == id
    queue.advance(1)
    again = queue.ask(order(unique=unique))
    assert (again.created, again.id == id) == (True, False)


def test_q6_other_keys_and_tasks_without_one_are_others(queue):
    ids = {queue.submit(unique="u"), queue.submit(unique="v"), queue.submit(), queue.submit()}
    assert len(ids) == 4


def test_q6_a_conflict_replaces_request_priority_and_due_time_of_a_pending_task(queue):
    id = queue.submit(unique="u", priority="low")
    at_ms = queue.clock.now_ms() + 5_000
    unique = Unique(key="u", replace=True)
    again = queue.ask(order(unique=unique, prompt="newer", priority="urgent", at_ms=at_ms))
    assert (again.id, again.created, again.replaced) == (id, False, True)
    row = queue.row(id)
    assert (row["prompt"], row["priority"], row["due_ms"]) == ("newer", 3, at_ms)
    queue.tell(OpenLane(lane="a", slots=1), lane(id))
    assert queue.started() == []
    queue.advance(5)
    queue.tell(lane(id))
    assert [s.request.prompt for s in queue.heard(AttemptStarted)] == ["newer"]


def test_q1_q6_the_key_of_a_submission_that_a_unique_task_stood_for_means_that_task(queue):
    first = queue.ask(order(unique=Unique(key="u"), key="a")).id
    assert queue.ask(order(unique=Unique(key="u"), key="b")).id == first
    queue.ask(CancelTask(id=first))
    again = queue.ask(order(unique=Unique(key="u"), key="b"))  # resent: no second task
    assert (again.id, again.created) == (first, False)


def test_q6_a_unique_task_is_not_tried_again_beside_another_that_waits(queue):
    first = queue.submit(unique=Unique(key="u"))
    queue.ask(CancelTask(id=first))
    second = queue.submit(unique=Unique(key="u"))
    with pytest.raises(Conflict, match=second):
        queue.ask(RetryTask(id=first))
    queue.ask(CancelTask(id=second))
    assert queue.ask(RetryTask(id=first)).state is TaskState.PENDING


def test_q6_a_running_task_is_not_replaced(queue):
    id = queue.begin(unique="u")
    again = queue.ask(order(unique=Unique(key="u", replace=True), prompt="newer"))
    assert (again.id, again.replaced, queue.row(id)["prompt"]) == (id, False, "do it")


def test_q6_a_replaced_task_is_routed_for_its_new_request(queue):
    id = queue.submit(unique="u", prompt="older")
    unique = Unique(key="u", replace=True)
    queue.ask(order(unique=unique, prompt="newer"))
    queue.heard(TaskQueued)
    queue.tell(OpenLane(lane="a", slots=1), lane(id))  # the answer to the older one
    assert queue.started() == []
    assert [queued.request.prompt for queued in queue.heard(TaskQueued)] == ["newer"]
    queue.tell(lane(id))
    assert [s.request.prompt for s in queue.heard(AttemptStarted)] == ["newer"]


def test_q6_a_replaced_task_has_no_route_until_it_has_one_again(queue):
    id = queue.submit(unique="u")
    for _ in range(3):
        queue.tell(lane(id))
        queue.ask(order(unique=Unique(key="u", replace=True)))
    assert queue.actor._offers._routed == {True: 0, False: 0}


def test_q6_a_replaced_task_of_a_group_goes_on_when_its_new_time_has_come(queue):
    soon_ms = queue.clock.now_ms() + 5_000
    id = queue.submit(unique="u", group="g", at_ms=soon_ms)
    queue.ask(order(unique=Unique(key="u", replace=True)))
    assert [queued.task_id for queued in queue.heard(TaskQueued)] == [id]
    queue.ask(order(unique=Unique(key="u", replace=True), at_ms=soon_ms))
    other = queue.submit(group="g")  # nobody keeps the group's slot until later
    assert [queued.task_id for queued in queue.heard(TaskQueued)] == [other]


# Q16


def test_q16_an_order_that_is_refused_leaves_its_neighbours_accepted(queue):
    orders = (
        order(key="first"),
        order(key="large", prompt="x" * (PAYLOAD_BYTES_MAX + 1)),
        order(key="nobody", after=("nobody there",)),
        order(key="half a pair", prompt=HALF_A_PAIR),
        order(key="too late", at_ms=2**70),
        order(key="last", after=("first",)),
    )
    results = queue.ask(SubmitTasks(orders=orders)).results
    accepted = [getattr(result, "created", False) for result in results]
    assert accepted == [True, False, False, False, False, True]
    assert keys(queue) == ["first", "last"]
    reasons = ["1048576 in all", "nobody there", "cannot be stored", "cannot be stored"]
    for reason, result in zip(reasons, results[1:5], strict=True):
        assert reason in result.error


def test_q16_a_message_that_is_refused_leaves_the_rest_of_its_batch(queue):
    first, refused, last = queue.batch(
        order(key="a"), order(key="b", after=("nobody",)), order(key="c")
    )
    assert isinstance(error_of(refused), NotFound)
    assert (first.value.created, last.value.created) == (True, True)
    assert keys(queue) == ["a", "c"]


@pytest.mark.slow
def test_q16_a_message_that_crashes_the_queue_takes_no_neighbour_along(tmp_path):
    arguments = {"database": tmp_path / "tasks.db", "settings": SETTINGS, "epoch": 1}
    with tree_of(ChildSpec(id="tasks", actor=Tasks, arguments=arguments)) as tree:
        ref = tree.ref("tasks")
        done = threading.Semaphore(0)
        orders = [order(key="a"), order(key="b", priority="none such"), order(key="c")]
        replies = [ref.send(one, lambda _: done.release()) for one in orders]
        assert all(done.acquire(timeout=WAIT_S) for _ in orders)
        assert isinstance(replies[1].error, ActorCrashed)
        assert [replies[n].value.created for n in (0, 2)] == [True, True]
        assert ref.cell.incarnation == 2
        rows = Reader(tmp_path / "tasks.db").rows("select key from inspect_tasks order by id")
        assert [row["key"] for row in rows] == ["a", "c"]


@pytest.mark.parametrize("next_state", [TaskState.IN_PROGRESS, TaskState.CANCELLED])
def test_q16_an_end_that_is_none_is_refused_by_name(queue, next_state):
    id = queue.begin()
    with pytest.raises(UsageError, match=str(next_state)):
        queue.ask(over(id, end=End.ANSWERED, state=next_state))
    assert queue.state(id) == "in_progress"


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"id": "x", "state": "pending"},
        {"id": "x", "state": "pending", "surprise": 1},
        {"state": "none such"},
        {"id": None},
        {"id": 7},
        {"id": ["x"]},
        {"priority": 9},
        {"priority": "high"},
        {"due_ms": None},
        {"due_ms": 2**70},
        {"prompt": HALF_A_PAIR},
        {"files": [{"surprise": 1}]},
        {"files": "text"},
        {"command": 5},
        {"progress": {"surprise": 1}},
        {"attempts": [{"number": 1}]},
        {"attempts": [{"number": 1, "epoch": 1, "provider": "a", "started_ms": 1, "end": "none"}]},
        {"attempts": "text"},
        {"attempts": [5]},
    ],
)
def test_q16_an_import_that_no_export_has_written_is_refused_and_not_a_crash(queue, task):
    fine = {
        "id": "x", "state": "pending", "prompt": "p", "priority": 1, "attempts_max": 3,
        "due_ms": 1, "created_ms": 1,
    }  # fmt: skip
    given = {**fine, **task} if task and len(task) == 1 else task
    with pytest.raises(UsageError):
        queue.ask(ImportTasks(tasks=(given,)))
    assert queue.rows("select * from tasks") == []
    assert queue.ask(ImportTasks(tasks=(fine,))).count == 1


# Q18


def test_q18_beyond_the_limit_everyone_is_refused_with_a_time_until_there_is_room(tmp_path):
    queue = Queue(tmp_path, pending_max=3)
    queue.tell(OpenLane(lane="a", slots=1))
    replies = queue.batch(*(order(key=str(n)) for n in range(5)))
    assert [type(reply.error) for reply in replies] == [type(None)] * 3 + [Busy] * 2
    assert error_of(replies[4]).retry_after_ms > 0
    assert "pending_max" in error_of(replies[4]).cure
    known = queue.ask(order(key="0"))
    assert not known.created, "who asks again for what is there gets it"
    queue.tell(lane(known.id))
    assert queue.ask(order(key="3")).created
    queue.die()


def test_q18_a_batch_is_accepted_as_far_as_there_is_room(tmp_path):
    queue = Queue(tmp_path, pending_max=3)
    results = queue.ask(SubmitTasks(orders=tuple(order() for _ in range(5)))).results
    assert [getattr(result, "created", False) for result in results] == [True] * 3 + [False] * 2
    assert "3 tasks are pending, the limit" in results[3].error
    queue.die()


# Q19


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"prompt": "é" * (PAYLOAD_BYTES_MAX // 2 + 1)}, "the prompt has 1048578 bytes"),
        (
            {"files": (File(name="big.log", text="x" * PAYLOAD_BYTES_MAX),)},
            "the file big.log has 1048576 bytes",
        ),
    ],
)
def test_q19_what_is_larger_than_a_task_holds_is_refused_by_name(queue, fields, named):
    with pytest.raises(UsageError, match=named) as caught:
        queue.ask(order(**fields))
    assert "by path" in caught.value.cure
    assert keys(queue) == []


def test_q19_what_is_as_large_as_a_task_holds_is_accepted_whole(queue):
    id = queue.begin(prompt="é" * (PAYLOAD_BYTES_MAX // 2))
    assert len(queue.row(id)["prompt"].encode()) == PAYLOAD_BYTES_MAX


def test_q19_a_file_that_is_kept_aside_counts_nothing(queue):
    aside = File(name="huge.log", text="", sha256="ab" * 32, bytes=10 * PAYLOAD_BYTES_MAX)
    queue.submit(files=(aside,))
    assert [queued.request.files for queued in queue.heard(TaskQueued)] == [(aside,)]
