"""The SQL of sessions.db: events, sessions, their turns, answers, what is to be learned from."""

import json
from typing import Any, Final

import attrs

from atlas_actors.messages.client import ClientEvent, HookAnswered, LearningDue
from atlas_actors.sessions.session import NAME_CHARACTERS, Session, names
from atlas_actors.sessions.texts import plain, unknown_text, whole
from atlas_actors.sessions.turns import Turn
from atlas_actors.store import Row, Store

LEARNINGS_MAX: Final = 2_000
# A turn that goes on does not age.
_AGED: Final = (
    "delete from events where rowid in (select rowid from events where at_ms < ? limit ?)",
    "delete from answers where rowid in (select rowid from answers where at_ms < ? limit ?)",
    "delete from sessions where rowid in (select rowid from sessions where last_ms < ? limit ?)",
    "delete from turns where rowid in (select rowid from turns where ended_ms < ? limit ?)",
)
_LEFT_ALONE: Final = (
    "delete from said where (client, session) not in (select client, session from sessions)",
    "delete from handoffs where (client, session) not in (select client, session from sessions)",
    "delete from learnings where (client, session) not in (select client, session from sessions)",
)
_LISTS: Final = ("files", "done")
_SESSION: Final = tuple(field.name for field in attrs.fields(Session))
_TURN: Final = tuple(field.name for field in attrs.fields(Turn))


def turn_of_key(store: Store, key: str) -> int | None:
    """The turn of the event that was told with this key."""
    row = store.row("select turn from events where key = ?", (key,)) if key else None
    return None if row is None else int(row["turn"])


def add_event(
    store: Store, event: ClientEvent, turn: int, key: str, at_ms: int, events_max: int
) -> int:
    """Keep an event; its number. Of too many the oldest goes."""
    client, session = names(event.client, event.session)
    (row,) = store.rows(
        "insert into events (key, at_ms, client, session, turn, event, kind, unknown)"
        " values (?, ?, ?, ?, ?, ?, ?, ?) returning seq",
        (
            key or None,
            at_ms,
            client,
            session,
            turn,
            plain(event.event, NAME_CHARACTERS),
            event.kind,
            unknown_text(event.unknown),
        ),
    )
    store.run("delete from events where seq <= ?", (row["seq"] - events_max,))
    return int(row["seq"])


def meet(store: Store, event: ClientEvent, at_ms: int) -> None:
    """A client has told something."""
    store.run(
        "insert into clients values (?, ?, 1, ?, ?) on conflict (client) do update set"
        " version = iif(excluded.version <> '', excluded.version, version), events = events + 1,"
        " last_event = excluded.last_event, last_at_ms = excluded.last_at_ms",
        (
            plain(event.client, NAME_CHARACTERS),
            plain(event.version, NAME_CHARACTERS),
            plain(event.event, NAME_CHARACTERS),
            at_ms,
        ),
    )


def add_answer(store: Store, answer: HookAnswered, at_ms: int, answers_max: int) -> None:
    """Keep how long an answer took; of too many the oldest goes."""
    client, session = names(answer.client, answer.session)
    (row,) = store.rows(
        "insert into answers (client, event, session, at_ms, took_us, answer_bytes, late)"
        " values (?, ?, ?, ?, ?, ?, ?) returning seq",
        (
            client,
            plain(answer.event, NAME_CHARACTERS),
            session,
            at_ms,
            whole(answer.took_us),
            answer.answer_bytes,
            ",".join(answer.late),
        ),
    )
    store.run("delete from answers where seq <= ?", (row["seq"] - answers_max,))


def session_of(store: Store, client: str, session: str) -> Session | None:
    """A session as it is known."""
    row = store.row("select * from sessions where client = ? and session = ?", (client, session))
    return None if row is None else Session(**row)


def is_shared(store: Store, client: str, session: str) -> bool:
    """Whether another client has a session of this name."""
    sql = "select 1 from sessions where session = ? and client <> ? limit 1"
    return store.row(sql, (session, client)) is not None


