"""A provider reads memories for the graph, on request: an ordinary task with a schema and a budget.

Only what is kept and trusted as an agent is, or more, is read; what comes of it is an agent's, and
goes when the memory goes in which it was read.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from atlas_actors import readings
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.gateway import views
from atlas_actors.messages.execution import Request
from atlas_actors.messages.learning import NoteReading, TakeReading
from atlas_actors.messages.memory import TRUST
from atlas_actors.messages.task import SubmitTask
from atlas_actors.store import Reader

TEXT_CHARACTERS: Final = 40_000  # of one task
BUDGET_USD: Final = 0.05


def orders_of(state: Path, params: dict[str, Any]) -> tuple[NoteReading, SubmitTask]:
    """What memory is to expect, and the task that reads. Raises NotFound, UsageError."""
    if ("ids" in params) == ("session" in params):
        raise UsageError("name either ids or a session")
    rows = Reader(state / "memory.db").rows(
        "select id, project, text from inspect_memories where state = 'kept' and trust >= ?1"
        " and (id in (select value from json_each(?2)) or session = ?3)"
        " order by number desc limit ?4",
        (
            TRUST["agent"],
            json.dumps(params.get("ids", [])),
            params.get("session"),
            readings.NOTES_MAX,
        ),
    )
    if not rows:
        raise NotFound("there are no such memories that a provider may read for the graph")
    projects = {row["project"] for row in rows}
    if len(projects) > 1:
        raise UsageError("these memories are of several projects", cure="ask for each project")
    rows.reverse()
    ids = tuple(row["id"] for row in rows)
    key = readings.GRAPH + hashlib.sha256("\n".join(ids).encode()).hexdigest()
    request = Request(
        prompt=readings.graph_prompt([row["text"] for row in rows], TEXT_CHARACTERS),
        schema=readings.GRAPH_ANSWER,
        provider=params.get("provider"),
        budget_usd=params.get("budget_usd", BUDGET_USD),
    )
    reading = NoteReading(key=key, project=projects.pop(), sources=ids)
    return reading, SubmitTask(request=request, key=key, origin="generated")


def taking_of(state: Path, id: str) -> TakeReading:
    """What a task that has read memories says. Raises NotFound, Conflict, UsageError."""
    task = views.task(state, id)
    if task["origin"] != "generated" or not (task["key"] or "").startswith(readings.GRAPH):
        raise UsageError(f"task {id} has not read memories for the graph")
    if task["state"] != "completed":
        raise Conflict(f"task {id} is {task['state']}", cure=f"atlas tasks show {id}")
    return TakeReading(key=task["key"], answer=task["result"])
