"""F5: a room's file is damaged, cut short, emptied, removed or replaced, at rest or in use."""

import os
import shutil
from pathlib import Path

import apsw
import pytest

from atlas_actors import store_health, store_rescue
from atlas_actors.cell import Fence
from atlas_actors.errors import Unavailable
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.messages import paths
from atlas_actors.messages.execution import Request
from atlas_actors.messages.task import SubmitTask
from atlas_actors.settings import TaskSettings
from atlas_actors.store import Reader, Store, suspect
from atlas_actors.store_actor import LOOK_EVERY_S
from atlas_actors.tasks.actor import Tasks
from tests.support.stages import Stage

SETTINGS = TaskSettings(pending_max=10_000, attempts_max=3, interruptions_max=2, retention_days=1)
ROOMS = sorted(folder.parent.name for folder in Path(store_health.__file__).parent.glob("*/schema"))
PAGE = 4096
TASKS = 120


def room(folder):
    database = folder / "tasks.db"
    return Stage(Tasks, path=paths.TASKS, database=database, settings=SETTINGS, epoch=1)


def submit(stage, prompt="x" * 700, key=None):
    """One submission through the actor's own commit path; its id. Raises what a caller gets."""
    reply = Reply()
    order = SubmitTask(request=Request(prompt=prompt), key=key)
    stage.actor._handle(Envelope(order, reply))
    return reply.get(0).id


