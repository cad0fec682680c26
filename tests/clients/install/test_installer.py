"""The command line that starts a hook, and how it is known again."""

import os
import sys
from pathlib import Path

import attrs
import pytest

from atlas_actors.clients.install import installer
from atlas_actors.clients.install.installer import hook_command, is_ours, where_from
from atlas_actors.errors import UsageError
from tests.clients.install.places import place


@pytest.fixture
def where(tmp_path):
    return place(tmp_path)


def test_usual_things_are_not_in_the_words(where):
    assert hook_command(where, "codex", "PreToolUse") == [
        "/bin/sh", "-I", "-S", str(where.hook), "codex", "PreToolUse",
    ]  # fmt: skip


def test_another_home_deadline_and_autostart_are(where):
    other = attrs.evolve(where, atlas_home=Path("/else"), deadline_s=0.5, autostart=True)
    words = hook_command(other, "claude", "SessionStart")
    assert words[6:] == ["--home", "/else", "--deadline", "0.5", "--autostart"]
    assert hook_command(other, "claude", "Stop")[6:] == ["--tell", *words[6:-1]]


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        (["/old/python3", "-I", "-S", "/old/atlas/scripts/hook", "claude"], True),
        (["/p", "/a/scripts/hook", "claude", "Stop", "--home", "/x"], True),
        (["/p", "/a/scripts/hook", "codex"], False),
        (["/p", "/a/scripts/hook"], False),
        (["/p", "/a/scripts/hooks", "claude"], False),
        (["/p", "claude", "/a/scripts/hook"], False),
        ([], False),
    ],
)
def test_a_hook_of_ours_is_known_by_its_script_and_client(words, is_one):
    assert is_ours(words, "claude") is is_one


def test_the_environment_says_where_clients_keep_their_settings(tmp_path):
    given = {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": "/c", "CODEX_HOME": "x", "PATH": "/bin"}
    where = where_from(given, scope="project", project=Path(), atlas_home=tmp_path / ".atlas")
    assert (where.claude_dir, where.codex_dir) == (Path("/c"), Path.cwd() / "x")
    assert (where.project, where.search_path) == (Path.cwd(), "/bin")
    usual = where_from(
        {"HOME": str(tmp_path)}, scope="user", project=Path(), atlas_home=tmp_path / ".atlas"
    )
    assert (usual.claude_dir, usual.codex_dir) == (tmp_path / ".claude", tmp_path / ".codex")
    assert usual.python == os.path.realpath(sys.executable)
    assert "--home" not in hook_command(usual, "claude", "Stop")


def test_without_the_hooks_script_nothing_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(installer, "HOOK", tmp_path / "scripts" / "hook")
    with pytest.raises(UsageError, match="there is no"):
        where_from({"HOME": "/"}, scope="user", project=tmp_path, atlas_home=tmp_path)
