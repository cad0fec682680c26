"""Agents, skills and commands are found by their real names, and only those."""

import os

import pytest

from atlas_actors.router import patterns
from atlas_actors.router.capabilities import (
    CHECK_EVERY_S,
    FILE_BYTES_MAX,
    FILES_MAX,
    Registry,
    hint_for,
)
from tests.support.clocks import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def agent(name, description="does things"):
    return f"---\nname: {name}\ndescription: {description}\n---\nYou are {name}.\n"


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    write(root, ".claude/agents/rev.md", agent("code-reviewer", "reviews code for quality"))
    write(root, ".claude/skills/pdf/SKILL.md", "---\ndescription: fills PDF forms\n---\n")
    write(root, ".claude/commands/ship.md", "Ship it.\n")
    lines = (
        "# House",
        "- `nobody`: not listed here",
        "## Agents",
        "- `db-expert`: tunes slow SQL queries",
        "- **deployer** - puts it on staging",
    )
    write(root, "AGENTS.md", "\n".join(lines))
    return root


def names(registry, cwd):
    return {(item.kind, item.name) for item in registry.of(cwd and os.fspath(cwd))}


def test_the_projects_and_the_users_files_are_found(project, tmp_path, clock):
    user = tmp_path / "user"
    write(user, "agents/tester.md", agent("tester"))
    assert names(Registry(user, clock.monotonic_s), project) == {
        ("agent", "code-reviewer"),
        ("agent", "db-expert"),
        ("agent", "deployer"),
        ("agent", "tester"),
        ("command", "ship"),
        ("skill", "pdf"),
    }


def test_the_projects_own_wins_over_the_users(project, tmp_path, clock):
    user = tmp_path / "user"
    write(user, "agents/rev.md", agent("code-reviewer", "of the user"))
    found = Registry(user, clock.monotonic_s).of(os.fspath(project))
    (reviewer,) = [item for item in found if item.name == "code-reviewer"]
    assert reviewer.description == "reviews code for quality"


def test_changed_files_are_read_again_after_a_while(project, clock):
    registry = Registry(None, clock.monotonic_s)
    assert ("agent", "code-reviewer") in names(registry, project)
    (project / ".claude/agents/rev.md").unlink()
    write(project, ".claude/agents/new.md", agent("designer"))
    clock.advance(CHECK_EVERY_S + 0.1)
    found = names(registry, project)
    assert ("agent", "designer") in found
    assert ("agent", "code-reviewer") not in found


@pytest.mark.parametrize("cwd", ["/" + "x" * 300, "/etc/passwd", "a\0b"])
def test_a_directory_that_cannot_be_read_has_nothing(clock, cwd):
    assert Registry(None, clock.monotonic_s).of(cwd) == ()


def test_linked_trees_are_not_walked(tmp_path, clock):
    write(tmp_path, "elsewhere/deep/secret.md", "x")
    (tmp_path / ".claude" / "commands").mkdir(parents=True)
    (tmp_path / ".claude" / "commands" / "link").symlink_to(tmp_path / "elsewhere")
    assert names(Registry(None, clock.monotonic_s), tmp_path) == set()


def test_nothing_there_is_nothing(tmp_path, clock):
    assert names(Registry(tmp_path / "no", clock.monotonic_s), tmp_path / "none") == set()
    assert names(Registry(None, clock.monotonic_s), None) == set()


def test_hostile_files_are_bounded(tmp_path, clock):
    for number in range(FILES_MAX + 20):
        write(tmp_path, f".claude/agents/a{number}.md", agent(f"a{number}"))
    write(tmp_path, ".claude/commands/evil name; rm -rf.md", "x")
    write(tmp_path, ".claude/agents/big.md", agent("big") + "x" * FILE_BYTES_MAX)
    write(tmp_path, ".claude/agents/binary.md", "")
    (tmp_path / ".claude/agents/binary.md").write_bytes(b"\xff\xfe---\x00")
    found = names(Registry(None, clock.monotonic_s), tmp_path)
    assert len(found) <= FILES_MAX
    assert not [name for _, name in found if ";" in name]


@pytest.mark.parametrize(
    ("ask", "intent", "hints", "name"),
    [
        ("@agent-db-expert look at this query", "explain", (), "db-expert"),
        ("/ship now", "task", (), "ship"),
        ("review my changes for quality", "review", ("review",), "code-reviewer"),
        ("the deployer should run again", "shell_git", (), None),
        ("add a dark mode switch", "code_edit", ("developer",), None),
        ("mail bob@pdf.example", "chat", (), None),
        ("/ships are slow", "explain", (), None),
    ],
)
def test_a_hint_names_something_that_exists_or_nothing(project, clock, ask, intent, hints, name):
    known = Registry(None, clock.monotonic_s).of(os.fspath(project))
    command = patterns.slash_command(ask)
    assert hint_for(ask, command, intent, hints, known) == name
