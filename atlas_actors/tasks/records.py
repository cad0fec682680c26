"""The SQL of tasks.db for whole tasks: accept, cancel, retry, expire, delete."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from atlas_actors.clock import first_id
from atlas_actors.errors import UsageError
from atlas_actors.messages.task import ENDED, UNFINISHED, SubmitTask, Unique
from atlas_actors.messages.workspace import Workspace
from atlas_actors.store import AgainstSchemaError, Row, Store
from atlas_actors.tasks.order import PRIORITIES
from atlas_actors.tasks.rows import columns_of, workspace_text

# What is left of a clock that was wrong for a while: no task waits longer to be tried again.
RETRY_DELAY_MAX_MS: Final = 60_000
# What is begun anew is chosen for anew.
_NO_STRATEGY: Final = "json_remove(route, '$.strategy', '$.choice', '$.strategy_why', '$.moved')"


def add(
    store: Store,
    id: str,
    order: SubmitTask,
    *,
    attempts_max: int,
    blocked: int,
    now_ms: int,
) -> None:
    """Insert a pending task that waits for `blocked` others; one of a group is held."""
    due_ms = max(now_ms, order.at_ms or now_ms)  # a time long past would overtake for ever
    _insert(
        store,
        {
            **columns_of(order.request),
            "id": id,
            "key": order.key,
            "state": "pending",
            "priority": PRIORITIES[order.priority],
            "attempts_max": order.max_attempts or attempts_max,
            "due_ms": due_ms,
            "created_ms": now_ms,
            "since_ms": now_ms,
            "deadline_ms": deadline_ms(order.request.deadline_s, due_ms),
            "unique_key": order.unique.key if order.unique else None,
            "blocked": blocked,
            "if_dead": order.if_dead,
            "group_name": order.group,
            "held": int(order.group is not None),
            "origin": order.origin,
            "handoff_id": order.handoff_id,
        },
    )


def take_over(store: Store, task: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> bool:
    """Insert a task with its attempts as another daemon has exported it; False: it is there.

    Raises UsageError for values that no export has written.
    """
    known = store.row(
        "select 1 from tasks where id = ?1 or (key is not null and key = ?2)",
        (task["id"], task.get("key")),
    )
    if known is not None:
        return False
    try:
        _insert(store, task)
        for attempt in attempts:
            _insert(store, {**attempt, "task_id": task["id"]}, table="attempts")
    except (AgainstSchemaError, TypeError) as error:
        raise UsageError(f"task {task['id']} is not as an export writes it: {error}") from error
    return True


def replace(store: Store, id: str, order: SubmitTask, now_ms: int) -> bool:
    """A pending task gets another request, priority and due time, and is routed anew; nothing of
    what was tried for the old request counts."""
    due_ms = max(now_ms, order.at_ms or now_ms)
    columns = {
        **columns_of(order.request),
        "priority": PRIORITIES[order.priority],
        "due_ms": due_ms,
        "deadline_ms": deadline_ms(order.request.deadline_s, due_ms),
        "routed": 0,
        "lane": None,
        "progress": "{}",
        "waits_for": "",
        **dict.fromkeys(("answers_asked", "interruptions", "spent_usd"), 0),
        **dict.fromkeys(("error", "workspace", "handoff_id")),
    }
    names = ", ".join(f'"{name}" = :{name}' for name in columns)
    return bool(
        store.run(
            f"update tasks set {names}, held = (group_name is not null),"  # noqa: S608
            f" fresh_from = attempt, route = {_NO_STRATEGY}"
            " where id = :id and state = 'pending'",
            {**columns, "id": id},
        )
    )


def id_of_key(store: Store, key: str) -> str | None:
    """The task that has this idempotency key."""
    row = store.row(
        "select id from tasks where key = ?1 union all select id from aliases where key = ?1",
        (key,),
    )
    return None if row is None else row["id"]


def add_alias(store: Store, key: str, id: str) -> None:
    """This key means that task, too."""
    store.run("insert or ignore into aliases (key, id) values (?, ?)", (key, id))


def same_as(store: Store, unique: Unique, now_ms: int) -> Row | None:
    """The newest task that a unique one would double: id, state, routed, lane, group_name."""
    since_ms = 0 if unique.period_s is None else now_ms - int(unique.period_s * 1000)
    return store.row(
        "select id, state, routed, lane, group_name from tasks"
        " where unique_key = ? and created_ms > ?"
        " and state in (select value from json_each(?)) order by created_ms desc limit 1",
        (unique.key, since_ms, json.dumps(unique.states)),
    )


def find(store: Store, id: str) -> Row | None:
    """One task's row."""
    return store.row("select * from tasks where id = ?", (id,))


def count_of(store: Store, state: str) -> int:
    """How many tasks are in a state."""
    row = store.row(
        "select coalesce(sum(iif(after = ?1, tasks, 0)), 0)"
        " - coalesce(sum(iif(before = ?1, tasks, 0)), 0) as tasks from transitions",
        (state,),
    )
    return 0 if row is None else int(row["tasks"])


def is_pending(store: Store, id: str) -> bool:
    """Whether a task waits."""
    return store.row("select 1 from tasks where id = ? and state = 'pending'", (id,)) is not None


def cancel(store: Store, id: str, now_ms: int) -> None:
    """pending or in_progress → cancelled; a running attempt is closed with it."""
    store.run(
        "update attempts set \"end\" = 'cancelled', error = 'the task was cancelled',"
        ' ended_ms = ? where task_id = ? and "end" is null',
        (now_ms, id),
    )
    store.run(
        "update tasks set state = 'cancelled', since_ms = ?1, ended_ms = ?1, waits_for = ''"
        " where id = ?2 and state in ('pending', 'in_progress')",
        (now_ms, id),
    )


