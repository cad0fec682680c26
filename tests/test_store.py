"""A room's database: migrations, durability, what happens to files that cannot be used."""

import os
import subprocess
import sys
from pathlib import Path

import apsw
import attrs
import pytest

from atlas_actors import failpoints
from atlas_actors.cell import Fence, FencedOffError
from atlas_actors.errors import DeadlinePassed, Unavailable
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.store import Reader, Store
from atlas_actors.store_actor import StoreActor
from supervisors.child import ChildSpec
from tests.support.stages import Stage
from tests.support.trees import WAIT_S, tree_of

TABLE = "create table things (name text primary key) strict;"
VIEWS = "create view inspect_things as select name from things;"


@pytest.fixture
def schema(tmp_path):
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "001_things.sql").write_text(TABLE)
    (folder / "views.sql").write_text(VIEWS)
    return folder


@pytest.fixture
def path(tmp_path):
    return tmp_path / "room.db"


def add(store, name, *, durable=True):
    store.begin(durable=durable)
    store.run("insert into things values (?)", (name,))
    store.commit()


def names(store):
    return [row["name"] for row in store.rows("select name from things order by name")]


def test_a_new_file_is_migrated_and_kept(path, schema):
    with Store(path, schema, Fence()) as store:
        add(store, "a")
    with Store(path, schema, Fence()) as store:
        assert names(store) == ["a"]
        assert store.set_aside is None


def test_a_later_migration_runs_once_and_keeps_the_rows(path, schema):
    with Store(path, schema, Fence()) as store:
        add(store, "a")
    (schema / "002_colour.sql").write_text("alter table things add column colour text;")
    for _ in range(2):
        with Store(path, schema, Fence()) as store:
            assert store.row("select name, colour from things") == {"name": "a", "colour": None}


def test_a_migration_that_fails_leaves_nothing_of_itself(path, schema):
    with Store(path, schema, Fence()) as store:
        add(store, "a")
    (schema / "002_half.sql").write_text("create table half (x int) strict; nonsense;")
    with pytest.raises(apsw.SQLError):
        Store(path, schema, Fence())
    (schema / "002_half.sql").unlink()
    with Store(path, schema, Fence()) as store:
        assert store.rows("select name from sqlite_schema where name = 'half'") == []
        assert names(store) == ["a"]


def test_views_follow_their_file(path, schema):
    Store(path, schema, Fence()).close()
    (schema / "views.sql").write_text("create view inspect_other as select 1 as one;")
    Store(path, schema, Fence()).close()
    assert Reader(path).rows("select * from inspect_other") == [{"one": 1}]
    with pytest.raises(Unavailable):
        Reader(path).rows("select * from inspect_things")


def test_a_reader_sees_commits_while_the_writer_is_inside_a_transaction(path, schema):
    with Store(path, schema, Fence()) as store:
        add(store, "a")
        store.begin(durable=False)
        store.run("insert into things values ('b')")
        assert Reader(path).rows("select name from inspect_things") == [{"name": "a"}]
        store.commit()
        assert len(Reader(path).rows("select name from inspect_things")) == 2


def test_all_queries_of_a_snapshot_see_one_moment(path, schema):
    query = ("select name from inspect_things", ())
    with Store(path, schema, Fence()) as store:
        add(store, "a")
        with Reader(path).snapshot() as rows:
            add(store, "b")
            assert rows(*query) == [{"name": "a"}]
        with Reader(path).snapshot() as rows:
            assert len(rows(*query)) == 2
            with pytest.raises(apsw.ReadOnlyError):
                rows("create table other (x)", ())


def test_a_snapshot_of_what_cannot_be_read_is_unavailable(path, schema):
    with pytest.raises(Unavailable, match="does not exist"), Reader(path).snapshot():
        pass
    Store(path, schema, Fence()).close()
    with pytest.raises(Unavailable, match="nonsense"), Reader(path).snapshot() as rows:
        rows("select * from nonsense", ())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 100), "corrupt"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: set_version(path, 99), "newer"),
    ],
)
def test_a_file_that_cannot_be_used_is_set_aside_and_the_room_starts_empty(
    path, schema, spoil, reason
):
    with Store(path, schema, Fence()) as store:
        add(store, "a")
    spoil(path)
    spoiled = path.read_bytes()
    with Store(path, schema, Fence()) as store:
        assert store.set_aside.reason == reason
        assert names(store) == []
        assert Path(store.set_aside.kept_as).read_bytes() == spoiled


def set_version(path, version):
    connection = apsw.Connection(str(path))
    connection.execute(f"pragma user_version={version}").fetchall()
    connection.close()


