"""What the queue costs does not depend on how many tasks it holds: plans, and steps of SQLite."""

import re

import apsw
import attrs
import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted
from atlas_actors.messages.task import (
    AssignLane,
    AttemptLost,
    CancelTask,
    CloseLane,
    LookAtTasks,
    OpenLane,
    RetryTask,
    TaskDue,
    Unique,
)
from atlas_actors.tasks.actor import PRUNE_ROWS, Tasks
from tests.support.queue_many import SETTINGS, Bench
from tests.support.queue_tree import LANE, ORDER, ROUTE, over_of
from tests.support.stages import Stage

# Of these there are few, however many tasks: what has a route is bounded, and so is what runs.
BOUNDED = "tasks_ready|tasks_running"
READS_ALL = re.compile(
    rf"SCAN (tasks|attempts|dependencies)(?! USING (COVERING )?INDEX ({BOUNDED})\b)|TEMP B-TREE"
)


def submit(stage, **fields):
    return stage.actor.dispatch(attrs.evolve(ORDER, **fields)).id


def drive(stage):
    """Let the queue do everything that it does."""
    ids = [
        submit(stage, key=f"k{n}", unique=Unique(key=f"u{n}"), group="g" if n % 3 else None)
        for n in range(9)
    ]
    submit(stage, after=(ids[0],))
    submit(stage, request=attrs.evolve(ORDER.request, deadline_s=5.0))
    lanes = [AssignLane(task_id=id, lane=LANE, route=ROUTE) for id in ids]
    sent = stage.give(OpenLane(lane=LANE, slots=2, per_minute=600), *lanes)
    sent += stage.give(TaskDue(), LookAtTasks())
    first, second = [message for message in sent if isinstance(message, AttemptStarted)][:2]
    stage.give(over_of(first))
    lost = AttemptLost(task_id=second.task_id, attempt=second.attempt, reason="lost")
    stage.give(CancelTask(id=ids[5]), RetryTask(id=ids[5]), lost)
    stage.give(CloseLane(lane=LANE, reason="closed", reroute=True))
    stage.clock.advance(10)
    stage.give(TaskDue())
    stage.actor._clock_gap.gap_ms -= 60_000  # as if the clock had been set
    stage.actor._endings.count = PRUNE_ROWS
    stage.give(TaskDue())
    stage.actor.prune(stage.clock.now_ms())
    stage.actor.on_stop()
    stage.actor.on_start()
    stage.actor.on_rollback()


def plans_of(connection, act):
    """The plan of every statement that `act` runs, by its text."""
    statements = {}

    def note(_, sql, bindings):
        statements[sql] = bindings
        return True

    connection.exec_trace = note
    act()
    connection.exec_trace = None
    return {
        sql: [row[3] for row in connection.execute(f"explain query plan {sql}", bindings)]
        for sql, bindings in statements.items()
    }


def reads_all(plans):
    return {sql: plan for sql, plan in plans.items() if any(map(READS_ALL.search, plan))}


@pytest.fixture
def stage(tmp_path):
    built = Stage(
        Tasks, path=paths.TASKS, database=tmp_path / "tasks.db", settings=SETTINGS, epoch=1
    )
    built.start()
    yield built
    built.stop()


def test_no_statement_reads_all_tasks_or_sorts_them(stage):
    plans = plans_of(stage.actor.store.connection, lambda: drive(stage))
    assert reads_all(plans) == {}
    searched = " ".join(step for plan in plans.values() for step in plan)
    for index in ("ready", "unrouted", "running", "deadline", "held", "unique", "again", "ended"):
        assert f"tasks_{index}" in searched, index


@pytest.mark.parametrize(
    "sql",
    [
        "select id from tasks where state = 'pending' and attempt = 0",
        "select id from tasks where state = 'pending' and routed = 0 order by prompt",
        "select distinct group_name from tasks where state = 'pending' and held = 1",
    ],
)
def test_a_planted_statement_that_reads_all_is_found(stage, sql):
    connection = stage.actor.store.connection
    assert list(reads_all(plans_of(connection, lambda: stage.actor.store.rows(sql)))) == [sql]


def test_a_statement_is_prepared_once_whatever_its_values(stage):
    stable = stage.actor.store.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1)
    assert stable, "SQLite prepares a statement anew when a value differs"


def vm_steps(bench):
    """Steps of SQLite's machine in one message that ends an attempt and begins the next."""
    steps = []
    bench.stage.actor.store.connection.trace_v2(
        apsw.SQLITE_TRACE_PROFILE,
        lambda event: steps.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]),
    )
    bench.step_ms()
    bench.stage.actor.store.connection.trace_v2(0, None)
    bench.stage.stop()
    return sum(steps)


@pytest.mark.slow
def test_q15_to_end_and_begin_takes_as_many_steps_with_50000_pending_as_with_100(tmp_path):
    (tmp_path / "few").mkdir()
    (tmp_path / "many").mkdir()
    few, many = Bench(tmp_path / "few", 100), Bench(tmp_path / "many", 50_000)
    assert vm_steps(many) <= 1.5 * vm_steps(few)
