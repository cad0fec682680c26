"""The SQL of scheduler.db; every function is named for what it means."""

import json
from collections.abc import Sequence
from typing import Final

from atlas_actors.messages.schedule import AddSchedule
from atlas_actors.scheduler.when import Due
from atlas_actors.store import Row, Store

# Of the ticks of one schedule, these many are kept however old they are: after a wrong clock it
# is they that keep a tick from being made twice.
NEWEST_KEPT: Final = 100
_LIVE: Final = (
    "paused_ms is null and problem is null and"
    " (select count(*) from ticks where schedule_id = schedules.id and task_id is null) < :open_max"
)


def add(store: Store, id: str, order: AddSchedule, timezone: str, now_ms: int) -> None:
    """Insert a schedule; `set_next` says when it is due."""
    store.run(
        "insert into schedules (id, name, kind, spec, timezone, missed, jitter_s, task,"
        " created_ms, seen_ms, decided_ms, upcoming)"
        " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9, '[]')",
        (
            id,
            order.name,
            order.kind,
            json.dumps(order.spec),
            timezone,
            order.missed,
            order.jitter_s,
            json.dumps(order.task),
            now_ms,
        ),
    )


def find(store: Store, name: str) -> Row | None:
    """The schedule of this name or id."""
    return store.row("select * from schedules where id = ?1 or name = ?1", (name,))


def count(store: Store) -> int:
    """How many schedules there are."""
    row = store.row("select count(*) as n from schedules")
    return 0 if row is None else int(row["n"])


def remove(store: Store, id: str) -> None:
    """Delete a schedule with its ticks; those that are not accepted yet are not submitted."""
    store.run("delete from schedules where id = ?", (id,))


def pause(store: Store, id: str, now_ms: int) -> None:
    """It is not looked at from now on."""
    store.run(
        "update schedules set paused_ms = coalesce(paused_ms, ?), upcoming = '[]' where id = ?",
        (now_ms, id),
    )


def resume(store: Store, id: str, now_ms: int) -> None:
    """It is looked at again; what lies before now is decided."""
    store.run(
        "update schedules set paused_ms = null, problem = null, seen_ms = ?1,"
        " decided_ms = max(decided_ms, ?1)"
        " where id = ?2",
        (now_ms, id),
    )


def set_problem(store: Store, id: str, problem: str) -> None:
    """It cannot be understood: it is not looked at until it is removed."""
    store.run("update schedules set problem = ?, upcoming = '[]' where id = ?", (problem, id))


def set_next(store: Store, id: str, upcoming: Sequence[int]) -> None:
    """When it is due next, and after that; empty: never more."""
    store.run(
        "update schedules set due_ms = ?, upcoming = ? where id = ?",
        (upcoming[0] if upcoming else None, json.dumps(upcoming), id),
    )


def to_look_at(store: Store, now_ms: int, *, open_max: int, limit: int) -> list[Row]:
    """Schedules that are due, or that were seen in what is the future now.

    One with `open_max` ticks that are not accepted yet waits for those.
    """
    return store.rows(
        f"select * from schedules where {_LIVE}"  # noqa: S608 - our own constant
        " and (due_ms <= :now_ms or seen_ms > :now_ms) order by due_ms limit :limit",
        {"now_ms": now_ms, "open_max": open_max, "limit": limit},
    )


def next_due_ms(store: Store, *, open_max: int) -> int | None:
    """When the first of the schedules that are looked at is due."""
    row = store.row(
        f"select min(due_ms) as due_ms from schedules where {_LIVE}",  # noqa: S608
        {"open_max": open_max},
    )
    return None if row is None or row["due_ms"] is None else int(row["due_ms"])


def make_tick(store: Store, id: str, tick_ms: int, due_ms: int, now_ms: int) -> bool:
    """Record that a tick becomes a task. False when it was recorded before."""
    return bool(
        store.run(
            "insert or ignore into ticks (schedule_id, tick_ms, due_ms, made_ms)"
            " values (?, ?, ?, ?)",
            (id, tick_ms, due_ms, now_ms),
        )
    )


def decided(store: Store, id: str, due: Due, made: int) -> None:
    """How far a look has come; `made` of its ticks were new."""
    store.run(
        "update schedules set seen_ms = ?, decided_ms = ?, ticks = ticks + ?,"
        " skipped = skipped + ? where id = ?",
        (due.seen.seen_ms, due.seen.decided_ms, made, due.skipped, id),
    )


def open_ticks(store: Store, count: int) -> list[Row]:
    """Ticks that are no task yet, with what to submit; those refused most come last."""
    return store.rows(
        "select ticks.schedule_id, ticks.tick_ms, schedules.task from ticks"
        " join schedules on schedules.id = ticks.schedule_id"
        " where ticks.task_id is null order by ticks.tries, ticks.due_ms limit ?",
        (count,),
    )


def accepted(store: Store, id: str, tick_ms: int, task_id: str, now_ms: int) -> bool:
    """A tick is this task. False when it was known, or the schedule is gone."""
    new = store.run(
        "update ticks set task_id = ?, accepted_ms = ?, error = null"
        " where schedule_id = ? and tick_ms = ? and task_id is null",
        (task_id, now_ms, id, tick_ms),
    )
    if new:
        store.run(
            "update schedules set last_ms = ?, last_task_id = ? where id = ?", (now_ms, task_id, id)
        )
    return bool(new)


def refused(store: Store, id: str, tick_ms: int, error: str) -> bool:
    """A tick was not accepted this time; whether it was the first time."""
    rows = store.rows(
        "update ticks set tries = tries + 1, error = ?"
        " where schedule_id = ? and tick_ms = ? and task_id is null returning tries",
        (error, id, tick_ms),
    )
    return any(row["tries"] == 1 for row in rows)


def prune(store: Store, before_ms: int, limit: int) -> bool:
    """Delete up to `limit` old ticks that are tasks, and as many single times that are over as
    long; True when more are left."""
    ticks = store.run(
        "delete from ticks where (schedule_id, tick_ms) in (select ticks.schedule_id, tick_ms from"
        " (select id, (select tick_ms from ticks where schedule_id = schedules.id"
        "   order by tick_ms desc limit 1 offset ?1) as kept_ms from schedules) as kept"
        " join ticks on ticks.schedule_id = kept.id and tick_ms < kept_ms"
        " where made_ms < ?2 and task_id is not null limit ?3)",
        (NEWEST_KEPT - 1, before_ms, limit),
    )
    over = store.run(
        "delete from schedules where id in (select id from schedules where kind = 'once'"
        " and due_ms is null and paused_ms is null and problem is null"
        " and max(seen_ms, created_ms, coalesce(last_ms, 0)) < ?1 and not exists"
        "   (select 1 from ticks where schedule_id = schedules.id and task_id is null) limit ?2)",
        (before_ms, limit),
    )
    return max(ticks, over) >= limit
