"""The memory.* methods: what is remembered, recalled, forgotten, and decided about.

Whose a memory is comes from who calls and by which method, never from what a parameter says.
"""

from typing import Any, Final

import attrs

from atlas_actors.errors import Conflict, Unavailable
from atlas_actors.gateway import memories
from atlas_actors.gateway.caller import Caller, origin_of
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.imported import EXPORTED, take
from atlas_actors.gateway.method import COUNT, NAME, TIME, method
from atlas_actors.gateway.remembered import (
    ID_LIKE,
    IDS,
    ITEMS,
    OWN_WORDS,
    PROJECT,
    forget_of,
    items_of,
    kind_of,
    recall_of,
)
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.memory import (
    KINDS,
    TRUST,
    DecideMemory,
    ForgetMemories,
    MemoryStatsWanted,
    Origin,
    RateMemories,
    StoreMemories,
)

LIST_ROWS: Final = 50
FORGET_S: Final = 600.0  # every byte of the files is searched afterwards
_LIMIT: Final = {"type": "integer", "minimum": 1, "maximum": 1_000}
_WORDS: Final = {"type": "string", "minLength": 1, "maxLength": 1_000_000}
_NAMES: Final = {"type": "string", "maxLength": 1_000}

METHODS: Final = (
    method(
        "memory.store",
        "Remember, all or none → {ids, stored: [{id, result, quarantined, superseded}], origin};"
        " an entity's text is its name, a relation's may be 'A -uses-> B'.",
        object_schema({"items": ITEMS}, "items"),
    ),
    method(
        "memory.remember",
        "Remember a person's own words → {id, kind, result, quarantined, superseded, origin}."
        " From inside a coding agent they are the agent's.",
        object_schema(OWN_WORDS, "text"),
    ),
    method(
        "memory.recall",
        "What is known of this, best first → {items, level, generation}; `injectable` leaves out"
        " what may not be put before a model.",
        object_schema(
            {
                "query": _WORDS,
                "k": {"type": "integer", "minimum": 1, "maximum": 1_000},
                "project": PROJECT,
                "kinds": {"type": "array", "items": {"enum": list(KINDS)}, "maxItems": 5},
                "session": _NAMES,
                "budget_tokens": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                "at_ms": TIME,
                "injectable": {"type": "boolean"},
                "explain": {"type": "boolean"},
            },
            "query",
        ),
    ),
    method(
        "memory.forget",
        "Delete all that fits every filter, and search the files for it → {ids, entities,"
        " files_searched, found_again, found_in, cache_cleared}.",
        object_schema(
            {
                "ids": IDS,
                "match": _WORDS,
                "project": PROJECT,
                "session": _NAMES,
                "entity": NAME,
                "dry_run": {"type": "boolean"},
            }
        ),
    ),
    method(
        "memory.rate",
        "These were of use in what they were recalled for, or were not → {ids}.",
        object_schema({"ids": IDS, "useful": {"type": "boolean"}}, "ids", "useful"),
    ),
    method(
        "memory.approve",
        "A person takes over what another has said: it may be pinned, and shown to models.",
        object_schema({"id": ID_LIKE}, "id"),
    ),
    method(
        "memory.reject",
        "A person says that it does not hold.",
        object_schema({"id": ID_LIKE}, "id"),
    ),
    method(
        "memory.list",
        "Newest first → {items, next}: `next` is the `before` of the next page; texts are cut. The"
        " project '' is what holds in every project.",
        object_schema(
            {
                "project": PROJECT,
                "projects": {"type": "array", "items": PROJECT, "minItems": 1, "maxItems": 100},
                "kind": {"enum": list(KINDS)},
                "state": {"enum": ["kept", "quarantined", "superseded", "rejected"]},
                "session": _NAMES,
                "origin": {"enum": list(TRUST)},
                "tag": NAME,
                "match": _WORDS,
                "pinned": {"type": "boolean"},
                "before": COUNT,
                "limit": _LIMIT,
            }
        ),
    ),
    method(
        "memory.get",
        "One memory whole, with its sources, what it was made from and what it has replaced; the"
        " end of an id will do.",
        object_schema({"id": ID_LIKE}, "id"),
    ),
    method("memory.stats", "What is there, and how each level does.", object_schema({})),
    method(
        "memory.export",
        "Whole memories, oldest first → {items, next}: `next` is the `after` of the next page.",
        object_schema({"project": PROJECT, "after": COUNT, "limit": _LIMIT}),
    ),
    method(
        "memory.import",
        "Take over exported memories → {ids, stored, skipped}. What a file says of its trust counts"
        " only with `trust`, for a person.",
        object_schema(
            {
                "items": {"type": "array", "items": EXPORTED, "minItems": 1, "maxItems": 1_000},
                "trust": {"type": "boolean"},
            },
            "items",
        ),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any], caller: Caller) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "memory.store":
            return await _store(door, params["items"], await _origin(door, caller))
        case "memory.remember":
            return await _remember(door, params, await _origin(door, caller, own_words=True))
        case "memory.recall":
            found = await door.call(paths.MEMORY, recall_of(params))
            items = [attrs.asdict(item, recurse=False) for item in found.items]
            return {**attrs.asdict(found, recurse=False), "items": items}
        case "memory.forget":
            return await _forget(door, params)
        case "memory.rate":
            ids = await door.read(memories.whole_ids, params["ids"])
            order = RateMemories(ids=ids, useful=params["useful"], rated_by="client")
            await door.call(paths.MEMORY, order)
            return {"ids": ids}
        case "memory.approve" | "memory.reject":
            await _only_people(door, caller, name)
            (id,) = await door.read(memories.whole_ids, [params["id"]])
            decide = DecideMemory(id=id, approve=name == "memory.approve")
            return attrs.asdict(await door.call(paths.MEMORY, decide))
        case "memory.list":
            wanted = {name: value for name, value in params.items() if name != "limit"}
            return await door.read(memories.page, wanted, params.get("limit", LIST_ROWS))
        case "memory.get":
            return await door.read(memories.one, params["id"])
        case "memory.stats":
            return await _stats(door)
        case "memory.export":
            return await door.read(
                memories.exported,
                params.get("project"),
                params.get("after", 0),
                params.get("limit", LIST_ROWS),
            )
        case "memory.import":
            trusts = params.get("trust", False)
            if trusts:
                await _only_people(door, caller, "memory.import with trust")
            return await take(door, params["items"], trusts)
    raise AssertionError(f"{name} is described but not answered")


