"""After the answers: files go to context, once for many; what there is no room for is counted."""

import subprocess

import anyio
import pytest

from atlas_actors.gateway import hook_after, hook_closed
from atlas_actors.gateway.hook_after import accesses_of, work_off
from atlas_actors.gateway.hook_desk import Afterwards, Touched, TurnOver
from atlas_actors.messages import paths
from atlas_actors.messages.client import FileTouch, HookAnswered
from atlas_actors.messages.context import AccessFiles, TurnEnded
from atlas_actors.settings import HookRule
from tests.support.doors import door_on
from tests.support.trees import WAIT_S


def touched(root="/p", session="s", turn=1, *names, kind="read"):
    files = tuple(FileTouch(path=f"{root}/{name}", kind=kind) for name in names)
    return Touched(root=str(root), session=session, turn=turn, files=files)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / ".gitignore").write_text("*.log\n")
    return folder


def test_only_the_project_s_own_and_open_files_are_kept(project):
    files = touched(project, "s", 1, "a.py", "b.log", ".env", "../out.py", "a.py").files
    assert [access.path for access in accesses_of(project, files)] == ["a.py", "a.py"]


def test_many_touches_of_a_turn_are_one_message_and_its_end_comes_after(tmp_path, project):
    asked = []
    door = door_on(tmp_path / "home", asked)
    answered = HookAnswered(client="c", event="e", session="s", took_us=1, answer_bytes=0)
    items = [
        touched(project, "s", 1, "a.py"),
        touched(project, "other", 4, "c.py"),
        answered,
        touched(project, "s", 1, "a.py", "b.py"),
        TurnOver(root=str(project), session="s"),
        touched(project, "s", 2, "d.py"),
    ]
    anyio.run(work_off, door, items)
    assert asked[0] == (paths.SESSIONS, answered)
    first, end, *rest = [message for path, message in asked if path == paths.CONTEXT]
    assert isinstance(first, AccessFiles)
    assert (first.session, first.turn) == ("s", "1")
    assert [access.path for access in first.accesses] == ["a.py", "b.py"]
    assert end == TurnEnded(project=str(project), session="s")
    assert [(one.session, one.turn) for one in rest] == [("other", "4"), ("s", "2")]


def test_accesses_are_dropped_first_and_counted():
    afterwards = Afterwards(most=2)
    over = TurnOver(root="/p", session="s")
    first, second, third = (touched("/p", "s", turn) for turn in (1, 2, 3))
    for item in (first, second, third, over):
        afterwards.add(item)
    assert afterwards.take() == [second, over]
    assert afterwards.dropped == 2
    assert afterwards.take() == []


def test_the_gateway_outlives_what_fails_afterwards(tmp_path, monkeypatch):
    door = door_on(tmp_path / "home", [])
    seen = []

    async def fails_once(_door, items):
        seen.append(items)
        if len(seen) == 1:
            raise ZeroDivisionError
        raise TimeoutError  # the end of this test

    monkeypatch.setattr(hook_after, "work_off", fails_once)

    async def follow():
        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as group:
                group.start_soon(hook_after.follow, door)
                for count in (1, 2):
                    door.hooks.afterwards.add(touched())
                    while len(seen) < count:
                        await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()

    anyio.run(follow)
    assert seen == [[touched()], [touched()]]


def rule(**changes):
    fields = {"id": "r", "reason": "no", "tools": ("shell",), "when_unreachable": "deny"}
    return HookRule(**{**fields, **changes})


def test_what_fails_closed_is_in_a_file_of_its_owner_and_goes_with_its_rule(tmp_path):
    hook_closed.write_closed(tmp_path, [rule(when_unreachable="allow")])
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        hook_closed.write_closed(tmp_path, [rule()])
        (file,) = tmp_path.iterdir()
        assert file.name == "hooks-closed"
        assert file.stat().st_mode & 0o777 == 0o600
        assert b"claude\t" in file.read_bytes()
    hook_closed.write_closed(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_file_leaves_the_old_one_and_the_door_open(tmp_path):
    hook_closed.write_closed(tmp_path, [rule()])
    before = (tmp_path / "hooks-closed").read_bytes()
    (tmp_path / "hooks-closed.new").mkdir()
    hook_closed.write_closed(tmp_path, [rule(reason="another")])
    assert (tmp_path / "hooks-closed").read_bytes() == before
