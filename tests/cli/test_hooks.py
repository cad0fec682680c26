"""atlas hooks as a person and a program use it."""

import json

import pytest

from atlas_actors.cli.main import run


@pytest.fixture
def hooks(tmp_path, monkeypatch, capsys):
    """Run it on a home of its own; (exit code, stdout, stderr)."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "ATLAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")

    def ask(*words):
        code = run(["hooks", *words], lambda *_: 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return ask


@pytest.fixture
def settings(tmp_path):
    """Claude Code is in use here, without settings yet."""
    (tmp_path / ".claude").mkdir()
    return tmp_path / ".claude" / "settings.json"


def test_a_client_in_use_is_found_and_installed_and_said(hooks, settings):
    code, out, _ = hooks("install")
    assert code == 0
    assert out.splitlines() == [
        "found    claude (~/.claude)",
        "claude   changed ~/.claude/settings.json",
        "         restart claude",
    ]
    assert "scripts/hook" in settings.read_text()


def test_without_any_client_it_says_what_to_do(hooks):
    code, _, err = hooks("install")
    assert code == 2
    assert "--client claude" in err


def test_a_program_reads_what_changed(hooks, settings):
    _, out, _ = hooks("install", "--json")
    report = json.loads(out)["clients"][0]
    assert (report["client"], report["changed"]) == ("claude", [str(settings)])


def test_a_dry_run_shows_the_difference_and_changes_nothing(hooks, settings):
    code, out, _ = hooks("install", "--dry-run")
    assert code == 0
    assert '+  "hooks": {' in out
    assert "would change ~/.claude/settings.json" in out
    assert not settings.exists()


def test_uninstalling_takes_all_out(hooks, settings):
    hooks("install")
    code, out, _ = hooks("uninstall")
    assert code == 0
    assert "changed ~/.claude/settings.json" in out
    assert not settings.exists()


def test_uninstalling_what_is_not_there_says_so_of_each_client(hooks, settings):
    code, out, _ = hooks("uninstall")
    assert (code, out.count("nothing of Atlas was in it")) == (0, 2)


def test_options_reach_the_settings(hooks, settings):
    hooks("install", "--autostart", "--no-status-line")
    text = settings.read_text()
    assert text.count("--autostart") == 1
    assert "statusLine" not in text


@pytest.mark.parametrize("client", ["claude", "codex"])
def test_autostart_stays_until_it_is_taken_back(hooks, settings, tmp_path, client):
    file = settings if client == "claude" else tmp_path / ".codex" / "hooks.json"
    hooks("install", "--client", client)
    assert "--autostart" not in file.read_text()
    hooks("install", "--client", client, "--autostart")
    hooks("install", "--client", client)
    assert file.read_text().count("--autostart") == 1
    hooks("install", "--client", client, "--no-autostart")
    assert "--autostart" not in file.read_text()


def test_a_project_is_where_you_are_or_the_one_named(hooks, tmp_path):
    (tmp_path / "other").mkdir()
    hooks("install", "--client", "claude", "--scope", "project")
    hooks("install", "--client", "claude", "--scope", "project", "--dir", str(tmp_path / "other"))
    assert (tmp_path / "project" / ".claude" / "settings.json").exists()
    assert (tmp_path / "other" / ".claude" / "settings.json").exists()


def test_a_directory_without_its_scope_or_that_is_not_there_is_refused(hooks, settings):
    code, _, err = hooks("install", "--dir", ".")
    assert (code, "--scope project" in err) == (2, True)
    code, _, err = hooks("install", "--scope", "project", "--dir", "nowhere")
    assert (code, "no directory nowhere" in err) == (2, True)


def test_status_shows_what_is_installed_where(hooks, settings):
    hooks("install")
    hooks("install", "--client", "claude", "--scope", "project")
    code, out, _ = hooks("status")
    assert code == 0
    rows = [line.split()[:3] for line in out.splitlines()]
    assert ["claude", "user", "yes"] in rows
    assert ["claude", "project", "yes"] in rows
    assert ["codex", "user", "no"] in rows


def test_status_of_a_program_has_every_field(hooks, settings):
    states = json.loads(hooks("status", "--json", "--client", "claude")[1])["clients"]
    assert [(state["scope"], state["installed"]) for state in states] == [
        ("user", "no"),
        ("project", "no"),
    ]


def test_a_project_that_is_the_home_is_shown_once(hooks, settings, tmp_path):
    out = hooks("status", "--client", "claude", "--json", "--dir", str(tmp_path))[1]
    assert len(json.loads(out)["clients"]) == 1


def test_a_broken_file_of_one_client_does_not_keep_the_other(hooks, settings, tmp_path):
    settings.write_text("{")
    hooks("install", "--client", "codex")
    code, out, _ = hooks("uninstall")
    assert code == 1
    assert "line 1" in out
    assert not (tmp_path / ".codex" / "hooks.json").exists()
    assert settings.read_text() == "{"


def test_a_broken_file_of_the_client_that_was_named_is_an_error(hooks, settings):
    settings.write_text("{")
    code, _, err = hooks("install", "--client", "claude")
    assert (code, "nothing was changed" in err) == (2, True)


def test_the_plugin_is_written_and_said_how_to_install(hooks, tmp_path):
    code, out, _ = hooks("plugin", "../plugin")
    assert code == 0
    assert f"claude plugin marketplace add {tmp_path}/plugin" in out
    assert (tmp_path / "plugin" / "hooks" / "hooks.json").exists()
    assert "is current already" in hooks("plugin", "../plugin")[1]


def test_a_plugin_beside_installed_hooks_is_warned_of(hooks, settings):
    hooks("install")
    assert "would run twice" in hooks("plugin", "../plugin")[1]
