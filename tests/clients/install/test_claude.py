"""Claude Code's settings: our hooks beside those of others, our status line where there is none."""

import json
import shlex

import attrs
import pytest
from hypothesis import given
from hypothesis import settings as examples

from atlas_actors.clients.adapter import registered
from atlas_actors.clients.install import claude
from atlas_actors.clients.install.claude_settings import cleaned, edited
from atlas_actors.clients.install.installer import HOOK
from atlas_actors.errors import UsageError
from tests.clients.install.places import place, tree
from tests.clients.install.spelled import settings, spelled

EVENTS = [one.event for one in registered("claude")]


@pytest.fixture
def where(tmp_path):
    return place(tmp_path)


def written(where, text):
    file = claude.settings_file(where)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else json.dumps(text, indent=2).encode())
    return file


def installed(where):
    claude.install(where)
    return json.loads(claude.settings_file(where).read_bytes())


def commands(found):
    return {
        event: [
            [hook["command"], *hook.get("args", [])] for each in groups for hook in each["hooks"]
        ]
        for event, groups in found["hooks"].items()
    }


def test_each_event_that_is_registered_starts_the_hook_without_a_shell(where):
    found = commands(installed(where))
    assert list(found) == EVENTS
    words = ["/bin/sh", "-I", "-S", str(HOOK), "claude"]
    assert found["Stop"] == [[*words, "Stop", "--tell"]]
    assert found["PreToolUse"] == [[*words, "PreToolUse"]]


def test_another_home_than_the_usual_is_in_the_words(where):
    other = attrs.evolve(where, atlas_home=where.home / "other")
    found = installed(other)
    for words in commands(found).values():
        assert words[0][-2:] == ["--home", str(where.home / "other")]
    assert shlex.split(found["statusLine"]["command"])[-2:] == ["--home", f"{where.home}/other"]


def test_only_the_start_of_a_session_starts_a_daemon(where):
    found = commands(installed(attrs.evolve(where, autostart=True)))
    assert [event for event, words in found.items() if "--autostart" in words[0]] == [
        "SessionStart"
    ]


def test_in_and_out_leaves_the_home_as_it_was(where):
    written(where, b'{ // mine\r\n\t"model" : "x",\r\n}')
    before = tree(where.home)
    assert claude.install(where).changed == (claude.settings_file(where),)
    assert claude.uninstall(where).changed == (claude.settings_file(where),)
    assert tree(where.home) == before


def test_a_home_without_settings_has_none_again(where):
    claude.install(where)
    claude.uninstall(where)
    assert tree(where.home) == {".atlas": None}


@pytest.mark.slow
@examples(max_examples=25)
@given(settings().flatmap(spelled))
def test_any_settings_in_any_spelling_come_back(tmp_path_factory, data):
    where = place(tmp_path_factory.mktemp("any"))
    file = written(where, data)
    claude.install(where)
    again = file.read_bytes()
    assert claude.install(where).changed == ()
    assert file.read_bytes() == again
    assert claude.status(where).installed == "yes"
    claude.uninstall(where)
    assert file.read_bytes() == data
    assert not where.originals.exists()


@pytest.mark.slow
@examples(max_examples=25)
@given(settings().flatmap(spelled))
def test_nothing_of_ours_is_left_though_there_is_no_original(tmp_path_factory, data):
    where = place(tmp_path_factory.mktemp("any"))
    left = cleaned(edited(data, "a", where, status_line=True), "a")
    assert b"scripts/hook" not in left
    assert cleaned(left, "a") == left


def test_a_second_installation_changes_nothing(where):
    claude.install(where)
    before = tree(where.home)
    report = claude.install(where)
    assert report.changed == ()
    assert "is installed already" in report.notes
    assert tree(where.home) == before