def put_session(store: Store, session: Session) -> None:
    """Keep what is known of a session."""
    _put(
        store,
        "sessions",
        ("client", "session"),
        {name: getattr(session, name) for name in _SESSION},
    )


def turn(store: Store, session: Session, number: int) -> Turn | None:
    """A turn by its number."""
    return _turn_of(
        store.row(
            "select * from turns where client = ? and session = ? and number = ?",
            (session.client, session.session, number),
        )
    )


def turn_named(store: Store, session: Session, turn_id: str) -> Turn | None:
    """A turn by the client's own name for it."""
    if not turn_id:
        return None
    return _turn_of(
        store.row(
            "select * from turns where client = ? and session = ? and turn_id = ?"
            " order by number desc limit 1",
            (session.client, session.session, turn_id),
        )
    )


def put_turn(store: Store, session: Session, kept: Turn) -> None:
    """Keep what a turn has come to."""
    row = {name: getattr(kept, name) for name in _TURN}
    row |= {name: json.dumps(row[name]) for name in _LISTS}
    keys = ("client", "session", "number")
    _put(store, "turns", keys, {"client": session.client, "session": session.session, **row})


def idle(store: Store, before_ms: int, limit: int) -> list[Session]:
    """Sessions in which nothing has happened since then, and whose newest turn goes on."""
    rows = store.rows(
        "select sessions.* from turns join sessions using (client, session)"
        " where turns.ended_ms is null and number = turn and last_ms < ? limit ?",
        (before_ms, limit),
    )
    return [Session(**row) for row in rows]


def say(store: Store, session: Session, number: int, what: str) -> bool:
    """Whether this has not been said in this turn; from now on it has. Older turns are over."""
    where = (session.client, session.session, number)
    store.run("delete from said where client = ? and session = ? and turn < ?", where)
    return store.run("insert or ignore into said values (?, ?, ?, ?)", (*where, what)) > 0


def learn(store: Store, due: LearningDue) -> None:
    """There is more to learn from a session's transcript; of too many the oldest is given up."""
    _put(store, "learnings", ("client", "session"), attrs.asdict(due))
    store.run(
        "delete from learnings where rowid in"
        " (select rowid from learnings order by seq desc limit -1 offset ?)",
        (LEARNINGS_MAX,),
    )


def learnings(store: Store) -> tuple[LearningDue, ...]:
    """What there is to learn from still, oldest first."""
    rows = store.rows("select * from learnings order by seq")
    return tuple(LearningDue(**row) for row in rows)


def learned(store: Store, client: str, session: str, seq: int) -> None:
    """Memory has read as far as that."""
    store.run(
        "delete from learnings where client = ? and session = ? and seq <= ?",
        (client, session, seq),
    )


def prune(store: Store, before_ms: int, rows_max: int, sessions_max: int) -> int:
    """Delete what is older than that, so many rows of each kind; how many of a kind at most."""
    most = max(store.run(statement, (before_ms, rows_max)) for statement in _AGED)
    store.run(
        "delete from sessions where rowid in"
        " (select rowid from sessions order by last_ms desc limit -1 offset ?)",
        (sessions_max,),
    )
    for statement in _LEFT_ALONE:
        store.run(statement)
    return most


def _put(store: Store, table: str, keys: tuple[str, ...], row: dict[str, Any]) -> None:
    """Insert a row, or change the one with these keys."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in row if name not in keys)
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    store.run(
        f"insert into {table} ({columns}) values ({marks})"  # noqa: S608 - our own names
        f" on conflict ({', '.join(keys)}) do update set {changes}",
        tuple(row.values()),
    )


def _turn_of(row: Row | None) -> Turn | None:
    if row is None:
        return None
    fields = {name: row[name] for name in _TURN}
    return Turn(**{**fields, **{name: tuple(json.loads(row[name])) for name in _LISTS}})
