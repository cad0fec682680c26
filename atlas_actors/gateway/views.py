"""Builds the answers that clients rely on from cells and published views."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.cell import Cell, Directory
from atlas_actors.clock import Clock
from atlas_actors.errors import NotFound, Unavailable
from atlas_actors.messages.execution import BreakerChanged, ExecutorReported
from atlas_actors.store import Reader, Row

PROMPT_CHARACTERS: Final = 200
_TOKENS: Final = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")
_TASK_COLUMNS: Final = (
    "id, state, prompt, priority, lane, waits_for, created_at_ms, started_at_ms, ended_at_ms,"
    " result, error, verified_by, maybe_ran, route, workspace, spent_usd, budget_usd, due_at_ms,"
    ' blocked, held, "group", origin, files, key,'
    " (select json_group_array(needs_id) from inspect_dependencies where task_id = id) as after"
)

# A list shows beginnings; the whole is in task.get.
_LIST_COLUMNS: Final = _TASK_COLUMNS.replace(
    " prompt,", f" substr(prompt, 1, {PROMPT_CHARACTERS}) as prompt,"
).replace(" result,", " null as result,")


def tree(directory: Directory, clock: Clock) -> dict[str, Any]:
    """Every address, nested by path."""
    nodes: dict[str, dict[str, Any]] = {}
    for cell in directory:
        nodes[cell.path] = _node(cell, clock)
    root: dict[str, Any] = {}
    for path, node in nodes.items():
        parent = nodes.get(path.rpartition("/")[0])
        if parent is None:
            root = node
        else:
            parent["children"].append(node)
    return root


def degraded(directory: Directory) -> list[dict[str, Any]]:
    """Every part that does less than it should, and what to do about it."""
    return [
        {
            "part": cell.path.rpartition("/")[2],
            "state": cell.state,
            "reason": cell.reason or cell.last_failure,
            "cure": cell.cure,
            "retry_at_ms": cell.retry_at_ms,
        }
        for cell in directory
        if cell.state in ("parked", "backing_off", "absent", "stopped") or cell.reason
    ]


def troubles(directory: Directory) -> list[str]:
    """The same in two words each, without what is not built."""
    words = {"backing_off": "restarting"}
    return [
        f"{part['part']} {words.get(part['state'], part['state'])}"
        for part in degraded(directory)
        if part["state"] in ("parked", "backing_off", "stopped")
    ]


def with_resting(
    parts: list[dict[str, Any]], breakers: Iterable[BreakerChanged]
) -> list[dict[str, Any]]:
    """`degraded` with every provider that is not asked for now; a part is named once."""
    named = {part["part"] for part in parts}
    return parts + [
        {
            "part": f"executor.{breaker.provider}",
            "state": "resting",
            "reason": f"its breaker is open: {breaker.reason}",
            "cure": f"it is tried again by itself, or: atlas retry {breaker.provider}",
            "retry_at_ms": breaker.until_ms,
        }
        for breaker in breakers
        if breaker.state == "open" and f"executor.{breaker.provider}" not in named
    ]


def provider(
    name: str,
    transport: str,
    cell: Cell | None,
    report: ExecutorReported | None,
    breaker: BreakerChanged | None,
) -> dict[str, Any]:
    """One row of status.providers; a running executor speaks for itself."""
    state = "stopped"
    if cell is not None:
        plain = {"parked": "parked", "starting": "starting", "backing_off": "starting"}
        state = plain.get(cell.state, "stopped")
        if cell.state == "running":
            state = report.state if report is not None else "starting"
    return {
        "name": name,
        "transport": report.transport if report else transport,
        "model": report.model if report else None,
        "state": state,
        "breaker": breaker.state if breaker is not None else "closed",
        "breaker_reason": breaker.reason or None if breaker is not None else None,
        "breaker_until_ms": breaker.until_ms if breaker is not None else None,
        "in_flight": len(report.in_flight) if report and state != "stopped" else 0,
    }


def counts(state: Path) -> dict[str, int]:
    """How many tasks are in each state."""
    rows = Reader(state / "tasks.db").rows("select state, tasks from inspect_counts")
    return {row["state"]: row["tasks"] for row in rows}


def cost_today_usd(state: Path) -> float:
    """What today's outcomes cost; today is local."""
    rows = Reader(state / "outcomes.db").rows("select cost_usd from inspect_cost_today")
    return float(rows[0]["cost_usd"])


def counted_today_usd(state: Path) -> float:
    """What counts against today's budget beyond what calls have said: runs that were lost or cut
    off count at their worst case, and those under way at theirs."""
    reader = Reader(state / "orchestrator.db")
    spent = reader.rows(
        "select coalesce(sum(usd), 0.0) as usd from inspect_spent"
        " where day = date('now', 'localtime')"
    )
    held = reader.rows("select coalesce(sum(usd), 0.0) as usd from inspect_reservations")
    return float(spent[0]["usd"]) + float(held[0]["usd"])


def task(state: Path, id: str) -> dict[str, Any]:
    """One task, by its id or its key, with its attempts. Raises NotFound."""
    reader = Reader(state / "tasks.db")
    rows = reader.rows(
        f"select {_TASK_COLUMNS}, if_dead from inspect_tasks where id = ?1 or key = ?1"  # noqa: S608
        " order by id = ?1 desc limit 1",
        (id,),
    )
    if not rows:
        raise NotFound(f"there is no task {id}", cure="atlas tasks lists them")
    found = _task(rows[0])
    told = _told_from_memory(state, found["id"])
    found["attempts"] = [
        {**_attempt(row), "memories": told.get(row["number"], [])}
        for row in reader.rows(
            "select * from inspect_attempts where task_id = ? order by number", (found["id"],)
        )
    ]
    return found