def test_an_older_installation_is_brought_up_to_date_in_place(where):
    claude.install(attrs.evolve(where, python="/old/python", autostart=True))
    settings = json.loads(claude.settings_file(where).read_bytes())
    settings["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "theirs"}]})
    written(where, settings)
    assert claude.status(where).installed == "outdated"
    found = commands(installed(where))
    assert [words[0] for words in found["Stop"]] == ["/bin/sh", "theirs"]
    assert "/old/python" not in claude.settings_file(where).read_text()


def test_what_claude_wrote_anew_is_cleaned_of_ours(where):
    written(where, {"model": "x"})
    settings = installed(where)
    written(where, json.dumps({**settings, "theme": "dark"}, separators=(",", ":")).encode())
    claude.uninstall(where)
    left = json.loads(claude.settings_file(where).read_bytes())
    assert left == {"model": "x", "theme": "dark"}


def test_the_users_status_line_stays(where):
    theirs = {"type": "command", "command": "date"}
    written(where, {"statusLine": theirs})
    assert installed(where)["statusLine"] == theirs
    claude.uninstall(where)
    assert json.loads(claude.settings_file(where).read_bytes()) == {"statusLine": theirs}


def test_without_a_status_line_of_ours_none_is_written_and_an_older_one_goes(where):
    assert "statusLine" in installed(where)
    assert "statusLine" not in installed(attrs.evolve(where, status_line=False))


@pytest.mark.parametrize("name", ["settings.json", "settings.local.json"])
def test_a_project_does_not_hide_a_status_line_that_stands_elsewhere(where, name):
    project = attrs.evolve(where, scope="project")
    folder = where.claude_dir if name == "settings.json" else where.project / ".claude"
    folder.mkdir(parents=True)
    (folder / name).write_text('{"statusLine": {"type": "command", "command": "date"}}')
    report = claude.install(project)
    assert "statusLine" not in json.loads(claude.settings_file(project).read_bytes())
    assert any("no status line" in note for note in report.notes)


def test_a_project_has_its_own_file(where):
    project = attrs.evolve(where, scope="project")
    claude.install(project)
    assert (where.project / ".claude" / "settings.json").exists()
    assert claude.status(where).installed == "no"
    assert claude.status(project).installed == "yes"
    claude.uninstall(project)
    assert tree(where.project) == {}


def test_a_dry_run_shows_and_does_not(where):
    written(where, {"model": "x"})
    before = tree(where.home)
    report = claude.install(where, dry_run=True)
    assert '+  "hooks": {' in report.differences
    assert tree(where.home) == before
    claude.install(where)
    before = tree(where.home)
    assert '-  "hooks": {' in claude.uninstall(where, dry_run=True).differences
    assert tree(where.home) == before


def test_a_broken_file_is_left_alone_and_said(where):
    file = written(where, b'{"model": }')
    for act in (claude.install, claude.uninstall):
        with pytest.raises(UsageError, match=r"settings\.json, line 1"):
            act(where)
    assert file.read_bytes() == b'{"model": }'
    assert "line 1" in claude.status(where).problems[0]
    assert not where.originals.exists()


@pytest.mark.parametrize("folder", ["user", "project", "local"])
def test_hooks_that_are_switched_off_are_a_problem(where, folder):
    file = {
        "user": where.claude_dir / "settings.json",
        "project": where.project / ".claude" / "settings.json",
        "local": where.project / ".claude" / "settings.local.json",
    }[folder]
    file.parent.mkdir(parents=True)
    file.write_text('{"disableAllHooks": true}')
    assert str(file) in claude.install(where).problems[0]
    assert "disableAllHooks" in claude.status(where).problems[0]


def test_some_missing_hooks_are_partly_installed(where):
    settings = installed(where)
    del settings["hooks"]["Stop"]
    written(where, settings)
    state = claude.status(where)
    assert state.installed == "partly"
    assert set(state.events) == set(EVENTS) - {"Stop"}
    assert "atlas hooks install" in state.notes[0]


def test_options_of_the_installation_do_not_make_it_outdated(where):
    claude.install(attrs.evolve(where, autostart=True, status_line=False))
    assert claude.status(where).installed == "yes"


def test_an_interpreter_that_has_gone_is_a_problem(where):
    gone = attrs.evolve(where, python=str(where.home / "gone"))
    claude.install(gone)
    assert f"{where.home}/gone is not there any more" in claude.status(gone).problems[0]


def test_the_plugin_beside_the_settings_is_warned_of(where):
    written(where, {"enabledPlugins": {"atlas@atlas": True, "other@x": True}})
    assert any("twice" in note for note in claude.install(where).notes)
    assert any("twice" in note for note in claude.status(where).notes)
    assert claude.plugin_status(where).installed == "yes"


@pytest.mark.parametrize("enabled", [{}, {"atlas@atlas": False}, {"atlasx@atlas": True}, [], None])
def test_a_plugin_that_is_not_enabled_is_not_spoken_of(where, enabled):
    written(where, {"enabledPlugins": enabled})
    assert claude.plugin_status(where) is None
    assert not any("twice" in note for note in claude.install(where).notes)


def test_the_client_is_found_by_its_program_or_its_directory(where):
    assert claude.found(where) == ""
    where.claude_dir.mkdir()
    assert claude.found(where) == str(where.claude_dir)
    program = where.home.parent / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert claude.found(where) == str(program)


def test_hooks_that_wait_for_no_answer_are_outdated_and_replaced(where):
    claude.install(where)
    file = claude.settings_file(where)
    new = file.read_bytes()
    old = json.loads(new)
    for groups in old["hooks"].values():
        args = groups[0]["hooks"][0]["args"]
        if "--tell" in args:
            args.remove("--tell")
    file.write_text(json.dumps(old))
    assert claude.status(where).installed == "outdated"
    claude.install(where)
    assert json.loads(file.read_bytes()) == json.loads(new)
    assert claude.status(where).installed == "yes"
