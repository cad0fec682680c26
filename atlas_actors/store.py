"""One private SQLite file: open, migrate, commit, and let others read its views."""

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import apsw
import attrs

from atlas_actors.cell import Fence
from atlas_actors.errors import Unavailable

Row = dict[str, Any]
BUSY_TIMEOUT_MS: Final = 5_000
APPLICATION_ID: Final = 0x41544C53  # "ATLS"
AgainstSchemaError: Final = apsw.ConstraintError  # what a row raises that the schema forbids
_MIGRATION_NAME: Final = re.compile(r"^(\d{3})_[a-z0-9_]+\.sql$")
# What the disk or the file system does, not what we did: refuse the work, keep the actor.
_OUTSIDE_FAULTS: Final = (
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.BusyError,
    apsw.NoMemError,
)


@attrs.frozen(kw_only=True)
class SetAside:
    """An unusable database that was renamed so that the room can start with an empty one."""

    reason: str  # corrupt, newer, empty
    kept_as: str


class Store:
    """The connection of one incarnation to its room's file; used on one thread only.

    Once `fence` is down, no commit of this store succeeds and a running statement is interrupted.
    """

    def __init__(self, path: Path, schema: Path, fence: Fence) -> None:
        self.path = path
        self.set_aside: SetAside | None = None
        self._schema = schema
        self._fence = fence
        self._full = False
        self.connection = self._open()
        self._unregister = fence.on_drop(self.connection.interrupt)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the last connection to close also folds the WAL into it."""
        self._unregister()
        self.connection.close()

    def rows(self, sql: str, bindings: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Run one statement and return all of its rows as dictionaries."""
        cursor = self.connection.cursor()
        cursor.execute(sql, bindings)
        return _fetch(cursor)

    def row(self, sql: str, bindings: Sequence[Any] | Mapping[str, Any] = ()) -> Row | None:
        """The first row, or None."""
        found = self.rows(sql, bindings)
        return found[0] if found else None

    def run(self, sql: str, bindings: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Run one statement to its end; how many rows it changed."""
        before = self.connection.total_changes()
        self.connection.execute(sql, bindings).fetchall()
        return self.connection.total_changes() - before

    def begin(self, *, durable: bool) -> None:
        """Open a transaction; `durable` ones survive a power cut, others a killed process."""
        if durable != self._full:
            level = "full" if durable else "normal"
            self.connection.execute(f"pragma synchronous={level}").fetchall()
            self._full = durable
        self.connection.execute("begin immediate").fetchall()

    def commit(self) -> None:
        """Commit. Raises Unavailable when the disk refuses; nothing is kept then."""
        try:
            self.connection.execute("commit").fetchall()
        except _OUTSIDE_FAULTS as error:
            self.rollback()
            raise refused(self.path, error) from error

    def rollback(self) -> None:
        """Undo the open transaction, if SQLite has not done so by itself."""
        if self.connection.in_transaction:
            self.connection.execute("rollback").fetchall()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo only what is done inside when it raises.

        APSW's own context manager hides the cause when SQLite has rolled back by itself (a full
        disk): its ROLLBACK TO fails and replaces the error.
        """
        self.connection.execute("savepoint message").fetchall()
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("rollback to message").fetchall()
                self.connection.execute("release message").fetchall()
            raise
        self.connection.execute("release message").fetchall()

    def _open(self) -> apsw.Connection:
        problem = _why_unusable(self.path, _newest(self._schema))
        if problem:
            self.set_aside = _set_aside(self.path, problem)
        connection = apsw.Connection(str(self.path))
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            for pragma in (
                "journal_mode=wal",
                "synchronous=normal",
                "foreign_keys=on",
                "trusted_schema=off",
                "secure_delete=on",
            ):
                connection.execute(f"pragma {pragma}").fetchall()
            _migrate(connection, self._schema)
        except BaseException:
            connection.close()
            raise
        connection.set_commit_hook(lambda: self._fence.down)
        return connection


def refused(path: Path, error: Exception) -> Unavailable:
    """What a caller is told when the disk refuses."""
    return Unavailable(
        f"{path.name} cannot be written: {error}",
        cure="free space or fix the state directory's permissions; it is tried again by itself",
        part=path.stem,
    )


def suspect(path: Path) -> None:
    """Have the file checked when it is opened next: it has shown signs of damage."""
    _suspicion(path).touch()


def damaged(error: BaseException) -> bool:
    """Whether SQLite says that the file is not what it was."""
    return isinstance(error, apsw.CorruptError | apsw.NotADBError)


def outside_fault(error: BaseException) -> bool:
    """Whether the disk or file system refused, as opposed to a mistake of ours."""
    return isinstance(error, _OUTSIDE_FAULTS)


class Reader:
    """Reads the published views of a file, also while its owner is busy or dead."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[Row]:
        """Rows of a query over views. Raises Unavailable when there is nothing to read."""
        if not self._path.exists():
            raise Unavailable(f"{self._path.name} does not exist yet", part=self._path.stem)
        try:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
        except apsw.Error as error:
            raise Unavailable(f"{self._path.name}: {error}", part=self._path.stem) from error
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            cursor = connection.cursor()
            cursor.execute(sql, bindings)
            return _fetch(cursor)
        except apsw.Error as error:
            raise Unavailable(f"{self._path.name}: {error}", part=self._path.stem) from error
        finally:
            connection.close()


def _fetch(cursor: apsw.Cursor) -> list[Row]:
    rows: list[Row] = []
    names: list[str] = []
    for row in cursor:
        if not names:  # APSW describes columns only while a row is there
            names = [column[0] for column in cursor.get_description()]
        rows.append(dict(zip(names, row, strict=True)))
    return rows


def _migrations(schema: Path) -> list[tuple[int, Path]]:
    found = []
    for file in sorted(schema.glob("*.sql")):
        match = _MIGRATION_NAME.match(file.name)
        if match:
            found.append((int(match[1]), file))
    return found


def _newest(schema: Path) -> int:
    return max((number for number, _ in _migrations(schema)), default=0)


def _migrate(connection: apsw.Connection, schema: Path) -> None:
    version = connection.pragma("user_version")
    for number, file in _migrations(schema):
        if number <= version:
            continue
        with connection:  # one transaction with its stamp
            connection.execute(file.read_text("utf-8")).fetchall()
            connection.execute(f"pragma user_version={number}").fetchall()
            connection.execute(f"pragma application_id={APPLICATION_ID}").fetchall()
    _publish_views(connection, schema / "views.sql")


def _publish_views(connection: apsw.Connection, file: Path) -> None:
    """Replace the views when their text has changed; the text's hash is kept in a view itself."""
    if not file.exists():
        return
    text = file.read_text("utf-8")
    stamp = f"atlas_views_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    names = [
        name
        for (name,) in connection.execute(
            "select name from sqlite_schema where type='view' "
            "and (name like 'inspect\\_%' escape '\\' or name like 'atlas\\_views\\_%' escape '\\')"
        )
    ]
    if stamp in names:
        return
    with connection:
        for name in names:
            connection.execute(f'drop view "{name}"').fetchall()
        connection.execute(text).fetchall()
        connection.execute(f"create view {stamp} as select 1 as stamped").fetchall()


