"""The SQL of context_router.db."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from atlas_actors.context.coactivation import PARTNERS_MAX, Partner
from atlas_actors.messages.context import AccessKind, Delivery, FileMeasure
from atlas_actors.store import Row, Store

_COUNTS: Final[dict[AccessKind, str]] = {
    "read": "reads",
    "edit": "edits",
    "search": "searches",
    "test": "tests",
}
_FILE: Final = (
    "files.id, files.path, kept, alone, clock, reads, edits, searches, tests, state, size,"
    " mtime_ns, language, tokens_full, tokens_outline, symbols"
)


def project(store: Store, path: str) -> Row | None:
    """A project by its root: id, clock, head."""
    return store.row("select id, clock, head from projects where path = ?", (path,))


def new_project(store: Store, path: str) -> Row:
    """The project of this root, made when there is none yet."""
    store.run("insert into projects (path) values (?) on conflict do nothing", (path,))
    found = project(store, path)
    assert found is not None
    return found


def set_clock(store: Store, project_id: int, clock: int) -> None:
    """A turn of a project has begun."""
    store.run("update projects set clock = ? where id = ?", (clock, project_id))


def set_head(store: Store, project_id: int, head: str) -> None:
    """Paths were followed up to this commit."""
    store.run("update projects set head = ? where id = ?", (head, project_id))


def session(store: Store, project_id: int, name: str) -> Row | None:
    """The newest turn of a session: turn, clock, ended."""
    return store.row(
        "select turn, clock, ended from sessions where project_id = ? and session = ?",
        (project_id, name),
    )


def set_turn(
    store: Store, project_id: int, name: str, *, turn: str, clock: int, now_ms: int
) -> None:
    """A turn of a session has begun."""
    store.run(
        "insert into sessions (project_id, session, turn, clock, at_ms) values (?, ?, ?, ?, ?)"
        " on conflict do update set turn = excluded.turn, clock = excluded.clock, ended = 0,"
        " at_ms = excluded.at_ms",
        (project_id, name, turn, clock, now_ms),
    )


def end_turn(store: Store, project_id: int, name: str) -> int:
    """Mark a session's newest turn as over; 1 when it was under way."""
    return store.run(
        "update sessions set ended = 1 where project_id = ? and session = ? and not ended",
        (project_id, name),
    )


def file(store: Store, project_id: int, path: str) -> Row | None:
    """A file by its path: id, kept, alone, clock, gone."""
    return store.row(
        "select id, kept, alone, clock, gone from files where project_id = ? and path = ?",
        (project_id, path),
    )


def keep_access(
    store: Store,
    project_id: int,
    path: str,
    kind: AccessKind,
    *,
    kept: float,
    alone: float,
    clock: int,
    at_ms: int,
) -> int:
    """Keep what an access makes of a file; its id."""
    counted = _COUNTS[kind]
    row = store.row(
        f"insert into files (project_id, path, kept, alone, clock, {counted}, at_ms)"  # noqa: S608
        " values (?, ?, ?, ?, ?, 1, ?) on conflict (project_id, path) do update set"
        " kept = excluded.kept, alone = excluded.alone, clock = excluded.clock, gone = 0,"
        f" {counted} = {counted} + 1, at_ms = max(at_ms, excluded.at_ms) returning id",
        (project_id, path, kept, alone, clock, at_ms),
    )
    assert row is not None
    return int(row["id"])


def log_access(
    store: Store,
    project_id: int,
    file_id: int,
    *,
    session: str,
    clock: int,
    kind: AccessKind,
    at_ms: int,
) -> None:
    """Keep the access itself, until retention."""
    store.run(
        "insert into accesses (project_id, file_id, session, clock, kind, at_ms)"
        " values (?, ?, ?, ?, ?, ?)",
        (project_id, file_id, session, clock, kind, at_ms),
    )


def was_touched(store: Store, project_id: int, session: str, clock: int, file_id: int) -> bool:
    """Whether this turn of the session has touched the file already."""
    return bool(
        store.rows(
            "select 1 from accesses where project_id = ? and session = ? and clock = ?"
            " and file_id = ? limit 1",
            (project_id, session, clock, file_id),
        )
    )


def touched_since(
    store: Store, project_id: int, session: str, clock: int, limit: int
) -> list[tuple[int, int]]:
    """(file, its newest turn) of what a session has touched since then, the newest first."""
    rows = store.rows(
        "select file_id, max(clock) as clock from accesses"
        " where project_id = ? and session = ? and clock >= ?"
        " group by file_id order by max(id) desc limit ?",
        (project_id, session, clock, limit),
    )
    return [(row["file_id"], row["clock"]) for row in rows]


def pairs_of(store: Store, file_id: int, others: Iterable[int]) -> dict[int, float]:
    """What is kept of a file's pairs with these."""
    rows = store.rows(
        "select other_id, kept from pairs where file_id = ?"
        " and other_id in (select value from json_each(?))",
        (file_id, json.dumps(list(others))),
    )
    return {row["other_id"]: row["kept"] for row in rows}


def keep_pairs(store: Store, file_id: int, kept: Mapping[int, float], at_ms: int) -> None:
    """Both ways: a file's partners lie together."""
    store.run(
        "insert into pairs (file_id, other_id, kept, at_ms)"
        " select ?1, cast(key as integer), value, ?2 from json_each(?3)"
        " union all select cast(key as integer), ?1, value, ?2 from json_each(?3) where true"
        " on conflict do update set kept = excluded.kept, at_ms = excluded.at_ms",
        (file_id, at_ms, json.dumps(kept)),
    )


