"""The SQL of the graph's tables in memory.db."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import attrs

from atlas_actors.memory.graph import timeline
from atlas_actors.store import Row, Store

# Of one (subject, relation) this many are put in order: nothing older changes any more.
TIMELINE_ROWS: Final = 200


def find(store: Store, norm: str, project: str) -> int | None:
    """The entity of that name or alias in exactly that project ('': every project)."""
    for sql in (
        "select id from entities where norm = ? and project = ?",
        "select entity from aliases where norm = ? and project = ?",
    ):
        for (id,) in store.connection.execute(sql, (norm, project)):
            return int(id)
    return None


def known(store: Store, norms: Collection[str], project: str) -> dict[str, list[int]]:
    """The entities of exactly that project that have one of these names or aliases, by that."""
    if not norms:
        return {}
    # Not `union`: to have its order SQLite would go through all entities of the project.
    rows = store.connection.execute(
        "select norm, id from entities where norm in (select value from json_each(?1))"
        " and project = ?2"
        " union all select norm, entity from aliases"
        " where norm in (select value from json_each(?1)) and project = ?2",
        (json.dumps(list(norms)), project),
    )
    found: dict[str, list[int]] = {}
    for norm, id in rows:
        found.setdefault(norm, []).append(id)
    return found


def newest(store: Store) -> int:
    """The entity that was made last, 0 for none."""
    for (id,) in store.connection.execute("select max(id) from entities"):
        return id or 0
    return 0


def named(store: Store, norm: str, project: str | None) -> list[int]:
    """The entities of that name or alias in exactly that project; None: in every one."""
    rows = store.rows(
        "select id from entities where norm = ?1 and (?2 is null or project = ?2)"
        " union select entity from aliases where norm = ?1 and (?2 is null or project = ?2)",
        (norm, project),
    )
    return [row["id"] for row in rows]


def entity(store: Store, id: int) -> Row:
    """One entity's columns."""
    row = store.row("select * from entities where id = ?", (id,))
    assert row is not None
    return row


def add_entity(
    store: Store, project: str, kind: str, name: str, norm: str, *, stated: bool, now_ms: int
) -> int:
    """A new entity's id."""
    store.connection.execute(
        "insert into entities (project, kind, name, norm, stated, created_ms)"
        " values (?, ?, ?, ?, ?, ?)",
        (project, kind, name, norm, int(stated), now_ms),
    )
    return store.connection.last_insert_rowid()


def state(store: Store, id: int, kind: str | None) -> None:
    """Somebody names it by itself, and perhaps says of what kind it is."""
    store.run(
        "update entities set stated = 1, kind = coalesce(?2, kind)"
        " where id = ?1 and (stated = 0 or kind <> coalesce(?2, kind))",
        (id, kind),
    )


def add_alias(store: Store, id: int, project: str, norm: str, alias: str) -> None:
    """Another name; nothing has it yet."""
    store.run(
        "insert into aliases (project, norm, entity, alias) values (?, ?, ?, ?)",
        (project, norm, id, alias),
    )


def merge(store: Store, id: int, other: int) -> None:
    """All that is of `other` becomes of `id`."""
    gone = entity(store, other)
    both = {"id": id, "other": other}  # each statement takes what it names
    pairs = store.rows(
        "select subject, relation from facts where :other in (subject, object)", both
    )
    for sql in (
        "update or ignore mentions set entity = :id where entity = :other",
        "update or ignore observations set entity = :id where entity = :other",
        "update or ignore facts set subject = :id where subject = :other",
        "update or ignore facts set object = :id where object = :other",
        "update aliases set entity = :id where entity = :other",
    ):
        store.run(sql, both)
    store.run("delete from facts where subject = ?1 and object = ?1", (id,))
    store.run("delete from entities where id = ?", (other,))
    add_alias(store, id, gone["project"], gone["norm"], gone["name"])
    for pair in pairs:
        subject = id if pair["subject"] == other else pair["subject"]
        put_in_order(store, subject, pair["relation"])


def mention(store: Store, mentions: Iterable[tuple[int, int, int]]) -> None:
    """(entity, number of the memory that names it, how often)."""
    store.connection.executemany(
        "insert into mentions (entity, number, count) values (?, ?, ?)"
        " on conflict do update set count = excluded.count",
        mentions,
    )


def mention_once(store: Store, number: int, id: int) -> None:
    """That memory names this entity, at least once."""
    store.run(
        "insert or ignore into mentions (entity, number, count) values (?, ?, 1)", (id, number)
    )


def observe(
    store: Store,
    id: int,
    text: str,
    *,
    from_ms: int,
    recorded_ms: int,
    trust: int,
    origin: str,
    number: int | None = None,
) -> None:
    """Keep an observation once; with `number` as long as that memory is kept."""
    store.run(
        "insert or ignore into observations"
        " (entity, text, from_ms, recorded_ms, trust, origin, number) values (?, ?, ?, ?, ?, ?, ?)",
        (id, text, from_ms, recorded_ms, trust, origin, number),
    )


@attrs.frozen(kw_only=True)
class NewFact:
    """A row of facts that is not there yet."""

    subject: int
    relation: str
    object: int
    from_ms: int
    recorded_ms: int
    trust: int
    origin: str = ""
    number: int | None = None


def fact_held(store: Store, fact: NewFact) -> int | None:
    """The same, said of the same source, and holding then."""
    row = store.row(
        "select id from facts where subject = ? and relation = ? and object = ?"
        " and number is ? and from_ms <= ? and (until_ms is null or until_ms > ?) limit 1",
        (fact.subject, fact.relation, fact.object, fact.number, fact.from_ms, fact.from_ms),
    )
    return None if row is None else int(row["id"])


