"""The scheduler, driven by hand: what it accepts, makes, skips, and how it goes on after kills."""

from datetime import datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from atlas_actors.errors import Busy, Conflict, NotFound, UsageError
from atlas_actors.messages.execution import File, Request
from atlas_actors.messages.schedule import (
    LookAtSchedules,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    ScheduleDue,
)
from atlas_actors.messages.task import SubmitTask, TaskAccepted, Unique
from atlas_actors.scheduler.actor import LOOK_TIME_S, SCHEDULES_MAX, _plan
from atlas_actors.scheduler.records import NEWEST_KEPT
from atlas_actors.scheduler.sending import IN_FLIGHT_MAX, UNANSWERED_S
from atlas_actors.scheduler.spec import order_of
from atlas_actors.scheduler.when import ticks_after
from atlas_actors.store_actor import PruneDue
from tests.support.clocks import FakeClock
from tests.support.schedulers import World, order, scheduler_stage

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
DAY_MS = DAY_S * 1000


def ms(text, zone="UTC"):
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


START_MS = ms("2025-06-02")  # a Monday


@pytest.fixture
def world(tmp_path):
    built = World(tmp_path, START_MS)
    yield built
    built.close()


def test_each_tick_becomes_one_task_at_its_time(world):
    id = world.ask(order(every_s=600, task={"prompt": "look", "priority": "low"})).id
    world.run(HOUR_S)
    assert world.ticks_of(id) == [START_MS + n * 600_000 for n in range(1, 7)]
    assert [row["created_ms"] for row in world.tasks()] == world.ticks_of(id)
    row = world.row("a")
    assert (row["ticks"], row["skipped"], row["state"]) == (6, 0, "active")
    assert row["last_task_id"] == world.tasks()[-1]["id"]
    assert row["last_ms"] == START_MS + 3_600_000


def test_the_next_runs_are_told_and_shown(world):
    added = world.ask(order(kind="daily", daily="09:00"))
    expected = tuple(ms(f"2025-06-0{day}T07:00") for day in (2, 3, 4, 5, 6))  # in Berlin
    assert (added.next_ms, added.timezone, added.created) == (expected, "Europe/Berlin", True)
    assert tuple(world.row("a")["next_ms"]) == expected
    world.run(DAY_S)
    assert world.row("a")["next_ms"][0] == expected[1]


def test_a_period_needs_no_zone_and_a_named_one_is_kept(world):
    assert world.ask(order(every_s=60)).timezone == "UTC"
    named = order(name="b", kind="weekly", weekly={"days": ["mon"], "time": "09:00"},
                  timezone="America/New_York")  # fmt: skip
    assert world.ask(named).next_ms[0] == ms("2025-06-02T13:00")


