"""Q4, Q5, Q15: what comes first, also after a kill, and at what cost it is found."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.messages.execution import AttemptStarted
from atlas_actors.messages.task import OpenLane
from atlas_actors.tasks import claims, dependencies, records
from atlas_actors.tasks.order import PRIORITIES, first_of
from tests.support.queues import Queue, lane, over

AGEING_S = 100.0


@pytest.fixture
def queue(tmp_path):
    built = Queue(tmp_path, ageing_s=AGEING_S, interruptions_max=2)
    yield built
    built.die()


# Q4


def test_q4_only_what_an_older_life_began_is_taken_back(queue):
    id = queue.begin()
    queue.die()
    queue.open(epoch=1)  # the actor alone was restarted: its executors still have the attempt
    assert (queue.state(id), queue.row(id)["maybe_ran"]) == ("in_progress", 0)
    queue.reopen()
    assert (queue.state(id), queue.row(id)["maybe_ran"]) == ("pending", 1)


def test_q4_a_task_that_was_taken_back_has_its_next_attempt_and_keeps_the_lost_one(queue):
    id = queue.begin()
    queue.reopen()
    queue.tell(OpenLane(lane="a", slots=1), lane(id))
    (again,) = queue.heard(AttemptStarted)
    assert (again.attempt, again.epoch, again.interruptions) == (2, 2, 1)
    assert again.goes_on
    ends = queue.rows('select number, "end" from attempts order by number')
    assert ends == [{"number": 1, "end": "unreachable"}, {"number": 2, "end": None}]


@pytest.mark.slow
def test_q4_what_was_killed_too_often_is_dead_with_the_cause_and_so_is_what_comes_after(queue):
    id = queue.begin()
    after = queue.submit(after=(id,))
    for epoch in (2, 3, 4):
        queue.reopen()
        queue.tell(OpenLane(lane="a", slots=1), lane(id))
        assert queue.started() == ([id] if epoch < 4 else [])
    assert queue.state(id) == "failed"
    assert queue.row(id)["error"].endswith("the daemon died during this attempt")
    assert queue.state(after) == "failed"


# Q5


def test_q5_a_more_urgent_task_that_comes_late_overtakes(queue):
    running = queue.begin()
    ids = [queue.submit(priority=name) for name in ("low", "normal", "urgent")]
    queue.tell(OpenLane(lane="a", slots=1), *(lane(id) for id in ids))
    queue.tell(over(running))
    assert queue.started() == [ids[2]]


def test_q5_the_longest_due_is_first_and_the_older_of_two_that_are_due_together(queue):
    now_ms = queue.clock.now_ms()
    ids = [queue.submit(at_ms=now_ms + due) for due in (300, 100, 200, 100)]
    queue.tell(*(lane(id) for id in ids))
    queue.advance(1)
    queue.tell(OpenLane(lane="a", slots=9))
    assert queue.started() == [ids[1], ids[3], ids[2], ids[0]]


@pytest.mark.parametrize("restarted", [False, True])
def test_q5_what_was_due_is_due_when_the_clock_goes_back_and_what_was_delayed_is_not(
    queue, restarted
):
    now_ms = queue.clock.now_ms()
    due, delayed = queue.submit(), queue.submit(at_ms=now_ms + 5_000)
    if restarted:
        queue.die()
    queue.clock.jump(-3_600)
    if restarted:
        queue.open(epoch=2)
    queue.tell(OpenLane(lane="a", slots=9), lane(due), lane(delayed))
    assert queue.started() == [due]
    queue.advance(3_605)
    assert queue.started() == [delayed]


@pytest.mark.slow
def test_q5_a_stream_of_urgent_tasks_starves_a_low_one_no_longer_than_three_ageings(queue):
    queue.tell(OpenLane(lane="a", slots=1))
    low = queue.submit(priority="low")
    queue.tell(lane(low), lane(queue.submit(priority="urgent")))
    running, waited_s = queue.started()[0], 0.0
    while running != low:
        urgent = queue.submit(priority="urgent", at_ms=1)  # also one that claims to be long due
        queue.advance(AGEING_S / 5)
        waited_s += AGEING_S / 5
        queue.tell(lane(urgent), over(running))
        (running,) = queue.started()
        assert waited_s <= 3 * AGEING_S
    assert waited_s == pytest.approx(3 * AGEING_S)


rows = st.lists(
    st.tuples(st.sampled_from(range(4)), st.integers(0, 500_000), st.integers(0, 99)),
    unique_by=lambda row: row[2],
    max_size=30,
).map(
    lambda rows: [
        {"priority": priority, "due_ms": due_ms, "id": f"{id:02}"} for priority, due_ms, id in rows
    ]
)


@pytest.mark.slow
@given(rows=rows, count=st.integers(0, 10), ageing_s=st.sampled_from([0.001, 1.0, AGEING_S]))
def test_q5_whoever_is_first_outranks_whoever_is_not(rows, count, ageing_s):
    now_ms, ageing_ms = 500_000, ageing_s * 1000
    chosen = first_of(rows, count, now_ms, ageing_ms)
    assert len(chosen) == min(count, len(rows))
    left = [row for row in rows if row not in chosen]
    for first, other in ((first, other) for first in chosen for other in left):
        waited_ms = now_ms - other["due_ms"]
        aged = first["due_ms"] <= other["due_ms"]
        assert aged or first["priority"] > other["priority"] or (
            now_ms - first["due_ms"] >= (other["priority"] - first["priority"]) * ageing_ms > 0
        )  # fmt: skip
        if waited_ms >= 3 * ageing_ms:
            assert aged, "after three ageings only who has waited longer is first"
        if first["priority"] == other["priority"]:
            assert first["due_ms"] <= other["due_ms"] or waited_ms >= ageing_ms
            if first["due_ms"] == other["due_ms"]:
                assert first["id"] < other["id"]


@pytest.mark.parametrize("name", PRIORITIES)
def test_q5_who_has_just_come_is_ranked_by_priority_alone(name):
    others = [{"priority": n, "due_ms": 0, "id": key} for key, n in PRIORITIES.items()]
    ranked = [row["id"] for row in first_of(others, 4, 0, 1_000.0)]
    assert ranked == ["urgent", "high", "normal", "low"]
    assert [row["id"] for row in first_of([others[PRIORITIES[name]]], 1, 0, 1.0)] == [name]


# Q15

FINDING = {
    "heads": (lambda store: claims.heads(store, "a", 5, 1), "tasks_ready"),
    "next due of a lane": (lambda store: claims.next_due_ms(store, "a", 1), "tasks_ready"),
    "unrouted": (lambda store: claims.unrouted(store, 5, 1), "tasks_unrouted"),
    "next due of none": (lambda store: claims.next_due_ms(store, None, 1), "tasks_unrouted"),
    "running": (claims.running, "tasks_running"),
    "held": (lambda store: dependencies.held_heads(store, "g", 1), "tasks_held"),
    "released": (lambda store: dependencies.released_count(store, "g"), "tasks_released"),
    "next deadline": (records.next_deadline_ms, "tasks_deadline"),
    "expired": (lambda store: records.expire(store, 1), "tasks_deadline"),
}


@pytest.mark.parametrize("name", FINDING)
def test_q15_what_each_commit_looks_for_is_found_by_a_partial_index(queue, name):
    find, index = FINDING[name]
    asked, plain = [], queue.actor.store.rows

    def noting(sql, bindings=()):
        asked.append((sql, bindings))
        return plain(sql, bindings)

    queue.actor.store.rows = noting
    try:
        find(queue.actor.store)
    finally:
        queue.actor.store.rows = plain
    (partial,) = queue.rows("select sql from sqlite_schema where name = ?", index)
    assert " where " in " ".join(partial["sql"].split())
    for sql, bindings in asked:
        plan = [row["detail"] for row in plain(f"explain query plan {sql}", bindings)]
        reads = [line for line in plan if re.match(r"(SCAN|SEARCH) tasks\b", line)]
        assert reads, plan
        assert all(re.search(rf"INDEX {index}\b", line) for line in reads), plan
        assert not any("TEMP B-TREE" in line for line in plan), plan


@pytest.mark.slow
def test_q15_a_start_reads_no_more_rows_when_more_are_pending(queue):
    """Steps of SQLite's machine, which no busy computer changes."""
    steps = {}
    for pending in (20, 400):
        while len(queue.rows("select id from tasks where routed = 1")) < pending:
            queue.tell(*(lane(queue.submit()) for _ in range(20)))
        counted = [0]

        def count(counted=counted):
            counted[0] += 1
            return False

        queue.actor.store.connection.set_progress_handler(count, 10)
        queue.tell(OpenLane(lane="a", slots=pending // 20))
        queue.actor.store.connection.set_progress_handler(None)
        assert len(queue.started()) >= 1
        steps[pending] = counted[0] / (pending // 20)
        queue.tell(OpenLane(lane="a", slots=0))
    assert steps[400] <= 2 * steps[20], steps
