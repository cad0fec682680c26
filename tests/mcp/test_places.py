"""Which files are read for MCP servers, and what a bad one costs."""

import json
import os

import pytest

from atlas_actors.mcp.places import find

ENTRY = {"command": "c"}


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


def write(file, value):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(value if isinstance(value, str) else json.dumps(value))


def found(home, *projects, **environment):
    return find({"HOME": str(home), **environment}, tuple(map(str, projects)))


def names(result):
    return [one.name for one in result.servers]


def test_without_any_file_there_is_nothing_and_nothing_is_wrong(home):
    result = found(home)
    assert (result.servers, result.problems) == ((), ())


def test_the_files_of_both_clients_are_read(home):
    write(home / ".claude.json", {"mcpServers": {"a": ENTRY}})
    write(home / ".codex" / "config.toml", '[mcp_servers.b]\ncommand = "c"\n')
    result = found(home)
    assert {one.name: one.sources for one in result.servers} == {
        "a": ("~/.claude.json",), "b": ("~/.codex/config.toml",),
    }  # fmt: skip


def test_servers_in_claudes_settings_json_do_not_count_as_it_ignores_them(home):
    write(home / ".claude" / "settings.json", {"mcpServers": {"a": ENTRY}})
    assert names(found(home)) == []


def test_clients_that_live_elsewhere_are_found(home, tmp_path):
    write(tmp_path / "cc" / ".claude.json", {"mcpServers": {"a": ENTRY}})
    write(tmp_path / "cx" / "config.toml", '[mcp_servers.b]\ncommand = "c"\n')
    there = {"CLAUDE_CONFIG_DIR": str(tmp_path / "cc"), "CODEX_HOME": str(tmp_path / "cx")}
    assert names(found(home, **there)) == ["a", "b"]


def test_a_projects_servers_are_read_only_when_it_is_named(home, project):
    write(project / ".mcp.json", {"mcpServers": {"own": ENTRY}})
    write(home / ".claude.json", {"projects": {str(project): {"mcpServers": {"local": ENTRY}}}})
    assert names(found(home)) == []
    assert names(found(home, project)) == ["local", "own"]


def test_a_directory_within_a_project_means_the_project(home, project):
    write(project / ".mcp.json", {"mcpServers": {"own": ENTRY}})
    (project / "deep").mkdir()
    (one,) = found(home, project / "deep").servers
    assert one.folder == str(project)


def test_what_its_person_has_turned_down_is_off(home, project):
    write(project / ".mcp.json", {"mcpServers": {"no": ENTRY, "yes": ENTRY}})
    off = {"projects": {str(project): {"disabledMcpjsonServers": ["no"]}}}
    write(home / ".claude.json", off)
    result = found(home, project)
    assert {one.name: one.enabled for one in result.servers} == {"no": False, "yes": True}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"mcpServers": {"a": "planted-secret"', "no JSON"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "no JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_without_its_content(home, text, why):
    write(home / ".claude.json", text)
    write(home / ".codex" / "config.toml", '[mcp_servers.b]\ncommand = "c"\n')
    result = found(home)
    assert names(result) == ["b"]
    (problem,) = result.problems
    assert why in problem.error
    assert "planted" not in problem.error


def test_bad_toml_is_told_by_its_line(home):
    write(home / ".codex" / "config.toml", 'a = "x"\nb = planted-secret\n')
    (problem,) = found(home).problems
    assert problem.error == "it is no TOML: at line 2, column 5"


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(home):
    os.mkfifo(home / ".claude.json")
    (problem,) = found(home).problems
    assert "no regular file" in problem.error