def test_the_same_schedule_sent_twice_is_one_and_another_of_its_name_is_refused(world):
    first, second = (world.ask(order(every_s=60)) for _ in range(2))
    assert (first.created, second.created, first.id) == (True, False, second.id)
    with pytest.raises(Conflict, match="another"):
        world.ask(order(every_s=61))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "once", "once_ms": START_MS - 1}, "never run"),
        ({"kind": "daily", "daily": "24:00"}, "no time of day"),
        ({"kind": "weekly", "weekly": {"days": ["mo"], "time": "09:00"}}, "no weekday"),
        ({"kind": "cron", "cron": "61 * * * *"}, "no cron expression"),
        ({"kind": "cron", "cron": "0 0 30 2 *"}, "no cron expression"),
        ({"kind": "daily", "daily": "09:00", "timezone": "Europe/Berlim"}, "no time zone"),
        ({"kind": "daily", "daily": "09:00", "timezone": "../../etc/passwd"}, "no time zone"),
        ({"kind": "daily", "daily": "09:00", "timezone": "Europe"}, "no time zone"),
        ({"every_s": 60, "jitter_s": 61}, "jitter of 61 s"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_and_leaves_nothing(world, fields, says):
    with pytest.raises(UsageError, match=says):
        world.ask(order(**fields))
    assert world.stage.actor.store.rows("select * from schedules") == []


def test_more_schedules_than_the_limit_are_refused(world, monkeypatch):
    monkeypatch.setattr("atlas_actors.scheduler.actor.SCHEDULES_MAX", 2)
    assert SCHEDULES_MAX == 1000
    world.ask(order(name="a", every_s=60))
    world.ask(order(name="b", every_s=60))
    with pytest.raises(Busy):
        world.ask(order(name="c", every_s=60))


def test_a_single_time_runs_once_and_is_done(world):
    id = world.ask(order(kind="once", once_ms=START_MS + 90_000)).id
    world.run(HOUR_S)
    assert world.ticks_of(id) == [START_MS + 90_000]
    assert (world.row("a")["state"], world.row("a")["next_ms"]) == ("done", [])


def test_paused_time_is_skipped_and_not_counted(world):
    id = world.ask(order(every_s=600, missed="all")).id
    world.run(HOUR_S)
    assert world.ask(PauseSchedule(name="a")).state == "paused"
    world.run(HOUR_S)
    assert (world.row("a")["state"], world.row("a")["next_ms"]) == ("paused", [])
    resumed = world.ask(ResumeSchedule(name=id))
    assert (resumed.state, resumed.next_ms[0]) == ("active", START_MS + 7_800_000)
    world.run(HOUR_S)
    assert world.ticks_of(id) == [START_MS + n * 600_000 for n in [*range(1, 7), *range(13, 19)]]
    assert world.row("a")["skipped"] == 0


def test_pausing_or_resuming_twice_changes_nothing(world):
    world.ask(order(every_s=600))
    before = world.ask(ResumeSchedule(name="a"))
    assert before.next_ms[0] == START_MS + 600_000
    for _ in range(2):
        world.ask(PauseSchedule(name="a"))
    world.run(HOUR_S)
    assert world.tasks() == []


def test_a_removed_schedule_runs_no_more_and_its_name_is_free(world):
    first = world.ask(order(every_s=600)).id
    world.run(700)
    assert world.ask(RemoveSchedule(name="a")).id == first
    world.run(HOUR_S)
    assert len(world.tasks()) == 1
    assert world.ask(order(every_s=60)).id != first
    with pytest.raises(NotFound):
        world.ask(RemoveSchedule(name="b"))


@pytest.mark.slow
def test_while_tasks_are_busy_ticks_stay_due_and_then_all_run(world):
    id = world.ask(order(every_s=600)).id
    world.tasks_are_busy = True
    world.run(HOUR_S)
    row = world.row("a")
    assert (world.tasks(), row["open_ticks"]) == ([], 6)
    assert row["error"] == "10 tasks are pending, the limit"
    world.tasks_are_busy = False
    world.run(2 * MINUTE_S)
    assert world.ticks_of(id) == [START_MS + n * 600_000 for n in range(1, 7)]
    assert (world.row("a")["open_ticks"], world.row("a")["error"]) == (0, None)


def test_refusals_are_answered_with_fewer_and_fewer_tries(world):
    world.ask(order(kind="once", once_ms=START_MS + 1_000))
    world.tasks_are_busy = True
    world.run(10 * MINUTE_S)
    tries = world.stage.actor.store.row("select tries from ticks")["tries"]
    assert 10 <= tries <= 17  # 1, 2, 4 .. 60, 60 s


@pytest.mark.slow
def test_a_schedule_with_too_many_open_ticks_waits_for_them(world, monkeypatch):
    monkeypatch.setattr("atlas_actors.scheduler.actor.OPEN_MAX", 50)
    id = world.ask(order(every_s=1)).id
    world.tasks_are_busy = True
    world.run(350)
    assert world.row("a")["open_ticks"] == 50
    world.tasks_are_busy = False
    world.run(2 * MINUTE_S)
    made = world.ticks_of(id)
    assert made[:50] == [START_MS + n * 1_000 for n in range(1, 51)]
    assert made[-1] == START_MS + 470_000
    assert len(made) + world.row("a")["skipped"] == 470


@pytest.mark.slow
def test_a_burst_is_sent_a_bounded_number_at_a_time(world):
    def submitted(message):
        return [sent for sent in world.stage.give(message) if isinstance(sent, SubmitTask)]

    world.ask(order(every_s=1, missed="all"))
    world.clock.advance(HOUR_S)
    sent = submitted(ScheduleDue())
    assert len(sent) == IN_FLIGHT_MAX
    accepted = TaskAccepted(id="t", created=True, key=sent[0].key)
    assert len(submitted(accepted)) == 1
    assert submitted(accepted) == []  # an answer that comes twice
    assert UNANSWERED_S <= 300
    world.clock.advance(UNANSWERED_S)
    again = submitted(ScheduleDue())
    assert {message.key for message in again} >= {message.key for message in sent[1:]}


def test_a_new_life_looks_at_once_but_not_while_it_starts(world):
    world.ask(order(every_s=600, missed="all"))
    world.clock.advance(HOUR_S)
    world.stage.stop()
    world.stage = next_life = scheduler_stage(world.folder, world.clock)
    assert next_life.start() == []
    assert next_life.actor.store.rows("select * from ticks") == []
    assert next_life.actor._next_timer_s() == 0.0
    sent = next_life.give(ScheduleDue())
    assert [message.key.split(":")[2] for message in sent] == [
        str(START_MS + n * 600_000) for n in range(1, 7)
    ]


class SlowClock(FakeClock):
    """Every look at it takes as long as a look at a schedule may."""

    def monotonic_s(self):
        self.advance(LOOK_TIME_S / 2)
        return super().monotonic_s()


def test_a_look_ends_when_its_time_is_over_and_the_next_goes_on_at_once(world):
    ids = [world.ask(order(name=f"s{n}", every_s=600)).id for n in range(5)]
    world.clock.advance(HOUR_S)
    world.stage.stop()
    world.stage = scheduler_stage(world.folder, SlowClock(world.clock.now_ms()))
    world.stage.start()
    looks = [world.stage.actor.dispatch(LookAtSchedules()).ticks for _ in range(len(ids))]
    assert (sum(looks), 1 <= max(looks) <= 2) == (len(ids), True)
    assert looks[-1] == 0


@pytest.mark.parametrize("went_back_s", [0, 3_600])
def test_more_schedules_than_one_look_takes_are_looked_at_one_look_after_the_other(
    world, monkeypatch, went_back_s
):
    monkeypatch.setattr("atlas_actors.scheduler.actor.LOOKED_AT_MAX", 2)
    for n in range(5):
        world.ask(order(name=f"s{n}", every_s=600))
    world.clock.advance(HOUR_S)
    world.clock.jump(-2 * went_back_s)
    waits_s = []
    for _ in range(3):
        world.stage.actor._timers.clear()  # they have gone off
        world.stage.give(ScheduleDue())
        waits_s.append(world.stage.actor._next_timer_s())
    assert (waits_s[0], waits_s[1], waits_s[2] > 0.0) == (0.0, 0.0, True)
    behind = "select * from schedules where seen_ms > ?1 or due_ms <= ?1"
    assert world.stage.actor.store.rows(behind, (world.clock.now_ms(),)) == []


def test_a_look_on_demand_answers_how_many_ticks_were_made(world):
    world.ask(order(every_s=60, missed="all"))
    world.clock.advance(5 * MINUTE_S)
    assert world.ask(LookAtSchedules()).ticks == 5
    assert world.ask(LookAtSchedules()).ticks == 0


def test_somebody_looks_at_least_every_thirty_seconds(world):
    world.ask(order(kind="daily", daily="09:00"))
    assert world.stage.actor._next_timer_s() <= 30
    world.run(HOUR_S)
    assert world.stage.actor._next_timer_s() <= 30
    assert len(world.stage.actor._timers) <= 3


def test_an_order_is_built_from_the_stored_parameters():
    task = {
        "prompt": "p", "files": [{"name": "f", "text": "t"}], "check": ["true"], "cwd": "/tmp",
        "schema": {"type": "object"}, "provider": "haiku", "priority": "high", "max_attempts": 2,
        "budget_usd": 0.5, "deadline_s": 60, "in_place": True, "match": "x",
        "unique": {"key": "u", "states": ["pending"]}, "group": "g", "key": "not ours", "at_ms": 1,
    }  # fmt: skip
    assert order_of(task, "k") == SubmitTask(
        request=Request(
            prompt="p", files=(File(name="f", text="t"),), check=("true",), cwd="/tmp",
            schema={"type": "object"}, provider="haiku", budget_usd=0.5, deadline_s=60,
            in_place=True, match="x",
        ),
        key="k", priority="high", max_attempts=2, origin="schedule", group="g",
        unique=Unique(key="u", states=("pending",)),
    )  # fmt: skip


def test_a_schedule_whose_zone_is_gone_is_set_aside_and_the_others_go_on(world):
    world.ask(order(name="bad", every_s=60))
    good = world.ask(order(name="good", every_s=60)).id
    world.stage.actor.store.run("update schedules set timezone = 'Gone/Away' where name = 'bad'")
    world.run(5 * MINUTE_S)
    assert len(world.ticks_of(good)) == 5
    assert (world.row("bad")["state"], world.row("bad")["ticks"]) == ("broken", 0)
    assert "Gone/Away" in world.row("bad")["problem"]
    world.stage.actor.store.run("update schedules set timezone = 'UTC' where name = 'bad'")
    assert world.ask(ResumeSchedule(name="bad")).state == "active"
    world.run(MINUTE_S)
    assert world.row("bad")["ticks"] == 1


@pytest.mark.slow
def test_after_ten_years_ahead_and_back_it_goes_on_at_once(world):
    id = world.ask(order(every_s=600)).id
    world.run(HOUR_S)
    world.clock._now_ms += 3_653 * DAY_MS
    world.run(HOUR_S)
    wrong = [tick_ms for tick_ms in world.ticks_of(id) if tick_ms > START_MS + DAY_MS]
    assert 1 <= len(wrong) <= 7
    world.stage.give(PruneDue())
    world.clock._now_ms -= 3_653 * DAY_MS + 7_200_000  # to where it began
    world.run(3 * HOUR_S)
    right = [tick_ms for tick_ms in world.ticks_of(id) if tick_ms < START_MS + DAY_MS]
    assert right == [START_MS + n * 600_000 for n in range(1, 19)]  # none twice
    store = world.stage.actor.store
    assert store.rows("select tick_ms from ticks where task_id is null") == []
    assert world.row("a")["ticks"] == len(world.tasks())


@pytest.mark.slow
def test_old_ticks_are_pruned_the_newest_and_the_open_ones_are_kept(world):
    world.ask(order(every_s=3_600))
    world.ask(order(name="once", kind="once", once_ms=START_MS + 1_000))
    world.tasks_are_busy = True
    world.run(90 * MINUTE_S)
    open_before = world.row("a")["open_ticks"]
    world.stage.actor.store.run("update ticks set task_id = 't' where tick_ms < ?", (START_MS + 2,))
    world.tasks_are_busy = False
    world.run(10 * DAY_S)
    assert open_before == 1
    assert world.stage.actor.prune(world.clock.now_ms() - DAY_MS) is False
    rows = world.stage.actor.store.rows("select tick_ms from ticks order by tick_ms")
    assert len(rows) == NEWEST_KEPT
    assert rows[-1]["tick_ms"] == START_MS + 241 * 3_600_000
    names = [row["name"] for row in world.stage.actor.store.rows("select name from schedules")]
    assert names == ["a"]


def mixed(zone):
    """One of each kind; no jitter above the steps between ticks."""
    return [
        order(name="once", kind="once", once_ms=0, timezone=zone),
        order(name="every", every_s=5_400, jitter_s=900),
        order(name="daily", kind="daily", daily="02:15", timezone=zone),
        order(name="weekly", kind="weekly", weekly={"days": ["sun", "wed"], "time": "01:45"},
              timezone=zone, jitter_s=60),
        order(name="hourly", kind="cron", cron="*/30 * * * *", timezone=zone),
        order(name="fixed", kind="cron", cron="10 1-3 * * *", timezone=zone, missed="all"),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("zone", "week", "seed"),
    [
        ("Europe/Berlin", "2025-03-26", 1),
        ("Europe/Berlin", "2025-10-22", 2),
        ("Australia/Lord_Howe", "2025-04-02", 3),
        ("America/New_York", "2025-10-29", 4),
    ],
)
def test_a_week_with_kills_anywhere_has_one_task_for_each_tick(tmp_path, zone, week, seed):
    start_ms = ms(week, zone)
    world = World(tmp_path, start_ms, die=0.01, seed=seed)
    ids = {}
    for schedule in mixed(zone):
        if schedule.kind == "once":
            schedule.spec["once_ms"] = start_ms + 5 * DAY_MS
        ids[schedule.name] = world.ask(schedule).id
    world.run(8 * DAY_S)
    world.die = 0.0
    world.run(HOUR_S)
    end_ms = world.clock.now_ms() - 900_000  # whose jitter is over
    for name, id in ids.items():
        plan = _plan(world.stage.actor.store.row("select * from schedules where id = ?", (id,)))
        expected = list(takewhile(lambda tick: tick <= end_ms, ticks_after(plan, start_ms)))
        made = [tick_ms for tick_ms in world.ticks_of(id) if tick_ms <= end_ms]
        assert made == expected, name
        assert len(expected) > 7 or name in ("once", "weekly")
        assert world.row(name)["skipped"] == 0
    assert world.kills > 15
    world.close()
