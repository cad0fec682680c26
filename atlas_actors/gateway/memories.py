"""The read models of memory, from memory.db's views."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.errors import NotFound, UsageError
from atlas_actors.store import Query, Reader, Row

TEXT_CHARACTERS: Final = 400
PAGE_BYTES_MAX: Final = 4 * 1_048_576
SHORT_MIN: Final = 4
_WHOLE: Final = (
    "number, id, project, session, kind, speaker, origin, trust, text, rationale, alternatives,"
    " tags, source, lineage, supersedes, state, pinned, approved_at_ms, superseded_by, at_ms,"
    " until_ms, created_at_ms, uses, useful, useless, used_at_ms"
)
# A list shows beginnings; the whole is in memory.get.
_BEGINNING: Final = _WHOLE.replace(
    " text,", f" substr(text, 1, {TEXT_CHARACTERS}) as text, length(text) as characters,"
)
_LISTS: Final = ("alternatives", "tags", "lineage", "supersedes")
_FILTERS: Final = (
    ("project", "scope = ?"),
    ("projects", "scope in (select value from json_each(?))"),
    ("kind", "kind = ?"),
    ("state", "state = ?"),
    ("session", "session = ?"),
    ("origin", "origin = ?"),
    ("pinned", "pinned = ?"),
    ("match", "instr(lower(text), lower(?))"),
    ("tag", "exists (select 1 from json_each(tags) where value = ?)"),
    ("before", "number < ?"),
)


def page(state: Path, wanted: dict[str, Any], limit: int) -> dict[str, Any]:
    """Memories, newest first → {items, next}: `next` is the `before` of the next page."""
    conditions = [sql for name, sql in _FILTERS if name in wanted]
    values = [_bound(wanted[name]) for name, _ in _FILTERS if name in wanted]
    where = f"where {' and '.join(conditions)}" if conditions else ""
    rows = Reader(state / "memory.db").rows(
        f"select {_BEGINNING} from inspect_memories {where}"  # noqa: S608 - our own constants
        " order by number desc limit ?",
        (*values, limit + 1),
    )
    more = len(rows) > limit
    items = [_shown(row) for row in rows[:limit]]
    return {"items": items, "next": items[-1]["number"] if more else None}


def one(state: Path, given: str) -> dict[str, Any]:
    """A memory whole, with where it was met again, what it was made from, what it has replaced and
    what has replaced it. Raises NotFound."""
    with Reader(state / "memory.db").snapshot() as rows:
        id = _whole_id(rows, given)
        (row,) = rows(f"select {_WHOLE} from inspect_memories where id = ?", (id,))  # noqa: S608
        sources = rows("select * from inspect_sources where id = ? order by at_ms", (id,))
        found = _shown(row)
        return {
            **found,
            "sources": [{k: v for k, v in one.items() if k != "id"} for one in sources],
            "made_from": _named(rows, found["lineage"]),
            "replaced": _replaced(rows, found),
            "replaced_by": _named(rows, [row["superseded_by"]] if row["superseded_by"] else []),
        }


def whole_ids(state: Path, given: Sequence[str]) -> tuple[str, ...]:
    """Whole ids of ids or of their ends, as the lists show them. Raises NotFound."""
    with Reader(state / "memory.db").snapshot() as rows:
        return tuple(_whole_id(rows, id) for id in given)


def _whole_id(rows: Query, given: str) -> str:
    if rows("select 1 from inspect_memories where id = ?", (given,)):
        return given
    found = []
    if len(given) >= SHORT_MIN:
        found = rows(
            "select id from inspect_memories where substr(id, -length(?1)) = ?1 limit 3", (given,)
        )
    if not found:
        raise NotFound(f"there is no memory {given}", cure="atlas memory list shows them")
    if len(found) > 1:
        raise UsageError(f"more than one memory's id ends in {given}", cure="give the whole id")
    return str(found[0]["id"])


def _named(rows: Query, ids: Sequence[str]) -> list[Row]:
    """Those of these that are there still, with the beginnings of their texts."""
    return rows(
        f"select id, kind, substr(text, 1, {TEXT_CHARACTERS}) as text, origin, trust, state,"  # noqa: S608
        " at_ms, until_ms from inspect_memories"
        " where id in (select value from json_each(?)) order by number",
        (json.dumps(list(ids)),),
    )


def _replaced(rows: Query, found: dict[str, Any]) -> list[Row]:
    """What holds no longer because of it, and why: said by whoever stored it, or by the rule."""
    said = set(found["supersedes"])
    ids = rows("select id from inspect_memories where superseded_by = ?", (found["id"],))
    return [
        {**row, "why": "it was named" if row["id"] in said else "both claim a value of the same"}
        for row in _named(rows, [row["id"] for row in ids])
    ]


def counts(state: Path) -> list[Row]:
    """How many by project, kind, state, origin and trust."""
    return Reader(state / "memory.db").rows(
        "select * from inspect_memory_counts order by count desc, project, kind, state"
    )


def numbers(state: Path) -> dict[str, int]:
    """What status shows: {kept, waiting}."""
    rows = Reader(state / "memory.db").rows(
        "select count(*) filter (where state = 'kept') as kept,"
        " count(*) filter (where state = 'quarantined') as waiting from inspect_memories"
    )
    return {"kept": int(rows[0]["kept"]), "waiting": int(rows[0]["waiting"])}


def exported(state: Path, project: str | None, after: int, limit: int) -> dict[str, Any]:
    """Whole memories, oldest first → {items, next}; a page is bounded in bytes too."""
    with Reader(state / "memory.db").snapshot() as rows:
        found = rows(
            f"select {_WHOLE} from inspect_memories"  # noqa: S608 - our own constants
            " where number > ?1 and (?2 is null or scope = ?2) order by number limit ?3",
            (after, project, limit),
        )
        items: list[dict[str, Any]] = []
        size = 0
        for row in found:
            size += len(row["text"]) + len(row["rationale"] or "") + 500
            if items and size > PAGE_BYTES_MAX:
                break
            items.append(_shown(row))
    whole = len(found) < limit and len(items) == len(found)
    return {"items": items, "next": None if whole or not items else items[-1]["number"]}


def _bound(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def _shown(row: Row) -> dict[str, Any]:
    shown = {**row, "pinned": bool(row["pinned"])}
    for name in _LISTS:
        shown[name] = json.loads(row[name])
    return shown
