"""The SQL of handoffs.db."""

from typing import Final

from atlas_actors.messages.handoff import SaveHandoff, StaleHandoff
from atlas_actors.store import Row, Store

STALE_MAX: Final = 100


def of_attempt(store: Store, task_id: str, attempt: int) -> Row | None:
    """What an attempt has left or goes on with."""
    return store.row("select * from handoffs where task_id = ? and attempt = ?", (task_id, attempt))


def newest_attempt(store: Store, task_id: str) -> int:
    """The newest attempt of a task that has left anything; 0: none."""
    row = store.row("select max(attempt) as n from handoffs where task_id = ?", (task_id,))
    return int(row["n"]) if row is not None and row["n"] is not None else 0


def open_of_task(store: Store, task_id: str, after: int, before: int) -> Row | None:
    """The newest open one that an attempt of a task between these has left."""
    return store.row(
        "select * from handoffs where task_id = ? and attempt > ? and attempt < ?"
        " and state = 'open' order by attempt desc limit 1",
        (task_id, after, before),
    )


def find(store: Store, id: str) -> Row | None:
    """One handoff."""
    return store.row("select * from handoffs where id = ?", (id,))


def add_of_attempt(
    store: Store,
    id: str,
    task_id: str,
    attempt: int,
    *,
    provider: str | None,
    cwd: str | None,
    text: str,
    now_ms: int,
) -> None:
    """What an attempt has, from its beginning or from an earlier one; what those before it have
    left and nobody has taken, nobody goes on with."""
    store.run(
        "update handoffs set state = 'dropped', updated_ms = ? where task_id = ? and attempt < ?"
        " and state = 'open'",
        (now_ms, task_id, attempt),
    )
    store.run(
        "insert into handoffs (id, task_id, attempt, provider, cwd, state, checkpoint, created_ms,"
        " updated_ms) values (?1, ?2, ?3, ?4, ?5, 'open', ?6, ?7, ?7)",
        (id, task_id, attempt, provider, cwd, text, now_ms),
    )


def consume(store: Store, id: str, task_id: str, attempt: int, now_ms: int) -> None:
    """This attempt goes on with it."""
    store.run(
        "update handoffs set state = 'consumed', consumed_by = ?, updated_ms = ? where id = ?",
        (f"{task_id}/{attempt}", now_ms, id),
    )


def update(store: Store, id: str, provider: str | None, text: str, now_ms: int) -> None:
    """An open one has come further."""
    store.run(
        "update handoffs set checkpoint = ?, provider = coalesce(?, provider), updated_ms = ?"
        " where id = ? and state = 'open'",
        (text, provider, now_ms, id),
    )


def open_of_session(store: Store, client: str, session: str) -> Row | None:
    """The open one of a client's session."""
    return store.row(
        "select * from handoffs where client = ? and session = ? and state = 'open'",
        (client, session),
    )


def add_of_session(store: Store, id: str, order: SaveHandoff, text: str, now_ms: int) -> None:
    """What a client's session has left."""
    store.run(
        "insert into handoffs (id, client, session, cwd, state, checkpoint, created_ms, updated_ms)"
        " values (?1, ?2, ?3, ?4, 'open', ?5, ?6, ?6)",
        (id, order.client, order.session, order.cwd, text, now_ms),
    )


def end_open(store: Store, id: str, state: str, now_ms: int) -> bool:
    """open → done, dropped or expired; False when it was not open."""
    return bool(
        store.run(
            "update handoffs set state = ?, updated_ms = ? where id = ? and state = 'open'",
            (state, now_ms, id),
        )
    )


def end_of_task(store: Store, task_id: str, now_ms: int) -> int:
    """A task was completed, or its work thrown away: nothing is left to go on with."""
    return store.run(
        "update handoffs set state = 'done', updated_ms = ? where task_id = ? and state = 'open'",
        (now_ms, task_id),
    )


def expire(store: Store, before_ms: int, now_ms: int) -> int:
    """Nobody has gone on with them since then."""
    return store.run(
        "update handoffs set state = 'expired', updated_ms = ?"
        " where state = 'open' and updated_ms < ?",
        (now_ms, before_ms),
    )


def open_count(store: Store) -> int:
    """How many are open."""
    row = store.row("select count(*) as n from handoffs where state = 'open'")
    return 0 if row is None else int(row["n"])


def stale(store: Store, before_ms: int) -> tuple[StaleHandoff, ...]:
    """Open ones that nothing has happened to since then, oldest first."""
    rows = store.rows(
        "select id, checkpoint ->> 'goal' as goal, cwd, updated_ms, task_id from handoffs"
        " where state = 'open' and updated_ms < ? order by updated_ms limit ?",
        (before_ms, STALE_MAX),
    )
    return tuple(StaleHandoff(**row) for row in rows)


def prune(store: Store, before_ms: int, count: int) -> int:
    """Delete up to `count` that were over before then."""
    return store.run(
        "delete from handoffs where id in (select id from handoffs where state <> 'open'"
        " and updated_ms < ? limit ?)",
        (before_ms, count),
    )
