"""The SQL of tasks.db; every function is named for what it means."""

import json
from typing import Any, Final

import attrs

from atlas_actors.messages.execution import End, File, Progress, Request
from atlas_actors.messages.routing import Link, Route
from atlas_actors.messages.task import AttemptOver, SubmitTask, TaskState
from atlas_actors.messages.workspace import Workspace
from atlas_actors.store import Row, Store

PRIORITIES: Final = {"low": 0, "normal": 1, "high": 2, "urgent": 3}


def add(store: Store, id: str, order: SubmitTask, attempts_max: int, now_ms: int) -> None:
    """Insert a pending task."""
    request = order.request
    store.run(
        "insert into tasks (id, key, state, priority, prompt, files, cwd, schema, provider,"
        " budget_usd, attempts_max, due_ms, created_ms, match, command, in_place, deadline_s,"
        " deadline_ms)"
        " values (?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id,
            order.key,
            PRIORITIES[order.priority],
            request.prompt,
            json.dumps([attrs.asdict(file) for file in request.files]),
            request.cwd,
            None if request.schema is None else json.dumps(request.schema),
            request.provider,
            request.budget_usd,
            order.max_attempts or attempts_max,
            order.at_ms or now_ms,
            now_ms,
            request.match,
            None if request.check is None else json.dumps(request.check),
            int(request.in_place),
            request.deadline_s,
            _deadline_ms(request.deadline_s, order.at_ms or now_ms),
        ),
    )


def id_of_key(store: Store, key: str) -> str | None:
    """The task that has this idempotency key."""
    row = store.row("select id from tasks where key = ?", (key,))
    return None if row is None else row["id"]


def find(store: Store, id: str) -> Row | None:
    """One task's row."""
    return store.row("select * from tasks where id = ?", (id,))


def pending_count(store: Store) -> int:
    """How many tasks wait."""
    row = store.row("select tasks from counts where state = 'pending'")
    return 0 if row is None else int(row["tasks"])


def unrouted(store: Store, count: int) -> list[str]:
    """The ids of the first tasks without a lane."""
    rows = store.rows(
        "select id from tasks where state = 'pending' and routed = 0 order by id limit ?", (count,)
    )
    return [row["id"] for row in rows]


def forget_routes(store: Store) -> int:
    """Every pending task is to be routed anew."""
    return store.run("update tasks set routed = 0, lane = null where state = 'pending'")


def forget_lanes(store: Store, open_lanes: list[str]) -> int:
    """Pending tasks that wait for none of these lanes are to be routed anew."""
    return store.run(
        "update tasks set routed = 0, lane = null where state = 'pending' and routed = 1"
        " and (lane is null or lane not in (select value from json_each(?)))",
        (json.dumps(open_lanes),),
    )


def assign_lane(store: Store, id: str, lane: str | None, route: Route, waits_for: str) -> bool:
    """Let a pending task wait for a provider. False when it is not pending."""
    return bool(
        store.run(
            "update tasks set routed = 1, lane = ?, route = ?, waits_for = ?"
            " where id = ? and state = 'pending'",
            (lane, json.dumps(attrs.asdict(route)), waits_for, id),
        )
    )


def next_ready(store: Store, lane: str, now_ms: int) -> Row | None:
    """The task to start next on a lane: priority, then due time, then id."""
    for priority in (3, 2, 1, 0):
        row = store.row(
            "select * from tasks where state = 'pending' and lane = ? and priority = ?"
            " and due_ms <= ? order by due_ms, id limit 1",
            (lane, priority, now_ms),
        )
        if row is not None:
            return row
    return None


def next_due_ms(store: Store, lane: str, now_ms: int) -> int | None:
    """When the next delayed task of a lane becomes due."""
    found = []
    for priority in (3, 2, 1, 0):
        row = store.row(
            "select min(due_ms) as due_ms from tasks where state = 'pending' and lane = ?"
            " and priority = ? and due_ms > ?",
            (lane, priority, now_ms),
        )
        if row is not None and row["due_ms"] is not None:
            found.append(int(row["due_ms"]))
    return min(found, default=None)


