"""Whole tasks as JSON, out of one daemon and into another; run on a thread."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import attrs
from loguru import logger

from atlas_actors import attachments
from atlas_actors.errors import NotFound
from atlas_actors.gateway.method import COUNT, ID, NAME, PATH, TEXT
from atlas_actors.gateway.requests import files_of
from atlas_actors.json_schema import object_schema, or_null
from atlas_actors.messages.execution import End, File
from atlas_actors.messages.task import STATES
from atlas_actors.store import Query, Reader

PAGE_BYTES_MAX: Final = 4 * 1_048_576
_JSON: Final = ("files", "schema", "command", "route", "workspace", "progress")


_STATE: Final = {"enum": list(STATES)}
_TEXT: Final = or_null(TEXT)
_NUMBER: Final = {"type": ["number", "null"]}
_WHOLE: Final = or_null(COUNT)
_HASH: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_OBJECT: Final = {"type": ["object", "null"]}
_TOKENS: Final = (
    "input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning", "estimated",
    "infrastructure",
)  # fmt: skip
EXPORTED_ATTEMPT: Final = object_schema(
    {
        "number": COUNT,
        "epoch": COUNT,
        "provider": TEXT,
        "model": _TEXT,
        "transport": _TEXT,
        "end": or_null({"enum": [str(end) for end in End]}),
        "error": TEXT,
        "check": TEXT,
        "fault": _TEXT,
        **dict.fromkeys(_TOKENS, COUNT),
        "cost_usd": {"type": "number"},
        "started_ms": COUNT,
        "ended_ms": _WHOLE,
        "strategy": _TEXT,
    },
    "number",
    "epoch",
    "provider",
    "started_ms",
)
EXPORTED: Final = object_schema(
    {
        "id": ID,
        "key": or_null(NAME),
        "state": _STATE,
        "prompt": TEXT,
        "cwd": _TEXT,
        "provider": _TEXT,
        "match": _TEXT,
        "error": _TEXT,
        "result": _TEXT,
        "verified_by": _TEXT,
        "unique_key": _TEXT,
        "if_dead": {"enum": ["fail", "skip", "run"]},
        "group_name": _TEXT,
        "origin": TEXT,
        "lane": _TEXT,
        "priority": {"type": "integer", "minimum": 0, "maximum": 3},
        "budget_usd": _NUMBER,
        "attempts_max": COUNT,
        "due_ms": COUNT,
        "created_ms": COUNT,
        "started_ms": _WHOLE,
        "ended_ms": _WHOLE,
        "attempt": COUNT,
        "answers_asked": COUNT,
        "interruptions": COUNT,
        "maybe_ran": {"enum": [0, 1]},
        "in_place": {"enum": [0, 1]},
        "deadline_s": _NUMBER,
        "deadline_ms": _WHOLE,
        "spent_usd": {"type": "number"},
        "files": {
            "type": "array",
            "items": {
                "anyOf": [
                    object_schema({"name": PATH, "text": TEXT}, "name", "text"),
                    object_schema({"name": PATH, "path": PATH}, "name", "path"),
                    object_schema(
                        {"name": PATH, "sha256": _HASH, "bytes": COUNT}, "name", "sha256", "bytes"
                    ),
                ]
            },
        },
        "schema": _OBJECT,
        "command": {"type": ["array", "null"], "items": TEXT},
        "route": _OBJECT,
        "workspace": _OBJECT,
        "progress": _OBJECT,
        "attempts": {"type": "array", "items": EXPORTED_ATTEMPT, "maxItems": 10_000},
        "after": {"type": "array", "items": ID},
    },
    "id",
    "state",
    "prompt",
    "priority",
    "attempts_max",
    "due_ms",
    "created_ms",
)


def page(state: Path, files: Path, wanted: str | None, after: str, limit: int) -> dict[str, Any]:
    """Tasks after an id, oldest first, with their attempts and the texts of their files."""
    tasks: list[dict[str, Any]] = []
    size = 0
    with Reader(state / "tasks.db").snapshot() as rows:
        found = rows(
            "select id from inspect_export where id > ?1 and (?2 is null or state = ?2)"
            " order by id limit ?3",
            (after, wanted, limit),
        )
        for row in found:  # one by one: a thousand with all their texts would not fit in memory
            task = _task(rows, files, row["id"])
            size += len(json.dumps(task))
            if tasks and size > PAGE_BYTES_MAX:
                break
            tasks.append(task)
    whole = len(found) < limit and len(tasks) == len(found)
    return {"tasks": tasks, "next": None if whole or not tasks else tasks[-1]["id"]}


def taken(files: Path, tasks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Imported tasks with their long texts kept. Raises UsageError."""
    return [
        {**task, "files": [attrs.asdict(_file_in(file, files)) for file in task.get("files", ())]}
        for task in tasks
    ]


def _file_in(file: dict[str, Any], folder: Path) -> File:
    """A file as it is given; one that was gone is known by its hash, and may be here."""
    if "sha256" in file:
        return File(name=file["name"], text="", sha256=file["sha256"], bytes=file["bytes"])
    (found,) = files_of([file], folder)
    return found


def _file_out(file: File, folder: Path) -> dict[str, Any]:
    """A file with its text; one that is gone costs no other: its hash says what it was."""
    try:
        return {"name": file.name, "text": attachments.text_of(folder, file)}
    except NotFound as error:
        logger.warning("export.file_gone", name=file.name, error=str(error))
        return {"name": file.name, "sha256": file.sha256, "bytes": file.bytes}


def _task(rows: Query, files: Path, id: str) -> dict[str, Any]:
    (row,) = rows("select * from inspect_export where id = ?", (id,))
    task = {
        name: json.loads(value) if name in _JSON and value is not None else value
        for name, value in row.items()
    }
    task["files"] = [_file_out(File(**file), files) for file in task["files"]]
    attempts = rows(
        "select * from inspect_export_attempts where task_id = ? order by number", (id,)
    )
    task["attempts"] = [
        {name: value for name, value in attempt.items() if name != "task_id"}
        for attempt in attempts
    ]
    needs = rows("select needs_id from inspect_dependencies where task_id = ?", (id,))
    task["after"] = [need["needs_id"] for need in needs]
    return task
