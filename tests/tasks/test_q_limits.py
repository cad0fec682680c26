"""Q11, Q14: how many run at a time and begin in a minute, and how much is kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.messages.task import (
    AttemptLost,
    CancelTask,
    CloseLane,
    OpenLane,
    PruneTasks,
    RouteAgain,
    SubmitTasks,
)
from atlas_actors.settings import GroupSettings
from atlas_actors.store_actor import TELL_AGAIN_S
from atlas_actors.tasks.actor import PRUNE_ROWS
from atlas_actors.tasks.bucket import Bucket
from tests.support.queues import Queue, lane, order, over

PER_MINUTE = 60  # one a second, six at once


@pytest.fixture
def queue(tmp_path):
    built = Queue(
        tmp_path,
        groups={
            "pair": GroupSettings(name="pair", slots=2),
            "slow": GroupSettings(name="slow", slots=99, per_minute=PER_MINUTE),
        },
    )
    yield built
    built.die()


def open_slow(queue):
    queue.tell(OpenLane(lane="a", slots=99, per_minute=PER_MINUTE))


def begun_in(queue, seconds):
    queue.advance(seconds)
    return len(queue.started())


# Q11 of lanes


def test_q11_a_lane_with_a_rate_begins_evenly_and_after_a_pause_with_a_small_burst(queue):
    queue.tell(*(lane(queue.submit()) for _ in range(30)))
    open_slow(queue)
    assert len(queue.started()) == 6
    assert [begun_in(queue, seconds) for seconds in (1, 1, 3)] == [1, 1, 3]
    queue.tell(*(over(row["id"]) for row in queue.rows("select id from tasks")))
    queue.advance(600)
    assert len(queue.started()) == 19, "the rest, as fast as the rate allows"


@pytest.mark.parametrize("how", ["killed", "clock forward", "clock back", "refused"])
def test_q11_the_rate_of_a_lane_is_held_across_a_restart_and_a_clock_that_is_set(queue, how):
    ids = [queue.submit() for _ in range(30)]
    queue.tell(*map(lane, ids))
    open_slow(queue)
    assert len(queue.started()) == 6
    match how:
        case "killed":
            queue.reopen()
            queue.tell(*map(lane, ids))
            open_slow(queue)
        case "clock forward":
            queue.clock.jump(86_400)
            queue.wake()
        case "clock back":
            queue.clock.jump(-86_400)
            queue.wake()
        case "refused":
            queue.refuse_next_commit()
            queue.tell(RouteAgain())
    queue.tell(RouteAgain())
    assert queue.started() == []
    assert begun_in(queue, 2) == 2


def test_q11_a_clock_that_goes_back_between_two_lives_gives_no_burst(queue):
    ids = [queue.submit() for _ in range(30)]
    queue.tell(*map(lane, ids))
    open_slow(queue)
    queue.started()
    queue.die()
    queue.clock.jump(-3_600)
    queue.open(epoch=2)
    queue.tell(*map(lane, ids))
    open_slow(queue)
    assert queue.started() == []


def test_q11_each_lane_has_slots_and_a_rate_of_its_own(queue):
    open_slow(queue)
    queue.tell(OpenLane(lane="b", slots=3))
    ids = [queue.submit() for _ in range(20)]
    queue.tell(*(lane(id, "ab"[n % 2]) for n, id in enumerate(ids)))
    started = queue.started()
    assert [len({*started} & {*ids[n::2]}) for n in (0, 1)] == [6, 3]


def test_q11_the_slots_of_a_lane_are_held_by_those_that_run_across_a_restart_of_the_actor(queue):
    ids = [queue.submit() for _ in range(4)]
    queue.tell(OpenLane(lane="a", slots=2), *map(lane, ids))
    assert queue.started() == ids[:2]
    queue.die()
    queue.open(epoch=1)
    queue.tell(OpenLane(lane="a", slots=2), *map(lane, ids[2:]))
    assert queue.started() == []
    queue.tell(over(ids[0]))
    assert queue.started() == ids[2:3]


def test_q11_a_lane_with_fewer_slots_than_before_lets_the_others_finish(queue):
    ids = [queue.submit() for _ in range(4)]
    queue.tell(OpenLane(lane="a", slots=3), *map(lane, ids))
    queue.started()
    queue.tell(OpenLane(lane="a", slots=1))
    queue.tell(over(ids[0]), over(ids[1]))
    assert queue.started() == []
    queue.tell(over(ids[2]))
    assert queue.started() == ids[3:]


@pytest.mark.parametrize("last_word", ["open", "closed"])
def test_q11_the_last_word_on_a_lane_holds_when_the_disk_refused_the_one_before(queue, last_word):
    opened = OpenLane(lane="a", slots=1)
    closed = CloseLane(lane="a", reason="it rests", reroute=False)
    first, last = (closed, opened) if last_word == "open" else (opened, closed)
    queue.refuse_next_commit()
    queue.tell(first)
    queue.tell(last)
    queue.advance(TELL_AGAIN_S)
    queue.tell(lane(queue.submit()))
    assert len(queue.started()) == (1 if last_word == "open" else 0)


def test_q11_a_lane_whose_opening_the_disk_refused_is_used_when_the_disk_is_back(queue):
    id = queue.submit()
    queue.tell(lane(id))
    queue.refuse_next_commit()
    queue.tell(OpenLane(lane="a", slots=1))
    assert queue.started() == []
    queue.advance(TELL_AGAIN_S)
    assert queue.started() == [id]


# Q11 of groups


def test_q11_a_group_without_a_section_runs_one_at_a_time(queue):
    ids = [queue.submit(group="any") for _ in range(3)]
    queue.tell(OpenLane(lane="a", slots=9), *map(lane, ids))
    for id in ids:
        queue.tell(lane(id))
        assert queue.started() == [id]
        queue.tell(over(id))


@pytest.mark.parametrize("left_by", ["end", "cancel", "loss", "deadline"])
def test_q11_a_group_has_room_again_however_one_of_it_ends(queue, left_by):
    queue.tell(OpenLane(lane="a", slots=9))
    ids = [queue.submit(group="pair", deadline_s=60.0 if n == 0 else None) for n in range(3)]
    queue.tell(*map(lane, ids))
    assert queue.started() == ids[:2]
    match left_by:
        case "end":
            queue.tell(over(ids[0]))
        case "cancel":
            queue.ask(CancelTask(id=ids[0]))
        case "loss":
            queue.tell(AttemptLost(task_id=ids[0], attempt=1, reason="x"))
            queue.ask(CancelTask(id=ids[0]))
        case "deadline":
            queue.tell(AttemptLost(task_id=ids[0], attempt=1, reason="x"))
            queue.advance(60)
            assert queue.state(ids[0]) == "failed"
    queue.tell(lane(ids[2]))
    assert queue.started() == ids[2:]


def test_q11_one_that_is_to_be_tried_again_keeps_its_place_in_the_group(queue):
    queue.tell(OpenLane(lane="a", slots=9))
    ids = [queue.submit(group="pair") for _ in range(3)]
    queue.tell(*map(lane, ids))
    assert queue.started() == ids[:2]
    queue.tell(AttemptLost(task_id=ids[0], attempt=1, reason="x"))
    queue.tell(lane(ids[2]), lane(ids[0]))
    assert queue.started() == ids[:1]


def test_q11_the_slots_of_a_group_are_held_across_a_kill_and_over_all_lanes(queue):
    ids = [queue.submit(group="pair") for _ in range(4)]
    for _ in range(2):
        queue.tell(*(OpenLane(lane=name, slots=9) for name in "ab"))
        queue.tell(*(lane(id, "ab"[n % 2]) for n, id in enumerate(ids)))
        assert queue.started() == ids[:2]
        queue.reopen()


@pytest.mark.parametrize("killed", [False, True])
def test_q11_the_rate_of_a_group_is_held_across_a_kill(queue, killed):
    queue.ask(SubmitTasks(orders=tuple(order(group="slow") for _ in range(20))))
    released = "select id from tasks where held = 0"
    assert len(queue.rows(released)) == 6
    if killed:
        queue.reopen()
    assert len(queue.rows(released)) == 6
    queue.advance(3)
    assert len(queue.rows(released)) == 9


@pytest.mark.slow
@settings(max_examples=200)
@given(
    per_minute=st.integers(1, 600),
    waits=st.lists(st.floats(0, 20), min_size=1, max_size=60),
)
def test_q11_no_minute_has_more_than_its_rate_and_one_burst(per_minute, waits):
    bucket, now_s, begun = Bucket.full(per_minute, 0.0), 0.0, []
    for wait_s in waits:
        now_s += wait_s
        bucket = bucket.at(now_s)
        count = int(bucket.tokens)
        bucket = bucket.taken(count)
        begun += [now_s] * count
    most = per_minute + max(1, per_minute // 10) + 1
    for start_s in begun:
        assert sum(start_s <= at_s < start_s + 60 for at_s in begun) <= most


# Q14


@pytest.mark.slow
def test_q14_the_file_stays_as_large_as_what_is_kept_however_many_went_through(tmp_path):
    queue = Queue(tmp_path, kept_max=PRUNE_ROWS, pending_max=10_000)
    begin = queue.actor.store.begin
    queue.actor.store.begin = lambda **_: begin(durable=False)
    queue.tell(OpenLane(lane="a", slots=1_000))
    pages = []
    for _ in range(7):
        for _ in range(4):
            orders = tuple(order(prompt="x" * 200) for _ in range(250))
            queue.ask(SubmitTasks(orders=orders))
            ids = [row["id"] for row in queue.rows("select id from tasks where state = 'pending'")]
            queue.tell(*map(lane, ids))
            assert len(queue.started()) == 250
            queue.tell(*(over(id, answer="y" * 200) for id in ids))
        pages.append(queue.rows("pragma page_count")[0]["page_count"])
    counted = queue.rows("select count(*) as n from tasks")[0]["n"]
    assert PRUNE_ROWS <= counted <= 3 * PRUNE_ROWS
    assert queue.rows("select tasks from inspect_transitions where before = 'new'") == [
        {"tasks": 7_000}
    ]
    assert max(pages) <= 1.1 * max(pages[:3]), pages
    assert queue.rows("select count(*) as n from attempts") == [{"n": counted}]
    queue.die()


def test_q14_only_what_has_ended_is_pruned_and_of_that_what_was_asked_for(queue):
    ids = [queue.begin() for _ in range(3)]
    queue.tell(over(ids[0]))
    queue.ask(CancelTask(id=ids[1]))
    pending = queue.submit()
    queue.advance(1)
    now_ms = queue.clock.now_ms()
    assert queue.ask(PruneTasks(before_ms=now_ms, states=("cancelled", "pending"))).count == 1
    assert {row["id"] for row in queue.rows("select id from tasks")} == {ids[0], ids[2], pending}
    assert queue.ask(PruneTasks(before_ms=now_ms)).count == 1
    assert {row["id"] for row in queue.rows("select id from tasks")} == {ids[2], pending}
