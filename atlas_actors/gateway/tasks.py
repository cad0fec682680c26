"""The task.* methods: accept work, show it, decide on it; following it is the gateway's own."""

from typing import Any, Final

from atlas_actors.errors import AtlasError, UsageError
from atlas_actors.gateway import transfer, views, workspaces
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import ID, TIME, method
from atlas_actors.gateway.requests import SUBMISSION, files_of, submission_of
from atlas_actors.gateway.transfer import EXPORTED
from atlas_actors.json_schema import SchemaValidator, object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.task import (
    ENDED,
    STATES,
    CancelTask,
    ImportTasks,
    PruneTasks,
    RetryTask,
    SubmitTask,
    SubmitTasks,
    TaskAccepted,
    TaskChanged,
    TaskRefused,
)

LIST_ROWS: Final = 50
MANY_MAX: Final = 1_000
STATE: Final = {"enum": list(STATES)}
PAGE: Final = {"type": "integer", "minimum": 1, "maximum": 1000}

_VALIDATOR: Final = SchemaValidator(SUBMISSION)

METHODS: Final = (
    method(
        "task.submit",
        "Accept work durably → {id, created}; the same key gives the same task.",
        SUBMISSION,
    ),
    method(
        "task.submit_many",
        "Accept each of these (as of task.submit) durably → {results: [{id, created} or {error}]};"
        " they may come after one another by key.",
        object_schema(
            {"tasks": {"type": "array", "items": {"type": "object"}, "maxItems": MANY_MAX}},
            "tasks",
        ),
    ),
    method("task.get", "One task with its attempts.", object_schema({"id": ID}, "id")),
    method(
        "task.list",
        "Tasks, newest first → {tasks}; prompts are cut to 200 characters.",
        object_schema(
            {
                "state": STATE,
                "limit": PAGE,
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
        "task.progress",
        "What tasks are doing now → {tasks: [{id, state, provider, attempt, elapsed_ms, tokens,"
        " last_line, waits_for}]}; tokens of a running answer are a guess.",
        object_schema(
            {"ids": {"type": "array", "items": ID, "minItems": 1, "maxItems": 100}}, "ids"
        ),
    ),
    method(
        "task.export",
        "Whole tasks, oldest first, for task.import → {tasks, next}; `next` is null at the end.",
        object_schema({"after": ID, "state": STATE, "limit": PAGE}),
    ),
    method(
        "task.import",
        "Take over exported tasks; those that are known stay as they are → {count}.",
        object_schema(
            {"tasks": {"type": "array", "items": EXPORTED, "maxItems": MANY_MAX}}, "tasks"
        ),
    ),
    method(
        "task.prune",
        "Delete some of the tasks that ended before then → {count, more}.",
        object_schema(
            {
                "before_ms": TIME,
                "states": {
                    "type": "array",
                    "items": {"enum": list(ENDED)},
                    "minItems": 1,
                },
            },
            "before_ms",
        ),
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
            return _accepted(await door.call(paths.TASKS, await submission(door, params)))
        case "task.submit_many":
            return {"results": await submit_many(door, params["tasks"])}
        case "task.get":
            return await door.read(views.task, params["id"])
        case "task.list":
            limit, before = params.get("limit", LIST_ROWS), params.get("before")
            return {"tasks": await door.read(views.tasks, params.get("state"), limit, before)}
        case "task.cancel":
            return _changed(await door.call(paths.TASKS, CancelTask(id=params["id"])))
        case "task.retry":
            return _changed(await door.call(paths.TASKS, RetryTask(id=params["id"])))
        case "task.export":
            limit, after = params.get("limit", LIST_ROWS), params.get("after", "")
            files = door.home.files
            return await door.read(transfer.page, files, params.get("state"), after, limit)
        case "task.import":
            files, given = door.home.files, params["tasks"]
            tasks = await door.on_client_files(lambda: transfer.taken(files, given))
            imported = await door.call(paths.TASKS, ImportTasks(tasks=tuple(tasks)))
            return {"count": imported.count}
        case "task.prune":
            states = tuple(params.get("states", ENDED))
            order = PruneTasks(before_ms=params["before_ms"], states=states)
            pruned = await door.call(paths.TASKS, order)
            return {"count": pruned.count, "more": pruned.more}
        case "task.diff":
            return await door.on_thread(lambda: workspaces.diff(door.home, params["id"]))
    raise AssertionError(f"{name} is described but not answered")


async def submission(door: Door, params: dict[str, Any]) -> SubmitTask:
    """The message of a task.submit, its files read and kept. Raises UsageError."""
    given = params.get("files")
    kept, redact = door.home.files, door.redactor.text
    files = await door.on_client_files(lambda: files_of(given, kept, redact)) if given else ()
    return submission_of(params, door.providers, files)


async def submit_many(door: Door, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each for itself: a faulty one costs no other."""
    results: dict[int, dict[str, Any]] = {}
    orders: dict[int, SubmitTask] = {}
    for n, params in enumerate(tasks):
        try:
            problem = _VALIDATOR.problem(params)
            if problem:
                raise UsageError(problem[:300])
            orders[n] = await submission(door, params)
        except AtlasError as error:
            results[n] = {"error": str(error)}
    if orders:
        answer = await door.call(paths.TASKS, SubmitTasks(orders=tuple(orders.values())))
        for n, result in zip(orders, answer.results, strict=True):
            refused = isinstance(result, TaskRefused)
            results[n] = {"error": result.error} if refused else _accepted(result)
    return [results[n] for n in range(len(tasks))]


def _accepted(accepted: TaskAccepted) -> dict[str, Any]:
    more = {"replaced": True} if accepted.replaced else {}
    return {"id": accepted.id, "created": accepted.created, **more}


def _changed(fact: TaskChanged) -> dict[str, str]:
    return {"id": fact.id, "state": str(fact.state)}
