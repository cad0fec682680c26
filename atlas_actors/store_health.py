"""What can be wrong with a room's file, and how a whole one is put in its place.

Beside NAME.db there may be `.NAME.db.known` (a database was here), `NAME.db-suspect` (it has shown
signs of damage), `NAME.db.saving` (a copy that is being written) and `NAME.db.saved` (a whole copy
that has to become NAME.db; whoever opens next goes on with that).
"""

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw
import attrs

from atlas_actors.store_rescue import Rescued, rescue
from atlas_actors.store_schema import (
    APPLICATION_ID,
    migrate,
    newest,
    tables_at,
    tables_of,
)

BUSY_TIMEOUT_MS: Final = 5_000
# A file up to this size is checked whole at the daemon's start, also after an orderly stop:
# measured 84 ms for 45 MB.
CHECKED_BYTES_MAX: Final = 64 * 1024 * 1024
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_PAGE_BYTES: Final = 4096
_PARTS: Final = ("-shm", "-wal", "-journal", "")  # the database last

_ASIDE: Final = re.compile(r"\.(?!empty-)[a-z]+-\d+")  # an empty one holds nothing


@attrs.frozen(kw_only=True)
class SetAside:
    """A database that could not be used: another one is in its place now."""

    reason: str  # corrupt, newer, foreign, empty, missing
    kept_as: str  # where it was renamed to; empty: there was nothing left
    rescued: Rescued | None = None


@attrs.frozen
class Identity:
    """Which files a connection has open, and how large the database was."""

    database: tuple[int, int]
    wal: tuple[int, int] | None
    size: int


def identity(path: Path) -> Identity | None:
    """Of the files that are at `path` now; None when there is no database."""
    try:
        database = os.stat(path)  # noqa: PTH116 - half the time of Path.stat
    except FileNotFoundError:
        return None
    try:
        wal = os.stat(f"{path}-wal")  # noqa: PTH116
    except FileNotFoundError:
        return Identity((database.st_dev, database.st_ino), None, database.st_size)
    return Identity((database.st_dev, database.st_ino), (wal.st_dev, wal.st_ino), database.st_size)


def why_unusable(path: Path, schema: Path, vfs: str | None, *, thorough: bool) -> str:
    """Empty when the file is fine, or absent as it should be; else one word."""
    if _size(path) == 0:
        if known(path).exists() or has_wal(path):
            return "empty" if path.exists() else "missing"
        return ""
    unclean = suspicion(path).exists() or has_wal(path)
    if unclean or (thorough and _size(path) <= CHECKED_BYTES_MAX):
        check = "pragma quick_check(1)"
    else:
        check = "select 'ok' from (select count(*) from sqlite_schema)"
    problem = _problem(path, schema, vfs, check)
    if problem == "corrupt":  # a read that failed once is not damage
        problem = _problem(path, schema, vfs, "pragma quick_check(1)")
    if not problem:
        suspicion(path).unlink(missing_ok=True)
    return problem


def has_wal(path: Path) -> bool:
    """Whether there are commits beside the file."""
    return _size(path.with_name(f"{path.name}-wal")) > 0


def suspicion(path: Path) -> Path:
    """The mark of a file that has shown signs of damage."""
    return path.with_name(f"{path.name}-suspect")


def known(path: Path) -> Path:
    """The mark that a database was here; hidden, so that `rm NAME.db*` leaves it."""
    return path.with_name(f".{path.name}.known")


def remember(path: Path) -> None:
    """Leave the mark, and make the new file's name durable."""
    mark = known(path)
    if not mark.exists():
        mark.touch(mode=0o600)
        sync_directory(path)


def set_aside(
    path: Path, reason: str, schema: Path, vfs: str | None, check: Callable[[], None]
) -> SetAside:
    """Move the file out of the way; a new one with what could be rescued takes its place."""
    rescued = None
    if reason in ("corrupt", "empty", "missing"):
        rescued = save(path, lambda target: _rescue(path, target, schema, vfs, check), vfs)
    kept_as = make_way(path, reason)
    finish_saving(path)
    suspicion(path).unlink(missing_ok=True)
    return SetAside(reason=reason, kept_as=kept_as, rescued=rescued)


def save(
    path: Path, fill: Callable[[apsw.Connection], Rescued | None], vfs: str | None
) -> Rescued | None:
    """Let `fill` write a database that will be put in the place of the one at `path`."""
    saving = path.with_name(f"{path.name}.saving")
    for part in _PARTS:
        saving.with_name(saving.name + part).unlink(missing_ok=True)
    target = apsw.Connection(str(saving), vfs=vfs)
    try:
        filled = fill(target)
    finally:
        target.close()
    with saving.open("rb+") as file:
        os.fsync(file.fileno())
    saving.replace(path.with_name(f"{path.name}.saved"))
    sync_directory(path)
    return filled


