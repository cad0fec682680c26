"""The schedule.* methods: work at its time, once or again and again."""

import json
from pathlib import Path
from typing import Any, Final

from atlas_actors.errors import UsageError
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import NAME, PATH, TEXT, TIME, method
from atlas_actors.gateway.requests import SUBMISSION, submission_of
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.execution import File
from atlas_actors.messages.schedule import (
    AddSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    ScheduleChanged,
)
from atlas_actors.store import Reader, Row

# What says when; the name of each is what a kind is called, but for these two.
SPECS: Final = ("once_ms", "every_s", "daily", "weekly", "cron")
_KINDS: Final = {"once_ms": "once", "every_s": "every"}
# Of a submission, what a schedule decides by itself, or what is of one time only.
_NOT_OURS: Final = ("key", "at_ms", "after", "if_dead")
_CLOCK: Final = {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"}
_DAY: Final = {"enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
_LABEL: Final = {**NAME, "pattern": "^[^\\x00-\\x1f\\x7f]+$"}
_TASK: Final = object_schema(
    {
        **{key: value for key, value in SUBMISSION["properties"].items() if key not in _NOT_OURS},
        "files": {
            "type": "array",
            "maxItems": 100,
            "items": object_schema({"name": PATH, "text": TEXT}, "name", "text"),
        },
    },
    "prompt",
)

METHODS: Final = (
    method(
        "schedule.add",
        "Submit a task once_ms, every_s (from start_ms), daily, weekly or by cron → {id, name,"
        " timezone, next_ms, created}; the same again is the same schedule.",
        object_schema(
            {
                "name": _LABEL,
                "once_ms": TIME,
                "every_s": {"type": "integer", "minimum": 1, "maximum": 315_360_000},
                "start_ms": TIME,
                "daily": _CLOCK,
                "weekly": object_schema(
                    {"days": {"type": "array", "items": _DAY, "minItems": 1}, "time": _CLOCK},
                    "days",
                    "time",
                ),
                "cron": {"type": "string", "minLength": 1, "maxLength": 200},
                "timezone": NAME,
                "missed": {"enum": ["skip", "once", "all"]},
                "jitter_s": {"type": "integer", "minimum": 0, "maximum": 86_400},
                "task": _TASK,
            },
            "name",
            "task",
        ),
    ),
    method(
        "schedule.list",
        "Schedules by name → {schedules}; prompts are cut to 200 characters.",
        object_schema({}),
    ),
    method(
        "schedule.pause",
        "Submit nothing of it until it is resumed; that time is skipped → {id, name, state}.",
        object_schema({"name": NAME}, "name"),
    ),
    method(
        "schedule.resume",
        "Go on from now → {id, name, state, next_ms}.",
        object_schema({"name": NAME}, "name"),
    ),
    method(
        "schedule.remove",
        "Forget it, by name or id; tasks that it made stay → {id, name, state}.",
        object_schema({"name": NAME}, "name"),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "schedule.add":
            added = await door.call(paths.SCHEDULER, order_of(door, params))
            return {
                "id": added.id,
                "name": added.name,
                "timezone": added.timezone,
                "next_ms": list(added.next_ms),
                "created": added.created,
            }
        case "schedule.list":
            return {"schedules": await door.read(schedules)}
        case "schedule.pause":
            return _changed(await door.call(paths.SCHEDULER, PauseSchedule(name=params["name"])))
        case "schedule.resume":
            return _changed(await door.call(paths.SCHEDULER, ResumeSchedule(name=params["name"])))
        case "schedule.remove":
            return _changed(await door.call(paths.SCHEDULER, RemoveSchedule(name=params["name"])))
    raise AssertionError(f"{name} is described but not answered")


def order_of(door: Door, params: dict[str, Any]) -> AddSchedule:
    """schedule.add. Raises UsageError for a task or a time that is none."""
    given = [key for key in SPECS if key in params]
    if len(given) != 1:
        raise UsageError(
            f"a schedule has one of {', '.join(SPECS)}; here are {', '.join(given) or 'none'}"
        )
    if "start_ms" in params and given != ["every_s"]:
        raise UsageError("start_ms goes with every_s")
    optional = ("timezone", "missed", "jitter_s")
    return AddSchedule(
        name=params["name"],
        kind=_KINDS.get(given[0], given[0]),  # type: ignore[arg-type]
        spec={key: params[key] for key in (*given, "start_ms") if key in params},
        task=_checked(door, params["task"]),
        **{key: params[key] for key in optional if key in params},
    )


def _checked(door: Door, task: dict[str, Any]) -> dict[str, Any]:
    """The parameters of task.submit as they are stored: checked, a command split into words."""
    files = tuple(File(**file) for file in task.get("files", ()))
    check = submission_of(task, door.providers, files).request.check
    return task if check is None else {**task, "check": list(check)}


def schedules(state: Path) -> list[dict[str, Any]]:
    """Every schedule, by name; also while the scheduler is busy or parked."""
    rows = Reader(state / "scheduler.db").rows("select * from inspect_schedules order by name")
    return [_schedule(row) for row in rows]


def _schedule(row: Row) -> dict[str, Any]:
    return {
        **row,
        "spec": json.loads(row["spec"]),
        "next_ms": json.loads(row["next_ms"]),
        "paused": bool(row["paused"]),
    }


def _changed(fact: ScheduleChanged) -> dict[str, Any]:
    return {
        "id": fact.id,
        "name": fact.name,
        "state": fact.state,
        "next_ms": list(fact.next_ms),
    }
