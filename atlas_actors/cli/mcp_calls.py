"""What each tool of `atlas mcp serve` asks of the daemon, and what of the answer a model sees.

Whose a text is, the daemon sees from the process that sends it: memory.store never counts it as
the person's, and memory.remember, which may, is not used.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import attrs

from atlas_actors.cli.mcp_tools import ITEMS_MAX, WAIT_S
from atlas_actors.clock import DAY_MS
from atlas_actors.errors import Conflict
from atlas_actors.messages.states import ENDED

RESULT_CHARACTERS_MAX: Final = 40_000
REQUEST_CHARACTERS_MAX: Final = 500
ROWS_MAX: Final = 50
TELL_EVERY_S: Final = 1.0
Tell = Callable[[float, float, str], Awaitable[None]]  # seconds so far, of so many, what goes on


class Ask(Protocol):
    """The daemon: async_client.call of one home."""

    async def __call__(self, method: str, *, timeout_s: float = ..., **params: Any) -> Any: ...


@attrs.frozen(kw_only=True)
class Caller:
    """Who the tools work for."""

    client: str  # its own name of itself: shown, never trusted
    session: str
    project: str | None  # the root of the project; None: nothing says which
    in_executor: bool  # one of Atlas' own runs


async def remember(ask: Ask, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
    """Store one memory; of this project, unless it holds in all."""
    project = None if given.get("everywhere") else caller.project
    item = {
        "kind": given.get("kind", "learning"),
        "text": given["text"],
        "source": f"mcp: {caller.client}",
        "session": caller.session,
    }
    for name, value in (
        ("project", project), ("rationale", given.get("because")), ("tags", given.get("tags"))
    ):  # fmt: skip
        if value:
            item[name] = value
    (stored,) = (await ask("memory.store", items=[item]))["stored"]
    return {
        "id": stored["id"] or "",
        "result": stored["result"],
        "waits_for_approval": stored["quarantined"],
        "project": project,
    }


async def recall(ask: Ask, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
    """Only what may be put before a model."""
    params = {"query": given["query"], "k": given.get("limit", 8), "injectable": True}
    if caller.project and not given.get("everywhere"):
        params["project"] = caller.project
    found = await ask("memory.recall", **params)
    return {
        "items": [
            {
                "id": item["id"],
                "kind": item["kind"],
                "text": item["text"],
                "said_by": item["origin"],
                "at_ms": item["at_ms"],
                "source": item["source"],
            }
            for item in found["items"]
        ]
    }


async def brief(ask: Ask, caller: Caller, given: dict[str, Any]) -> str:
    """The text alone."""
    params = {name: given[name] for name in ("tokens",) if name in given}
    if caller.project:
        params["project"] = caller.project
    found = await ask("brief.get", **params)
    return found["text"] or "Nothing is known of this project yet."


async def submit_task(
    ask: Ask, caller: Caller, given: dict[str, Any], directory: str | None
) -> dict[str, Any]:
    """Queue it; refused inside a run of Atlas' own, whose tasks would make tasks without end."""
    if caller.in_executor:
        raise Conflict(
            "this session is itself a task of Atlas, and tasks do not make tasks",
            cure="do the work here, or say in the answer what is left to do",
        )
    params: dict[str, Any] = {
        name: given[name] for name in ("prompt", "key", "priority") if name in given
    }
    if directory is not None:
        params["cwd"] = directory
    made = await ask("task.submit", **params)
    return {"id": made["id"], "created": made["created"]}


async def get_task(ask: Ask, given: dict[str, Any]) -> dict[str, Any]:
    """One task."""
    return shown(await ask("task.get", id=given["id"]))


async def list_tasks(ask: Ask, given: dict[str, Any]) -> dict[str, Any]:
    """Tasks, newest first."""
    params = {"limit": min(given.get("limit", 10), ITEMS_MAX)}
    if "state" in given:
        params["state"] = given["state"]
    return {"tasks": [_row(task) for task in (await ask("task.list", **params))["tasks"]]}


