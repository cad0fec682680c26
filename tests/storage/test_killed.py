"""F2 and Q20: a process that is killed inside a migration or a checkpoint."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from atlas_actors import failpoints, store_health
from atlas_actors.cell import Fence
from atlas_actors.store import Store
from atlas_actors.store_schema import newest, tables_at, tables_of

SCHEMAS = sorted(Path(store_health.__file__).parent.glob("*/schema"))
# What a home may have when a newer Atlas starts on it; and 0, a new home, for one room.
RELEASED = [
    pytest.param(schema, version, id=f"{schema.parent.name}-{version}")
    for schema in SCHEMAS
    for version in range(schema.parent.name != "tasks", newest(schema))
]
# Opens the store in a process that dies at a failpoint.
OPEN = """
import os, sys
from pathlib import Path
from atlas_actors import failpoints
from atlas_actors.cell import Fence
from atlas_actors.store import Store
failpoints.arm(os.environ)
store = Store(Path(sys.argv[1]), Path(sys.argv[2]), Fence())
"""
FILL = """
for number in range(3_000):
    store.begin(durable=False)
    store.run("insert into things values (?, ?)", (number, "x" * 3_000))
    store.commit()
    print(number, flush=True)
"""


def run(code, *words, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def prefix(schema, version, folder):
    """The schema as it was released with this version."""
    folder.mkdir()
    for file in schema.glob("*.sql"):
        if file.name[:3].isdigit() and int(file.name[:3]) <= version:
            shutil.copy(file, folder)
    return folder


def add_a_row(store, table):
    """A row that the table's checks take."""
    (made,) = store.rows("select sql from sqlite_schema where name = ?", (table,))
    words = dict(re.findall(r"check \(\"?(\w+)\"? in\s*\('(\w+)'", made["sql"]))
    values = {"TEXT": "x", "INTEGER": 1, "REAL": 0.5, "BLOB": b"x"}
    columns = store.rows(f"pragma table_info({table})")
    row = [words.get(column["name"], values[column["type"].upper()]) for column in columns]
    marks = ", ".join("?" * len(row))
    store.run(f"insert or ignore into {table} values ({marks})", row)


@pytest.mark.slow
@pytest.mark.parametrize(("schema", "version"), RELEASED)
def test_q20_a_migration_that_is_killed_half_way_resumes_and_keeps_the_rows(
    tmp_path, schema, version
):
    path = tmp_path / "room.db"
    with Store(path, prefix(schema, version, tmp_path / "old"), Fence()) as store:
        store.run("pragma foreign_keys=off")
        # An index that SQLite keeps for us (FTS5) has tables of its own.
        kept = store.rows("select name from pragma_table_list where type = 'table'")
        tables = sorted(tables_at(schema, version) & {row["name"] for row in kept})
        for table in tables:
            add_a_row(store, table)
        before = {table: store.rows(f"select * from {table}") for table in tables}
    assert all(before.values())
    killed = run(OPEN, path, schema, ATLAS_FAIL="store.migrating:1")
    assert killed.returncode == -9, killed.stderr
    with Store(path, prefix(schema, version, tmp_path / "again"), Fence()) as store:
        assert store.set_aside is None  # the old code could still use it: nothing half is there
    with Store(path, schema, Fence()) as store:
        assert store.set_aside is None
        assert store.connection.pragma("user_version") == newest(schema)
        for table in before.keys() & tables_of(store.connection):  # some are of the old code alone
            rows = before[table]
            after = store.rows(f"select * from {table}")
            assert [{name: row[name] for name in rows[0]} for row in after] == rows


@pytest.mark.slow
@pytest.mark.parametrize("passing", [1, 2])
def test_f2_a_checkpoint_that_is_killed_half_way_costs_nothing(tmp_path, passing):
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "001_things.sql").write_text(
        "create table things (number integer primary key, body text) strict;"
    )
    path = tmp_path / "room.db"
    killed = run(OPEN + FILL, path, schema, ATLAS_FAIL=f"store.checkpoint:{passing}")
    assert killed.returncode == -9, killed.stderr
    acknowledged = len(killed.stdout.splitlines())
    assert acknowledged > 200 * passing
    with Store(path, schema, Fence()) as store:
        assert store.set_aside is None
        kept = store.row("select count(*) as n, max(number) as last from things")
        assert kept["n"] in (acknowledged, acknowledged + 1)  # it died before it could say so
        assert kept["last"] == kept["n"] - 1


def test_without_the_variable_nothing_is_armed():
    failpoints.arm({})
    assert not any(failpoints.armed(point) for point in failpoints.POINTS)
    for point in failpoints.POINTS:
        failpoints.passing(point)
