"""The database of the room: what is kept and for how long, and a disk that refuses."""

import pytest

from atlas_actors.cell import Fence
from atlas_actors.errors import CannotStart
from atlas_actors.mcp.health import Looker
from atlas_actors.mcp.history import History
from atlas_actors.redaction import Redactor
from atlas_actors.store import Reader
from tests.support.mcp_servers import server


def health(at_ms=1_000, ok=True):
    looker = Looker(redactor=Redactor(), why="asked", at_ms=at_ms, timeout_s=5.0)
    return looker.said(server(), {"ok": ok, "stage": "done" if ok else "ping", "error": "e"})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mcp_health.db"


@pytest.fixture
def history(file):
    made = History(file, Fence(), thorough=True)
    yield made
    made.close()


def times(file):
    return [row["at_ms"] for row in Reader(file).rows("select at_ms from inspect_mcp_checks")]


def test_what_is_older_than_the_retention_goes(history, file):
    for at_ms in (1_000, 2_000, 3_000):
        history.keep(health(at_ms))
    history.prune(2_000)
    assert times(file) == [3_000, 2_000]


def test_a_file_that_was_removed_is_written_again(history, file):
    history.keep(health(1_000))
    file.unlink()
    history.keep(health(2_000))
    assert times(file) == [2_000, 1_000]
    assert history.trouble == ""


def test_a_disk_that_refuses_costs_a_row_and_is_told_until_it_takes_one(history, file):
    history.keep(health(1_000))
    history._store.connection.execute("pragma query_only=1")
    history.keep(health(2_000))
    assert "cannot be written" in history.trouble
    history._store.connection.execute("pragma query_only=0")
    history.keep(health(3_000))
    assert history.trouble == ""
    assert times(file) == [3_000, 1_000]


def test_a_directory_that_cannot_be_used_parks_the_room(tmp_path):
    (tmp_path / "a").write_text("no directory")
    with pytest.raises(CannotStart):
        History(tmp_path / "a" / "mcp_health.db", Fence(), thorough=True)


def test_a_file_that_is_no_database_is_kept_aside_and_told(file):
    file.write_bytes(b"no database at all" * 100)
    made = History(file, Fence(), thorough=True)
    assert "mcp_health.db was" in made.trouble
    made.keep(health())
    assert times(file) == [1_000]
    made.close()
