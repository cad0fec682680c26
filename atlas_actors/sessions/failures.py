"""The SQL of commands that failed in a project, and of what worked instead."""

from typing import Final

from atlas_actors.messages.client import FailedCommand
from atlas_actors.sessions.commands import SOON, Failure
from atlas_actors.sessions.session import Session
from atlas_actors.store import Row, Store

COMMANDS_MAX: Final = 5_000


def add(store: Store, session: Session, failure: Failure, at_ms: int) -> None:
    """One failure more; what is known to have worked instead stays."""
    store.run(
        "insert into failed_commands (project, place, command, failures, exit_code, error, tests,"
        " last_failed_ms, client, session, position, instead)"
        " values (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, '')"
        " on conflict (project, place, command) do update set failures = failures + 1,"
        " exit_code = excluded.exit_code, error = excluded.error, tests = excluded.tests,"
        " last_failed_ms = excluded.last_failed_ms, client = excluded.client,"
        " session = excluded.session, position = excluded.position",
        (
            session.place,
            session.cwd,
            failure.command,
            failure.exit_code,
            failure.error,
            int(failure.tests),
            at_ms,
            session.client,
            session.session,
            failure.position,
        ),
    )
    store.run(
        "delete from failed_commands where rowid in (select rowid from failed_commands"
        " order by last_failed_ms desc limit -1 offset ?)",
        (COMMANDS_MAX,),
    )


def worked(store: Store, session: Session, command: str) -> None:
    """This very command has worked: there is nothing to say of it any more."""
    where = (session.place, session.cwd, command)
    store.run("delete from failed_commands where project = ? and place = ? and command = ?", where)


def find(store: Store, session: Session, command: str) -> FailedCommand | None:
    """How a command has failed here."""
    row = store.row(
        "select * from failed_commands where project = ? and place = ? and command = ?",
        (session.place, session.cwd, command),
    )
    return None if row is None else _shown(row)


def lately(store: Store, session: Session) -> list[Failure]:
    """The last failures of a session of which nobody knows what worked instead, newest first."""
    rows = store.rows(
        "select * from failed_commands where client = ? and session = ? and position >= ?"
        " and project = ? and instead = '' order by position desc limit ?",
        (
            session.client,
            session.session,
            session.commands - SOON,
            session.place,
            SOON,
        ),
    )
    return [
        Failure(
            command=row["command"],
            exit_code=row["exit_code"],
            error=row["error"],
            tests=bool(row["tests"]),
            position=row["position"],
            edited=session.edited_at >= row["position"],
        )
        for row in rows
    ]


def cure(store: Store, session: Session, command: str, instead: str) -> None:
    """What worked instead of a command that failed in this session."""
    store.run(
        "update failed_commands set instead = ? where project = ? and command = ?"
        " and client = ? and session = ?",
        (instead, session.place, command, session.client, session.session),
    )


def prune(store: Store, before_ms: int, rows_max: int) -> int:
    """Forget what failed long ago."""
    return store.run(
        "delete from failed_commands where rowid in (select rowid from failed_commands"
        " where last_failed_ms < ? limit ?)",
        (before_ms, rows_max),
    )


def _shown(row: Row) -> FailedCommand:
    return FailedCommand(
        command=row["command"],
        times=row["failures"],
        exit_code=row["exit_code"],
        error=row["error"],
        last_ms=row["last_failed_ms"],
        instead=row["instead"],
    )
