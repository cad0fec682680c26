"""Q20: a queue moves to another file, and from the schema of each version before."""

import json

import apsw
import pytest

from atlas_actors.errors import UsageError
from atlas_actors.messages.execution import AttemptStarted, End, File
from atlas_actors.messages.task import CancelTask, ImportTasks, OpenLane, TaskQueued, TaskState
from atlas_actors.messages.workspace import Workspace
from atlas_actors.tasks.actor import Tasks
from atlas_actors.tasks.exported import ATTEMPT, JSON, NUMBERS, TEXTS
from tests.support.queues import Queue, failed, lane, order, over

STATES = ("pending", "in_progress", "completed", "failed", "cancelled")


@pytest.fixture
def queues(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = Queue(tmp_path / "old"), Queue(tmp_path / "new")
    yield old, new
    old.die()
    new.die()


def exported(queue):
    """What the views hold, as `task.export` gives it."""
    tasks = queue.rows("select * from inspect_export order by id")
    for task in tasks:
        attempts = "select * from inspect_export_attempts where task_id = ? order by number"
        task["attempts"] = queue.rows(attempts, task["id"])
        needs = "select needs_id from inspect_dependencies where task_id = ? order by needs_id"
        task["after"] = [row["needs_id"] for row in queue.rows(needs, task["id"])]
        for name in JSON:
            task[name] = None if task[name] is None else json.loads(task[name])
    return json.loads(json.dumps(tasks))


def one_of_each(queue):
    """Tasks in every state, with everything that a task can have."""
    queue.tell(OpenLane(lane="a", slots=99))
    ids = {}
    for state in ("completed", "failed", "cancelled", "in_progress"):
        ids[state] = queue.begin(key=state, priority="high", deadline_s=600.0, cwd="/here")
    ids["tried"] = queue.begin(files=(File(name="a.txt", text="é"),))
    busy = over(ids["tried"], end=End.BUSY, state=TaskState.PENDING, lane="a", delay_ms=9_000)
    queue.tell(busy)
    workspace = Workspace(kind="copy", source="/s", root="/r", cwd="/r")
    queue.tell(over(ids["completed"], answer="4", verified_by="text", workspace=workspace))
    queue.tell(failed(ids["failed"], cost_usd=0.25))
    queue.ask(CancelTask(id=ids["cancelled"]))
    ids["pending"] = queue.submit(unique="u", group="g", origin="schedule", max_attempts=7)
    ids["after"] = queue.submit(after=(ids["in_progress"],), if_dead="run")
    return ids


def test_q20_the_view_of_an_export_and_what_is_taken_over_name_the_same(queues):
    old, _ = queues
    one_of_each(old)
    (task, *_) = exported(old)
    assert set(task) == {*TEXTS, *NUMBERS, *JSON, "attempts", "after"}
    assert set(task["attempts"][0]) == {*ATTEMPT, "task_id"}


def test_q20_an_export_that_is_taken_over_is_the_same_but_for_what_ran(queues):
    old, new = queues
    ids = one_of_each(old)
    before = exported(old)
    assert new.ask(ImportTasks(tasks=tuple(before))).count == len(ids)
    after = {task["id"]: task for task in exported(new)}
    assert len(after) == len(before)
    for task in before:
        if task["id"] == ids["in_progress"]:
            taken = after[task["id"]]
            assert (taken["state"], taken["maybe_ran"]) == ("pending", 1)
            assert [row["end"] for row in taken["attempts"]] == ["unreachable"]
            continue
        if task["state"] == "pending":
            task |= {"route": None, "lane": None}  # who does it is decided anew
        task["workspace"] = None  # it is where the other daemon runs
        assert after[task["id"]] == task
    counted = "select state, tasks from inspect_counts where tasks > 0 order by state"
    real = "select state, count(*) as tasks from tasks group by state order by state"
    assert new.rows(counted) == new.rows(real)


def test_q20_what_was_taken_over_goes_on_in_order(queues):
    old, new = queues
    ids = one_of_each(old)
    new.ask(ImportTasks(tasks=tuple(exported(old))))
    new.tell(OpenLane(lane="a", slots=9))
    offered = {queued.task_id for queued in new.heard(TaskQueued)}
    assert offered == {ids["in_progress"], ids["pending"]}, "one is delayed, one comes after"
    new.tell(lane(ids["in_progress"]))
    (started,) = new.heard(AttemptStarted)
    assert (started.attempt, started.goes_on) == (2, True)
    new.tell(over(ids["in_progress"], 2))
    assert [queued.task_id for queued in new.heard(TaskQueued)] == [ids["after"]]
    assert new.row(ids["pending"])["attempts_max"] == 7


def test_q20_a_known_id_or_key_is_left_as_it_is(queues):
    old, new = queues
    one_of_each(old)
    mine = new.submit(key="completed", prompt="mine")
    tasks = tuple(exported(old))
    assert new.ask(ImportTasks(tasks=tasks)).count == len(tasks) - 1
    before = new.rows("select * from tasks order by id")
    assert new.ask(ImportTasks(tasks=tasks)).count == 0
    assert new.rows("select * from tasks order by id") == before
    assert new.row(mine)["prompt"] == "mine"
    again = new.ask(order(key="failed"))
    assert (again.created, new.state(again.id)) == (False, "failed")


def test_q20_the_order_of_an_export_does_not_matter(queues):
    old, new = queues
    ids = one_of_each(old)
    new.ask(ImportTasks(tasks=tuple(reversed(exported(old)))))
    assert new.row(ids["after"])["blocked"] == 1


def test_q20_those_that_would_wait_for_themselves_are_not_taken_over(queues):
    old, new = queues
    first = old.submit()
    old.submit(after=(first,))
    tasks = exported(old)
    tasks[0]["after"] = [tasks[1]["id"]]
    with pytest.raises(UsageError, match="wait for themselves"):
        new.ask(ImportTasks(tasks=tuple(tasks)))
    assert new.rows("select * from tasks") == []


def test_q20_a_queue_that_was_taken_over_survives_a_kill(queues):
    old, new = queues
    one_of_each(old)
    new.ask(ImportTasks(tasks=tuple(exported(old))))
    before = exported(new)
    new.reopen()
    assert exported(new) == before


# The schema of the versions before.

VERSION_1 = """
insert into tasks (id, key, state, priority, prompt, files, attempts_max, due_ms, created_ms,
                   started_ms, ended_ms, epoch, attempt, routed, lane)
values ('p', 'k', 'pending', 1, 'p', '[]', 3, 1, 1, null, null, null, 0, 1, 'a'),
       ('i', null, 'in_progress', 2, 'p', '[]', 3, 1, 1, 5, null, 0, 1, 1, 'a'),
       ('c', null, 'completed', 0, 'p', '[]', 3, 1, 1, 5, 9, 0, 1, 1, 'a'),
       ('f', null, 'failed', 3, 'p', '[]', 3, 1, 1, 5, 9, 0, 1, 1, null),
       ('x', null, 'cancelled', 1, 'p', '[]', 3, 1, 1, null, 9, null, 0, 0, null);
insert into attempts (task_id, number, epoch, provider, "end", started_ms, ended_ms)
values ('i', 1, 0, 'a', null, 5, null), ('c', 1, 0, 'a', 'answered', 5, 9),
       ('f', 1, 0, 'a', 'refused', 5, 9);
"""
VERSION_2 = """
update tasks set deadline_s = 60, deadline_ms = 4102444800000, spent_usd = 0.5 where id = 'p';
"""
SCRIPTS = {1: (VERSION_1,), 2: (VERSION_1, VERSION_2), 3: (VERSION_1, VERSION_2)}


def made_by(version, file):
    """A file as that version has left it."""
    connection = apsw.Connection(str(file))
    connection.execute("pragma journal_mode=wal").fetchall()
    migrations = sorted(Tasks.schema.glob("0*.sql"))[:version]
    for script in [migration.read_text("utf-8") for migration in migrations]:
        connection.execute(script).fetchall()
    for script in SCRIPTS[version]:
        connection.execute(script).fetchall()
    connection.execute(f"pragma user_version={version}").fetchall()
    connection.execute(f"pragma application_id={0x41544C53}").fetchall()
    connection.close()


@pytest.mark.parametrize("version", SCRIPTS)
def test_q20_a_file_of_a_version_before_keeps_each_task_its_state_and_the_counts(tmp_path, version):
    made_by(version, tmp_path / "tasks.db")
    queue = Queue(tmp_path)
    assert queue.actor.store.set_aside is None
    states = {row["id"]: row["state"] for row in queue.rows("select id, state from tasks")}
    left = {"p": "pending", "i": "pending", "c": "completed", "f": "failed", "x": "cancelled"}
    assert states == left
    counted = {row["state"]: row["tasks"] for row in queue.rows("select * from inspect_counts")}
    assert counted == {"pending": 2, "in_progress": 0, "completed": 1, "failed": 1, "cancelled": 1}
    assert queue.row("i")["maybe_ran"] == 1
    assert queue.ask(order(key="k")).id == "p"
    queue.tell(OpenLane(lane="a", slots=9), lane("p"), lane("i"))
    assert queue.started() == ["p", "i"], "p has waited for longer than i since the kill"
    queue.tell(over("p"), over("i", 2))
    assert {queue.state(id) for id in "pi"} == {"completed"}
    queue.die()


@pytest.mark.parametrize("version", SCRIPTS)
@pytest.mark.parametrize("at", range(1, 40, 6))
def test_q20_a_migration_that_is_cut_off_leaves_the_file_as_it_was_and_is_done_again(
    tmp_path, version, at, monkeypatch
):
    made_by(version, tmp_path / "tasks.db")
    before = contents(tmp_path / "tasks.db")
    newest = sorted(Tasks.schema.glob("0*.sql"))[max(version, 2)].read_text("utf-8")
    cut = [line for line in newest.splitlines() if line.endswith(";")]
    broken = newest[: newest.index(cut[min(at, len(cut) - 1)])] + "\nselect no_such_function();"
    schema = tmp_path / "schema"
    schema.mkdir()
    for file in Tasks.schema.glob("*.sql"):
        text = file.read_text("utf-8")
        (schema / file.name).write_text(broken if text == newest else text, "utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(Tasks, "schema", schema)
        with pytest.raises(apsw.SQLError):
            Queue(tmp_path)
    if version >= 2:
        assert contents(tmp_path / "tasks.db") == before
    queue = Queue(tmp_path)
    assert queue.actor.store.set_aside is None
    assert {row["id"] for row in queue.rows("select id from tasks")} == set("picfx")
    queue.die()


def contents(file):
    """Its schema, its version and its tasks."""
    connection = apsw.Connection(str(file))
    found = [
        connection.pragma("user_version"),
        connection.execute("select name, sql from sqlite_schema order by name").fetchall(),
        connection.execute("select * from tasks order by id").fetchall(),
    ]
    connection.close()
    return found
