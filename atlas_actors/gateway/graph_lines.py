"""The JSON-lines format of the MCP reference memory server, as messages and out of the views.

One object a line: {"type": "entity", "name", "entityType", "observations"} or {"type": "relation",
"from", "to", "relationType"}. With `full` there are also project, aliases and dates, which that
server leaves out when it reads. What has ended is exported with `full` only: there are no dates to
tell it from what holds.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.gateway.method import TIME
from atlas_actors.json_schema import SchemaValidator
from atlas_actors.messages.memory import NewEntity, NewRelation
from atlas_actors.store import Query, Reader, Row

PROBLEMS_SHOWN: Final = 5
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 500}
_WORD: Final = {"type": "string", "minLength": 1, "maxLength": 200}
_PROJECT: Final = {"type": ["string", "null"], "maxLength": 4096}
_ENTITY: Final = SchemaValidator(
    {
        "type": "object",
        "properties": {
            "name": _NAME,
            "entityType": {"type": "string", "maxLength": 200},
            "observations": {
                "type": "array",
                "maxItems": 1_000,
                "items": {"type": "string", "maxLength": 10_000},
            },
            "aliases": {"type": "array", "maxItems": 100, "items": _NAME},
            "observedMs": {"type": "array", "maxItems": 1_000, "items": TIME},
            "project": _PROJECT,
        },
        "required": ["name", "entityType", "observations"],
    }
)
_RELATION: Final = SchemaValidator(
    {
        "type": "object",
        "properties": {
            "from": _NAME,
            "to": _NAME,
            "relationType": _WORD,
            "fromMs": TIME,
            "project": _PROJECT,
        },
        "required": ["from", "to", "relationType"],
    }
)
# ?1 is a project, ?2 the last id of the page before, ?4 full; else a name has one line.
_ENTITIES: Final = (
    "select id, project, kind, name, norm from inspect_entities e where id > ?2"
    " and (?1 is null or project in ('', ?1))"
    " and (?4 or not exists (select 1 from inspect_entities o where o.norm = e.norm"
    " and o.id < e.id and (?1 is null or o.project in ('', ?1)))) order by id limit ?3"
)
# What holds, each once, by the name that the entity's line has.
_FACTS: Final = (
    "select id, project, subject_norm, subject_name, relation, object_norm, object_name, from_ms,"
    " until_ms from inspect_facts f where id > ?2 and (?1 is null or project in ('', ?1))"
    " and (?4 or (until_ms is null and not exists (select 1 from inspect_facts o"
    " where o.subject = f.subject and o.relation = f.relation and o.object = f.object"
    " and o.until_ms is null and o.id < f.id))) order by id limit ?3"
)
_OBSERVED: Final = (
    "select {by} as key, text, from_ms from inspect_observations"
    " where {by} in (select value from json_each(?2)) and (?1 is null or project in ('', ?1))"
    " and (?3 or until_ms is null) order by id"
)
_OBSERVED_BY: Final = {
    "id": _OBSERVED.format(by="entity"),
    "norm": _OBSERVED.format(by="norm"),
}
_ALIASES: Final = (
    "select entity, alias from inspect_aliases where entity in (select value from json_each(?))"
    " order by norm"
)
_FIRST_NAMES: Final = (
    "select norm, name from inspect_entities where norm in (select value from json_each(?2))"
    " and (?1 is null or project in ('', ?1)) order by id desc"
)


@attrs.frozen(kw_only=True)
class Taken:
    """What lines say; `skipped` are of a type that is neither."""

    items: tuple[NewEntity | NewRelation, ...]
    skipped: int


def taken(numbered: Iterable[tuple[int, Any]], project: str | None = None) -> Taken:
    """(line number, object) as messages; fields that we do not know are left out.

    Raises UsageError with the numbers of the lines that are wrong.
    """
    items: list[NewEntity | NewRelation] = []
    problems: list[str] = []
    skipped = 0
    for number, line in numbered:
        kind = line.get("type") if isinstance(line, dict) else None
        if not isinstance(kind, str):
            problems.append(f"line {number}: it has no type")
        elif kind == "entity":
            problem = _ENTITY.problem(line) or _not_written(line["name"])
            problems += [f"line {number}: {problem}"[:300]] if problem else []
            items += [] if problem else _entity(line, project)
        elif kind == "relation":
            problem = _RELATION.problem(line)
            problem = problem or _not_written(line["from"]) or _not_written(line["to"])
            problem = problem or _not_written(line["relationType"])
            problems += [f"line {number}: {problem}"[:300]] if problem else []
            items += [] if problem else [_relation(line, project)]
        else:
            skipped += 1
    if problems:
        more = len(problems) - PROBLEMS_SHOWN
        told = "; ".join(problems[:PROBLEMS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise UsageError(f"{told}; nothing was taken over")
    return Taken(items=tuple(items), skipped=skipped)


def _not_written(name: str) -> str:
    return "" if name.strip("`\"'“”‘’«» \t\r\n") else "a name is empty"


def _entity(line: dict[str, Any], project: str | None) -> list[NewEntity]:
    """One, and one more for each other time at which something was observed."""
    given = {"name": line["name"], "kind": line["entityType"], "project": _project(line, project)}
    times = line.get("observedMs", [])
    at_once = line["observations"][len(times) :]
    by_time: dict[int, list[str]] = {}
    for text, at_ms in zip(line["observations"], times, strict=False):
        by_time.setdefault(at_ms, []).append(text)
    first = NewEntity(**given, aliases=tuple(line.get("aliases", ())), observations=tuple(at_once))
    others = [
        NewEntity(**given, observations=tuple(texts), at_ms=at_ms)
        for at_ms, texts in by_time.items()
    ]
    return [first, *others]


def _relation(line: dict[str, Any], project: str | None) -> NewRelation:
    return NewRelation(
        subject=line["from"],
        relation=line["relationType"],
        object=line["to"],
        project=_project(line, project),
        at_ms=line.get("fromMs"),
    )


def _project(line: dict[str, Any], project: str | None) -> str | None:
    return project or line.get("project") or None


def page(state: Path, project: str | None, after: str, limit: int, *, full: bool) -> dict[str, Any]:
    """Entities and then relations, oldest first → {lines, next}; `next` is null at the end."""
    part, _, last = after.rpartition("-")
    lines: list[dict[str, Any]] = []
    cursor: str | None = None
    with Reader(state / "memory.db").snapshot() as rows:
        if part in ("", "entity"):
            found = rows(_ENTITIES, (project, int(last or 0), limit, int(full)))
            lines = _entity_lines(rows, found, project, full=full)
            cursor = f"entity-{found[-1]['id']}" if len(found) == limit else "fact-0"
            return {"lines": lines, "next": cursor}
        found = rows(_FACTS, (project, int(last), limit, int(full)))
        names = {} if full else _first_names(rows, found, project)
        lines = [_relation_line(row, names, full=full) for row in found]
        cursor = f"fact-{found[-1]['id']}" if len(found) == limit else None
    return {"lines": lines, "next": cursor}


def _entity_lines(
    rows: Query, found: Sequence[Row], project: str | None, *, full: bool
) -> list[dict[str, Any]]:
    by = "id" if full else "norm"
    observed: dict[Any, list[Row]] = {}
    keys = json.dumps([row[by] for row in found])
    for row in rows(_OBSERVED_BY[by], (project, keys, int(full))):
        observed.setdefault(row["key"], []).append(row)
    aliases: dict[int, list[str]] = {}
    for row in rows(_ALIASES, (json.dumps([row["id"] for row in found]),)) if full else ():
        aliases.setdefault(row["entity"], []).append(row["alias"])
    lines = []
    for row in found:
        seen = observed.get(row[by], [])
        line = {
            "type": "entity",
            "name": row["name"],
            "entityType": row["kind"],
            "observations": list(dict.fromkeys(one["text"] for one in seen)),
        }
        if full:
            line["observedMs"] = [one["from_ms"] for one in seen]
            line |= {"aliases": aliases[row["id"]]} if row["id"] in aliases else {}
            line |= {"project": row["project"]} if row["project"] else {}
        lines.append(line)
    return lines


def _first_names(rows: Query, found: Sequence[Row], project: str | None) -> dict[str, str]:
    norms = {row[side] for row in found for side in ("subject_norm", "object_norm")}
    named = rows(_FIRST_NAMES, (project, json.dumps(list(norms))))
    return {row["norm"]: row["name"] for row in named}


def _relation_line(row: Row, names: dict[str, str], *, full: bool) -> dict[str, Any]:
    line = {
        "type": "relation",
        "from": names.get(row["subject_norm"], row["subject_name"]),
        "to": names.get(row["object_norm"], row["object_name"]),
        "relationType": row["relation"],
    }
    if full:
        line["fromMs"] = row["from_ms"]
        line |= {"untilMs": row["until_ms"]} if row["until_ms"] is not None else {}
        line |= {"project": row["project"]} if row["project"] else {}
    return line