def retry(store: Store, id: str, blocked: int, handoff_id: str | None, now_ms: int) -> None:
    """failed or cancelled → pending, with all its attempts before it again; the first goes on with
    the handoff, if one is named."""
    store.run(
        "update tasks set state = 'pending', since_ms = ?1, routed = 0, lane = null,"  # noqa: S608
        " due_ms = ?1, ended_ms = null, answers_asked = 0, interruptions = 0, error = null,"
        " waits_for = '',"
        f" route = {_NO_STRATEGY},"
        " progress = '{}', spent_usd = 0, blocked = ?2, held = (group_name is not null),"
        " deadline_ms = ?1 + cast(deadline_s * 1000 as integer),"
        " handoff_id = coalesce(?4, handoff_id), fresh_from = iif(?4 is null, fresh_from, attempt)"
        " where id = ?3 and state in ('failed', 'cancelled')",
        (now_ms, blocked, id, handoff_id),
    )


def expire(store: Store, now_ms: int) -> list[Row]:
    """Pending tasks whose time is over have failed: their id, since_ms, lane, routed, group."""
    rows = store.rows(
        "select id, since_ms, lane, routed, group_name from tasks"
        " where state = 'pending' and deadline_ms is not null and deadline_ms <= ?",
        (now_ms,),
    )
    for row in rows:
        store.run(
            "update tasks set state = 'failed', since_ms = ?1, ended_ms = ?1, waits_for = '',"
            " error = 'timed_out: the deadline of ' || deadline_s || ' s is over'"
            " || iif(waits_for = '', '', '; it waited: ' || waits_for) where id = ?2",
            (now_ms, row["id"]),
        )
    return rows


def next_deadline_ms(store: Store) -> int | None:
    """When the next pending task's time is over."""
    row = store.row(
        "select min(deadline_ms) as at_ms from tasks"
        " where deadline_ms is not null and state = 'pending'"
    )
    return None if row is None or row["at_ms"] is None else int(row["at_ms"])


def shift_deadlines(store: Store, by_ms: int) -> None:
    """The wall clock has jumped: what was left of each deadline is left of it still."""
    for state in UNFINISHED:  # of each there is an index
        store.run(
            "update tasks set deadline_ms = deadline_ms + ?"  # noqa: S608
            f" where deadline_ms is not null and state = '{state}'",
            (by_ms,),
        )


def clamp_delays(store: Store, now_ms: int) -> None:
    """No task waits for a time that a wrong clock has set: not for long one that is to be tried
    again, and not one that was due when it was submitted (its id is of a later time than now)."""
    store.run(
        "update tasks set due_ms = ?1 where state = 'pending' and attempt > 0 and due_ms > ?1",
        (now_ms + RETRY_DELAY_MAX_MS,),
    )
    store.run(
        "update tasks set due_ms = ?1 where id > ?2 and state = 'pending' and attempt = 0"
        " and due_ms > ?1 and due_ms <= created_ms",
        (now_ms, first_id(now_ms)),
    )


def deadline_ms(deadline_s: float | None, from_ms: int) -> int | None:
    """When a time that began at `from_ms` is over."""
    return None if deadline_s is None else from_ms + int(deadline_s * 1000)


def set_workspace(store: Store, id: str, workspace: Workspace) -> None:
    """A person has decided on what a task did."""
    store.run("update tasks set workspace = ? where id = ?", (workspace_text(workspace), id))


def settled_since(store: Store, since_ms: int, count: int) -> list[Row]:
    """The tasks on whose changes a person has decided since then, the newest of them: id, attempt,
    workspace."""
    return store.rows(
        "select id, attempt, workspace from tasks where workspace ->> '$.settled_at_ms' >= ?"
        " order by workspace ->> '$.settled_at_ms' desc limit ?",
        (since_ms, count),
    )


def prune(store: Store, before_ms: int, count: int, states: Sequence[str] = ENDED) -> int:
    """Delete up to `count` tasks that ended before then in one of `states`, with their attempts."""
    rows = store.rows(
        "delete from tasks where id in (select id from tasks where ended_ms < ?1"
        " and state in (select value from json_each(?2)) order by ended_ms limit ?3) returning id",
        (before_ms, json.dumps(list(states)), count),
    )
    return len(rows)


def prune_beyond(store: Store, most: int, count: int) -> int:
    """Delete up to `count` of the longest ended where more than `most` have ended."""
    over = min(count, sum(count_of(store, state) for state in ENDED) - most)
    return prune(store, 2**62, over) if over > 0 else 0


def hashes_in_use(store: Store, hashes: Sequence[str]) -> set[str]:
    """Those of these files that a task refers to."""
    rows = store.rows(
        "select distinct file.value ->> 'sha256' as sha256 from tasks,"
        " json_each(tasks.files) as file where files <> '[]'"
        " and file.value ->> 'sha256' in (select value from json_each(?))",
        (json.dumps(list(hashes)),),
    )
    return {row["sha256"] for row in rows}


def _insert(store: Store, columns: Mapping[str, Any], table: str = "tasks") -> None:
    store.run(_insertion(table, tuple(columns)), tuple(columns.values()))


@cache
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join("?" * len(columns))
    return f"insert into {table} ({names}) values ({values})"  # noqa: S608