def trim_pairs(store: Store, file_ids: Iterable[int]) -> None:
    """Let each of these files keep its strongest partners; the others lose it too."""
    many = store.rows(
        "select file_id from pairs where file_id in (select value from json_each(?))"
        " group by file_id having count(*) > ?",
        (json.dumps(list(file_ids)), PARTNERS_MAX),
    )
    for row in many:
        weakest = store.rows(
            "select other_id from pairs where file_id = ? order by kept desc limit -1 offset ?",
            (row["file_id"], PARTNERS_MAX),
        )
        for other in weakest:
            store.run(
                "delete from pairs where (file_id, other_id) in (values (?1, ?2), (?2, ?1))",
                (row["file_id"], other["other_id"]),
            )


def partners(store: Store, ids: Sequence[int]) -> list[Partner]:
    """All partners of these files."""
    rows = store.rows(
        "select pairs.other_id, files.path, pairs.kept, files.alone from json_each(?) as wanted"
        " join files on files.id = wanted.value join pairs on pairs.file_id = files.id",
        (json.dumps(list(ids)),),
    )
    return [
        Partner(id=row["other_id"], of=row["path"], pair=row["kept"], alone=row["alone"])
        for row in rows
    ]


def most_present(store: Store, project_id: int, limit: int) -> list[Row]:
    """The most present files, with their measures."""
    return store.rows(
        f"select {_FILE} from files left join measures on file_id = files.id"  # noqa: S608
        " where project_id = ? and gone = 0 order by kept desc limit ?",
        (project_id, limit),
    )


def files_of(store: Store, project_id: int, ids: Iterable[int]) -> list[Row]:
    """These files, but for those that are gone."""
    return store.rows(
        f"select {_FILE} from json_each(?) as wanted"  # noqa: S608
        " cross join files on files.id = wanted.value"  # in this order: else all are looked through
        " left join measures on file_id = files.id where project_id = ? and gone = 0",
        (json.dumps(list(ids)), project_id),
    )


def ids_of(store: Store, project_id: int, names: Iterable[str]) -> dict[str, int]:
    """The files of these paths that are known."""
    rows = store.rows(
        "select path, id from files where project_id = ?"
        " and path in (select value from json_each(?))",
        (project_id, json.dumps(list(names))),
    )
    return {row["path"]: row["id"] for row in rows}


def keep_measures(store: Store, ids: Mapping[str, int], measures: Iterable[FileMeasure]) -> None:
    """What looks at files came to."""
    for measure in measures:
        if measure.path in ids:
            store.run(
                "insert or replace into measures (file_id, state, size, mtime_ns, language,"
                " tokens_full, tokens_outline, symbols) values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    ids[measure.path],
                    measure.state,
                    measure.size,
                    measure.mtime_ns,
                    measure.language,
                    measure.tokens_full,
                    measure.tokens_outline,
                    measure.symbols,
                ),
            )


def rename(store: Store, project_id: int, old: int, path: str) -> None:
    """A file goes on under another path, where none is known yet."""
    store.run(
        "update files set path = ?, gone = 0 where id = ? and project_id = ?",
        (path, old, project_id),
    )


def merge(store: Store, old: int, new: int, *, kept: float, alone: float) -> None:
    """A file goes on as another one that is known already."""
    store.run(
        "update files set kept = ?, alone = ?, gone = 0, reads = files.reads + one.reads,"
        " edits = files.edits + one.edits, searches = files.searches + one.searches,"
        " tests = files.tests + one.tests from files as one where files.id = ? and one.id = ?",
        (kept, alone, new, old),
    )
    for column in ("file_id", "other_id"):
        store.run(
            f"update or ignore pairs set {column} = ?1"  # noqa: S608 - one of two names of ours
            f" where {column} = ?2 and file_id <> ?1 and other_id <> ?1",
            (new, old),
        )
    store.run("update accesses set file_id = ? where file_id = ?", (new, old))
    store.run("delete from files where id = ?", (old,))


def set_gone(store: Store, project_id: int, names: Iterable[str], *, gone: bool) -> None:
    """Git has deleted these files, or brought them back."""
    store.run(
        "update files set gone = ? where project_id = ?"
        " and path in (select value from json_each(?))",
        (int(gone), project_id, json.dumps(list(names))),
    )


def add_delivery(
    store: Store, project_id: int, session: str, delivery: Delivery, now_ms: int
) -> None:
    """A file was handed out."""
    store.run(
        "insert into deliveries (project_id, session, path, tier, tokens_full, tokens_given, at_ms)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (
            project_id,
            session,
            delivery.path,
            delivery.tier,
            delivery.tokens_full,
            delivery.tokens_given,
            now_ms,
        ),
    )


def mark_read_after(store: Store, project_id: int, session: str, path: str) -> None:
    """The session reads the file all the same: what it was given of it saved nothing."""
    store.run(
        "update deliveries set read_after = 1 where project_id = ? and session = ? and path = ?"
        " and tier <> 'HOT' and not read_after",
        (project_id, session, path),
    )


def prune(store: Store, before_ms: int, limit: int) -> int:
    """Delete what is older than that; at most about `limit` rows of a kind, the most deleted."""
    most = 0
    for table in ("accesses", "deliveries", "files"):
        deleted = store.run(
            f"delete from {table} where id in"  # noqa: S608 - names of ours
            f" (select id from {table} where at_ms < ? limit ?)",
            (before_ms, limit),
        )
        most = max(most, deleted)
    store.run("delete from pairs where at_ms < ?", (before_ms,))
    store.run("delete from sessions where at_ms < ?", (before_ms,))
    store.run(
        "delete from projects where id not in (select project_id from files)"
        " and id not in (select project_id from sessions)"
        " and id not in (select project_id from deliveries)"
    )
    return most