async def _origin(door: Door, caller: Caller, *, own_words: bool = False) -> Origin:
    return origin_of(await door.on_thread(lambda: caller.inside), own_words=own_words)


async def _only_people(door: Door, caller: Caller, name: str) -> None:
    """Raises Conflict for a call from inside an agent, or from who knows where."""
    if await _origin(door, caller, own_words=True) != "person":
        raise Conflict(
            f"{name} is a person's to call, and this call comes from inside a coding agent or from"
            " where that cannot be seen",
            cure="call it from a terminal of your own",
        )


async def _store(door: Door, items: list[dict[str, Any]], origin: Origin) -> dict[str, Any]:
    done = await door.call(paths.MEMORY, StoreMemories(items=items_of(items), origin=origin))
    return {
        "ids": [one.id for one in done.stored],
        "stored": [attrs.asdict(one) for one in done.stored],
        "origin": origin,
    }


async def _remember(door: Door, params: dict[str, Any], origin: Origin) -> dict[str, Any]:
    item = {"kind": kind_of(params["text"]), **params}
    if "supersedes" in item:
        item["supersedes"] = await door.read(memories.whole_ids, item["supersedes"])
    done = await _store(door, [item], origin)
    return {**done["stored"][0], "kind": item["kind"], "origin": origin}


async def _forget(door: Door, params: dict[str, Any]) -> dict[str, Any]:
    ids = await door.read(memories.whole_ids, params.get("ids", ()))
    order: ForgetMemories = forget_of(params, ids)
    return attrs.asdict(await door.ask(paths.MEMORY, order, FORGET_S))


async def _stats(door: Door) -> dict[str, Any]:
    """What the views say, and what the actor does where it answers."""
    counts = await door.read(memories.counts)
    try:
        living = attrs.asdict(await door.call(paths.MEMORY, MemoryStatsWanted()))
    except Unavailable as error:
        living = {"generation": None, "cache": None, "embedder": None, "reason": error.message}
    files = [door.home.state / f"memory.db{suffix}" for suffix in ("", "-wal")]
    return {
        "counts": counts,
        **living,
        "db_bytes": sum(file.stat().st_size for file in files if file.exists()),
    }
