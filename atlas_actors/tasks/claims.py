"""The SQL of tasks.db for lanes and attempts: offer, assign, begin, end, interrupt."""

import json
from itertools import takewhile
from typing import Any, Final

from atlas_actors.messages.execution import End
from atlas_actors.messages.routing import Route
from atlas_actors.messages.task import AttemptOver, AttemptPlanned, TaskState
from atlas_actors.store import Row, Store
from atlas_actors.tasks.rows import progress_text, route_text, workspace_text

_PRIORITIES: Final = (3, 2, 1, 0)
# What a request and its progress are made of.
_REQUEST: Final = (
    "id, prompt, files, cwd, schema, match, command, provider, in_place, budget_usd, deadline_s,"
    " progress, spent_usd"
)
_OFFER: Final = " union all ".join(
    "select * from (select id, priority from tasks where state = 'pending' and routed = 0"  # noqa: S608
    f" and blocked = 0 and held = 0 and priority = {priority} and due_ms <= :now_ms"
    " order by due_ms, id limit :count)"
    for priority in _PRIORITIES
)
_HEADS: Final = " union all ".join(
    "select * from (select id, priority, due_ms from tasks where state = 'pending' and routed = 1"  # noqa: S608
    f" and lane = :lane and priority = {priority} and due_ms <= :now_ms order by due_ms, id"
    " limit :count)"
    for priority in _PRIORITIES
)
_DUE_IN_LANE: Final = " union all ".join(
    "select min(due_ms) as due_ms from tasks where state = 'pending' and routed = 1"  # noqa: S608
    f" and lane = :lane and priority = {priority} and due_ms > :now_ms"
    for priority in _PRIORITIES
)
_DUE_UNROUTED: Final = " union all ".join(
    "select min(due_ms) as due_ms from tasks where state = 'pending' and routed = 0"  # noqa: S608
    f" and blocked = 0 and held = 0 and priority = {priority} and due_ms > :now_ms"
    for priority in _PRIORITIES
)
# What the outcomes of a task and of its attempts say.
_TASK: Final = (
    "tasks.created_ms, tasks.cwd, tasks.origin, tasks.fresh_from,"
    " coalesce(tasks.schema, tasks.match, tasks.command) is not null as checks_itself,"
    " tasks.route ->> '$.intent' as intent"
)
_OUTCOME: Final = (
    f"{_TASK}, tasks.route ->> '$.strategy.id' as strategy,"
    " tasks.route ->> '$.choice' as choice, tasks.route ->> '$.strategy.genome' as genome"
)
_PLAN: Final = (
    "update tasks set route = :route"
    " where id = :id and state = 'in_progress' and attempt = :attempt and epoch = :epoch"
    " and lane = :lane"
)
_MOVE: Final = (
    "update tasks set route = :route, lane = :lane, routed = 1, state = 'pending',"
    " attempt = attempt - 1, since_ms = :now_ms, due_ms = min(due_ms, :now_ms),"
    " started_ms = iif(attempt = 1, null, started_ms)"
    " where id = :id and state = 'in_progress' and attempt = :attempt and epoch = :epoch"
)
# These ends say that the work was cut off, not that it was done badly.
_CUT_OFF: Final = frozenset(
    str(end) for end in (End.UNREACHABLE, End.TIMED_OUT, End.CANCELLED, End.BUSY, End.OVER_BUDGET)
)


def unrouted(store: Store, count: int, now_ms: int) -> list[Row]:
    """The first tasks that are due and have no lane, the most urgent first: id, priority."""
    return store.rows(f"select * from ({_OFFER}) limit :count", {"count": count, "now_ms": now_ms})  # noqa: S608


def to_offer(store: Store, id: str) -> Row:
    """What the orchestrator is told of a task; its route too where that has a strategy."""
    row = store.row(
        f"select {_REQUEST}, answers_asked,"  # noqa: S608
        " iif(route ->> '$.strategy.id' is null, null, route) as route from tasks where id = ?",
        (id,),
    )
    assert row is not None
    return row


def routed_counts(store: Store) -> dict[str | None, int]:
    """How many pending tasks wait for each provider; None: for anybody."""
    rows = store.rows(
        "select lane, count(*) as n from tasks where state = 'pending' and routed = 1 group by lane"
    )
    return {row["lane"]: row["n"] for row in rows}


def forget_routes(store: Store) -> int:
    """Every pending task is to be routed anew."""
    return store.run(
        "update tasks set routed = 0, lane = null where state = 'pending' and routed = 1"
    )


def forget_lanes(store: Store, open_lanes: list[str]) -> int:
    """Pending tasks that wait for none of these lanes are to be routed anew, but for those that a
    person has pinned to theirs."""
    return store.run(
        "update tasks set routed = 0, lane = null where state = 'pending' and routed = 1"
        " and (lane is null or lane not in (select value from json_each(?)))"
        " and (lane is null or provider is null or provider <> lane)",
        (json.dumps(open_lanes),),
    )


