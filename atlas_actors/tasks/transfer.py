"""Pure: a task as `task.export` gives it, as the columns that take it over."""

import json
from collections.abc import Mapping
from typing import Any, Final

from atlas_actors.errors import UsageError
from atlas_actors.tasks import rows

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

NEEDED: Final = ("id", "state", "prompt", "priority", "attempts_max", "due_ms", "created_ms")


def columns_of(task: Mapping[str, Any], now_ms: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the task's columns, its attempts'). What ran when it was exported may have run.

    Raises UsageError for what no export has written.
    """
    unknown = set(task) - {*TEXTS, *NUMBERS, *JSON, "attempts", "after"}
    if unknown:
        raise UsageError(f"an exported task has no {', '.join(sorted(unknown))}")
    columns = _checked(task)
    attempts = [_attempt(row) for row in _listed(task, "attempts", dict)]
    if columns["state"] == "in_progress":
        columns |= {"state": "pending", "maybe_ran": 1}
        for attempt in attempts:
            if "end" not in attempt:
                attempt |= {"end": "unreachable", "ended_ms": now_ms, "error": "it was exported"}
    if columns["state"] == "pending":
        columns |= {"route": None, "lane": None, "held": int("group_name" in columns)}
    return columns | {"since_ms": columns.get("ended_ms", now_ms)}, attempts


def needs_of(task: Mapping[str, Any]) -> list[str]:
    """The ids of the tasks that it comes after. Raises UsageError."""
    return _listed(task, "after", str)


def _checked(task: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a task gives; the others have their defaults."""
    columns = {
        **_typed(task, TEXTS, str),
        **_typed(task, NUMBERS, int | float),
        **{name: json.dumps(task[name]) for name in JSON if task.get(name) is not None},
    }
    missing = [name for name in NEEDED if columns.get(name) in (None, "")]
    if missing:
        raise UsageError(f"an exported task has {', '.join(missing)}")
    columns = {"files": "[]", "progress": "{}", **columns}
    row = dict.fromkeys((*TEXTS, *NUMBERS, *JSON)) | columns
    try:  # what cannot be read would stop the queue each time that it came up
        request, _, _ = rows.request_of(row), rows.progress_of(row), rows.workspace_of(row)
        fine = all(
            isinstance(text, str) for file in request.files for text in (file.name, file.text)
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        fine = False
    if not fine or not all(isinstance(task.get(name), dict | None) for name in ("schema", "route")):
        raise UsageError(f"task {task['id']} is not as an export writes it")
    return columns


def _attempt(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that an attempt gives."""
    if any(row.get(name) is None for name in ("number", "epoch", "provider", "started_ms")):
        raise UsageError("an exported attempt has number, epoch, provider and started_ms")
    return {name: row[name] for name in ATTEMPT if row.get(name) is not None}


def _typed(task: Mapping[str, Any], names: tuple[str, ...], kind: Any) -> dict[str, Any]:
    found = {name: task[name] for name in names if task.get(name) is not None}
    for name, value in found.items():
        if not isinstance(value, kind):
            raise UsageError(f"{name} of an exported task is not {value!r}"[:200])
    return found


def _listed(task: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    values = task.get(name) or []
    if not isinstance(values, list | tuple) or not all(isinstance(one, kind) for one in values):
        raise UsageError(f"{name} of an exported task is a list")
    return list(values)
