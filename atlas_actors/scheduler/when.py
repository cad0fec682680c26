"""Pure: when a schedule is due, and which of its ticks are made after a pause of any kind.

**Local times** (daily, weekly). A local time that does not exist runs at the first instant after
the gap; one that exists twice runs at the first only. **Cron** is as CronSim defines it, which
follows Debian's cron: an expression of five fields with a fixed minute and hour behaves as above;
one whose minute or hour begins with `*`, and any with seconds, runs by elapsed time: nothing in
the gap, and in both of the repeated hours. **Every N seconds** counts from its anchor in UTC and
knows no change of the clock.

**Missed ticks.** A tick is on time when it is looked at within LATE_MS of when it was due; on-time
ticks are always made. Of those that are later than that, `skip` makes none, `once` makes the
newest unless an on-time one stands for it, `all` makes the newest MISSED_MAX.

**Jitter** moves a tick by 0..jitter_s, by a hash of schedule and tick, so it is the same after a
restart. A tick never overtakes the one before it.

**Wrong clocks.** Ticks are wall-clock instants, and the wall clock may jump both ways. `seen_ms`
is the tick up to which all is decided; `decided_ms` is the highest that `seen_ms` ever was.

- Forward, be it a jump, a sleep or a daemon that was off: what lies between was missed.
- Back: `seen_ms` is in the future now, so it goes back to now, or a schedule that was seen in
  2036 would be dead until then. Ticks that were made have a row each (unique by schedule and
  tick), so what comes again is not made again. Missed ticks go by the policy as ever.
- Forward past `decided_ms` once more: the clock had been wrong in the past. The late ticks up to
  `decided_ms` were decided then, maybe so long ago that their rows are gone: they are not made,
  and not counted as skipped.
"""

import hashlib
import itertools
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from typing import Final, Literal

import attrs

from atlas_actors.scheduler.cron import YEAR_MAX, cron_ticks
from atlas_actors.scheduler.local_time import instant_ms, local_of, zone_of

Kind = Literal["once", "every", "daily", "weekly", "cron"]
Missed = Literal["skip", "once", "all"]

LATE_MS: Final = 60_000
MISSED_MAX: Final = 1_000
# Ticks that the calendar makes are counted one by one up to here; `skipped` is a lower bound then.
COUNT_MAX: Final = 4_000
MOMENT_MAX_MS: Final = 253_339_228_800_000  # the beginning of year 9998; nothing is due later


@attrs.frozen(kw_only=True)
class Plan:
    """What a schedule's ticks follow from; `kind` says which of the fields count."""

    kind: Kind
    seed: str  # of its jitter: the schedule's id
    missed: Missed = "once"
    jitter_s: int = 0
    timezone: str = "UTC"
    once_ms: int = 0
    every_s: int = 1
    anchor_ms: int = 0  # of every: some tick; the others are whole periods away
    start_ms: int | None = None  # of every: the first tick
    hour: int = 0
    minute: int = 0
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)  # Monday is 0
    cron: str = ""


@attrs.frozen(kw_only=True)
class Seen:
    """How far a schedule has come."""

    seen_ms: int
    decided_ms: int


@attrs.frozen(kw_only=True)
class Due:
    """What one look decides: ticks to make, oldest first, and how many are passed over."""

    ticks: tuple[int, ...]
    skipped: int
    seen: Seen
    went_back: bool = False  # the clock had been set back since


def next_tick(plan: Plan, after_ms: int) -> int | None:
    """The first tick later than that, without its jitter; None when none comes."""
    return next(ticks_after(plan, after_ms), None)


def ticks_after(plan: Plan, after_ms: int) -> Iterator[int]:
    """The ticks later than that, strictly increasing."""
    for tick_ms in _ticks(plan, after_ms):
        if tick_ms > MOMENT_MAX_MS:
            return
        if tick_ms > after_ms:
            after_ms = tick_ms
            yield tick_ms