def start_attempt(store: Store, id: str, lane: str, epoch: int, now_ms: int) -> None:
    """pending → in_progress, with the attempt journalled before anything runs."""
    store.run(
        "update tasks set state = 'in_progress', attempt = attempt + 1, epoch = ?, waits_for = '',"
        " started_ms = coalesce(started_ms, ?) where id = ? and state = 'pending'",
        (epoch, now_ms, id),
    )
    store.run(
        "insert into attempts (task_id, number, epoch, provider, started_ms)"
        " select id, attempt, epoch, ?, ? from tasks where id = ?",
        (lane, now_ms, id),
    )


def end_attempt(store: Store, over: AttemptOver, now_ms: int) -> bool:
    """Record an attempt's end and the task's next state; False when it comes too late.

    Guarded by (task, attempt, epoch): only the attempt that runs can end the task.
    """
    final = over.next_state is not TaskState.PENDING
    changed = store.run(
        "update tasks set state = :state, lane = :lane, due_ms = :due_ms, ended_ms = :ended_ms,"
        " answers_asked = answers_asked + :answers, interruptions = interruptions + :interruptions,"
        " result = :result, error = :error, verified_by = :verified_by, waits_for = :waits_for,"
        " progress = :progress, spent_usd = spent_usd + :counted_usd,"
        " workspace = coalesce(:workspace, workspace)"
        " where id = :id and state = 'in_progress' and attempt = :attempt and epoch = :epoch",
        {
            "state": str(over.next_state),
            "lane": over.lane,
            "due_ms": now_ms + over.delay_ms,
            "ended_ms": now_ms if final else None,
            "answers": int(over.counts),
            "interruptions": int(over.interrupted),
            "progress": json.dumps(attrs.asdict(over.progress)),
            "counted_usd": max(over.cost_usd, over.counted_usd),
            "workspace": _workspace_text(over.workspace),
            "result": over.answer,
            "error": over.error or None,
            "verified_by": over.verified_by,
            "waits_for": "" if final else over.error,
            "id": over.task_id,
            "attempt": over.attempt,
            "epoch": over.epoch,
        },
    )
    if changed:
        _close_attempt(store, over, now_ms)
    return bool(changed)


def cancel(store: Store, id: str, now_ms: int) -> None:
    """pending or in_progress → cancelled; a running attempt is closed with it."""
    store.run(
        "update attempts set \"end\" = 'cancelled', error = 'the task was cancelled',"
        ' ended_ms = ? where task_id = ? and "end" is null',
        (now_ms, id),
    )
    store.run(
        "update tasks set state = 'cancelled', ended_ms = ?, waits_for = ''"
        " where id = ? and state in ('pending', 'in_progress')",
        (now_ms, id),
    )


def retry(store: Store, id: str, now_ms: int) -> None:
    """failed or cancelled → pending, with all its attempts before it again."""
    store.run(
        "update tasks set state = 'pending', routed = 0, lane = null, due_ms = ?, ended_ms = null,"
        " answers_asked = 0, interruptions = 0, error = null, waits_for = '', progress = '{}',"
        " spent_usd = 0,"
        " deadline_ms = ? + cast(deadline_s * 1000 as integer)"
        " where id = ? and state in ('failed', 'cancelled')",
        (now_ms, now_ms, id),
    )


def expire(store: Store, now_ms: int) -> list[str]:
    """Pending tasks whose time is over have failed; their ids."""
    rows = store.rows(
        "update tasks set state = 'failed', ended_ms = ?1, waits_for = '',"
        " error = 'timed_out: the deadline of ' || deadline_s || ' s is over'"
        " || iif(waits_for = '', '', '; it waited: ' || waits_for)"
        " where state = 'pending' and deadline_ms is not null and deadline_ms <= ?1 returning id",
        (now_ms,),
    )
    return [row["id"] for row in rows]


def next_deadline_ms(store: Store) -> int | None:
    """When the next pending task's time is over."""
    row = store.row(
        "select min(deadline_ms) as at_ms from tasks"
        " where deadline_ms is not null and state = 'pending'"
    )
    return None if row is None or row["at_ms"] is None else int(row["at_ms"])


def _deadline_ms(deadline_s: float | None, from_ms: int) -> int | None:
    return None if deadline_s is None else from_ms + int(deadline_s * 1000)


