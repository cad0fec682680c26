"""The graph.* methods: the knowledge graph shown, listed, taken out and in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.gateway import graph_lines, graph_reading
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import COUNT, ID, NAME, TIME, method
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.graph import ShowGraph
from atlas_actors.messages.learning import ReadingTaken
from atlas_actors.messages.memory import NewEntity, NewRelation, Origin, StoreMemories
from atlas_actors.store import Reader

LIST_ROWS: Final = 50
EXPORT_LINES: Final = 500
_PROJECT: Final = {"type": "string", "minLength": 1, "maxLength": 4096}
_LIMIT: Final = {"type": "integer", "minimum": 1, "maximum": 1_000}

METHODS: Final = (
    method(
        "graph.show",
        "What is known of an entity, up to three hops around it → {named, others, facts}; with"
        " `at_ms` as of then, without also what has ended.",
        object_schema(
            {
                "name": {"type": "string", "minLength": 1, "maxLength": 500},
                "project": _PROJECT,
                "hops": {"type": "integer", "minimum": 0, "maximum": 3},
                "at_ms": TIME,
            },
            "name",
        ),
    ),
    method(
        "graph.list",
        "Entities, newest first → {entities, next}: `next` is the `before` of the next page.",
        object_schema(
            {
                "project": _PROJECT,
                "kind": NAME,
                "match": NAME,
                "before": COUNT,
                "limit": _LIMIT,
            }
        ),
    ),
    method(
        "graph.export",
        "Entities and relations as lines of the MCP reference memory server → {lines, next}:"
        " `next` is the `after` of the next page. With `full` also projects, aliases, dates, and"
        " what has ended.",
        object_schema(
            {
                "project": _PROJECT,
                "after": {"type": "string", "pattern": "^(entity|fact)-[0-9]{1,15}$"},
                "limit": _LIMIT,
                "full": {"type": "boolean"},
            }
        ),
    ),
    method(
        "graph.import",
        "Take over such lines, all or none → {entities, relations, skipped}.",
        object_schema(
            {
                "lines": {"type": "array", "maxItems": 1_000, "items": {"type": "object"}},
                "project": _PROJECT,
            },
            "lines",
        ),
    ),
    method(
        "graph.extract",
        "Have a provider read memories for the graph, as a task within a budget (0.05 $ unless"
        " said) → {task_id, project}. What it says is taken over by the cycle, or by graph.apply.",
        object_schema(
            {
                "ids": {"type": "array", "items": ID, "minItems": 1, "maxItems": 100},
                "session": NAME,
                "provider": NAME,
                "budget_usd": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000},
            }
        ),
    ),
    method(
        "graph.apply",
        "Take over what a completed task of graph.extract says, once → {entities, relations}.",
        object_schema({"task_id": ID}, "task_id"),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any], origin: Origin = "program") -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "graph.show":
            return attrs.asdict(await door.call(paths.MEMORY, ShowGraph(**params)))
        case "graph.list":
            return await door.read(newest, params)
        case "graph.export":
            after, limit = params.get("after", ""), params.get("limit", EXPORT_LINES)
            project, full = params.get("project"), params.get("full", False)
            return await door.on_thread(
                lambda: graph_lines.page(door.home.state, project, after, limit, full=full)
            )
        case "graph.import":
            return await _import(door, params, origin)
        case "graph.extract":
            reading, order = await door.read(graph_reading.orders_of, params)
            await door.call(paths.MEMORY, reading)
            accepted = await door.call(paths.TASKS, order)
            return {"task_id": accepted.id, "project": reading.project}
        case "graph.apply":
            order = await door.read(graph_reading.taking_of, params["task_id"])
            taken: ReadingTaken = await door.call(paths.MEMORY, order)
            if taken.problem or not taken.known:
                why = taken.problem or "memory does not know of it (any more)"
                raise UsageError(f"nothing was taken over of task {params['task_id']}: {why}")
            return {"entities": taken.entities, "relations": taken.relations}
    raise AssertionError(f"{name} is described but not answered")


async def _import(door: Door, params: dict[str, Any], origin: Origin) -> dict[str, int]:
    taken = graph_lines.taken(enumerate(params["lines"], 1), params.get("project"))
    await _store(door, taken.items, origin)
    return {**_counted(taken.items), "skipped": taken.skipped}


async def _store(door: Door, items: Sequence[NewEntity | NewRelation], origin: Origin) -> None:
    if items:
        await door.call(paths.MEMORY, StoreMemories(items=tuple(items), origin=origin))


def _counted(items: Sequence[NewEntity | NewRelation]) -> dict[str, int]:
    entities = {item.name for item in items if isinstance(item, NewEntity)}
    relations = sum(isinstance(item, NewRelation) for item in items)
    return {"entities": len(entities), "relations": relations}


def newest(state: Path, params: dict[str, Any]) -> dict[str, Any]:
    """Entities with how often they are named."""
    limit = params.get("limit", LIST_ROWS)
    rows = Reader(state / "memory.db").rows(
        "select id, name, kind, nullif(project, '') as project, created_at_ms, mentions, facts"
        " from inspect_entities where (?1 is null or project in ('', ?1))"
        " and (?2 is null or kind = ?2) and (?3 is null or instr(lower(name), lower(?3)))"
        " and (?4 is null or id < ?4) order by id desc limit ?5",
        (
            params.get("project"),
            params.get("kind"),
            params.get("match"),
            params.get("before"),
            limit,
        ),
    )
    return {"entities": rows, "next": rows[-1]["id"] if len(rows) == limit else None}
