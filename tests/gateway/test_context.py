"""context.* from the call to the room and back, on real files."""

import os
import subprocess
import threading

import anyio
import pytest

from atlas_actors.context.actor import Context
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.gateway import context
from atlas_actors.messages import paths
from tests.context.test_tiers import SETTINGS
from tests.support.doors import door_on
from tests.support.stages import Stage

pytestmark = pytest.mark.slow
CODE = '"""Adds."""\n\ndef add(a, b):\n    """Add two."""\n' + "    a = a + b\n" * 40


class Room:
    """The room behind a door, and a project with files."""

    def __init__(self, folder):
        self.root = folder / "project"
        self.home = folder / "home"
        (self.home / "state").mkdir(parents=True)
        self.root.mkdir()
        self.git("init", "-q", "--template=")
        for name in ("code.py", "test_code.py", "notes.txt"):
            (self.root / name).write_text(CODE)
        (self.root / ".gitignore").write_text("*.log\n")
        self.commit()
        database = self.home / "state" / "context_router.db"
        self.stage = Stage(Context, path=paths.CONTEXT, database=database, settings=SETTINGS)
        self.stage.start()
        self.asked = []
        self.door = door_on(self.home, self.asked, self.stage.actor.dispatch)

    def git(self, *words):
        subprocess.run(
            ["git", "-c", "user.name=P", "-c", "user.email=p@localhost", *words], cwd=self.root,
            check=True, capture_output=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root)},
        )  # fmt: skip

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-qm", "step")

    def call(self, method, **params):
        params = {"cwd": str(self.root), **params}
        return anyio.run(lambda: context.answer(self.door, method, params))

    def touch(self, *names, kind="edit", session="s", turn=""):
        accesses = [{"path": name, "kind": kind} for name in names]
        return self.call("context.access", session=session, turn=turn, accesses=accesses)

    def tiers(self, **params):
        return {file["path"]: file for file in self.call("context.tiers", **params)["files"]}


@pytest.fixture
def room(tmp_path):
    built = Room(tmp_path)
    yield built
    built.stage.stop()