def interrupt(
    store: Store,
    id: str,
    attempt: int,
    end: End,
    reason: str,
    *,
    counted_usd: float,
    most: int,
    now_ms: int,
) -> TaskState | None:
    """An attempt was lost: pending again, flagged, or failed after `most` interruptions.

    None when that attempt is not the running one.
    """
    row = store.row(
        "update tasks set interruptions = interruptions + 1, maybe_ran = 1, routed = 0,"
        " lane = null, due_ms = ?, spent_usd = spent_usd + ?,"
        " state = case when interruptions + 1 > ? then 'failed' else 'pending' end,"
        " ended_ms = case when interruptions + 1 > ? then ? end,"
        " error = case when interruptions + 1 > ? then ? end"
        " where id = ? and attempt = ? and state = 'in_progress' returning state",
        (
            now_ms,
            counted_usd,
            most,
            most,
            now_ms,
            most,
            f"interrupted too often; last: {reason}",
            id,
            attempt,
        ),
    )
    if row is None:
        return None
    store.run(
        'update attempts set "end" = ?, error = ?, ended_ms = ? where task_id = ? and number = ?',
        (str(end), reason, now_ms, id, attempt),
    )
    return TaskState(row["state"])


def running(store: Store) -> list[Row]:
    """Every task in progress: id, attempt, lane, epoch."""
    return store.rows("select id, attempt, lane, epoch from tasks where state = 'in_progress'")


def prune(store: Store, before_ms: int, count: int) -> int:
    """Delete up to `count` tasks that ended before then, with their attempts."""
    return store.run(
        "delete from tasks where id in (select id from tasks where ended_ms < ? limit ?)",
        (before_ms, count),
    )


def request_of(row: Row) -> Request:
    """The request that a row holds."""
    return Request(
        prompt=row["prompt"],
        files=tuple(File(**file) for file in json.loads(row["files"])),
        cwd=row["cwd"],
        schema=None if row["schema"] is None else json.loads(row["schema"]),
        match=row["match"],
        check=None if row["command"] is None else tuple(json.loads(row["command"])),
        provider=row["provider"],
        in_place=bool(row["in_place"]),
        budget_usd=row["budget_usd"],
        deadline_s=row["deadline_s"],
    )


def progress_of(row: Row) -> Progress:
    """How far the cascade of a row has come."""
    fields = json.loads(row["progress"])
    fields["tried"] = tuple(fields.get("tried", ()))
    return Progress(**fields)


def workspace_of(row: Row) -> Workspace | None:
    """The directory that a row's task worked in."""
    return None if row["workspace"] is None else Workspace(**json.loads(row["workspace"]))


def set_workspace(store: Store, id: str, workspace: Workspace) -> None:
    """A person has decided on what a task did."""
    store.run("update tasks set workspace = ? where id = ?", (_workspace_text(workspace), id))


def _workspace_text(workspace: Workspace | None) -> str | None:
    return None if workspace is None else json.dumps(attrs.asdict(workspace))


def route_of(row: Row) -> Route:
    """The route that a row holds."""
    fields: dict[str, Any] = json.loads(row["route"])
    fields["chain"] = tuple(Link(**link) for link in fields["chain"])
    fields["needs"] = tuple(fields["needs"])
    return Route(**fields)


def _close_attempt(store: Store, over: AttemptOver, now_ms: int) -> None:
    usage = over.usage
    store.run(
        'update attempts set "end" = ?, error = ?, "check" = ?, model = ?, transport = ?,'
        " input = ?, cache_read = ?, cache_write = ?, output = ?, reasoning = ?, cost_usd = ?,"
        " cache_write_1h = ?, estimated = ?, fault = ?, infrastructure = ?, provider = ?,"
        " ended_ms = ? where task_id = ? and number = ?",
        (
            str(over.end),
            over.error,
            over.check,
            over.model,
            over.transport,
            usage.input,
            usage.cache_read,
            usage.cache_write,
            usage.output,
            usage.reasoning,
            over.cost_usd,
            usage.cache_write_1h,
            int(over.estimated),
            None if over.fault is None else str(over.fault),
            int(over.infrastructure),
            over.provider or over.lane or "",
            now_ms,
            over.task_id,
            over.attempt,
        ),
    )
