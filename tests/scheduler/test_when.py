"""When schedules are due: against a count by minutes, over clock changes and wrong clocks."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import attrs
import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from atlas_actors.scheduler.when import (
    COUNT_MAX,
    LATE_MS,
    MISSED_MAX,
    Plan,
    Seen,
    due,
    jitter_ms,
    next_tick,
    ticks_after,
    upcoming,
)

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
YEARS_10_MS = 3_653 * DAY_MS
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
# A week around both changes of 2025 in each zone (all in UTC).
WEEKS = {
    "Europe/Berlin": ["2025-03-26", "2025-10-22"],
    "America/New_York": ["2025-03-05", "2025-10-29"],
    "Australia/Lord_Howe": ["2025-04-02", "2025-10-01"],
    "UTC": ["2025-03-26", "2025-10-22"],
}
WEEK_OF_A_ZONE = [(zone, week) for zone in ZONES for week in WEEKS[zone]]


def ms(text, zone="UTC"):
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def plan(kind="every", **fields):
    return Plan(kind=kind, seed="s", **fields)


def between(a_plan, low_ms, high_ms):
    """The ticks in (low, high]."""
    return list(takewhile(lambda tick: tick <= high_ms, ticks_after(a_plan, low_ms)))


def local(moment_ms, zone):
    """As the wall shows it, counted another way than the code does."""
    return datetime.fromtimestamp(moment_ms / 1000, ZoneInfo(zone)).replace(tzinfo=None)


@cache
def minutes_of(zone, low_ms, high_ms):
    """Each minute: (when, what the wall shows, what it shows for the first time or jumps over)."""
    rows, shown = [], local(low_ms, zone)
    for moment_ms in range(low_ms + MINUTE_MS, high_ms + 1, MINUTE_MS):
        now = local(moment_ms, zone)
        passed = shown + timedelta(minutes=1)
        new = []
        while passed <= now:  # none while the wall repeats itself, many when it jumps
            new.append(passed)
            passed += timedelta(minutes=1)
        rows.append((moment_ms, now, new))
        shown = max(shown, now)
    return rows


def first_reached(zone, low_ms, high_ms, wanted):
    """Minutes at which the wall first shows `wanted(local)` times, or has just jumped over them."""
    rows = minutes_of(zone, low_ms, high_ms)
    return [moment_ms for moment_ms, _, new in rows if any(map(wanted, new))]


def shown_at(zone, low_ms, high_ms, wanted):
    """Minutes at which the wall shows a `wanted(local)` time, each time that it does."""
    return [moment_ms for moment_ms, now, _ in minutes_of(zone, low_ms, high_ms) if wanted(now)]


zones_and_weeks = st.sampled_from(WEEK_OF_A_ZONE)
hours, minutes = st.integers(0, 23), st.integers(0, 59)
near_the_change = st.integers(0, 4)


@pytest.mark.slow
@settings(max_examples=40)
@given(zones_and_weeks, near_the_change | hours, minutes, st.sets(st.integers(0, 6), min_size=1))
def test_daily_and_weekly_agree_with_a_count_by_minutes(zone_and_week, hour, minute, weekdays):
    zone, week = zone_and_week
    low_ms = ms(week)
    high_ms = low_ms + 8 * DAY_MS
    weekly = plan(
        "weekly", timezone=zone, hour=hour, minute=minute, weekdays=tuple(sorted(weekdays))
    )

    def wanted(time):
        return (time.hour, time.minute) == (hour, minute) and time.weekday() in weekdays

    assert between(weekly, low_ms, high_ms) == first_reached(zone, low_ms, high_ms, wanted)


@pytest.mark.slow
@settings(max_examples=40)
@given(zones_and_weeks, near_the_change, near_the_change, minutes)
def test_cron_at_fixed_times_agrees_with_a_count_by_minutes(zone_and_week, first, second, minute):
    zone, week = zone_and_week
    low_ms = ms(week)
    high_ms = low_ms + 8 * DAY_MS
    cron = plan("cron", timezone=zone, cron=f"{minute},30 {first},{second} * * *")

    def wanted(time):
        return time.minute in (minute, 30) and time.hour in (first, second)

    assert between(cron, low_ms, high_ms) == first_reached(zone, low_ms, high_ms, wanted)


@pytest.mark.slow
@settings(max_examples=40)
@given(zones_and_weeks, st.integers(1, 30), st.none() | near_the_change)
def test_cron_with_a_star_agrees_with_a_count_by_minutes(zone_and_week, step, hour):
    zone, week = zone_and_week
    low_ms = ms(week)
    high_ms = low_ms + 8 * DAY_MS
    cron = plan("cron", timezone=zone, cron=f"*/{step} {'*' if hour is None else hour} * * *")

    def wanted(time):
        return time.minute % step == 0 and hour in (None, time.hour)

    assert between(cron, low_ms, high_ms) == shown_at(zone, low_ms, high_ms, wanted)


@pytest.mark.slow
@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "America/Havana", "UTC"]),
    st.sampled_from(["30 2 * * *", "0,20 1-3 * * *", "*/25 * * * *", "7 */2 * * *", "0 0 L * *",
                     "15 10 2 * * 0-5", "0 0 1 1 mon#1", "59 23 */9 * fri"]),
    st.integers(ms("2025-01-01"), ms("2026-01-01")),
)  # fmt: skip
def test_cron_agrees_with_cronsim_where_clocks_change_by_whole_hours(zone, cron, after_ms):
    after_ms -= after_ms % 1000
    start = datetime.fromtimestamp(after_ms / 1000, ZoneInfo(zone))
    theirs = (round(tick.timestamp() * 1000) for tick in islice(CronSim(cron, start), 60))
    expected = [tick_ms for tick_ms in theirs if tick_ms > after_ms]
    found = ticks_after(plan("cron", timezone=zone, cron=cron), after_ms)
    assert list(islice(found, len(expected))) == expected


def plans():
    days = st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found)))
    cron = st.sampled_from(
        ["*/7 * * * *", "30 2 * * *", "0 */6 * * *", "15,45 1-3 * * *", "0 0 1 * *", "0 0 * * sun",
         "*/20 * * * * *", "* 1 * * *", "0 0 L * *"]
    )  # fmt: skip
    zone, jitter_s = st.sampled_from(ZONES), st.just(0) | st.integers(0, 7_200)
    missed = st.sampled_from(["skip", "once", "all"])
    same = {"timezone": zone, "missed": missed, "jitter_s": jitter_s, "seed": st.text(max_size=3)}
    return st.one_of(
        st.builds(Plan, kind=st.just("once"), once_ms=moments, **same),
        st.builds(
            Plan, kind=st.just("every"), every_s=st.integers(1, 100_000), anchor_ms=moments, **same
        ),
        st.builds(Plan, kind=st.just("daily"), hour=hours, minute=minutes, **same),
        st.builds(Plan, kind=st.just("weekly"), hour=hours, minute=minutes, weekdays=days, **same),
        st.builds(Plan, kind=st.just("cron"), cron=cron, **same),
    )


moments = st.one_of(
    st.integers(ms("2025-01-01"), ms("2026-01-01")),
    *(st.integers(ms(week), ms(week) + 8 * DAY_MS) for _, week in WEEK_OF_A_ZONE),
)


@pytest.mark.slow
@given(plans(), moments)
def test_ticks_are_strictly_increasing(a_plan, after_ms):
    found = [after_ms, *islice(ticks_after(a_plan, after_ms), 50)]
    assert found == sorted(set(found))


@pytest.mark.slow
@given(plans(), moments, st.integers(0, 3 * DAY_MS))
def test_the_ticks_are_the_same_from_wherever_one_looks(a_plan, after_ms, later_ms):
    there = after_ms + later_ms
    first = list(islice((tick for tick in ticks_after(a_plan, after_ms) if tick > there), 20))
    assert first == list(islice(ticks_after(a_plan, there), 20))


@pytest.mark.slow
@given(plans(), moments, st.lists(st.integers(0, 30_000), min_size=1, max_size=60))
def test_looked_at_often_enough_every_tick_is_made_once_whatever_the_policy(
    a_plan, start_ms, steps_ms
):
    seen, made, skipped, now_ms = Seen(seen_ms=start_ms, decided_ms=start_ms), [], 0, start_ms
    for step_ms in steps_ms:
        now_ms += step_ms
        found = due(a_plan, seen, now_ms)
        seen, skipped = found.seen, skipped + found.skipped
        made += found.ticks
    assert (made, skipped) == (due_until(a_plan, start_ms, now_ms), 0)


@pytest.mark.slow
@given(plans(), moments, st.lists(st.integers(0, 3 * DAY_MS), min_size=1, max_size=6))
def test_whenever_one_looks_no_tick_is_lost_or_doubled(a_plan, start_ms, steps_ms):
    a_plan = attrs.evolve(a_plan, every_s=a_plan.every_s + 600)
    assume("* * * * * *" not in a_plan.cron)
    seen, made, skipped, now_ms = Seen(seen_ms=start_ms, decided_ms=start_ms), [], 0, start_ms
    for step_ms in steps_ms:
        now_ms += step_ms
        found = due(a_plan, seen, now_ms)
        seen, skipped = found.seen, skipped + found.skipped
        made += found.ticks
        assert len(found.ticks) <= MISSED_MAX
    expected = due_until(a_plan, start_ms, now_ms)
    assert made == sorted(set(made))
    assert set(made) <= set(expected)
    if skipped < COUNT_MAX:
        assert len(made) + skipped == len(expected)
    if a_plan.missed == "all" and len(expected) <= MISSED_MAX:
        assert made == expected
    if a_plan.missed == "once" and expected and len(steps_ms) == 1:
        assert made[-1] == expected[-1]


def due_until(a_plan, start_ms, now_ms):
    """The ticks after the start that are due, each not before the one before it."""
    found, reached_ms = [], 0
    for tick_ms in ticks_after(a_plan, start_ms):
        reached_ms = max(reached_ms, tick_ms + jitter_ms(a_plan, tick_ms))
        if reached_ms > now_ms:
            break
        found.append(tick_ms)
    return found


@pytest.mark.parametrize(
    ("missed", "ago_ms", "made", "skipped"),
    [
        ("skip", 3 * MINUTE_MS, [], 6),
        ("once", 3 * MINUTE_MS, [-3], 5),
        ("all", 3 * MINUTE_MS, [-53, -43, -33, -23, -13, -3], 0),
        # The newest is on time: it is made in any case, and stands for the missed.
        ("skip", 30_000, [-0.5], 5),
        ("once", 30_000, [-0.5], 5),
        ("all", 30_000, [-50.5, -40.5, -30.5, -20.5, -10.5, -0.5], 0),
    ],
)
def test_after_an_hour_away_the_policy_says_what_is_made(missed, ago_ms, made, skipped):
    now_ms = ms("2025-06-01")
    every = plan(every_s=600, anchor_ms=now_ms - ago_ms, missed=missed)
    found = due(every, Seen(seen_ms=now_ms - HOUR_MS, decided_ms=now_ms - HOUR_MS), now_ms)
    assert [(tick_ms - now_ms) / MINUTE_MS for tick_ms in found.ticks] == made
    assert found.skipped == skipped


def test_a_given_start_is_the_first_tick_and_an_anchor_in_the_past_is_not():
    now_ms = ms("2025-06-01")
    later = plan(every_s=60, anchor_ms=now_ms + HOUR_MS, start_ms=now_ms + HOUR_MS)
    assert list(islice(ticks_after(later, now_ms), 2)) == [
        now_ms + HOUR_MS,
        now_ms + HOUR_MS + MINUTE_MS,
    ]
    before = plan(every_s=60, anchor_ms=now_ms - 90_000, start_ms=now_ms - 90_000)
    assert next_tick(before, now_ms) == now_ms + 30_000
    assert next_tick(plan(every_s=60, anchor_ms=now_ms), now_ms) == now_ms + MINUTE_MS


def test_the_clock_changes_as_documented():
    gap = plan("daily", timezone="Europe/Berlin", hour=2, minute=30)
    assert next_tick(gap, ms("2025-03-30")) == ms("2025-03-30T01:00")  # 03:00 on the wall
    twice = between(gap, ms("2025-10-25T12:00"), ms("2025-10-26T12:00"))
    assert twice == [ms("2025-10-26T00:30")]  # the first 02:30
    half = plan("daily", timezone="Australia/Lord_Howe", hour=2, minute=15)
    assert next_tick(half, ms("2025-10-04")) == ms("2025-10-04T15:30")  # 02:30 on the wall
    hourly = plan("cron", timezone="Europe/Berlin", cron="30 * * * *")
    assert len(between(hourly, ms("2025-10-25T22:00"), ms("2025-10-26T03:00"))) == 5


@pytest.mark.parametrize("before_ms", [1, 500, 999, 1_000, 1_001, 1_500, 2_000, 2_500])
@pytest.mark.parametrize(
    ("zone", "change"),
    [("Europe/Berlin", "2025-03-30T01:00"), ("Europe/Berlin", "2025-10-26T01:00")],
)
def test_a_look_within_seconds_of_the_change_ends_and_finds_it(zone, change, before_ms):
    every_second = plan("cron", timezone=zone, cron="* * * * * *")
    every_minute = plan("cron", timezone=zone, cron="* * * * *")
    change_ms = ms(change)
    seconds = list(range(change_ms - before_ms // 1000 * 1000, change_ms + 3_000, 1_000))
    expected = [moment_ms for moment_ms in seconds if moment_ms > change_ms - before_ms]
    assert between(every_second, change_ms - before_ms, change_ms + 2_500) == expected
    assert next_tick(every_minute, change_ms - before_ms) == change_ms


def test_a_day_that_a_zone_left_out_runs_once_at_its_end():
    samoa = plan("daily", timezone="Pacific/Apia", hour=0, minute=0)
    shown = [local(tick, "Pacific/Apia").day for tick in islice(
        ticks_after(samoa, ms("2011-12-28T20:00")), 4)]  # fmt: skip
    assert shown == [29, 31, 1, 2]


@given(st.integers(0, 7_200), moments)
def test_jitter_is_bounded_and_the_same_whenever_it_is_asked(jitter_s, tick_ms):
    some = plan(jitter_s=jitter_s)
    assert 0 <= jitter_ms(some, tick_ms) <= jitter_s * 1000
    assert jitter_ms(some, tick_ms) == jitter_ms(plan(jitter_s=jitter_s), tick_ms)


def test_a_tick_that_waits_for_the_one_before_it_is_not_late():
    minutely = plan("cron", cron="* * * * *", jitter_s=600, missed="skip")
    start_ms = ms("2025-06-01")
    seen, made, skipped = Seen(seen_ms=start_ms, decided_ms=start_ms), [], 0
    for now_ms in range(start_ms, start_ms + HOUR_MS, 30_000):
        found = due(minutely, seen, now_ms)
        seen, skipped = found.seen, skipped + found.skipped
        made += found.ticks
    assert (made, skipped) == (due_until(minutely, start_ms, now_ms), 0)
    assert len(made) > 40


def test_jitter_spreads_ticks_and_schedules():
    some = plan("daily", jitter_s=600)
    ticks = list(islice(ticks_after(some, 0), 50))
    assert len({jitter_ms(some, tick) for tick in ticks}) > 40
    assert jitter_ms(some, ticks[0]) != jitter_ms(attrs.evolve(some, seed="t"), ticks[0])
    assert list(upcoming(some, 0, 3)) == [tick + jitter_ms(some, tick) for tick in ticks[:3]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "a_plan",
    [
        plan(every_s=1, missed="all"),
        plan("cron", cron="* * * * *", missed="all", timezone="Europe/Berlin"),
        plan("cron", cron="* * * * * *", missed="all"),
        plan("daily", hour=9, missed="all", timezone="America/New_York"),
    ],
    ids=["every second", "every minute", "every second by cron", "daily"],
)
def test_a_jump_of_ten_years_makes_the_newest_thousand_and_counts_the_rest(a_plan):
    start_ms = ms("2025-06-01")
    now_ms = start_ms + YEARS_10_MS
    found = due(a_plan, Seen(seen_ms=start_ms, decided_ms=start_ms), now_ms)
    assert len(found.ticks) == MISSED_MAX
    assert next_tick(a_plan, found.ticks[-1]) > now_ms
    assert list(found.ticks) == between(a_plan, found.ticks[0] - 1, now_ms)
    if a_plan.kind == "every":
        assert found.skipped == YEARS_10_MS // 1000 - MISSED_MAX
    if a_plan.kind == "daily":
        assert found.skipped == 3_653 - MISSED_MAX
    if a_plan.kind == "cron":
        assert found.skipped >= COUNT_MAX - MISSED_MAX


class Wall:
    """A wall clock that is set to and fro, and what a schedule makes of it, each tick once."""

    def __init__(self, a_plan, now_ms):
        self.plan, self.now_ms = a_plan, now_ms
        self.seen = Seen(seen_ms=now_ms, decided_ms=now_ms)
        self.made = []

    def look(self, ahead_ms=0, *, for_ms=0):
        """Set the clock, then look each 30 s for that long; the ticks that are new."""
        self.now_ms += ahead_ms
        new = []
        for _ in range(for_ms // 30_000 + 1):
            found = due(self.plan, self.seen, self.now_ms)
            self.seen = found.seen
            new += [tick for tick in found.ticks if tick not in self.made]
            self.made += [tick for tick in found.ticks if tick not in self.made]
            self.now_ms += 30_000
        self.now_ms -= 30_000
        return new


QUARTERS = plan(every_s=900, anchor_ms=ms("2025-06-01"))


def test_an_hour_ahead_and_back_makes_no_tick_twice_and_goes_on_at_once():
    wall = Wall(QUARTERS, ms("2025-06-01T12:01"))
    assert wall.look(HOUR_MS) == [ms("2025-06-01T13:00")]  # the newest of four missed
    assert wall.look(-HOUR_MS, for_ms=HOUR_MS) == [
        ms("2025-06-01T12:15"),
        ms("2025-06-01T12:30"),
        ms("2025-06-01T12:45"),  # 13:00 was made before its time
    ]


def test_an_hour_back_repeats_nothing_and_then_goes_on():
    wall = Wall(QUARTERS, ms("2025-06-01T10:59"))
    assert len(wall.look(for_ms=HOUR_MS + MINUTE_MS)) == 5
    assert wall.look(-HOUR_MS, for_ms=HOUR_MS) == []
    assert wall.look(for_ms=900_000) == [ms("2025-06-01T12:15")]


def test_ten_years_ahead_and_back_leaves_the_schedule_alive_with_its_policy():
    wall = Wall(QUARTERS, ms("2025-06-01T12:01"))
    assert len(wall.look(YEARS_10_MS, for_ms=HOUR_MS)) == 5
    assert wall.look(-YEARS_10_MS - HOUR_MS) == []
    assert wall.look(for_ms=HOUR_MS) == [
        ms(f"2025-06-01T{time}") for time in ("12:15", "12:30", "12:45", "13:00")
    ]
    assert wall.look(HOUR_MS) == [ms("2025-06-01T14:00")]  # asleep: the newest missed one


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_ten_years_back_and_ahead_does_not_make_again_what_was_made(missed):
    wall = Wall(attrs.evolve(QUARTERS, missed=missed), ms("2025-06-01T12:01"))
    wall.look(for_ms=HOUR_MS)
    wall.look(-YEARS_10_MS)
    wall.made.clear()  # the records are gone: no protection by them
    new = wall.look(YEARS_10_MS + 7 * MINUTE_MS)  # 13:08
    assert new == []
    assert wall.look(for_ms=15 * MINUTE_MS) == [ms("2025-06-01T13:15")]


def test_what_was_skipped_by_a_wrong_clock_runs_at_its_real_time():
    once = plan("once", once_ms=ms("2025-06-02"), missed="skip")
    wall = Wall(once, ms("2025-06-01T12:01"))
    assert wall.look(YEARS_10_MS) == []
    assert wall.look(-YEARS_10_MS, for_ms=DAY_MS) == [ms("2025-06-02")]


def test_on_time_ends_where_documented():
    once = plan("once", once_ms=ms("2025-06-02"), missed="skip")
    before = Seen(seen_ms=ms("2025-06-01"), decided_ms=ms("2025-06-01"))
    assert due(once, before, once.once_ms + LATE_MS).ticks == (once.once_ms,)
    assert due(once, before, once.once_ms + LATE_MS + 1).ticks == ()
    assert due(once, before, once.once_ms - 1).ticks == ()


def test_a_clock_at_the_end_of_time_is_no_error():
    end_ms = round(datetime(9999, 12, 31, tzinfo=UTC).timestamp() * 1000)
    for a_plan in (plan("daily"), plan("cron", cron="* * * * *"), QUARTERS):
        assert next_tick(a_plan, end_ms) is None
