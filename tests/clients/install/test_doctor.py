"""The doctor finds what keeps hooks from working, and says what to do."""

import json
from pathlib import Path

import attrs
import pytest

from atlas_actors.clients.install import claude, codex
from atlas_actors.clients.install.doctor import examined
from atlas_actors.errors import AtlasError
from tests.clients.install.codexes import CODEX, program, where_in

ROOT = Path(__file__).parents[3]
LATENCY = {"n": 2, "p50": 5_000, "p90": 9_000, "max": 9_000}
CODEX_ROW = {
    "client": "codex",
    "version": "0.169.0",
    "events": 2,
    "last_event": "Stop",
    "last_at_ms": 7,
    "latency_us": LATENCY,
}
pytestmark = pytest.mark.slow


def answering(method):
    return {"pid": 12} if method == "system.ping" else {"clients": [CODEX_ROW], "sessions": []}


def silent(_):
    raise AtlasError("no Atlas daemon runs", cure="scripts/serve --detach starts it")


def no_files():
    raise AtlasError("there is no sessions.db")


@pytest.fixture
def where(tmp_path):
    program(tmp_path, CODEX)
    program(tmp_path, "print('2.1.330 (Claude Code)')", "claude")
    return attrs.evolve(where_in(tmp_path), hook=ROOT / "scripts" / "hook")


def look(where, ask=answering, kept=no_files, environment=None):
    return examined(where, environment or {}, ask, kept)


def of(found, client):
    return next(facts for facts in found.clients if facts.client == client)


def snapshot(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_all_is_well_where_all_is_well(where):
    claude.install(where)
    codex.install(where)
    found = look(where)
    assert found.all_problems == ()
    assert found.ok
    assert [(facts.client, facts.version) for facts in found.clients] == [
        ("claude", "2.1.330"),
        ("codex", "0.169.0"),
    ]
    assert of(found, "codex").seen == CODEX_ROW


def test_it_changes_nothing_and_tells_the_daemon_no_event(where):
    claude.install(where)
    codex.install(where)
    asked, before = [], snapshot(where.home)

    def ask(method):
        asked.append(method)
        return answering(method)

    look(where, ask)
    assert asked == ["system.ping", "hook.stats"]
    assert snapshot(where.home) == before


def test_a_silent_daemon_is_a_problem_and_its_files_say_what_was_heard(where):
    codex.install(where)
    found = look(where, silent, lambda: answering("hook.stats"))
    assert found.pid is None
    (problem,) = found.all_problems
    assert "scripts/serve --detach" in problem
    assert of(found, "codex").seen == CODEX_ROW


def test_a_silent_daemon_is_no_problem_where_a_session_starts_it(where):
    codex.install(attrs.evolve(where, autostart=True))
    found = look(where, silent)
    assert found.all_problems == ()
    assert any("no event was heard yet" in note for note in of(found, "codex").notes)


def test_a_daemon_that_cannot_say_what_it_heard_is_a_problem(where):
    codex.install(where)

    def ask(method):
        return answering(method) if method == "system.ping" else silent(method)

    (problem,) = look(where, ask).all_problems
    assert "not known" in problem


def test_hooks_that_are_installed_nowhere_are_a_problem(where):
    (problem,) = look(where).all_problems
    assert "atlas hooks install" in problem


def test_one_client_may_go_without(where):
    codex.install(where)
    found = look(where)
    assert found.ok
    assert any("atlas hooks install --client claude" in note for note in of(found, "claude").notes)


def test_hooks_that_codex_does_not_trust_are_a_problem(where):
    codex.install(where)
    (where.codex_dir / "config.toml").unlink()
    problems = look(where).all_problems
    assert problems
    assert all(problem.startswith("codex: user: ") for problem in problems)


def test_hooks_that_are_switched_off_as_a_whole_are_said_once(where):
    claude.install(where)
    file = claude.settings_file(where)
    file.write_bytes(file.read_bytes().replace(b"{", b'{"disableAllHooks": true,', 1))
    (problem,) = [one for one in look(where).all_problems if "disableAllHooks" in one]
    assert problem.startswith("claude: ")


def test_a_marked_environment_is_a_problem(where):
    codex.install(where)
    (problem,) = look(where, environment={"ATLAS_EXECUTOR": "1"}).all_problems
    assert "unset ATLAS_EXECUTOR" in problem


@pytest.mark.parametrize("client", [claude, codex])
def test_an_interpreter_that_has_gone_is_a_problem(where, client):
    gone = where.home / "python"
    gone.symlink_to(where.python)
    where = attrs.evolve(where, python=str(gone))
    client.install(where)
    gone.unlink()
    (problem,) = [one for one in look(where).all_problems if str(gone) in one]
    assert "atlas hooks install --client" in problem


def test_a_hook_that_does_not_run_is_a_problem(where, tmp_path):
    broken = tmp_path / "other" / "scripts" / "hook"
    broken.parent.mkdir(parents=True)
    broken.write_text("import sys; sys.exit(9)")
    where = attrs.evolve(where, hook=broken)
    codex.install(where)
    (problem,) = look(where).all_problems
    assert "does not run" in problem
    broken.write_text("print('hello')")
    (problem,) = look(where).all_problems
    assert "prints" in problem


def test_an_installation_of_another_checkout_is_a_problem(where, tmp_path):
    other = tmp_path / "other" / "scripts" / "hook"
    other.parent.mkdir(parents=True)
    other.write_text("")
    codex.install(attrs.evolve(where, hook=other))
    assert any("atlas hooks install --client codex" in one for one in look(where).all_problems)


def test_codex_with_hooks_for_user_and_project_is_a_problem(where):
    codex.install(where)
    codex.install(attrs.evolve(where, scope="project", trust_project=True))
    (problem,) = look(where).all_problems
    assert "twice" in problem


def test_a_program_that_does_not_say_its_version_is_a_problem(where):
    codex.install(where)
    program(where.home.parent, "sys.exit(1)", "claude")
    (problem,) = look(where).all_problems
    assert "exit code 1" in problem


@pytest.mark.parametrize("accepted", [True, False])
def test_what_claude_code_asks_of_a_directory_is_noted(where, accepted):
    claude.install(where)
    said = {"projects": {str(where.project.parent): {"hasTrustDialogAccepted": accepted}}}
    (where.home / ".claude.json").write_text(json.dumps(said))
    notes = [note for note in of(look(where), "claude").notes if "trusted" in note]
    assert bool(notes) is not accepted


def test_its_json_has_the_shape_that_it_promises(where):
    codex.install(where)
    value = json.loads(json.dumps(look(where).as_json()))
    assert value["ok"] is True
    assert value["daemon"] == {"answers": True, "pid": 12, "problem": None}
    assert value["problems"] == []
    facts = value["clients"][1]
    assert (facts["client"], facts["seen"]) == ("codex", CODEX_ROW)
    assert facts["program"] == f"{where.search_path}/codex"
    assert facts["installed"][0]["file"] == str(where.codex_dir / "hooks.json")
