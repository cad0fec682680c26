"""The SQL of learning: how far sessions were read, and what was learned from each turn."""

import json
from collections.abc import Iterable
from typing import Any

import attrs

from atlas_actors.messages.learning import NoteReading
from atlas_actors.store import Row, Store


@attrs.frozen(kw_only=True)
class Place:
    """How far one transcript was read."""

    head: bytes = b""
    read_to: int = 0
    turn: int = 0
    carry: dict[str, Any] = attrs.field(factory=dict)


def place_of(store: Store, client: str, session: str, path: str) -> Place:
    """Of a session's transcript; the beginning of one that is new."""
    row = store.row(
        "select head, read_to, turn, carry from transcripts"
        " where client = ? and session = ? and path = ?",
        (client, session, path),
    )
    if row is None:
        return Place()
    return Place(**{**row, "carry": json.loads(row["carry"])})


def read(store: Store, client: str, session: str, path: str, place: Place, now_ms: int) -> None:
    """Note how far it was read."""
    store.run(
        "insert into transcripts (client, session, path, head, read_to, turn, carry, read_ms)"
        " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set head = excluded.head,"
        " read_to = excluded.read_to, turn = excluded.turn, carry = excluded.carry,"
        " read_ms = excluded.read_ms",
        (
            client,
            session,
            path,
            place.head,
            place.read_to,
            place.turn,
            json.dumps(place.carry),
            now_ms,
        ),
    )


def drop_rests(store: Store, sessions: Iterable[str]) -> None:
    """Forget what the next turns of these sessions might complete; how far they were read stays,
    else all that was forgotten would be learned again."""
    store.run(
        "update transcripts set carry = '{}' where carry <> '{}'"
        " and session in (select value from json_each(?))",
        (json.dumps(list(sessions)),),
    )


def drop_matching_rests(store: Store, match: str) -> None:
    """The same of every session whose rest has this text, in any case."""
    rows = store.rows("select client, session, path, carry from transcripts where carry <> '{}'")
    sought = match.casefold()
    for row in rows:
        if sought in json.dumps(json.loads(row["carry"]), ensure_ascii=False).casefold():
            store.run(
                "update transcripts set carry = '{}' where client = ? and session = ? and path = ?",
                (row["client"], row["session"], row["path"]),
            )


def is_learned(store: Store, key: bytes) -> str | None:
    """The memory that this became; None: it was not learned yet."""
    row = store.row("select memory from lessons where key = ?", (key,))
    return None if row is None else str(row["memory"])


def learned(
    store: Store, key: bytes, client: str, session: str, rule: str, memory: str, now_ms: int
) -> None:
    """Note it, so that it is not learned again."""
    store.run(
        "insert into lessons (key, client, session, rule, memory, at_ms) values (?, ?, ?, ?, ?, ?)",
        (key, client, session, rule, memory, now_ms),
    )


def count(store: Store, client: str, session: str) -> int:
    """How much was learned from a session."""
    row = store.row(
        "select count(*) as n from lessons where client = ? and session = ?", (client, session)
    )
    return 0 if row is None else int(row["n"])


def set_mark(store: Store, name: str, at_ms: int) -> None:
    """Note how far something was learned from."""
    store.run(
        "insert into learning_marks (name, at_ms) values (?, ?)"
        " on conflict do update set at_ms = max(at_ms, excluded.at_ms)",
        (name, at_ms),
    )


def prune(store: Store, before_ms: int) -> None:
    """Forget how far was read in what nobody has written to since."""
    store.run("delete from transcripts where read_ms < ?", (before_ms,))
    store.run("delete from lessons where at_ms < ?", (before_ms,))
    store.run("delete from readings where at_ms < ?", (before_ms,))


def note_reading(store: Store, order: NoteReading, now_ms: int) -> None:
    """Note a task that will read for memory; one that is noted stays as it is."""
    store.run(
        "insert or ignore into readings (key, project, client, session, channel, sources, at_ms)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (
            order.key,
            order.project or "",
            order.client,
            order.session,
            order.channel,
            json.dumps(order.sources),
            now_ms,
        ),
    )


def reading(store: Store, key: str) -> Row | None:
    """One of them."""
    return store.row("select * from readings where key = ?", (key,))


def reading_taken(store: Store, key: str, taken: dict[str, Any]) -> None:
    """Note what came of it."""
    store.run("update readings set taken = ? where key = ?", (json.dumps(taken), key))


def forget_readings(store: Store, project: str | None, session: str | None) -> None:
    """What is being read of sessions now may be what is being forgotten: it is not taken over."""
    store.run(
        "delete from readings where taken is null and sources = '[]'"
        " and (?1 is null or project = ?1) and (?2 is null or session = ?2)",
        (project, session),
    )