def ids(path):
    return {row["id"] for row in Reader(path).rows("select id from inspect_tasks")}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A home with a tasks.db of many pages, closed in order, and the ids in it."""
    folder = tmp_path_factory.mktemp("filled")
    stage = room(folder)
    stage.start()
    replies = [Reply() for _ in range(TASKS)]
    for reply in replies:
        stage.cell.mailbox.put(Envelope(SubmitTask(request=Request(prompt="x" * 700)), reply))
    stage.actor._handle(stage.cell.mailbox.get(0))
    stage.actor.store.run(
        "insert into attempts (task_id, number, epoch, provider, started_ms)"
        " select id, 1, 1, 'a', 0 from tasks"
    )
    stage.stop()
    return folder, frozenset(reply.value.id for reply in replies)


@pytest.fixture
def home(filled, tmp_path):
    folder = tmp_path / "state"
    shutil.copytree(filled[0], folder)
    return folder


def overwrite(path, at, count):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * count)


def started(folder):
    stage = room(folder)
    stage.start()
    return stage


def check_consistent(store):
    assert store.rows("pragma integrity_check") == [{"integrity_check": "ok"}]
    assert store.rows("pragma foreign_key_check") == []
    counted = store.row("select sum(tasks) as n from inspect_counts")
    assert counted == store.row("select count(*) as n from tasks")


def middle(path):
    return path.stat().st_size // 2 // PAGE * PAGE


def test_noise_in_the_middle_costs_the_rows_of_a_page_and_they_are_named(home, filled):
    path = home / "tasks.db"
    overwrite(path, middle(path), PAGE)
    stage = started(home)
    rescued = stage.actor.store.set_aside.rescued
    left = ids(path)
    lost = {line.removeprefix("tasks ") for line in rescued.lost}
    assert 0 < len(lost) <= 10
    assert left | lost == filled[1]
    assert not left & lost
    assert f"{rescued.total} rows were rescued" in stage.cell.reason
    assert f"{len(lost)} are known to be lost: tasks {min(lost)}" in stage.cell.reason
    check_consistent(stage.actor.store)
    assert submit(stage) in ids(path)
    stage.stop()


@pytest.mark.parametrize("count", [16, 100])
def test_an_overwritten_header_costs_nothing(home, filled, count):
    overwrite(home / "tasks.db", 0, count)
    stage = started(home)
    assert "was corrupt and set aside" in stage.cell.reason
    assert ids(home / "tasks.db") == filled[1]
    check_consistent(stage.actor.store)
    stage.stop()


@pytest.mark.slow
def test_of_a_file_cut_short_the_first_part_is_kept(home, filled):
    path = home / "tasks.db"
    os.truncate(path, middle(path))
    stage = started(home)
    assert "rows were rescued" in stage.cell.reason
    assert TASKS / 8 < len(ids(path)) < TASKS
    assert ids(path) < filled[1]
    check_consistent(stage.actor.store)
    stage.stop()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: os.truncate(path, 0), "tasks.db was empty and set aside"),
        (Path.unlink, "tasks.db was missing, though this home had one"),
    ],
)
def test_an_emptied_or_missing_file_is_said_and_not_silently_made_again(home, spoil, words):
    spoil(home / "tasks.db")
    stage = started(home)
    assert words in stage.cell.reason
    assert "started with an empty one" in stage.cell.reason
    assert submit(stage)
    stage.stop()
    again = started(home)
    assert again.cell.reason == ""
    again.stop()


@pytest.mark.parametrize("spoil", [lambda path: os.truncate(path, 0), Path.unlink])
def test_what_only_the_wal_still_has_comes_back(home, tmp_path, spoil):
    """All of a young home is in the WAL; SQLite would delete it beside an empty file."""
    young = tmp_path / "young"
    young.mkdir()
    stage = started(young)
    accepted = {submit(stage) for _ in range(3)}
    killed = tmp_path / "killed"
    shutil.copytree(young, killed)
    stage.stop()
    spoil(killed / "tasks.db")
    again = started(killed)
    assert "rows were rescued" in again.cell.reason
    assert ids(killed / "tasks.db") == accepted
    check_consistent(again.actor.store)
    again.stop()


def test_the_first_start_of_a_home_says_nothing(tmp_path):
    stage = started(tmp_path)
    assert stage.cell.reason == ""
    stage.stop()


@pytest.mark.parametrize("name", ROOMS)
@pytest.mark.parametrize("fault", ["noise", "cut", "empty", "missing", "foreign"])
def test_every_room_starts_on_any_damage_and_names_it(tmp_path, name, fault):
    path = tmp_path / f"{name}.db"
    schema = Path(store_health.__file__).parent / name / "schema"
    Store(path, schema, Fence()).close()
    if fault == "noise":
        overwrite(path, PAGE, 3 * PAGE)
    elif fault == "cut":
        os.truncate(path, 2 * PAGE)
    elif fault == "empty":
        os.truncate(path, 0)
    else:
        path.unlink()
    if fault == "foreign":
        other = apsw.Connection(str(path))
        other.execute("create table somebodys (thing)")
        other.close()
    expected = {"noise": "corrupt", "cut": "corrupt"}.get(fault, fault)
    with Store(path, schema, Fence(), thorough=True) as store:
        assert store.set_aside.reason == expected
        assert store.rows("pragma integrity_check") == [{"integrity_check": "ok"}]
        assert store.connection.pragma("user_version") > 0


def test_another_rooms_file_is_not_taken_for_ours(tmp_path):
    schemas = Path(store_health.__file__).parent
    path = tmp_path / "tasks.db"
    Store(path, schemas / "outcomes" / "schema", Fence()).close()
    with Store(path, schemas / "tasks" / "schema", Fence()) as store:
        assert store.set_aside.reason == "foreign"
        assert store.row("select count(*) as n from tasks") == {"n": 0}


def test_a_file_of_an_older_version_is_rescued_into_its_own_version_and_then_migrated(tmp_path):
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "001_things.sql").write_text("create table things (name text primary key) strict;")
    path = tmp_path / "room.db"
    with Store(path, schema, Fence()) as store:
        store.run("insert into things values ('a')")
    overwrite(path, 0, 40)  # the version behind it can still be read
    (schema / "002_colour.sql").write_text(
        "alter table things add column colour text; update things set colour = 'red';"
    )
    with Store(path, schema, Fence()) as store:
        assert store.set_aside.rescued.total == 1
        assert store.row("select * from things") == {"name": "a", "colour": "red"}


class KilledError(BaseException):
    """Ends a start as a kill would."""


def killed_at(module, name, home, monkeypatch):
    """A start that is killed when it comes to this function."""

    def killed(*_):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(KilledError):
            started(home)


def test_a_rescue_that_is_killed_begins_again(home, filled, monkeypatch):
    path = home / "tasks.db"
    overwrite(path, middle(path), PAGE)

    killed_at(store_rescue, "_lost", home, monkeypatch)
    stage = started(home)
    assert len(ids(path)) >= TASKS - 10
    stage.stop()


def test_a_rescue_that_is_killed_before_the_new_file_is_in_place_goes_on(home, monkeypatch):
    path = home / "tasks.db"
    overwrite(path, middle(path), PAGE)

    killed_at(store_health, "make_way", home, monkeypatch)
    stage = started(home)
    assert "tasks.db was damaged and set aside" in stage.cell.reason
    assert len(ids(path)) >= TASKS - 10
    stage.stop()


def test_rows_for_which_there_is_no_time_are_said_to_be_left_and_the_newest_come_first(
    home, filled, monkeypatch
):
    overwrite(home / "tasks.db", 0, 16)
    monkeypatch.setattr(store_rescue, "RESCUE_S", 0)
    monkeypatch.setattr(store_rescue, "CHECK_EVERY_ROWS", 7)
    monkeypatch.setattr(store_rescue.time, "monotonic", iter([0, 0, 0, 1]).__next__)
    stage = started(home)
    assert "there was no time for the rest" in stage.cell.reason
    assert ids(home / "tasks.db") == set(sorted(filled[1])[-15:])
    check_consistent(stage.actor.store)
    stage.stop()


# In use.


@pytest.fixture
def stage(home):
    built = started(home)
    yield built
    built.stop()


def removed(path):
    path.unlink()


def removed_with_its_wal(path):
    for part in ("", "-wal", "-shm"):
        path.with_name(path.name + part).unlink()


def wal_removed(path):
    path.with_name(f"{path.name}-wal").unlink()


def replaced(path):
    other = path.with_name("other")
    connection = apsw.Connection(str(other))
    connection.execute("create table somebodys (thing)")
    connection.close()
    other.replace(path)


def swapped_for_an_old_copy(path):
    shutil.copyfile(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


LIVE = [removed, removed_with_its_wal, wal_removed, replaced, swapped_for_an_old_copy]


@pytest.mark.parametrize("spoil", LIVE)
def test_a_file_that_is_taken_away_in_use_is_written_back_before_the_next_answer(
    stage, home, filled, spoil
):
    path = home / "tasks.db"
    accepted = {submit(stage)}
    spoil(path)
    accepted.add(submit(stage))
    assert ids(path) == filled[1] | accepted
    assert "was removed or replaced while it was in use" in stage.cell.reason
    accepted.add(submit(stage))
    assert ids(path) == filled[1] | accepted
    check_consistent(stage.actor.store)
    with Store(path, Tasks.schema, Fence()) as other:
        assert other.set_aside is None


@pytest.mark.parametrize("spoil", LIVE)
def test_a_quiet_room_finds_out_by_itself(stage, home, filled, spoil):
    path = home / "tasks.db"
    id = submit(stage)
    spoil(path)
    stage.clock.advance(LOOK_EVERY_S)
    stage.actor._handle_due()
    assert ids(path) == filled[1] | {id}


@pytest.mark.parametrize("spoil", LIVE)
def test_what_is_taken_away_before_the_end_is_written_back_at_the_end(home, filled, spoil):
    stage = started(home)
    id = submit(stage)
    spoil(home / "tasks.db")
    stage.stop()
    assert ids(home / "tasks.db") == filled[1] | {id}


def test_a_fenced_incarnation_writes_nothing_back(home):
    stage = started(home)
    stage.actor.place.fence.drop()
    (home / "tasks.db").unlink()
    stage.stop()
    assert not (home / "tasks.db").exists()


def test_without_the_look_at_the_file_the_work_is_lost(home, monkeypatch):
    """The negative control: what SQLite does by itself."""
    monkeypatch.setattr(Store, "moved", lambda _: False)
    stage = started(home)
    removed_with_its_wal(home / "tasks.db")
    assert submit(stage)
    stage.stop()
    assert not (home / "tasks.db").exists()


def test_while_the_file_cannot_be_written_back_work_is_refused_and_nothing_is_lost(
    stage, home, filled, monkeypatch
):
    path = home / "tasks.db"
    path.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_health, "save", full)
        with pytest.raises(Unavailable, match=r"tasks\.db cannot be written"):
            submit(stage)
        assert "cannot be written" in stage.cell.reason
    id = submit(stage)
    assert ids(path) == filled[1] | {id}


def test_a_file_that_is_cut_short_in_use_is_rescued_at_the_restart(home, filled):
    stage = started(home)
    accepted = {submit(stage)}
    path = home / "tasks.db"
    os.truncate(path, middle(path))
    with pytest.raises(apsw.CorruptError, match="cut short"):
        submit(stage)
    suspect(path)  # as StoreActor._life does
    stage.actor._tear_down_safely()
    again = started(home)
    assert "rows were rescued" in again.cell.reason
    assert accepted < ids(path)
    assert len(ids(path) & filled[1]) > TASKS / 8
    check_consistent(again.actor.store)
    again.stop()


def test_a_file_that_becomes_read_only_refuses_work_reads_on_and_recovers(home, filled, stage):
    connection = stage.actor.store.connection
    connection.execute("pragma query_only=on").fetchall()  # as root no mode of a file refuses
    with pytest.raises(Unavailable, match="cannot be written"):
        submit(stage)
    assert "cannot be written" in stage.cell.reason
    assert ids(home / "tasks.db") == filled[1]
    connection.execute("pragma query_only=off").fetchall()
    stage.clock.advance(1.0)
    stage.actor._handle_due()
    assert stage.cell.reason == ""
    assert submit(stage)


def test_what_was_set_aside_is_named_at_every_start_until_somebody_has_taken_it_away(tmp_path):
    path = tmp_path / "tasks.db"
    kept = path.with_name("tasks.db.corrupt-1750000000000")
    kept.write_bytes(b"noise")
    (tmp_path / "tasks.db.corrupt-1750000000000-wal").write_bytes(b"noise")
    assert store_health.kept_aside(path) == [kept.name]
    stage = started(tmp_path)
    assert kept.name in stage.cell.reason
    stage.stop()
    kept.unlink()
    stage = started(tmp_path)
    assert stage.cell.reason == ""
    stage.stop()
