"""Renames, deletions and ignored files in real repositories."""

import os
import subprocess

import pytest

from atlas_actors.sources.git_says import ignored, moves

pytestmark = pytest.mark.slow
TEXT = "".join(f"line {number}\n" for number in range(40))
OTHER = "".join(f"something {number}\n" for number in range(40))


def git(root, *words):
    done = subprocess.run(
        ["git", "-c", "user.name=P", "-c", "user.email=p@localhost", *words], cwd=root, check=True,
        capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(root), "LANG": "C.UTF-8"},
    )  # fmt: skip
    return done.stdout.strip()


def commit(root):
    git(root, "add", "-A")
    git(root, "commit", "-qm", "step")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path):
    top = tmp_path / "project"
    top.mkdir()
    git(top, "init", "-q", "--template=")
    (top / "a.py").write_text(TEXT)
    (top / "b.py").write_text(OTHER)
    (top / "ünï code.py").write_text(f"{OTHER}{TEXT}".upper())
    commit(top)
    return top


def test_renames_one_after_the_other_and_deletions_are_told(root):
    since = git(root, "rev-parse", "HEAD")
    (root / "sub").mkdir()
    git(root, "mv", "a.py", "sub/c.py")
    git(root, "mv", "ünï code.py", "new\nline.py")
    commit(root)
    (root / "sub" / "c.py").write_text(TEXT + "much more\n" * 3)
    git(root, "mv", "sub/c.py", "d.py")
    git(root, "rm", "-q", "b.py")
    head = commit(root)
    found = moves(root, since)
    assert found.head == head
    assert set(found.renamed) == {
        ("a.py", "sub/c.py"), ("ünï code.py", "new\nline.py"), ("sub/c.py", "d.py"),
    }  # fmt: skip
    assert found.renamed.index(("a.py", "sub/c.py")) < found.renamed.index(("sub/c.py", "d.py"))
    assert found.gone == ("b.py",)


def test_what_is_deleted_and_made_again_is_back(root):
    since = git(root, "rev-parse", "HEAD")
    git(root, "rm", "-q", "b.py")
    middle = commit(root)
    (root / "b.py").write_text("other")
    commit(root)
    assert "b.py" in moves(root, since).back
    assert moves(root, since).gone == ()
    git(root, "checkout", "-q", middle)
    assert moves(root, since).gone == ("b.py",)


def test_another_branch_is_compared_as_it_is(root):
    first = git(root, "rev-parse", "HEAD")
    git(root, "rm", "-q", "b.py")
    there = commit(root)
    git(root, "checkout", "-q", first)
    assert moves(root, there).back == ("b.py",)


def test_nothing_is_told_when_nothing_happened_or_nothing_can_be_known(root, tmp_path):
    head = git(root, "rev-parse", "HEAD")
    assert moves(root, head) is None
    assert moves(tmp_path, None) is None
    assert moves(root, None).renamed == ()
    assert moves(root, "0" * 40).head == head
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert moves(empty, None) is None


def test_what_git_ignores_is_ignored_but_not_what_it_tracks(root):
    (root / ".gitignore").write_text("*.log\nb.py\n")
    assert ignored(root, ["x.log", "sub/y.log", "a.py", "b.py"]) == {"x.log", "sub/y.log"}
    assert ignored(root, ["a.py"]) == set()
    assert ignored(root, []) == set()


def test_what_atlasignore_leaves_out_is_ignored_also_when_git_tracks_it(root):
    (root / ".atlasignore").write_text("b.py\nprivate/\n")
    assert ignored(root, ["a.py", "b.py", "private/x.py"]) == {"b.py", "private/x.py"}


def test_outside_git_the_patterns_count_too(tmp_path):
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / ".atlasignore").write_text("b.py\n")
    assert ignored(tmp_path, ["a.log", "b.py", "c.py"]) == {"a.log", "b.py"}


def test_a_hook_or_a_setting_of_the_repository_runs_nothing(root):
    program = root / "evil"
    program.write_text("#!/bin/sh\ntouch ran\n")
    program.chmod(0o755)
    git(root, "config", "core.fsmonitor", str(program))
    since = git(root, "rev-parse", "HEAD")
    git(root, "config", "diff.external", str(program))
    (root / "a.py").write_text("x")
    commit(root)
    (root / "ran").unlink(missing_ok=True)
    moves(root, since)
    ignored(root, ["a.py"])
    assert not (root / "ran").exists()