def forget_intent(store: Store, intent: str) -> int:
    """Pending tasks of an intent are to be routed anew, but for those that were begun, or chosen
    something for, or pinned by a person."""
    return store.run(
        "update tasks set routed = 0, lane = null where state = 'pending' and routed = 1"
        " and answers_asked = 0 and provider is null and lane is not null"
        " and route ->> '$.intent' = ? and route ->> '$.choice' is null",
        (intent,),
    )


def assign_lane(
    store: Store, id: str, lane: str | None, route: Route, waits_for: str
) -> Row | None:
    """Let a pending task wait for a provider: whether it was routed before.

    None: it is not pending, or is kept back since the orchestrator was told of it.
    """
    before = store.row(
        "select routed, lane from tasks"
        " where id = ? and state = 'pending' and blocked = 0 and held = 0",
        (id,),
    )
    if before is not None:
        store.run(
            "update tasks set routed = 1, lane = ?, route = ?, waits_for = ?"
            " where id = ? and state = 'pending'",
            (lane, route_text(route), waits_for, id),
        )
    return before


def heads(store: Store, lane: str, count: int, now_ms: int) -> list[Row]:
    """Of each priority the first `count` that are ready on a lane: id, priority, due_ms."""
    return store.rows(_HEADS, {"lane": lane, "count": count, "now_ms": now_ms})


def next_due_ms(store: Store, lane: str | None, now_ms: int) -> int | None:
    """When the next delayed task of a lane (None: of none yet) becomes due."""
    sql = _DUE_UNROUTED if lane is None else _DUE_IN_LANE
    found = store.rows(sql, {"now_ms": now_ms, **({} if lane is None else {"lane": lane})})
    return min((row["due_ms"] for row in found if row["due_ms"] is not None), default=None)


def start_attempt(store: Store, id: str, lane: str, epoch: int, now_ms: int) -> Row:
    """pending → in_progress, with the attempt journalled before anything runs; what runs, with its
    number as `attempt` and `waited_ms`."""
    row = store.row(
        f"select {_REQUEST}, route, attempt, since_ms, answers_asked, attempts_max, interruptions,"  # noqa: S608
        " error, created_ms, deadline_ms, handoff_id, fresh_from from tasks"
        " where id = ? and state = 'pending'",
        (id,),
    )
    assert row is not None
    number = row["attempt"] + 1
    store.run(
        "update tasks set state = 'in_progress', since_ms = ?2, attempt = ?4, epoch = ?1,"
        " waits_for = '', started_ms = coalesce(started_ms, ?2)"
        " where id = ?3 and state = 'pending'",
        (epoch, now_ms, id, number),
    )
    store.run(
        "insert into attempts (task_id, number, epoch, provider, started_ms, strategy, choice)"
        " select ?, ?, ?, ?, ?, route ->> '$.strategy.id', route ->> '$.choice'"
        " from tasks where id = ?1",
        (id, number, epoch, lane, now_ms),
    )
    row |= {"attempt": number, "lane": lane, "waited_ms": now_ms - row["since_ms"]}
    return row


def plan_attempt(store: Store, order: AttemptPlanned, now_ms: int) -> bool:
    """Give the attempt that runs another route, or with another lane take it back; False: it is
    not the one that runs."""
    values = {
        "id": order.task_id,
        "attempt": order.attempt,
        "epoch": order.epoch,
        "lane": order.lane,
        "route": route_text(order.route),
        "now_ms": now_ms,
    }
    if store.run(_PLAN, values):
        strategy = order.route.strategy and order.route.strategy.id
        store.run(
            "update attempts set strategy = ?, choice = ? where task_id = ? and number = ?",
            (strategy, order.route.choice, order.task_id, order.attempt),
        )
        return True
    moved = store.run(_MOVE, values)
    if moved:
        store.run(
            "delete from attempts where task_id = ? and number = ?", (order.task_id, order.attempt)
        )
    return bool(moved)


def was_cut_off(store: Store, id: str, fresh_from: int) -> bool:
    """Whether an attempt after `fresh_from` ended half-way, so that another may go on from there;
    what was rejected since is begun anew."""
    ends = store.rows(
        'select "end" from attempts where task_id = ? and number > ? and "end" is not null'
        " order by number desc",
        (id, fresh_from),
    )
    told = takewhile(lambda row: row["end"] != str(End.REJECTED), ends)
    return any(row["end"] in _CUT_OFF for row in told)


def running_one(store: Store, id: str) -> Row | None:
    """What is needed of a task to end its attempt."""
    return store.row(
        f"select id, state, lane, attempt, since_ms, deadline_ms, group_name, {_OUTCOME}"  # noqa: S608
        " from tasks where id = ?",
        (id,),
    )