@pytest.mark.slow
def test_a_file_whose_writer_was_killed_is_whole_and_not_set_aside(path, schema):
    script = (
        "import os, sys; from pathlib import Path\n"
        "from atlas_actors.cell import Fence; from atlas_actors.store import Store\n"
        "store = Store(Path(sys.argv[1]), Path(sys.argv[2]), Fence())\n"
        "for number in range(50):\n"
        "    store.begin(durable=True)\n"
        "    store.run('insert into things values (?)', (str(number),)); store.commit()\n"
        "store.begin(durable=True); store.run(\"insert into things values ('uncommitted')\")\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path), str(schema)], check=False)
    assert done.returncode == -9
    assert path.with_name("room.db-wal").stat().st_size > 0
    with Store(path, schema, Fence()) as store:
        assert store.set_aside is None
        assert len(names(store)) == 50


def test_noise_inside_a_file_left_by_a_killed_writer_is_found(path, schema):
    store = Store(path, schema, Fence())
    for number in range(500):
        add(store, f"{number:0100}", durable=False)
    store.run("pragma wal_checkpoint(truncate)")
    add(store, "in the wal")
    copies = [path.with_name(path.name + suffix) for suffix in ("", "-wal")]
    saved = [copy.read_bytes() for copy in copies]
    store.close()
    noisy = bytearray(saved[0])
    noisy[8192:12288] = os.urandom(4096)
    path.write_bytes(noisy)
    copies[1].write_bytes(saved[1])
    with Store(path, schema, Fence()) as store:
        assert store.set_aside.reason == "corrupt"


def test_s61_nothing_is_committed_once_the_fence_is_down(path, schema):
    fence = Fence()
    store = Store(path, schema, fence)
    store.begin(durable=True)
    store.run("insert into things values ('zombie')")
    fence.drop()
    with pytest.raises(apsw.Error):
        store.commit()
    store.rollback()
    store.close()
    with Store(path, schema, Fence()) as store:
        assert names(store) == []


def test_s61_a_fenced_thread_leaves_the_rest_of_its_batch_to_its_successor(path, schema):
    kind = type("ThisKeeper", (Keeper,), {"schema": schema})
    stage = Stage(kind, database=path)
    stage.start()
    first, second = (Envelope(Add(name=name), None) for name in "ab")
    stage.cell.mailbox.put(second)
    plain = stage.actor.on_receive

    def fenced_meanwhile(message):
        stage.actor.place.fence.drop()
        return plain(message)

    stage.actor.on_receive = fenced_meanwhile
    with pytest.raises((FencedOffError, apsw.Error)):
        stage.actor._handle(first)
    assert stage.cell.mailbox.get(0) is second


# The actor around it.


@attrs.frozen(kw_only=True)
class Add:
    name: str


@attrs.frozen(kw_only=True)
class Fail:
    name: str


@attrs.frozen(kw_only=True)
class All:
    pass


@attrs.frozen(kw_only=True)
class Shrink:
    pass


class Keeper(StoreActor):
    inbox = Add | Fail | All | Shrink
    durable = frozenset({Add})

    def on_receive(self, message):
        match message:
            case Add():
                self.store.run("insert into things values (?)", (message.name,))
            case Fail():
                self.store.run("insert into things values (?)", (message.name,))
                raise RuntimeError("after the insert")
            case All():
                return names(self.store)
            case Shrink():
                self.store.run("pragma max_page_count=1")


@pytest.fixture
def keeper(path, schema):
    kind = type("ThisKeeper", (Keeper,), {"schema": schema})
    spec = ChildSpec(id="keeper", actor=kind, arguments={"database": path})
    with tree_of(spec) as tree:
        yield tree.ref("keeper")


def test_a_crash_undoes_its_own_message_only(keeper):
    keeper.ask(Add(name="before"))
    replies = [
        keeper.send(message, lambda _: None)
        for message in (Add(name="a"), Fail(name="b"), Add(name="c"))
    ]
    assert keeper.ask(All(), WAIT_S) == ["a", "before", "c"]
    assert [reply.error is None for reply in replies] == [True, False, True]
    assert keeper.cell.incarnation == 2


def test_an_answer_comes_only_after_its_commit(keeper, path):
    keeper.ask(Add(name="a"))
    assert Reader(path).rows("select name from inspect_things") == [{"name": "a"}]


def test_a_database_that_was_set_aside_shows_as_degraded(path, schema):
    path.write_bytes(b"rubbish" * 1000)
    kind = type("ThisKeeper", (Keeper,), {"schema": schema})
    spec = ChildSpec(id="keeper", actor=kind, arguments={"database": path})
    with tree_of(spec) as tree:
        cell = tree.ref("keeper").cell
        assert cell.state == "running"
        assert "corrupt and set aside" in cell.reason


def test_a_full_disk_refuses_the_work_by_name_and_keeps_the_actor(keeper):
    keeper.ask(Add(name="a"))
    keeper.ask(Shrink())  # SQLite's own page limit gives the same FullError as a full disk
    with pytest.raises(Unavailable, match="cannot be written"):
        keeper.ask(Add(name="x" * 100_000))
    assert keeper.ask(All()) == ["a"]
    assert keeper.cell.incarnation == 1


def test_the_failpoint_of_a_room_is_between_the_durable_commit_and_its_answer(
    path, schema, monkeypatch
):
    passed = []

    def passing(point):
        passed.append((point, reply.error, len(Reader(path).rows("select * from inspect_things"))))
        with pytest.raises(DeadlinePassed):
            reply.get(0)

    kind = type("ThisKeeper", (Keeper,), {"schema": schema, "committed_point": "tasks.committed"})
    stage = Stage(kind, database=path)
    stage.start()
    monkeypatch.setattr(failpoints, "passing", passing)
    for message in (Add(name="a"), All()):
        reply = Reply()
        stage.actor._handle(Envelope(message, reply))
    stage.stop()
    assert passed == [("tasks.committed", None, 1)]
