"""Q20: what is taken over keeps the rules of a submission, and nothing odd ends the queue."""

import json
import math
import tempfile
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atlas_actors.errors import AtlasError, Busy, UsageError
from atlas_actors.gateway.transfer import page
from atlas_actors.gateway.views import task as shown
from atlas_actors.messages.execution import End
from atlas_actors.messages.outcome import OutcomesWanted
from atlas_actors.messages.task import (
    AttemptLost,
    CancelTask,
    ImportTasks,
    LookAtTasks,
    OpenLane,
    RetryTask,
    TaskState,
)
from atlas_actors.tasks.exported import ATTEMPT, JSON, NUMBERS, TEXTS
from tests.support.power import in_memory
from tests.support.queues import ROUTE, Queue, lane, over

TASK = {
    "id": "x", "state": "pending", "prompt": "p", "priority": 1, "attempts_max": 3, "due_ms": 1,
    "created_ms": 1,
}  # fmt: skip
OPEN = {"number": 1, "epoch": 1, "provider": "a", "started_ms": 1}
DONE = OPEN | {"end": "answered", "ended_ms": 2, "transport": "http", "model": "m"}
STATES = ("pending", "in_progress", "completed", "failed", "cancelled")
WAY = json.loads(json.dumps(attrs.asdict(ROUTE)))


@pytest.fixture
def queue(tmp_path):
    queue = Queue(tmp_path)
    yield queue
    queue.die()


def take(queue, **fields):
    return queue.ask(ImportTasks(tasks=({**TASK, **fields},)))


def attempts_of(queue):
    return queue.rows('select number, "end", error, ended_ms from attempts order by number')


def test_q20_the_next_attempt_has_a_number_that_none_has_had(queue):
    take(queue, attempts=[DONE | {"number": 7}, OPEN])
    queue.tell(OpenLane(lane="a", slots=1))
    queue.tell(lane("x"))
    assert (queue.state("x"), queue.row("x")["attempt"]) == ("in_progress", 8)
    assert [row["number"] for row in attempts_of(queue)] == [1, 7, 8]


@pytest.mark.parametrize("state", STATES)
def test_q20_no_attempt_is_under_way_when_its_task_is_taken_over(queue, state):
    take(queue, state=state, attempts=[OPEN])
    (attempt,) = attempts_of(queue)
    assert (attempt["end"], attempt["error"]) == ("unreachable", "it was exported")
    assert attempt["ended_ms"] == queue.clock.now_ms()


def test_q20_a_task_that_has_ended_without_a_time_ended_now(queue):
    take(queue, state="failed")
    assert queue.row("x")["ended_ms"] == queue.clock.now_ms()


def test_q20_a_workspace_and_a_way_to_go_are_not_taken_over(queue):
    workspace = {"kind": "copy", "source": "/s", "root": "/etc", "cwd": "/etc"}
    take(queue, state="pending", workspace=workspace, route=WAY, lane="a")
    take(queue, id="y", state="completed", workspace=workspace, route=WAY, lane="a")
    first, second = queue.row("x"), queue.row("y")
    assert (first["workspace"], first["route"], first["lane"]) == (None, None, None)
    assert (second["workspace"], json.loads(second["route"])) == (None, WAY)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"match": "(?=a)"}, "RE2"),
        ({"match": "("}, "RE2"),
        ({"command": []}, "command"),
        ({"command": [""]}, "command"),
        ({"command": ["a", 5]}, "command"),
        ({"command": ["a", "b\0"]}, "command"),
        ({"cwd": "/a\0b"}, "cwd"),
        ({"in_place": 1}, "cwd"),
        ({"schema": {"type": 5}}, "schema"),
        ({"schema": {"$ref": "https://example.org/schema"}}, "schema"),
        ({"deadline_s": 1e300}, "deadline_s"),
        ({"deadline_s": 0}, "deadline_s"),
        ({"deadline_s": math.nan}, "deadline_s"),
        ({"deadline_s": math.inf}, "deadline_s"),
        ({"budget_usd": 100_001}, "budget_usd"),
        ({"budget_usd": -1}, "budget_usd"),
        ({"attempts_max": 0}, "attempts_max"),
        ({"attempts_max": 101}, "attempts_max"),
        ({"due_ms": 2**53 + 2}, "due_ms"),
        ({"attempt": True}, "attempt"),
        ({"progress": {"tried": "ab"}}, "progress"),
        ({"progress": {"rounds": "1"}}, "progress"),
        ({"progress": {"retried": None}}, "progress"),
        ({"state": "failed", "route": {"intent": 5}}, "route"),
        ({"state": "failed", "route": {**WAY, "chain": ["a"]}}, "route"),
        ({"state": "failed", "route": {**WAY, "intent": "\ud800"}}, ""),
        ({"state": "failed", "route": {**WAY, "explain": {"a": math.nan}}}, ""),
        ({"attempts": [OPEN, OPEN]}, "one number"),
        ({"attempts": [OPEN | {"number": 0}]}, "number"),
        ({"attempts": [DONE | {"input": "many"}]}, "input"),
        ({"attempts": [DONE | {"fault": 5}]}, "fault"),
        ({"files": [{"name": "a", "text": "", "sha256": "../../etc/passwd"}]}, "files"),
        ({"after": ["../x"]}, "after"),
        ({"id": "../../etc"}, "id"),
        ({"prompt": "x" * 1_048_577}, "the prompt"),
    ],
)
def test_q20_what_a_submission_could_not_ask_is_not_taken_over(queue, fields, said):
    with pytest.raises(UsageError) as refused:
        take(queue, **fields)
    assert str(fields.get("id", "x")) in refused.value.message
    assert said in refused.value.message
    assert queue.rows("select * from tasks") == []


