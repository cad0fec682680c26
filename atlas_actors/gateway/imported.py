"""Memories out of a file: what it says of itself is text, unless a person vouches for it."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import COUNT, NAME, TEXT
from atlas_actors.gateway.remembered import items_of
from atlas_actors.json_schema import object_schema, or_null
from atlas_actors.messages import paths
from atlas_actors.messages.memory import (
    KINDS,
    TRUST,
    DecideMemory,
    NewEntity,
    NewMemory,
    NewRelation,
    Origin,
    StoreMemories,
)

_LIST: Final = {"type": "array", "items": TEXT, "maxItems": 1_000}
_TEXT: Final = or_null({"type": "string", "maxLength": 65_536})
_WHOLE: Final = or_null(COUNT)
EXPORTED: Final = object_schema(
    {
        "number": COUNT,
        "id": NAME,
        "project": _TEXT,
        "session": _TEXT,
        "kind": {"enum": list(KINDS)},
        "speaker": _TEXT,
        "origin": {"enum": list(TRUST)},
        "trust": {"type": "integer", "minimum": 0, "maximum": 3},
        "text": TEXT,
        "rationale": _TEXT,
        "alternatives": _LIST,
        "tags": _LIST,
        "source": _TEXT,
        "lineage": _LIST,
        "supersedes": _LIST,
        "state": {"enum": ["kept", "quarantined", "superseded", "rejected"]},
        "pinned": {"type": "boolean"},
        "approved_at_ms": _WHOLE,
        "superseded_by": _TEXT,
        "at_ms": COUNT,
        "until_ms": _WHOLE,
        "created_at_ms": COUNT,
        "uses": COUNT,
        "useful": COUNT,
        "useless": COUNT,
        "used_at_ms": _WHOLE,
    },
    "kind",
    "text",
)
_TAKEN: Final = (
    "kind", "text", "project", "session", "speaker", "at_ms", "source", "rationale",
    "alternatives", "tags", "supersedes",
)  # fmt: skip


def origin_in(item: Mapping[str, Any], trusts: bool) -> Origin:
    """Whose it counts as: a program's, or, where a person vouches for the file, whose it says, and
    that only if its trust is not lower."""
    if not trusts:
        return "program"
    origin: Origin = item.get("origin", "program")
    if item.get("trust", TRUST[origin]) < TRUST[origin]:
        return next(name for name in TRUST if TRUST[name] <= item["trust"])
    return origin


async def take(door: Door, items: list[dict[str, Any]], trusts: bool) -> dict[str, Any]:
    """Store them in their order, each run of one origin at once. What was rejected is skipped; what
    a person had approved is approved again where the file is vouched for."""
    kept = [item for item in items if item.get("state") != "rejected"]
    stored: list[dict[str, Any]] = []
    for origin, run in _runs(kept, trusts):
        new: tuple[NewMemory | NewEntity | NewRelation, ...] = items_of(
            {name: item[name] for name in _TAKEN if item.get(name) is not None} for item in run
        )
        done = await door.call(paths.MEMORY, StoreMemories(items=new, origin=origin))
        for item, one in zip(run, done.stored, strict=True):
            became = one
            if trusts and one.quarantined and item.get("approved_at_ms"):
                became = await door.call(paths.MEMORY, DecideMemory(id=one.id, approve=True))
            stored.append({**attrs.asdict(became), "was": item.get("id")})
    return {
        "ids": [one["id"] for one in stored],
        "stored": stored,
        "skipped": len(items) - len(kept),
    }


def _runs(items: list[dict[str, Any]], trusts: bool) -> list[tuple[Origin, list[dict[str, Any]]]]:
    runs: list[tuple[Origin, list[dict[str, Any]]]] = []
    for item in items:
        origin = origin_in(item, trusts)
        if not runs or runs[-1][0] != origin:
            runs.append((origin, []))
        runs[-1][1].append(item)
    return runs
