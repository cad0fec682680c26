"""The handoff.* methods: what interrupted work has left, and going on with it."""

import json
from pathlib import Path
from typing import Any, Final

from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.gateway import views
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import ID, NAME, PATH, method
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.execution import Request
from atlas_actors.messages.handoff import Checkpoint, DropHandoff, SaveHandoff
from atlas_actors.messages.task import RetryTask, SubmitTask
from atlas_actors.store import Reader, Row

LIST_ROWS: Final = 50
GOAL_CHARACTERS: Final = 200
_LINES: Final = {
    "type": "array",
    "maxItems": 200,
    "items": {"type": "string", "maxLength": 2_000},
}
_LONG: Final = {"type": "string", "maxLength": 100_000}

METHODS: Final = (
    method(
        "handoff.save",
        "Keep how far a session has come, for whoever goes on with it → {id}; the same client and"
        " session replace what was open of them.",
        object_schema(
            {
                "client": NAME,
                "session": NAME,
                "cwd": PATH,
                "goal": {"type": "string", "minLength": 1, "maxLength": 100_000},
                "done": _LINES,
                "next_steps": _LINES,
                "files": _LINES,
                "last_output": _LONG,
            },
            "client",
            "session",
            "goal",
        ),
    ),
    method(
        "handoff.list",
        "Handoffs, newest first → {handoffs}; goals are cut to 200 characters.",
        object_schema(
            {
                "state": {"enum": ["open", "consumed", "done", "dropped", "expired"]},
                "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
            }
        ),
    ),
    method("handoff.get", "One handoff with its checkpoint.", object_schema({"id": ID}, "id")),
    method(
        "handoff.resume",
        "Go on with it, once → {task_id}: its own task is tried again, or a new one is made, by"
        " `provider` if that is named.",
        object_schema({"id": ID, "provider": NAME}, "id"),
    ),
    method("handoff.drop", "Nobody will go on with it → {id}.", object_schema({"id": ID}, "id")),
)


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "handoff.save":
            saved = await door.call(paths.HANDOFFS, handoff_of(params))
            return {"id": saved.id}
        case "handoff.list":
            limit = params.get("limit", LIST_ROWS)
            return {"handoffs": await door.read(newest, params.get("state"), limit)}
        case "handoff.get":
            return await door.read(one, params["id"])
        case "handoff.resume":
            return {"task_id": await _resume(door, params["id"], params.get("provider"))}
        case "handoff.drop":
            dropped = await door.call(paths.HANDOFFS, DropHandoff(id=params["id"]))
            return {"id": dropped.id}
    raise AssertionError(f"{name} is described but not answered")


def handoff_of(params: dict[str, Any]) -> SaveHandoff:
    """handoff.save."""
    checkpoint = Checkpoint(
        goal=params["goal"],
        done=tuple(params.get("done", ())),
        next_steps=tuple(params.get("next_steps", ())),
        files=tuple(params.get("files", ())),
        last_output=params.get("last_output", ""),
    )
    return SaveHandoff(
        client=params["client"],
        session=params["session"],
        cwd=params.get("cwd"),
        checkpoint=checkpoint,
    )


def newest(state: Path, wanted: str | None, limit: int) -> list[Row]:
    """The view of handoffs, goals cut."""
    rows = Reader(state / "handoffs.db").rows(
        "select * from inspect_handoffs where (?1 is null or state = ?1)"
        " order by updated_at_ms desc, id desc limit ?2",
        (wanted, limit),
    )
    ids = [row["task_id"] for row in rows if row["task_id"] and row["state"] == "open"]
    running = set(views.running_of(state, ids)) if ids else set()
    return [
        {
            **row,
            "goal": row["goal"][:GOAL_CHARACTERS],
            "task_runs": row["state"] == "open" and row["task_id"] in running,
        }
        for row in rows
    ]


def one(state: Path, id: str) -> dict[str, Any]:
    """A handoff with its checkpoint. Raises NotFound."""
    reader = Reader(state / "handoffs.db")
    rows = reader.rows("select * from inspect_handoffs where id = ?", (id,))
    if not rows:
        raise NotFound(f"there is no handoff {id}", cure="atlas handoffs lists them")
    texts = reader.rows("select checkpoint from inspect_checkpoints where id = ?", (id,))
    return {**rows[0], "checkpoint": json.loads(texts[0]["checkpoint"])}


async def _resume(door: Door, id: str, provider: str | None) -> str:
    """The attempt that follows consumes it; a second resume finds the task of the first."""
    found = await door.read(one, id)
    if found["state"] != "open":
        raise Conflict(f"handoff {id} is {found['state']} already")
    if found["task_id"] is not None:
        if provider is not None:
            raise UsageError(
                f"handoff {id} is of task {found['task_id']}, which goes on by its own route;"
                f" it cannot be given to {provider}",
                cure="leave the provider out",
            )
        await door.call(paths.TASKS, RetryTask(id=found["task_id"], handoff_id=id))
        return str(found["task_id"])
    order = SubmitTask(
        request=Request(prompt=prompt_of(found), cwd=found["cwd"], provider=provider),
        key=f"handoff:{id}",
        origin="handoff",
        handoff_id=id,
    )
    accepted = await door.call(paths.TASKS, order)
    if not accepted.created:
        raise Conflict(f"handoff {id} is gone on with already, as task {accepted.id}")
    return str(accepted.id)


def prompt_of(found: dict[str, Any]) -> str:
    """What a task is asked that goes on with a client's work."""
    checkpoint = found["checkpoint"]
    parts = [checkpoint["goal"]]
    for title, key in (
        ("Done so far", "done"),
        ("Files changed", "files"),
        ("Next steps", "next_steps"),
    ):
        if checkpoint[key]:
            parts.append(f"{title}:\n" + "\n".join(f"- {line}" for line in checkpoint[key]))
    return "\n\n".join(parts)
