"""The task.* methods: accept work, show it, decide on it; following it is the gateway's own."""

from typing import Any, Final

from atlas_actors.gateway import views, workspaces
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import ID, NAME, PATH, TEXT, TIME, method, object_schema
from atlas_actors.gateway.requests import submission_of
from atlas_actors.messages import paths
from atlas_actors.messages.task import CancelTask, RetryTask, TaskChanged

LIST_ROWS: Final = 50

METHODS: Final = (
    method(
        "task.submit",
        "Accept work durably → {id, created}; the same key gives the same task.",
        object_schema(
            {
                "prompt": {"type": "string", "minLength": 1},
                "files": {
                    "type": "array",
                    "maxItems": 100,
                    "items": object_schema({"name": PATH, "text": TEXT}, "name", "text"),
                },
                "key": NAME,
                "cwd": PATH,
                "priority": {"enum": ["low", "normal", "high", "urgent"]},
                "schema": {"type": "object"},
                "provider": NAME,
                "at_ms": TIME,
                "max_attempts": {"type": "integer", "minimum": 1, "maximum": 100},
                "check": {
                    "anyOf": [
                        {"type": "string", "minLength": 1, "maxLength": 10_000},
                        {
                            "type": "array",
                            "items": {"type": "string", "maxLength": 10_000},
                            "minItems": 1,
                            "maxItems": 1_000,
                        },
                    ]
                },
                "match": {"type": "string", "minLength": 1, "maxLength": 1_000},
                "in_place": {"type": "boolean"},
                "budget_usd": {"type": "number", "minimum": 0, "maximum": 100_000},
                "deadline_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 864_000},
            },
            "prompt",
        ),
    ),
    method("task.get", "One task with its attempts.", object_schema({"id": ID}, "id")),
    method(
        "task.list",
        "Tasks, newest first → {tasks}; prompts are cut to 200 characters.",
        object_schema(
            {
                "state": {"enum": ["pending", "in_progress", "completed", "failed", "cancelled"]},
                "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
                "before": ID,
            }
        ),
    ),
    method(
        "task.wait",
        "A task once it has ended, or as it is after the timeout.",
        object_schema(
            {"id": ID, "timeout_ms": {"type": "integer", "minimum": 0, "maximum": 3_600_000}},
            "id",
        ),
    ),
    method(
        "task.follow",
        "As task.wait, with task.text and task.state notifications until then.",
        object_schema(
            {"id": ID, "timeout_ms": {"type": "integer", "minimum": 0, "maximum": 3_600_000}},
            "id",
        ),
    ),
    method(
        "task.cancel", "Do not do it (any more) → {id, state}.", object_schema({"id": ID}, "id")
    ),
    method(
        "task.retry",
        "Try a failed or cancelled task anew → {id, state}.",
        object_schema({"id": ID}, "id"),
    ),
    method(
        "task.diff",
        "What a task changed in its workspace → {id, summary, diff, workspace}.",
        object_schema({"id": ID}, "id"),
    ),
    method(
        "task.apply",
        "Bring a task's changes into its directory → {id, summary, workspace}.",
        object_schema({"id": ID}, "id"),
    ),
    method(
        "task.discard",
        "Throw a task's changes away → {id, summary, workspace}.",
        object_schema({"id": ID}, "id"),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "task.submit":
            accepted = await door.call(paths.TASKS, submission_of(params, door.providers))
            return {"id": accepted.id, "created": accepted.created}
        case "task.get":
            return await door.read(views.task, params["id"])
        case "task.list":
            limit, before = params.get("limit", LIST_ROWS), params.get("before")
            return {"tasks": await door.read(views.tasks, params.get("state"), limit, before)}
        case "task.cancel":
            return _changed(await door.call(paths.TASKS, CancelTask(id=params["id"])))
        case "task.retry":
            return _changed(await door.call(paths.TASKS, RetryTask(id=params["id"])))
        case "task.diff":
            return await door.read(workspaces.diff, params["id"])
    raise AssertionError(f"{name} is described but not answered")


def _changed(fact: TaskChanged) -> dict[str, str]:
    return {"id": fact.id, "state": str(fact.state)}