def test_what_a_session_touches_comes_back_in_tiers_with_its_costs(room):
    told = room.touch("code.py", str(room.root / "notes.txt"))
    assert told == {"project": str(room.root), "kept": 2, "refused": 0}
    answer = room.call("context.tiers")
    found = {file["path"]: file for file in answer["files"]}
    assert found["code.py"]["tier"] == "HOT"
    assert found["code.py"]["tokens"] == found["code.py"]["tokens_full"] == -(-len(CODE) // 4)
    assert found["code.py"]["tokens_outline"] < 15
    assert found["notes.txt"]["tokens_outline"] is None
    assert answer["costs"]["hot"] > answer["costs"]["warm"] > answer["costs"]["cold"] > 0


def test_secrets_ignored_files_and_paths_outside_are_refused(room, tmp_path):
    (room.root / "link.py").symlink_to(tmp_path / "elsewhere.py")
    told = room.touch("code.py", ".env", "x.log", "../y.py", "/etc/passwd", "link.py")
    assert (told["kept"], told["refused"]) == (1, 5)
    assert set(room.tiers()) == {"code.py"}


def test_what_is_ignored_or_gone_later_is_in_no_tier(room):
    room.touch("code.py", "test_code.py", "notes.txt")
    assert len(room.tiers()) == 3
    (room.root / ".atlasignore").write_text("notes.txt\n")
    (room.root / "test_code.py").unlink()
    assert set(room.tiers()) == {"code.py"}
    (room.root / ".atlasignore").unlink()
    assert set(room.tiers()) == {"code.py", "notes.txt"}


def test_a_file_is_looked_at_again_only_when_it_has_changed(room):
    room.touch("code.py", "notes.txt")
    room.tiers()
    room.tiers()
    assert [measure.path for measure in room.asked[-1][1].measures] == []
    (room.root / "code.py").write_text(CODE * 2)
    assert room.tiers()["code.py"]["tokens_full"] == -(-len(CODE) * 2 // 4)
    assert [measure.path for measure in room.asked[-1][1].measures] == ["code.py"]


def test_a_committed_rename_is_followed(room):
    room.touch("code.py")
    room.tiers()
    room.git("mv", "code.py", "renamed.py")
    room.git("rm", "-q", "test_code.py")
    room.commit()
    assert set(room.tiers()) == {"renamed.py"}


def test_a_named_file_lifts_what_goes_with_it_and_tokens_bound_the_answer(room):
    for turn in range(3):
        room.touch("code.py", "test_code.py", turn=str(turn))
    for turn in range(20):
        room.touch("notes.txt", turn=f"n{turn}")
    named = room.call("context.tiers", files=["code.py"], tokens=150)
    assert [file["path"] for file in named["files"]][:2] == ["code.py", "test_code.py"]
    assert named["costs"]["planned"] <= 150
    room.call("context.turn", session="s")
    assert room.tiers()["notes.txt"]["why"].startswith("20 edits")


def test_an_outline_that_is_delivered_counts_as_saved(room):
    plain = room.call("context.outline", path="code.py")
    assert plain["outline"].splitlines()[-1].startswith("3 def add(a, b)")
    assert (plain["language"], plain["symbols"]) == ("python", 1)
    assert room.call("context.stats")["tokens_saved"] == 0
    room.call("context.outline", path="code.py", deliver=True, session="s")
    stats = room.call("context.stats")
    assert stats["tokens_saved"] == plain["tokens_full"] - plain["tokens"] > 0
    room.touch("code.py", kind="read")
    stats = room.call("context.stats")
    assert stats["tokens_saved"] == -plain["tokens"]
    assert (stats["accesses"], stats["files"], stats["turns"]) == ({"read": 1}, 1, 1)


def test_stats_say_what_the_files_would_cost(room):
    room.touch("code.py", "notes.txt")
    answer = room.call("context.tiers")
    stats = room.call("context.stats")
    costs = {name: answer["costs"][name] for name in ("hot", "warm", "cold")}
    assert stats["would_cost"] == {"measured": 2, **costs}
    assert stats["pairs"] == 1


def test_a_file_without_a_language_has_no_outline_and_is_not_delivered(room):
    answer = room.call("context.outline", path="notes.txt", deliver=True)
    assert (answer["outline"], answer["language"]) == (None, None)
    assert room.call("context.stats")["delivered"] == []


@pytest.mark.parametrize(
    ("path", "error"),
    [(".env", Conflict), ("x.log", Conflict), ("gone.py", NotFound), ("../../x", UsageError),
     ("/etc/passwd", UsageError), ("zero.py", Conflict), ("huge.py", Conflict), ("sub", Conflict),
     ("pipe.py", Conflict)],
)  # fmt: skip
def test_what_cannot_be_outlined_says_why(room, path, error):
    (room.root / ".env").write_text("KEY=1")
    (room.root / "x.log").write_text("x")
    (room.root / "zero.py").write_bytes(b"\0")
    (room.root / "huge.py").write_text("x" * 20_000)
    (room.root / "sub").mkdir()
    os.mkfifo(room.root / "pipe.py")
    with pytest.raises(error):
        room.call("context.outline", path=path)


@pytest.mark.parametrize("cwd", ["relative", "/gone", "/a\0b", "/\udcff"])
def test_a_place_that_is_none_is_the_callers_fault(room, cwd):
    with pytest.raises(UsageError):
        room.call("context.tiers", cwd=cwd)


def test_a_call_must_say_where_it_is_about(room):
    with pytest.raises(UsageError):
        anyio.run(lambda: context.answer(room.door, "context.tiers", {}))
    with pytest.raises(UsageError):
        anyio.run(lambda: context.answer(room.door, "context.outline", {"path": "code.py"}))
    everything = anyio.run(lambda: context.answer(room.door, "context.stats", {}))
    assert everything["project"] is None


def test_files_are_not_read_on_the_loop(room, monkeypatch):
    threads = set()
    monkeypatch.setattr(
        context.git_says, "ignored", lambda *_: threads.add(threading.get_ident()) or set()
    )
    room.touch("code.py")
    room.tiers()
    assert threads
    assert threading.get_ident() not in threads