def jitter_ms(plan: Plan, tick_ms: int) -> int:
    """How much later than its tick it is due: 0..jitter_s, the same whenever it is asked."""
    if not plan.jitter_s:
        return 0
    digest = hashlib.blake2b(f"{plan.seed}:{tick_ms}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % (plan.jitter_s * 1000 + 1)


def upcoming(plan: Plan, after_ms: int, count: int) -> tuple[int, ...]:
    """When the next ticks are due, jitter included."""
    found: list[int] = []
    for tick_ms in ticks_after(plan, after_ms):
        found.append(max(tick_ms + jitter_ms(plan, tick_ms), found[-1] if found else 0))
        if len(found) == count:
            break
    return tuple(found)


def due(plan: Plan, seen: Seen, now_ms: int) -> Due:
    """What to do at this moment; see the head of this file."""
    went_back = seen.seen_ms > now_ms
    if went_back:
        seen = attrs.evolve(seen, seen_ms=now_ms - plan.jitter_s * 1000)
    # All ticks up to here are late, whatever their jitter: they may be many.
    certain_ms = max(seen.seen_ms, now_ms - LATE_MS - plan.jitter_s * 1000 - 1)
    late: list[int] = []
    on_time: list[int] = []
    through_ms, due_ms = certain_ms, 0
    for tick_ms in ticks_after(plan, certain_ms):
        due_ms = max(tick_ms + jitter_ms(plan, tick_ms), due_ms)
        if due_ms > now_ms:
            break
        (late if due_ms < now_ms - LATE_MS else on_time).append(tick_ms)
        through_ms = tick_ms
    # What was decided before the clock went back and forth is not decided again.
    floor_ms = seen.decided_ms if now_ms >= seen.decided_ms else seen.seen_ms
    late = [tick_ms for tick_ms in late if tick_ms > floor_ms]
    count, newest = _newest(plan, floor_ms, certain_ms)
    made, skipped = _by_policy(plan, count + len(late), [*newest, *late], on_time)
    return Due(
        ticks=tuple(made[-MISSED_MAX:]),
        skipped=skipped + max(0, len(made) - MISSED_MAX),
        seen=Seen(seen_ms=through_ms, decided_ms=max(through_ms, seen.decided_ms)),
        went_back=went_back,
    )


def _by_policy(
    plan: Plan, missed: int, newest: list[int], on_time: list[int]
) -> tuple[list[int], int]:
    """Which ticks are made, and how many are passed over; `newest` of the `missed` are known."""
    match plan.missed:
        case "skip":
            return on_time, missed
        case "once" if on_time or not newest:
            return on_time, missed
        case "once":
            return newest[-1:], missed - 1
        case "all":
            return newest + on_time, missed - len(newest)


def _newest(plan: Plan, low_ms: int, high_ms: int) -> tuple[int, list[int]]:
    """How many ticks are in (low, high], and the newest of them, oldest first."""
    if low_ms >= high_ms:
        return 0, []
    if plan.kind == "every":
        return _newest_of_every(plan, low_ms, high_ms)
    count, newest = 0, deque[int](maxlen=MISSED_MAX)
    for tick_ms in _within(plan, low_ms, high_ms):
        count += 1
        newest.append(tick_ms)
        if count == COUNT_MAX:
            return count, _newest_from_behind(plan, low_ms, high_ms)
    return count, list(newest)


def _newest_of_every(plan: Plan, low_ms: int, high_ms: int) -> tuple[int, list[int]]:
    first_ms = next_tick(plan, low_ms)
    if first_ms is None or first_ms > high_ms:
        return 0, []
    period_ms = plan.every_s * 1000
    count = (high_ms - first_ms) // period_ms + 1
    last_ms = first_ms + (count - 1) * period_ms
    some = min(count, MISSED_MAX)
    return count, [last_ms - back * period_ms for back in reversed(range(some))]


def _newest_from_behind(plan: Plan, low_ms: int, high_ms: int) -> list[int]:
    """As _newest where there are too many to go through: looks at more and more of the past."""
    span_ms = MISSED_MAX * 1000  # no plan has more than one tick a second
    while True:
        start_ms = max(low_ms, high_ms - span_ms)
        newest = deque(_within(plan, start_ms, high_ms), maxlen=MISSED_MAX)
        if len(newest) == MISSED_MAX or start_ms == low_ms:
            return list(newest)
        span_ms *= 2


def _within(plan: Plan, low_ms: int, high_ms: int) -> Iterator[int]:
    return itertools.takewhile(lambda tick_ms: tick_ms <= high_ms, ticks_after(plan, low_ms))


def _ticks(plan: Plan, after_ms: int) -> Iterator[int]:
    """Every tick later than `after_ms`, in order; a few may be earlier, or come twice."""
    match plan.kind:
        case "once":
            return iter((plan.once_ms,))
        case "every":
            return _periods(plan, after_ms)
        case "daily" | "weekly":
            return _days(plan, after_ms)
        case "cron":
            return cron_ticks(plan.cron, zone_of(plan.timezone), after_ms)


def _periods(plan: Plan, after_ms: int) -> Iterator[int]:
    period_ms = plan.every_s * 1000
    if plan.start_ms is not None:
        after_ms = max(after_ms, plan.start_ms - 1)
    return itertools.count(
        after_ms + period_ms - (after_ms - plan.anchor_ms) % period_ms, period_ms
    )


def _days(plan: Plan, after_ms: int) -> Iterator[int]:
    zone = zone_of(plan.timezone)
    day = local_of(after_ms, zone).replace(
        tzinfo=None, hour=plan.hour, minute=plan.minute, second=0, microsecond=0
    )
    while day.year <= YEAR_MAX:
        if day.weekday() in plan.weekdays:
            yield instant_ms(day, zone)
        day += timedelta(days=1)