def test_q20_beyond_the_limit_none_is_taken_over_and_what_does_not_wait_needs_no_room(tmp_path):
    queue = Queue(tmp_path, pending_max=2)
    tasks = tuple(TASK | {"id": f"x{n}"} for n in range(3))
    with pytest.raises(Busy, match="3 tasks would be pending"):
        queue.ask(ImportTasks(tasks=tasks))
    assert queue.rows("select * from tasks") == []
    assert queue.ask(ImportTasks(tasks=tasks[:2])).count == 2
    assert take(queue, id="y", state="completed").count == 1
    assert queue.ask(ImportTasks(tasks=tasks[:2])).count == 0, "they are here"
    queue.die()


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**31, 2**53, 2**53 + 1, 2**63, 2**70, -(2**63), 1e300]),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.5, -0.0]),
    st.sampled_from(["", "x", "a\0b", "\ud800", "(", "../x", "completed", "fail", "a" * 5_000]),
    st.text(max_size=5),
)
VALUES = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def changed(whole, names):
    """A value of this kind with some of its parts replaced by anything."""
    odd = st.dictionaries(st.sampled_from(sorted(names)), VALUES, max_size=2)
    return odd.map(lambda parts: {**whole, **parts})


ATTEMPTS = st.lists(st.sampled_from([OPEN, DONE]).flatmap(lambda one: changed(one, ATTEMPT)))
TASKS = st.builds(
    lambda odd, state, attempts, route, progress: {
        **TASK,
        "state": state,
        "attempts": attempts,
        "route": route,
        "progress": progress,
        **odd,
    },
    st.dictionaries(
        st.sampled_from(sorted({*TEXTS, *NUMBERS, *JSON, "attempts", "after"})), VALUES, max_size=2
    ),
    st.sampled_from(STATES),
    st.just([]) | ATTEMPTS,
    st.just(None) | changed(WAY, WAY),
    st.just({}) | changed({}, ("tried", "rounds", "retried")),
)


def live_through(queue, id):
    """All that a task can meet; refusals are answers, a crash is raised."""

    def ask(message):
        try:
            queue.ask(message)
        except AtlasError as error:
            assert str(error)

    ask(RetryTask(id=id))
    queue.tell(OpenLane(lane="a", slots=9), lane(id))
    for end, state in ((End.BUSY, TaskState.PENDING), (End.REFUSED, TaskState.FAILED)):
        for number in [row["attempt"] for row in queue.rows("select attempt from tasks")]:
            queue.tell(over(id, number, end=end, state=state, lane="a"))
        queue.advance(1)
    ask(RetryTask(id=id))
    queue.tell(lane(id))
    queue.tell(AttemptLost(task_id=id, attempt=queue.row(id)["attempt"], reason="planted"))
    queue.clock.jump(-90_000)
    queue.tell(OutcomesWanted(since_ms=0))
    ask(LookAtTasks())
    queue.reopen()
    queue.tell(OpenLane(lane="a", slots=9), lane(id))
    ask(CancelTask(id=id))


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(TASKS)
@example({**TASK, "attempts": [OPEN]})
@example({**TASK, "state": "failed", "ended_ms": 1, "deadline_s": 1e300})
@example({**TASK, "deadline_ms": 2**53, "due_ms": 2**53})
@example({**TASK, "state": "completed", "attempts": [DONE], "route": WAY, "ended_ms": 2})
def test_q20_no_import_however_odd_ends_the_queue(task):
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder:
        queue, here = Queue(Path(folder)), Path(folder)
        try:
            queue.ask(ImportTasks(tasks=(task,)))
        except UsageError:
            assert queue.rows("select * from tasks") == []
        else:
            live_through(queue, task["id"])
            shown(here, task["id"])
            (exported,) = page(here, here / "files", None, "", 50)["tasks"]
            (here / "other").mkdir()
            other = Queue(here / "other")
            assert other.ask(ImportTasks(tasks=(exported,))).count == 1
            other.die()
        assert queue.submit(), "the next has its turn"
        queue.die()
