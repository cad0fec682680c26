"""What there is to see of an entity: itself, its observations, and the facts around it."""

import json
from typing import Final

from atlas_actors.memory.graph.names import norm
from atlas_actors.memory.graph.walk import walk
from atlas_actors.messages.graph import (
    EntityShown,
    FactShown,
    GraphShown,
    ObservationShown,
    ShowGraph,
)
from atlas_actors.store import Query, Row

NAMED_MAX: Final = 20  # the same name in several projects
OBSERVATIONS_MAX: Final = 200
MEMORIES_MAX: Final = 20
MENTIONS_COUNTED: Final = 10_000
_THESE: Final = "(select value from json_each(?1))"
_NAMED: Final = (
    "select id, name, kind, project from entities where norm = ?1"
    " and (?2 is null or project in ('', ?2))"
    " union select entities.id, name, kind, entities.project from aliases"
    " join entities on entities.id = entity where aliases.norm = ?1"
    " and (?2 is null or aliases.project in ('', ?2)) order by 1 limit ?3"
)


def shown(rows: Query, wanted: ShowGraph) -> GraphShown | None:
    """The entities of that name with what is around them; None: there is none."""
    named = rows(_NAMED, (norm(wanted.name), wanted.project, NAMED_MAX))
    if not named:
        return None
    steps = walk(rows, [row["id"] for row in named], wanted.hops, wanted.at_ms)
    started = {row["id"] for row in named}
    ends = {id for step in steps for id in (step.subject, step.object)} - started
    others = rows(
        f"select id, name, kind, project from entities where id in {_THESE} order by id",  # noqa: S608
        (json.dumps(list(ends)),),
    )
    ids = _memory_ids(rows, [step.number for step in steps if step.number is not None])
    facts = (
        FactShown(
            subject=step.subject,
            relation=step.relation,
            object=step.object,
            from_ms=step.from_ms,
            until_ms=step.until_ms,
            trust=step.trust,
            memory=None if step.number is None else ids.get(step.number),
            hop=step.hop,
            near=step.near,
        )
        for step in steps
    )
    return GraphShown(
        named=tuple(_whole(rows, row, wanted.at_ms) for row in named),
        others=tuple(_entity(row) for row in others),
        facts=tuple(facts),
    )


def _entity(row: Row) -> EntityShown:
    return EntityShown(
        id=row["id"], name=row["name"], kind=row["kind"], project=row["project"] or None
    )


def _whole(rows: Query, row: Row, at_ms: int | None) -> EntityShown:
    id = row["id"]
    observations = rows(
        "select text, from_ms, until_ms, trust from observations where entity = ?1"
        " and (?2 is null or (from_ms <= ?2 and (until_ms is null or until_ms > ?2)))"
        " order by id limit ?3",
        (id, at_ms, OBSERVATIONS_MAX),
    )
    aliases = rows("select alias from aliases where entity = ? order by norm", (id,))
    newest = rows(
        "select number from mentions where entity = ? order by number desc limit ?",
        (id, MEMORIES_MAX),
    )
    (counted,) = rows(
        "select count(*) as n from (select 1 from mentions where entity = ? limit ?)",
        (id, MENTIONS_COUNTED),
    )
    ids = _memory_ids(rows, [found["number"] for found in newest])
    return EntityShown(
        id=id,
        name=row["name"],
        kind=row["kind"],
        project=row["project"] or None,
        aliases=tuple(found["alias"] for found in aliases),
        observations=tuple(ObservationShown(**found) for found in observations),
        memories=tuple(ids[found["number"]] for found in newest),
        mentions=counted["n"],
    )


def _memory_ids(rows: Query, numbers: list[int]) -> dict[int, str]:
    found = rows(
        f"select number, id from memories where number in {_THESE}",  # noqa: S608
        (json.dumps(numbers),),
    )
    return {row["number"]: row["id"] for row in found}
