"""A room's numbered migrations and its published views, applied to its file."""

import functools
import hashlib
import re
from pathlib import Path
from typing import Final

import apsw

from atlas_actors import failpoints

APPLICATION_ID: Final = 0x41544C53  # "ATLS"
_MIGRATION_NAME: Final = re.compile(r"^(\d{3})_[a-z0-9_]+\.sql$")


def newest(schema: Path) -> int:
    """The version that the code knows."""
    return max((number for number, _ in _migrations(schema)), default=0)


def migrate(connection: apsw.Connection, schema: Path, up_to: int | None = None) -> None:
    """Run the migrations that the file has not had, each in one transaction with its stamp.

    Up to the newest one, which also publishes the views; or up to that number.
    """
    version = connection.pragma("user_version")
    for number, file in _migrations(schema):
        if number <= version or (up_to is not None and number > up_to):
            continue
        with connection:
            connection.execute(file.read_text("utf-8")).fetchall()
            failpoints.passing("store.migrating")
            connection.execute(f"pragma user_version={number}").fetchall()
            connection.execute(f"pragma application_id={APPLICATION_ID}").fetchall()
    if up_to is None:
        _publish_views(connection, schema / "views.sql")


def tables_at(schema: Path, version: int) -> frozenset[str]:
    """The tables that a file of this version has."""
    texts = [file.read_text("utf-8") for number, file in _migrations(schema) if number <= version]
    return _tables_made_by(tuple(texts))


def tables_of(connection: apsw.Connection) -> frozenset[str]:
    """The tables of a file, without SQLite's own."""
    found = connection.execute(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%'"
        " escape '\\'"
    )
    return frozenset(name for (name,) in found)


@functools.lru_cache
def _tables_made_by(texts: tuple[str, ...]) -> frozenset[str]:
    connection = apsw.Connection(":memory:")
    try:
        for text in texts:
            connection.execute(text).fetchall()
        return tables_of(connection)
    finally:
        connection.close()


def _migrations(schema: Path) -> list[tuple[int, Path]]:
    found = []
    for file in sorted(schema.glob("*.sql")):
        match = _MIGRATION_NAME.match(file.name)
        if match:
            found.append((int(match[1]), file))
    return found


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