def finish_saving(path: Path) -> str:
    """Put a saved copy in its place, if there is one; the name of what is set aside for it."""
    saved = path.with_name(f"{path.name}.saved")
    if not saved.exists():
        return ""
    kept_as = make_way(path, "replaced")
    saved.replace(path)
    sync_directory(path)
    return kept_as


def kept_aside(path: Path) -> list[str]:
    """The names of files that were set aside for this one, oldest first."""
    found = [
        file.name
        for file in path.parent.glob(f"{path.name}.*-*")
        if _ASIDE.fullmatch(file.name.removeprefix(path.name))
    ]
    return sorted(found, key=lambda name: int(name.rpartition("-")[2]))


def make_way(path: Path, reason: str) -> str:
    """Rename what is at `path`; the new name, or nothing when there was nothing."""
    kept = path.with_name(f"{path.name}.{reason}-{time.time_ns() // 1_000_000}")
    moved = False
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)  # only an index of the WAL
    for part in _PARTS:
        file = path.with_name(path.name + part)
        if part == "-wal" and not _size(file):
            file.unlink(missing_ok=True)
        elif file.exists():
            file.replace(kept.with_name(kept.name + part))
            moved = True
    return str(kept) if moved else ""


def sync_directory(path: Path) -> None:
    """Make the names in the directory of `path` survive a power cut."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _problem(path: Path, schema: Path, vfs: str | None, check: str) -> str:
    try:
        connection = apsw.Connection(str(path), vfs=vfs)
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            version = connection.pragma("user_version")
            if version > newest(schema):
                return "newer"
            if connection.execute(check).fetchall() != [("ok",)]:
                return "corrupt"
            tables = tables_of(connection)
            ours = not tables or connection.pragma("application_id") == APPLICATION_ID
            return "" if ours and tables_at(schema, version) <= tables else "foreign"
        finally:
            connection.close()
    except (apsw.NotADBError, apsw.CorruptError):
        return "corrupt"


def _rescue(
    path: Path,
    target: apsw.Connection,
    schema: Path,
    vfs: str | None,
    check: Callable[[], None],
) -> Rescued:
    """Fill the new database from what is left at `path`."""
    for pragma in (
        "synchronous=off",  # it is synced as a whole
        "journal_mode=memory",
        "cache_size=-65536",  # KiB
        "foreign_keys=on",
    ):
        target.execute(f"pragma {pragma}").fetchall()
    if not _size(path) and not has_wal(path):
        migrate(target, schema)
        return Rescued()
    if not _size(path):  # of an empty database SQLite would delete the WAL
        with path.open("ab") as file:
            file.truncate(_PAGE_BYTES)
    readable = _with_header(path, schema, vfs)
    source = apsw.Connection(str(readable), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
    try:
        source.set_busy_timeout(BUSY_TIMEOUT_MS)
        source.execute("pragma writable_schema=on").fetchall()  # reads also a file cut short
        migrate(target, schema, up_to=_version(source, schema))
        rescued = rescue(source, target, check)
        migrate(target, schema)
    finally:
        source.close()
        if readable != path:
            for part in _PARTS:
                readable.with_name(readable.name + part).unlink(missing_ok=True)
    return rescued


def _version(source: apsw.Connection, schema: Path) -> int:
    try:
        version = int(source.pragma("user_version"))
    except apsw.Error:
        return newest(schema)
    return version if 0 < version <= newest(schema) else newest(schema)


def _with_header(path: Path, schema: Path, vfs: str | None) -> Path:
    """The file itself or, when its first bytes are not SQLite's, a copy that has them again."""
    with path.open("rb") as file:
        before = file.read(_HEADER_BYTES)
    if before.startswith(_MAGIC):
        return path
    copy = path.with_name(f"{path.name}.patched")
    template = path.with_name(f"{path.name}.template")
    template.unlink(missing_ok=True)
    connection = apsw.Connection(str(template), vfs=vfs)
    try:
        migrate(connection, schema)
    finally:
        connection.close()
    header = bytearray(template.read_bytes()[:_HEADER_BYTES])
    template.unlink()
    header[28:32] = (_size(path) // _PAGE_BYTES).to_bytes(4, "big")  # pages
    header[32:40] = bytes(8)  # no free pages: none is taken from there
    if 0 < int.from_bytes(before[60:64], "big") <= newest(schema):
        header[60:64] = before[60:64]  # user_version
    for part in ("-wal", ""):
        if path.with_name(path.name + part).exists():
            shutil.copyfile(path.with_name(path.name + part), copy.with_name(copy.name + part))
    with copy.open("rb+") as file:
        file.write(header)
    return copy
