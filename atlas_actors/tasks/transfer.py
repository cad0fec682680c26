"""Pure: a task as `task.export` gives it, as the columns that take it over."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from atlas_actors.errors import UsageError

# What an exported task holds; the view inspect_export and this list are held together by a test.
TEXTS: Final = (
    "id", "key", "state", "prompt", "cwd", "provider", "match", "error", "result", "verified_by",
    "unique_key", "if_dead", "group_name", "origin", "lane",
)  # fmt: skip
NUMBERS: Final = (
    "priority", "budget_usd", "attempts_max", "due_ms", "created_ms", "started_ms", "ended_ms",
    "attempt", "answers_asked", "interruptions", "maybe_ran", "in_place", "deadline_s",
    "deadline_ms", "spent_usd",
)  # fmt: skip
JSON: Final = ("files", "schema", "command", "route", "workspace", "progress")
ATTEMPT: Final = (
    "number", "epoch", "provider", "model", "transport", "end", "error", "check", "fault", "input",
    "cache_read", "cache_write", "cache_write_1h", "output", "reasoning", "estimated",
    "infrastructure", "cost_usd", "started_ms", "ended_ms",
)  # fmt: skip


def columns_of(task: Mapping[str, Any], now_ms: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the task's columns, its attempts'). What ran when it was exported may have run.

    Raises UsageError for what no export has written.
    """
    unknown = set(task) - {*TEXTS, *NUMBERS, *JSON, "attempts", "after"}
    if unknown:
        raise UsageError(f"an exported task has no {', '.join(sorted(unknown))}")
    columns = _said(task, (*TEXTS, *NUMBERS))
    columns |= {name: json.dumps(value) for name, value in _said(task, JSON).items()}
    columns.setdefault("files", "[]")
    attempts = [_said(row, ATTEMPT) for row in task.get("attempts", ())]
    if columns["state"] == "in_progress":
        columns |= {"state": "pending", "maybe_ran": 1}
        for attempt in attempts:
            if "end" not in attempt:
                attempt |= {"end": "unreachable", "ended_ms": now_ms, "error": "it was exported"}
    if columns["state"] == "pending":
        columns.pop("route", None)
        columns.pop("lane", None)
        columns["held"] = int("group_name" in columns)
    return columns | {"since_ms": columns.get("ended_ms") or now_ms}, attempts


def _said(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names if row.get(name) is not None}