def _why_unusable(path: Path, newest: int) -> str:
    """Empty when the file is absent or fine; else one word."""
    if not path.exists():
        return ""
    wal = path.with_name(f"{path.name}-wal")
    unclean = _suspicion(path).exists() or (wal.exists() and wal.stat().st_size > 0)
    if path.stat().st_size == 0 and not wal.exists():
        return "empty"
    try:
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            version = connection.pragma("user_version")
            if version > newest:
                return "newer"
            if unclean and connection.execute("pragma quick_check(1)").fetchall() != [("ok",)]:
                return "corrupt"
            connection.execute("select count(*) from sqlite_schema").fetchall()
        finally:
            connection.close()
    except (apsw.NotADBError, apsw.CorruptError):
        return "corrupt"
    _suspicion(path).unlink(missing_ok=True)
    return ""


def _suspicion(path: Path) -> Path:
    return path.with_name(f"{path.name}-suspect")


def _set_aside(path: Path, reason: str) -> SetAside:
    kept = path.with_name(f"{path.name}.{reason}-{time.time_ns() // 1_000_000}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.replace(part, kept.with_name(kept.name + suffix))  # noqa: PTH105
    _suspicion(path).unlink(missing_ok=True)
    return SetAside(reason=reason, kept_as=str(kept))