async def cancel_task(ask: Ask, given: dict[str, Any]) -> dict[str, Any]:
    """A task by its id or key."""
    id = (await ask("task.get", id=given["id"]))["id"]
    done = await ask("task.cancel", id=id)
    return {"id": done["id"], "state": done["state"]}


async def follow_task(
    ask: Ask, given: dict[str, Any], tell: Tell, now_s: Callable[[], float] = time.monotonic
) -> dict[str, Any]:
    """The task once it has ended or the time is over; tells meanwhile how far it is."""
    wait_s = float(given.get("wait_s", WAIT_S))
    began_s = now_s()
    task = await ask("task.get", id=given["id"])
    while task["state"] not in ENDED:
        past_s = now_s() - began_s
        if past_s >= wait_s:
            break
        for row in (await ask("task.progress", ids=[task["id"]]))["tasks"]:
            await tell(past_s, wait_s, progress_line(row))
        next_s = min(TELL_EVERY_S, wait_s - past_s)
        task = await ask("task.wait", id=task["id"], timeout_ms=max(1, round(next_s * 1000)))
    return shown(task)


async def route(ask: Ask, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
    """Who would do it."""
    params = {"text": given["text"]}
    if caller.project:
        params["cwd"] = caller.project
    found = await ask("route.decide", **params)
    kept = ("intent", "abstained", "confidence", "complexity", "mode", "tier", "provider", "agent",
            "estimated_usd", "reason")  # fmt: skip
    return {name: found[name] for name in kept}


async def costs(ask: Ask, given: dict[str, Any], now_ms: float) -> dict[str, Any]:
    """Sums of the last days."""
    by = given.get("by", "day")
    since_ms = int(now_ms - given.get("days", 7) * DAY_MS)
    found = await ask("cost.stats", by=by, since_ms=since_ms)
    status = await ask("system.status")
    return {
        "today_usd": status["cost_today_usd"],
        "budget_today_usd": status["budget_today_usd"],
        "total_usd": found["total"]["cost_usd"],
        "rows": [
            {name: row[name] for name in (by, "cost_usd", "tasks", "attempts")}
            for row in found["rows"][:ROWS_MAX]
        ],
    }


def shown(task: dict[str, Any]) -> dict[str, Any]:
    """What a model sees of a task; a long result is cut, and says so."""
    answered = task["attempts"][-1] if task.get("attempts") else {}
    result = task["result"]
    if result is not None and len(result) > RESULT_CHARACTERS_MAX:
        left = len(result) - RESULT_CHARACTERS_MAX
        result = f"{result[:RESULT_CHARACTERS_MAX]}\n[{left:,} more characters: atlas tasks show]"
    seen = {
        **_row(task),
        "result": result,
        "error": task["error"],
        "verified_by": task["verified_by"],
        "model": answered.get("model"),
        "cost_usd": task["spent_usd"],
        "attempts": len(task.get("attempts") or ()),
        "waits_for": task["waits_for"],
    }
    if task["workspace"]:
        seen["changes"] = "in a copy: the user sees them with `atlas tasks diff`, takes them over"
        seen["changes"] += f" with `atlas tasks apply` ({task['id']})"
    return seen


def progress_line(row: dict[str, Any]) -> str:
    """Where a task stands, as a line."""
    words = [row["state"].replace("_", " ")]
    if row["provider"]:
        words.append(f"by {row['provider']}")
    if row["attempt"]:
        words.append(f"attempt {row['attempt']}")
    said = row["last_line"] or row["waits_for"]
    return ", ".join(words) + (f": {said[:200]}" if said else "")


def _row(task: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": task["id"],
        "state": task["state"],
        "request": task["prompt"][:REQUEST_CHARACTERS_MAX],
        "provider": task["lane"],
        "created_at_ms": task["created_at_ms"],
        "ended_at_ms": task["ended_at_ms"],
    }
