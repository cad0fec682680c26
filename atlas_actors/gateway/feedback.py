"""The feedback.* and health.* methods: how every part does, and what is adjusted because of it."""

import json
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import method
from atlas_actors.gateway.people import only_people
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.feedback import DecideAdjustment, KnobsWanted, RunFeedback
from atlas_actors.store import Reader, Row

LIST_ROWS: Final = 50
RUN_S: Final = 60.0
NUMBER: Final = {"type": "integer", "minimum": 1, "maximum": 2**53}

METHODS: Final = (
    method(
        "feedback.run",
        "Look at every part now → {id, new, report}; not new: nothing has been seen since the last"
        " look, nothing was done, and the report is its.",
        object_schema({}),
    ),
    method(
        "feedback.status",
        "→ {mode, last, knobs, adjustments}: the last look, every knob within its bounds, and the"
        " adjustments that wait for a person or are being measured.",
        object_schema({}),
    ),
    method(
        "feedback.history",
        "Adjustments, newest first, each with its reason and what came of it → {adjustments}.",
        object_schema({"limit": {"type": "integer", "minimum": 1, "maximum": 1000}}),
    ),
    method(
        "feedback.approve",
        "A person has an adjustment made → {id, state, knob, before, after}.",
        object_schema({"id": NUMBER}, "id"),
    ),
    method(
        "feedback.reject",
        "A person does not want an adjustment → {id, state, knob, before, after}.",
        object_schema({"id": NUMBER}, "id"),
    ),
    method(
        "feedback.undo",
        "A person takes an adjustment back → {id, state, knob, before, after}.",
        object_schema({"id": NUMBER}, "id"),
    ),
    method(
        "health.list",
        "Every part in the window that counts as now → {parts, actors}.",
        object_schema({}),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any], caller: Caller) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "feedback.run":
            return attrs.asdict(await door.ask(paths.ANALYTICS, RunFeedback(), RUN_S))
        case "feedback.status":
            known = await door.read(status)
            knobs = await door.call(paths.ORCHESTRATOR, KnobsWanted())
            return {**known, **attrs.asdict(knobs)}
        case "feedback.history":
            return {"adjustments": await door.read(history, params.get("limit", LIST_ROWS))}
        case "feedback.approve" | "feedback.reject" | "feedback.undo":
            await only_people(door, caller, name)
            decision: Any = name.rpartition(".")[2]
            order = DecideAdjustment(id=params["id"], decision=decision)
            return attrs.asdict(await door.call(paths.ANALYTICS, order))
        case "health.list":
            return await door.read(health)
    raise AssertionError(f"{name} is described but not answered")


def status(state: Path) -> dict[str, Any]:
    """The mode, the last look that found something new, and what is open."""
    with Reader(state / "analytics.db").snapshot() as rows:
        marks = {row["name"]: row["value"] for row in rows("select * from inspect_marks", ())}
        looks = rows("select id, at_ms, report from inspect_feedback limit 1", ())
        found = rows("select * from inspect_adjustments where state in ('proposed', 'applied')", ())
    last = [{**json.loads(row["report"]), "id": row["id"]} for row in looks]
    return {
        "mode": marks.get("mode"),
        "last": last[0] if last else None,
        "adjustments": [_adjustment(row) for row in found],
    }


def history(state: Path, limit: int) -> list[dict[str, Any]]:
    """Adjustments, newest first."""
    rows = Reader(state / "analytics.db").rows(
        "select * from inspect_adjustments order by id desc limit ?", (limit,)
    )
    return [_adjustment(row) for row in rows]


def health(state: Path) -> dict[str, Any]:
    """What is known of every part, and of every actor."""
    with Reader(state / "analytics.db").snapshot() as rows:
        parts = rows("select * from inspect_health where kind not in ('actor', 'queue')", ())
        actors = rows("select * from inspect_actors", ())
    return {
        "parts": [{**row, "faults": json.loads(row["faults"])} for row in parts],
        "actors": actors,
    }


def _adjustment(row: Row) -> dict[str, Any]:
    measured, numbers = json.loads(row["measured"]), json.loads(row["numbers"])
    return {**row, "numbers": numbers, "measured": measured or None}