def end_attempt(store: Store, over: AttemptOver, now_ms: int) -> bool:
    """Record an attempt's end and the task's next state; False when it comes too late.

    Guarded by (task, attempt, epoch): only the attempt that runs can end the task.
    """
    final = over.next_state is not TaskState.PENDING
    changed = store.run(
        "update tasks set state = :state, since_ms = :now_ms, lane = :lane,"
        # Who goes elsewhere at once keeps its place before those that have not begun.
        " due_ms = iif(:delay_ms = 0, min(due_ms, :now_ms), :now_ms + :delay_ms),"
        " routed = iif(:lane is null, 0, routed),"
        " ended_ms = :ended_ms,"
        " answers_asked = answers_asked + :answers, interruptions = interruptions + :interruptions,"
        " result = :result, error = :error, verified_by = :verified_by, waits_for = :waits_for,"
        " progress = :progress, spent_usd = spent_usd + :counted_usd,"
        " maybe_ran = max(maybe_ran, :maybe_ran),"
        " workspace = coalesce(:workspace, workspace)"
        " where id = :id and state = 'in_progress' and attempt = :attempt and epoch = :epoch",
        {
            "state": str(over.next_state),
            "now_ms": now_ms,
            "lane": over.lane,
            "delay_ms": over.delay_ms,
            "ended_ms": now_ms if final else None,
            "answers": int(over.counts),
            "interruptions": int(over.interrupted),
            "maybe_ran": int(over.maybe_ran),
            "progress": progress_text(over.progress),
            "counted_usd": max(over.cost_usd, over.counted_usd),
            "workspace": workspace_text(over.workspace),
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
    values: dict[str, Any] = {
        "id": id,
        "attempt": attempt,
        "now_ms": now_ms,
        "counted_usd": counted_usd,
        "most": most,
        "error": f"interrupted too often; last: {reason}",
    }
    row = store.row(
        "update tasks set interruptions = interruptions + 1, maybe_ran = 1, routed = 0,"
        " lane = null, due_ms = :now_ms, since_ms = :now_ms, spent_usd = spent_usd + :counted_usd,"
        " state = case when interruptions + 1 > :most then 'failed' else 'pending' end,"
        " ended_ms = case when interruptions + 1 > :most then :now_ms end,"
        " error = case when interruptions + 1 > :most then :error end"
        " where id = :id and attempt = :attempt and state = 'in_progress' returning state",
        values,
    )
    if row is None:
        return None
    store.run(
        'update attempts set "end" = ?, error = ?, ended_ms = ? where task_id = ? and number = ?',
        (str(end), reason, now_ms, id, attempt),
    )
    return TaskState(row["state"])


def ended_since(store: Store, since_ms: int, after: tuple[str, int], count: int) -> list[Row]:
    """Attempts that ended since then by their own end (at that very time: those after this
    task and number), with what an outcome needs of their tasks, oldest first."""
    return store.rows(
        f"select {_TASK}, attempts.*, tasks.id, tasks.state,"  # noqa: S608
        " tasks.route ->> '$.strategy.genome' as genome, tasks.verified_by,"
        " tasks.attempt = attempts.number as last"
        " from attempts join tasks on tasks.id = attempts.task_id"
        " where (attempts.ended_ms, attempts.task_id, attempts.number) > (?, ?, ?)"
        " and attempts.ended_ms is not null and attempts.transport is not null"
        " order by attempts.ended_ms, attempts.task_id, attempts.number limit ?",
        (since_ms, *after, count),
    )


def attempts_of(store: Store, id: str, fresh_from: int) -> list[Row]:
    """The attempts of a task's present work that have ended, in their order, as far as they say
    how its strategy has done and what they took."""
    return store.rows(
        'select choice, provider, transport, "end", infrastructure, cost_usd, started_ms, ended_ms,'
        " input, cache_read, cache_write, cache_write_1h, output, reasoning from attempts"
        ' where task_id = ? and number > ? and "end" is not null order by number',
        (id, fresh_from),
    )


def running(store: Store) -> list[Row]:
    """Every task in progress: id, attempt, lane, epoch, since_ms."""
    return store.rows(
        "select id, attempt, lane, epoch, since_ms from tasks where state = 'in_progress'"
    )


def bucket(store: Store, name: str) -> Row | None:
    """A token bucket as it was written down."""
    return store.row("select tokens, at_ms from buckets where name = ?", (name,))


def keep_bucket(store: Store, name: str, tokens: float, now_ms: int) -> None:
    """Write a token bucket down with what took from it."""
    store.run(
        "insert into buckets (name, tokens, at_ms) values (?1, ?2, ?3)"
        " on conflict (name) do update set tokens = ?2, at_ms = ?3",
        (name, tokens, now_ms),
    )


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
