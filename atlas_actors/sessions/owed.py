"""The SQL of what other rooms are to hear and have not confirmed: outcomes, handoffs."""

import json
from typing import Any, Final

import attrs

from atlas_actors.messages.handoff import Checkpoint, DropHandoff, SaveHandoff
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.sessions.session import Session
from atlas_actors.store import Row, Store

OUTCOMES_MAX: Final = 20_000
# Of an outcome these are never given here.
_LEFT_OUT: Final = frozenset({"usage", "cost_usd"})


def add_outcome(store: Store, outcome: RecordOutcome) -> None:
    """Owe an outcome; of too many the oldest is given up."""
    fields = {
        field.name: getattr(outcome, field.name)
        for field in attrs.fields(RecordOutcome)
        if field.name not in _LEFT_OUT
    }
    store.run(
        "insert or ignore into owed (key, outcome) values (?, ?)", (outcome.key, json.dumps(fields))
    )
    store.run(
        "delete from owed where number <= (select max(number) from owed) - ?", (OUTCOMES_MAX,)
    )


def outcomes(store: Store, after: int, limit: int) -> list[tuple[int, RecordOutcome]]:
    """What is owed after this number, oldest first."""
    rows = store.rows("select * from owed where number > ? order by number limit ?", (after, limit))
    return [(row["number"], RecordOutcome(**json.loads(row["outcome"]))) for row in rows]


def paid(store: Store, key: str) -> None:
    """An outcome is kept."""
    store.run("delete from owed where key = ?", (key,))


# Handoffs: what is wanted of each session; the steps to it are `next_step`.


def save(store: Store, session: Session, checkpoint: Checkpoint) -> None:
    """Want this kept of a session, in place of what was."""
    store.run(
        "insert into handoffs (client, session, cwd, checkpoint, sent, dropped)"
        " values (?, ?, ?, ?, 0, 0) on conflict (client, session) do update set cwd = excluded.cwd,"
        " checkpoint = excluded.checkpoint, dropped = 0",
        (
            session.client,
            session.session,
            session.cwd or None,
            json.dumps(attrs.asdict(checkpoint)),
        ),
    )


def drop(store: Store, session: Session) -> None:
    """Want nothing open of a session."""
    where = (session.client, session.session)
    store.run(
        "update handoffs set dropped = 1, checkpoint = iif(id is null, checkpoint, null)"
        " where client = ? and session = ?",
        where,
    )
    store.run(
        "delete from handoffs where client = ? and session = ? and id is null and not sent", where
    )


def next_step(store: Store) -> SaveHandoff | DropHandoff | None:
    """What to ask of handoffs next; None: all is as it is wanted.

    Of a save that may have arrived the id is not known: it is said again before it is dropped.
    """
    row = store.row(
        "select * from handoffs where checkpoint is not null or dropped order by rowid limit 1"
    )
    if row is None:
        return None
    if row["dropped"] and row["id"] is not None:
        return DropHandoff(id=row["id"])
    store.run(
        "update handoffs set sent = 1 where client = ? and session = ?",
        (row["client"], row["session"]),
    )
    return _save_of(row)


def saved(store: Store, client: str, session: str, id: str, asked: SaveHandoff | None) -> None:
    """Handoffs has it, and it is what was `asked`; what is wanted by now may be newer."""
    row = store.row("select * from handoffs where client = ? and session = ?", (client, session))
    if row is None:
        return
    done = row["checkpoint"] is not None and _save_of(row) == asked
    store.run(
        "update handoffs set id = ?, checkpoint = ? where client = ? and session = ?",
        (id, None if done else row["checkpoint"], client, session),
    )


def settled(store: Store, client: str, session: str) -> None:
    """Nothing is open of this session any more, or ever will be."""
    store.run("delete from handoffs where client = ? and session = ?", (client, session))


def dropped(store: Store, id: str) -> None:
    """That handoff is over; if another is wanted by now, it will be a new one."""
    store.run("delete from handoffs where id = ? and checkpoint is null", (id,))
    store.run("update handoffs set id = null, sent = 0 where id = ?", (id,))


def _save_of(row: Row) -> SaveHandoff:
    fields: dict[str, Any] = json.loads(row["checkpoint"])
    lists = {name: tuple(fields[name]) for name in ("done", "next_steps", "files", "sessions")}
    return SaveHandoff(
        client=row["client"],
        session=row["session"],
        cwd=row["cwd"],
        checkpoint=Checkpoint(**{**fields, **lists}),
    )