def _told_from_memory(state: Path, id: str) -> dict[int, list[str]]:
    """The ids of what was put before each attempt's prompt, where that is known still."""
    try:
        rows = Reader(state / "orchestrator.db").rows(
            "select attempt, ids from inspect_recalled where task_id = ?", (id,)
        )
    except Unavailable:  # the task itself is tasks' to tell
        return {}
    return {row["attempt"]: json.loads(row["ids"]) for row in rows}


def tasks(state: Path, wanted: str | None, limit: int, before: str | None) -> list[dict[str, Any]]:
    """Tasks, newest first, without their attempts."""
    rows = Reader(state / "tasks.db").rows(
        f"select {_LIST_COLUMNS} from inspect_tasks"  # noqa: S608 - our own constant
        " where (?1 is null or state = ?1) and (?2 is null or id < ?2) order by id desc limit ?3",
        (wanted, before, limit),
    )
    return [_task(row) for row in rows]


def progress(state: Path, ids: Sequence[str]) -> list[Row]:
    """Where tasks stand: id, state, provider, attempt, waits_for, due_at_ms, started_at_ms and
    ended_at_ms of the newest attempt, tokens of all."""
    return Reader(state / "tasks.db").rows(
        "select tasks.id, tasks.state, tasks.lane as provider, tasks.attempts as attempt,"
        " tasks.waits_for, tasks.due_at_ms, max(one.started_at_ms) as started_at_ms,"
        " tasks.ended_at_ms,"
        " coalesce(sum(one.input + one.cache_read + one.cache_write + one.output), 0) as tokens"
        " from inspect_tasks as tasks left join inspect_attempts as one on one.task_id = tasks.id"
        " where tasks.id in (select value from json_each(?)) group by tasks.id order by tasks.id",
        (json.dumps(list(ids)),),
    )


def running_of(state: Path, ids: Sequence[str]) -> list[str]:
    """Those of these tasks that wait or run: what they have left, they go on with by themselves."""
    rows = Reader(state / "tasks.db").rows(
        "select id from inspect_tasks where state in ('pending', 'in_progress')"
        " and id in (select value from json_each(?))",
        (json.dumps(list(ids)),),
    )
    return [row["id"] for row in rows]


def handoffs_open(state: Path) -> int:
    """How many handoffs wait for a person: those of tasks that are not over do not."""
    rows = Reader(state / "handoffs.db").rows(
        "select task_id from inspect_handoffs where state = 'open' limit 1000"
    )
    ids = [row["task_id"] for row in rows if row["task_id"]]
    return len(rows) - len(set(running_of(state, ids)) & set(ids))


def state_of(state: Path, id: str) -> str:
    """The state of one task. Raises NotFound."""
    rows = Reader(state / "tasks.db").rows("select state from inspect_tasks where id = ?", (id,))
    if not rows:
        raise NotFound(f"there is no task {id}", cure="atlas tasks lists them")
    return str(rows[0]["state"])


def _task(row: Row) -> dict[str, Any]:
    route = json.loads(row["route"]) if row["route"] else None
    workspace = json.loads(row["workspace"]) if row["workspace"] else None
    files = json.loads(row.pop("files"))
    return {
        **row,
        "after": json.loads(row["after"]),
        "files": [{"name": file["name"], "bytes": _bytes(file)} for file in files],
        "waits_for": row["waits_for"] or _waits_for(row),
        "maybe_ran": bool(row["maybe_ran"]),
        "route": route,
        "workspace": workspace,
        "strategy": _strategy(route),
    }


def _strategy(route: dict[str, Any] | None) -> str | None:
    """The id of the strategy that it is gone about by."""
    strategy = (route or {}).get("strategy")
    return None if strategy is None else str(strategy["id"])


def _bytes(file: dict[str, Any]) -> int:
    return int(file.get("bytes") or len(file["text"].encode("utf-8", "replace")))


def _waits_for(row: Row) -> str:
    """Why a pending task has no provider yet, where the row itself says it."""
    if row["state"] != "pending":
        return ""
    if row["blocked"]:
        return f"comes after {row['blocked']} other{'s' if row['blocked'] > 1 else ''}"
    return f"waits for its group {row['group']}" if row["held"] else ""


def _attempt(row: Row) -> dict[str, Any]:
    attempt = {key: row[key] for key in row if key not in (*_TOKENS, "task_id")}
    attempt["tokens"] = {key: row[key] for key in _TOKENS}
    attempt["estimated"] = bool(row["estimated"])
    return attempt


def _node(cell: Cell, clock: Clock) -> dict[str, Any]:
    now_s = clock.monotonic_s()
    alive = cell.state == "running" and cell.started_at_s is not None
    return {
        "path": cell.path,
        "state": cell.state,
        "incarnation": cell.incarnation,
        "restarts": cell.restarts,
        "last_failure": cell.last_failure or None,
        "reason": cell.reason or None,
        "cure": cell.cure or None,
        "retry_at_ms": cell.retry_at_ms,
        "mailbox": len(cell.mailbox),
        "mailbox_bound": cell.mailbox.bound,
        "message_age_ms": _age_ms(cell.in_hand_since_s, now_s),
        "db_bytes": _size(cell.database),
        "uptime_ms": _age_ms(cell.started_at_s, now_s) if alive else None,
        "children": [],
    }


def _age_ms(since_s: float | None, now_s: float) -> int | None:
    return None if since_s is None else round((now_s - since_s) * 1000)


def _size(database: str | None) -> int | None:
    """Bytes of a database with what is not yet folded in."""
    if database is None:
        return None
    total = 0
    for suffix in ("", "-wal"):
        try:
            total += Path(database + suffix).stat().st_size
        except FileNotFoundError:
            continue
    return total
