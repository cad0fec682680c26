"""The SQL of memories, their sources and the generation; time comes from outside."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from atlas_actors.messages.memory import TRUST, NewMemory, Origin
from atlas_actors.store import Row, Store

SOURCES_MAX: Final = 64  # of one memory; what says it more often adds nothing
_INSERT: Final = (
    "insert into memories (id, project, session, kind, speaker, origin, trust, text, rationale,"
    " alternatives, tags, source, lineage, supersedes, state, at_ms, created_ms, fingerprint,"
    " subject, value) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def add(
    store: Store,
    id: str,
    item: NewMemory,
    *,
    origin: Origin,
    trust: int,
    state: str,
    at_ms: int,
    now_ms: int,
    fingerprint: bytes,
    claim: tuple[bytes, str] | None,
) -> int:
    """Keep a memory; its number."""
    subject, value = claim or (None, None)
    store.connection.execute(
        _INSERT,
        (
            id,
            item.project or "",
            item.session or "",
            item.kind,
            item.speaker or "",
            origin,
            trust,
            item.text,
            item.rationale or "",
            _listed(item.alternatives),
            _listed(item.tags),
            item.source or "",
            _listed(item.lineage),
            _listed(item.supersedes),
            state,
            at_ms,
            now_ms,
            fingerprint,
            subject,
            value,
        ),
    )
    return store.connection.last_insert_rowid()


def add_source(store: Store, number: int, item: NewMemory, origin: Origin, at_ms: int) -> bool:
    """Keep where a memory was met again; False: that was known, or there are enough."""
    return bool(
        store.run(
            "insert or ignore into sources (number, origin, project, session, speaker, source,"
            " at_ms) select ?, ?, ?, ?, ?, ?, ?"
            " where (select count(*) from sources where number = ?) < ?",
            (
                number,
                origin,
                item.project or "",
                item.session or "",
                item.speaker or "",
                item.source or "",
                at_ms,
                number,
                SOURCES_MAX,
            ),
        )
    )


def move_sources(store: Store, old: int, new: int) -> None:
    """Have a memory take over where another of the same meaning was met."""
    store.run(
        "insert or ignore into sources (number, origin, project, session, speaker, source, at_ms)"
        " select ?, origin, project, session, speaker, source, at_ms from memories"
        " where number = ?",
        (new, old),
    )
    store.run(
        "insert or ignore into sources (number, origin, project, session, speaker, source, at_ms)"
        " select ?, origin, project, session, speaker, source, at_ms from sources"
        " where number = ?",
        (new, old),
    )


def same(store: Store, fingerprint: bytes) -> Row | None:
    """The memory that says the same and has not been superseded."""
    found = store.connection.execute(
        "select number, id, trust, state, origin, session, speaker, source, at_ms from memories"
        " where fingerprint = ? and state <> 'superseded' order by number desc limit 1",
        (fingerprint,),
    ).fetchall()
    if not found:
        return None
    names = ("number", "id", "trust", "state", "origin", "session", "speaker", "source", "at_ms")
    return dict(zip(names, found[0], strict=True))


def held_then(store: Store, fingerprint: bytes, at_ms: int, trust: int) -> str | None:
    """What said the same at that very time, has been superseded since, and is told once more (a
    file that is imported again); its id."""
    found = store.connection.execute(
        "select id from memories where fingerprint = ? and at_ms = ? and trust >= ?"
        " and state = 'superseded' order by number limit 1",
        (fingerprint, at_ms, trust),
    ).fetchall()
    return str(found[0][0]) if found else None


def was_met(store: Store, row: Row, item: NewMemory, origin: Origin) -> bool:
    """Whether this very item is where `row` comes from, or among its sources."""
    place = (item.session or "", item.speaker or "", item.source or "")
    own = (row["session"], row["speaker"], row["source"]) == place and row["origin"] == origin
    if own and item.at_ms in (None, row["at_ms"]):
        return True
    return bool(
        store.rows(
            "select 1 as met from sources where number = ? and session = ? and speaker = ?"
            " and source = ? and origin = ? and (? is null or at_ms = ?) limit 1",
            (row["number"], *place, origin, item.at_ms, item.at_ms),
        )
    )


def rival_claims(store: Store, subject: bytes, number: int) -> list[Row]:
    """Kept memories that claim a value for the same, newest first, without `number`."""
    return store.rows(
        "select number, id, trust, at_ms, value from memories where subject = ?"
        " and state = 'kept' and number <> ? order by at_ms desc, number desc limit 100",
        (subject, number),
    )


def supersede(store: Store, old: str, by: str, until_ms: int) -> bool:
    """Mark a kept memory as holding no longer; False: it did not hold."""
    return bool(
        store.run(
            "update memories set state = 'superseded', superseded_by = ?, until_ms = ?"
            " where id = ? and state = 'kept'",
            (by, until_ms, old),
        )
    )


def replace(store: Store, number: int, by: str, until_ms: int) -> None:
    """Mark a memory, in whatever state, as said in better words by another."""
    store.run(
        "update memories set state = 'superseded', superseded_by = ?, until_ms = ?"
        " where number = ?",
        (by, until_ms, number),
    )


def find(store: Store, id: str) -> Row | None:
    """One memory."""
    return store.row("select * from memories where id = ?", (id,))


def trusts(store: Store, ids: Iterable[str]) -> dict[str, int]:
    """The trust of each memory that there is."""
    rows = store.rows(
        "select id, trust from memories where id in (select value from json_each(?))",
        (_listed(ids),),
    )
    return {row["id"]: row["trust"] for row in rows}


def learned_of(store: Store, project: str, session: str) -> int:
    """How much a session has taught that no person said."""
    row = store.row(
        "select count(*) as n from memories where project = ? and session = ?"
        " and kind <> 'episode' and origin <> 'person'",
        (project, session),
    )
    assert row is not None
    return int(row["n"])


def decide(store: Store, id: str, *, state: str, trust: int, now_ms: int | None) -> None:
    """Record what a person decided."""
    store.run(
        "update memories set state = ?, trust = ?, approved_ms = ? where id = ?",
        (state, trust, now_ms, id),
    )


def rate(store: Store, ids: Iterable[str], *, useful: bool) -> int:
    """Count that these were of use, or not; how many there are."""
    column = "useful" if useful else "useless"
    return store.run(
        f"update memories set {column} = {column} + 1"  # noqa: S608
        " where id in (select value from json_each(?))",
        (_listed(ids),),
    )


def used(store: Store, uses: dict[int, int], now_ms: int) -> int:
    """Count that these were given to somebody; how many there are."""
    return store.run(
        "update memories set used_ms = ?, uses = uses + u.value"
        " from json_each(?) u where number = cast(u.key as integer)",
        (now_ms, json.dumps(uses)),
    )


def by_numbers(store: Store, numbers: Iterable[int]) -> dict[int, Row]:
    """Memories by number."""
    rows = store.rows(
        "select * from memories where number in (select value from json_each(?))",
        (_listed(numbers),),
    )
    return {row["number"]: row for row in rows}


def numbers_after(store: Store, after: int, most: int) -> list[int]:
    """The next numbers."""
    rows = store.rows(
        "select number from memories where number > ? order by number limit ?", (after, most)
    )
    return [row["number"] for row in rows]


def outdated(store: Store, before_ms: int, most: int) -> list[int]:
    """Numbers of old episodes, and of old learnings that nobody has said, used or approved."""
    rows = store.rows(
        "select number from memories where created_ms < ? and (kind = 'episode' or (kind ="
        " 'learning' and trust < ? and uses = 0 and useful = 0 and approved_ms is null)) limit ?",
        (before_ms, TRUST["person"], most),
    )
    return [row["number"] for row in rows]


def delete(store: Store, numbers: Sequence[int]) -> None:
    """Delete memories with their sources; others that named them name nobody now."""
    bound = (_listed(numbers),)
    gone = "select id from memories where number in (select value from json_each(?))"
    store.run(
        f"update memories set superseded_by = null where state = 'superseded'"  # noqa: S608
        f" and superseded_by in ({gone})",
        bound,
    )
    store.run("delete from memories where number in (select value from json_each(?))", bound)


def after(
    store: Store,
    number: int,
    most: int,
    *,
    ids: Sequence[str] = (),
    project: str | None = None,
    session: str | None = None,
) -> list[Row]:
    """The next memories behind `number` that fit every given filter, in order."""
    wanted: list[str] = ["number > ?"]
    bindings: list[Any] = [number]
    for column, value in (("project", project), ("session", session)):
        if value is not None:
            wanted.append(f"{column} = ?")
            bindings.append(value)
    if ids:
        wanted.append("id in (select value from json_each(?))")
        bindings.append(_listed(ids))
    columns = "number, id, project, session, text, rationale, alternatives, tags, source, speaker"
    sql = f"select {columns} from memories where {' and '.join(wanted)} order by number limit ?"  # noqa: S608
    return store.rows(sql, (*bindings, most))


def forget_sources(store: Store, session: str, project: str | None) -> None:
    """Delete that memories were met again in this session."""
    store.run(
        "delete from sources where session = ? and (? is null or project = ?)",
        (session, project, project),
    )


def forget_matching_sources(
    store: Store, match: str, session: str | None, project: str | None
) -> None:
    """Delete where memories were met again that name this text, in any case."""
    rows = store.rows(
        "select number, session, speaker, source, at_ms from sources"
        " where (?1 is null or session = ?1) and (?2 is null or project = ?2)"
        " and (speaker <> '' or source <> '')",
        (session, project),
    )
    sought = match.casefold()
    store.connection.executemany(
        "delete from sources where (number, session, speaker, source, at_ms) = (?, ?, ?, ?, ?)",
        [
            tuple(row.values())
            for row in rows
            if sought in row["speaker"].casefold() or sought in row["source"].casefold()
        ],
    )


def with_alternatives(store: Store, projects: Iterable[str]) -> list[Row]:
    """Decisions that were made against something."""
    return store.rows(
        "select * from memories where kind = 'decision' and alternatives <> '[]'"
        " and project in (select value from json_each(?))",
        (_listed(projects),),
    )


def set_alternatives(store: Store, number: int, alternatives: Sequence[str]) -> None:
    """Keep only these."""
    store.run(
        "update memories set alternatives = ? where number = ?", (_listed(alternatives), number)
    )


def item_of(row: Row) -> NewMemory:
    """What was stored, from its row."""
    return NewMemory(
        kind=row["kind"],
        text=row["text"],
        project=row["project"] or None,
        session=row["session"] or None,
        speaker=row["speaker"] or None,
        at_ms=row["at_ms"],
        tags=tuple(json.loads(row["tags"])),
        source=row["source"] or None,
        rationale=row["rationale"] or None,
        alternatives=tuple(json.loads(row["alternatives"])),
    )


def text_indexes(store: Store) -> list[str]:
    """The full-text indexes of this file, whoever has made them."""
    rows = store.rows(
        "select name from sqlite_schema where type = 'table'"
        " and (sql like '%using fts5(%' or sql like '%using fts5 (%')"
    )
    return [row["name"] for row in rows]


def delete_securely(store: Store, index: str) -> None:
    """Have a full-text index overwrite what is taken out of it; else it keeps the words."""
    config = f"select 1 as one from \"{index}_config\" where k = 'secure-delete' and v = 1"  # noqa: S608
    if not store.rows(config):
        store.run(f'insert into "{index}"("{index}", rank) values (\'secure-delete\', 1)')  # noqa: S608


def rewrite_index(store: Store, index: str) -> None:
    """Write a full-text index anew, without words that no row has any more."""
    store.run(f'insert into "{index}"("{index}") values (\'optimize\')')  # noqa: S608


def generation(store: Store) -> tuple[bytes, int]:
    """(which memory.db this is, how often it has changed)."""
    row = store.row("select store, n from generation")
    assert row is not None
    return row["store"], row["n"]


def bump(store: Store) -> None:
    """What was recalled before may be different now."""
    store.run("update generation set n = n + 1")


def upkeep(store: Store) -> Row:
    """What has to be done to the file as a whole."""
    row = store.row("select indexed, indexed_to, scrub from upkeep")
    assert row is not None
    return row


def set_upkeep(store: Store, **changes: Any) -> None:
    """Note what has to be done, or is done."""
    for name, value in changes.items():
        store.run(f"update upkeep set {name} = ?", (value,))  # noqa: S608


def _listed(values: Iterable[Any]) -> str:
    return json.dumps(list(values)) if values else "[]"