def add_fact(store: Store, fact: NewFact) -> int:
    """Keep it, and end what it contradicts; its id."""
    known = fact_held(store, fact)
    if known is not None:
        return known
    store.run(
        "insert into facts (subject, relation, object, from_ms, recorded_ms, trust, origin,"
        " number) values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            fact.subject,
            fact.relation,
            fact.object,
            fact.from_ms,
            fact.recorded_ms,
            fact.trust,
            fact.origin,
            fact.number,
        ),
    )
    id = store.connection.last_insert_rowid()
    put_in_order(store, fact.subject, fact.relation)
    return id


def put_in_order(store: Store, subject: int, relation: str) -> None:
    """Write anew from when until when each value of a relation holds that has one at a time."""
    if not timeline.functional(relation):
        return
    rows = store.rows(
        "select id, object, from_ms, until_ms, ended_by, trust from facts"
        " where subject = ? and relation = ? order by from_ms desc, id desc limit ?",
        (subject, relation, TIMELINE_ROWS),
    )
    before = {row["id"]: (row["until_ms"], row["ended_by"]) for row in rows}
    said = [
        timeline.Said(id=row["id"], value=row["object"], from_ms=row["from_ms"], trust=row["trust"])
        for row in rows
    ]
    for end in timeline.ends(said):
        if before[end.id] != (end.until_ms, end.by):
            store.run(
                "update facts set until_ms = ?, ended_by = ? where id = ?",
                (end.until_ms, end.by, end.id),
            )


def forget_memories(store: Store, numbers: Sequence[int]) -> int:
    """Delete what was only in these memories; how many entities are gone."""
    given = (json.dumps(list(numbers)),)
    these = "(select value from json_each(?1))"
    touched = store.rows(
        f"select entity as id from mentions where number in {these}"  # noqa: S608
        f" union select subject from facts where number in {these}"
        f" union select object from facts where number in {these}",
        given,
    )
    pairs = store.rows(
        f"select distinct subject, relation from facts where number in {these}",  # noqa: S608
        given,
    )
    store.run(f"delete from mentions where number in {these}", given)  # noqa: S608
    store.run(f"delete from facts where number in {these}", given)  # noqa: S608
    store.run(f"delete from observations where number in {these}", given)  # noqa: S608
    for pair in pairs:
        put_in_order(store, pair["subject"], pair["relation"])
    return remove_unnamed(store, (row["id"] for row in touched))


def neighbours(store: Store, id: int) -> list[int]:
    """Every entity that a fact joins to this one."""
    rows = store.rows(
        "select object as id from facts where subject = ?1"
        " union select subject from facts where object = ?1",
        (id,),
    )
    return [row["id"] for row in rows if row["id"] != id]


def remove(store: Store, id: int) -> int:
    """Delete an entity, all that is said of it, and what only that named; how many are gone."""
    beside = neighbours(store, id)
    store.run("delete from entities where id = ?", (id,))
    return 1 + remove_unnamed(store, beside)


def remove_unnamed(store: Store, ids: Iterable[int]) -> int:
    """Delete those of these that nothing names any more; how many."""
    store.run(
        "delete from entities where id in (select value from json_each(?1)) and stated = 0"
        " and not exists (select 1 from mentions where entity = entities.id)"
        " and not exists (select 1 from facts where subject = entities.id)"
        " and not exists (select 1 from facts where object = entities.id)",
        (json.dumps(list(ids)),),
    )
    changed = store.row("select changes() as n")
    assert changed is not None
    return int(changed["n"])


@attrs.frozen(kw_only=True)
class Gone:
    """What was deleted: how many entities, and the texts that were."""

    entities: int
    texts: list[str]


def forget_matching(store: Store, match: str, project: str | None) -> Gone:
    """Delete observations, relations, aliases and entities that have this text, in any case."""
    sought = match.casefold()

    def having(sql: str) -> list[Row]:
        rows = store.rows(sql, (project,))
        return [row for row in rows if sought in row["text"].casefold()]

    here = "(?1 is null or e.project = ?1)"
    names = having(f"select id, name as text from entities e where {here}")  # noqa: S608
    texts = [row["text"] for row in names]
    entities = sum(remove(store, row["id"]) for row in names)
    for table, column in (("observations", "entity"), ("facts", "subject")):
        what = "text" if table == "observations" else "relation"
        rows = having(
            f"select t.id, t.{what} as text from {table} t"  # noqa: S608
            f" join entities e on e.id = t.{column} where {here}"
        )
        texts += [row["text"] for row in rows]
        ids = json.dumps([row["id"] for row in rows])
        store.run(f"delete from {table} where id in (select value from json_each(?))", (ids,))  # noqa: S608
    aliases = having(f"select norm, e.project, alias as text from aliases e where {here}")  # noqa: S608
    texts += [row["text"] for row in aliases]
    for row in aliases:
        store.run(
            "delete from aliases where norm = ? and project = ?", (row["norm"], row["project"])
        )
    return Gone(entities=entities, texts=texts)


def names_of(store: Store, id: int) -> list[str]:
    """An entity's name and its aliases."""
    rows = store.rows(
        "select name from entities where id = ?1 union all"
        " select alias from aliases where entity = ?1",
        (id,),
    )
    return [row["name"] for row in rows]


def memories_of(store: Store, id: int) -> list[int]:
    """The numbers of the memories that name it or say something of it."""
    rows = store.rows(
        "select number from mentions where entity = ?1"
        " union select number from facts where subject = ?1 and number is not null"
        " union select number from facts where object = ?1 and number is not null",
        (id,),
    )
    return [row["number"] for row in rows]
