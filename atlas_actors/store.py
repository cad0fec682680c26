"""One private SQLite file: open, migrate, commit, and let others read its views."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Self

import apsw

from atlas_actors import failpoints, store_health
from atlas_actors.cell import Fence
from atlas_actors.errors import Unavailable
from atlas_actors.store_health import BUSY_TIMEOUT_MS, SetAside
from atlas_actors.store_schema import migrate

Row = dict[str, Any]
Query = Callable[[str, Sequence[Any]], list[Row]]
AgainstSchemaError: Final = apsw.ConstraintError  # what a row raises that the schema forbids
CHECKPOINT_PAGES: Final = 1_000  # SQLite's own threshold
# The VFS of every store; tests put one here that fails or loses power.
VFS: str | None = None
# What the disk or the file system does, not what we did: refuse the work, keep the actor.
_OUTSIDE_FAULTS: Final = (
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.BusyError,
    apsw.NoMemError,
)


class Store:
    """The connection of one incarnation to its room's file; used on one thread only.

    Once `fence` is down, no commit of this store succeeds and a running statement is interrupted.
    """

    def __init__(self, path: Path, schema: Path, fence: Fence, *, thorough: bool = False) -> None:
        """Open, mend and migrate; `thorough` checks all of it. Raises Unavailable, apsw.Error."""
        self.path = path
        self.set_aside: SetAside | None = None
        self._schema = schema
        self._fence = fence
        self._full = False
        self._names: dict[str, tuple[str, ...]] = {}  # of the columns, by statement
        self._opened: store_health.Identity | None = None
        try:
            self.connection = self._open(thorough=thorough)
        except OSError as error:
            raise refused(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the last connection to close also folds the WAL into it."""
        self._unregister()
        self.connection.close()

    def moved(self) -> bool:
        """Whether the file at our path is no longer the one that we write to.

        SQLite would go on with a file that has no name any more, and all of it would be gone at
        the end. Raises apsw.CorruptError when the file was cut short, Unavailable.
        """
        try:
            now = store_health.identity(self.path)
        except OSError as error:
            raise refused(self.path, error) from error
        before = self._opened
        assert before is not None
        if now is None or now.database != before.database:
            return True
        if before.wal is not None and now.wal != before.wal:
            return True
        if now.size < before.size:
            raise apsw.CorruptError(f"{self.path.name} was cut short while it was in use")
        if now.size > before.size:
            self._opened = now
        return False

    def put_back(self) -> str:
        """Write all that our connection has to where the file should be, and go on with that.

        What another file was renamed to, if there was one. Raises Unavailable.
        """
        moved = self.connection
        try:
            store_health.save(self.path, self._copy_to, VFS)
            kept_as = store_health.finish_saving(self.path)
            self._unregister()
            self.connection = self._connect()
        except (*_OUTSIDE_FAULTS, OSError) as error:
            raise refused(self.path, error) from error
        moved.close()
        return kept_as

    def _copy_to(self, target: apsw.Connection) -> None:
        with target.backup("main", self.connection, "main") as backup:
            backup.step()

    def rows(self, sql: str, bindings: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Run one statement and return all of its rows as dictionaries."""
        cursor = self.connection.execute(sql, bindings)
        names = self._names.get(sql)
        if names is not None:
            return [dict(zip(names, row, strict=True)) for row in cursor]
        rows = _fetch(cursor)
        if rows:  # they stay the same, and APSW builds them anew each time that it is asked
            self._names[sql] = tuple(rows[0])
        return rows

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
        self.connection.execute("begin immediate")

    def touch(self) -> None:
        """Write a page in the open transaction, and change nothing."""
        version = self.connection.pragma("user_version")
        self.connection.execute(f"pragma user_version={version}").fetchall()

    def commit(self) -> None:
        """Commit. Raises Unavailable when the disk refuses; nothing is kept then."""
        try:
            self.connection.execute("commit")
        except _OUTSIDE_FAULTS as error:
            self.rollback()
            raise refused(self.path, error) from error

    def rollback(self) -> None:
        """Undo the open transaction, if SQLite has not done so by itself."""
        if self.connection.in_transaction:
            self.connection.execute("rollback")

    def fold(self, *, anew: bool) -> bool:
        """Between transactions: bring all commits into the file and cut the WAL to nothing.

        `anew` writes the whole file again first, without what its free space holds of deleted
        rows. False: a reader or the disk was in the way.
        """
        try:
            if anew:
                self.connection.execute("vacuum").fetchall()
            ((busy, _, _),) = self.connection.execute("pragma wal_checkpoint(truncate)").fetchall()
        except _OUTSIDE_FAULTS:
            return False
        finally:
            self._opened = store_health.identity(self.path)  # it may be shorter now
        return not busy

    def savepoint(self) -> "_Savepoint":
        """Undo only what is done inside when it raises; for `with`, not nested."""
        return self._savepoint

    def _open(self, *, thorough: bool) -> apsw.Connection:
        kept_as = store_health.finish_saving(self.path)
        if kept_as:
            self.set_aside = SetAside(reason="damaged", kept_as=kept_as)
        problem = store_health.why_unusable(self.path, self._schema, VFS, thorough=thorough)
        if problem:
            self.set_aside = store_health.set_aside(
                self.path, problem, self._schema, VFS, self._fence.check
            )
        return self._connect()

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path), vfs=VFS)
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # Else a statement whose values have changed is prepared anew each time: 16 µs for 3.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            for pragma in (
                "journal_mode=wal",
                "synchronous=normal",
                "foreign_keys=on",
                "trusted_schema=off",
                "secure_delete=on",
            ):
                connection.execute(f"pragma {pragma}").fetchall()
            migrate(connection, self._schema)
            store_health.remember(self.path)
            self._opened = store_health.identity(self.path)
        except BaseException:
            connection.close()
            raise
        self._full = False
        self._savepoint = _Savepoint(connection)
        connection.set_commit_hook(lambda: self._fence.down)
        if failpoints.armed("store.checkpoint"):
            connection.set_wal_hook(_die_in_checkpoint)
        self._unregister = self._fence.on_drop(connection.interrupt)
        return connection


class _Savepoint:
    """Around each message of a batch, so it is no generator: 1 µs less.

    APSW's own context manager hides the cause when SQLite has rolled back by itself (a full
    disk): its ROLLBACK TO fails and replaces the error.
    """

    __slots__ = ("_connection", "_cursor")

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()  # a new one each time would be 1 µs more

    def __enter__(self) -> None:
        self._cursor.execute("savepoint message")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._cursor.execute("release message")
        elif self._connection.in_transaction:
            self._cursor.execute("rollback to message")
            self._cursor.execute("release message")


def _die_in_checkpoint(connection: apsw.Connection, name: str, pages: int) -> int:
    """Checkpoint as SQLite would do by itself; the failpoint kills while it copies."""
    if pages >= CHECKPOINT_PAGES:
        if failpoints.last("store.checkpoint"):
            begun = threading.Event()

            def kill() -> None:
                begun.wait()
                os.kill(os.getpid(), signal.SIGKILL)

            threading.Thread(target=kill).start()
            begun.set()
        connection.wal_checkpoint(name)
    return apsw.SQLITE_OK


def refused(path: Path, error: Exception) -> Unavailable:
    """What a caller is told when the disk refuses."""
    return Unavailable(
        f"{path.name} cannot be written: {error}",
        cure="free space or fix the state directory's permissions; it is tried again by itself",
        part=path.stem,
    )


def suspect(path: Path) -> None:
    """Have the file checked when it is opened next: it has shown signs of damage."""
    store_health.suspicion(path).touch()


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
            try:
                return self._read(str(self._path), apsw.SQLITE_OPEN_READONLY, sql, bindings)
            except (apsw.CantOpenError, apsw.ReadOnlyError):
                if store_health.has_wal(self._path):
                    raise
            return self._read(*self._immutable(), sql, bindings)
        except apsw.Error as error:
            raise Unavailable(f"{self._path.name}: {error}", part=self._path.stem) from error

    @contextmanager
    def snapshot(self) -> Iterator[Query]:
        """Like `rows`, any number of queries that all see one moment. Raises Unavailable."""
        if not self._path.exists():
            raise Unavailable(f"{self._path.name} does not exist yet", part=self._path.stem)
        try:
            with closing(self._begun()) as connection:
                yield lambda sql, bindings: _fetch(connection.execute(sql, bindings))
        except apsw.Error as error:
            raise Unavailable(f"{self._path.name}: {error}", part=self._path.stem) from error

    def _begun(self) -> apsw.Connection:
        """A connection within a read transaction."""
        try:
            return _begin_to_read(str(self._path), apsw.SQLITE_OPEN_READONLY)
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            if store_health.has_wal(self._path):
                raise
        return _begin_to_read(*self._immutable())

    def _immutable(self) -> tuple[str, int]:
        """Nobody can have a WAL in a directory that cannot be written, so nothing changes."""
        name = f"{self._path.absolute().as_uri()}?immutable=1"
        return name, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI

    def _read(self, name: str, flags: int, sql: str, bindings: Sequence[Any]) -> list[Row]:
        connection = apsw.Connection(name, flags=flags)
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            cursor = connection.cursor()
            cursor.execute(sql, bindings)
            return _fetch(cursor)
        finally:
            connection.close()


def _begin_to_read(name: str, flags: int) -> apsw.Connection:
    connection = apsw.Connection(name, flags=flags)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.execute("begin").fetchall()
        connection.execute("select 1 from sqlite_schema limit 1").fetchall()  # it begins here
    except apsw.Error:
        connection.close()
        raise
    return connection


def _fetch(cursor: apsw.Cursor) -> list[Row]:
    rows: list[Row] = []
    names: list[str] = []
    for row in cursor:
        if not names:  # APSW describes columns only while a row is there
            names = [column[0] for column in cursor.get_description()]
        rows.append(dict(zip(names, row, strict=True)))
    return rows
