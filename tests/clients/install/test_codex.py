"""Our hooks come into Codex and are trusted, go again, and leave everything else as it was."""

import json
import tomllib

import attrs
import pytest

from atlas_actors.clients.adapter import registered
from atlas_actors.clients.install import codex
from atlas_actors.errors import UsageError
from tests.clients.install.codexes import CODEX, program, where_in

CONFIG = b"# mine\r\nmodel='x'  # odd\r\n[features]\r\nhooks =true"
THEIRS = {"type": "command", "command": "/bin/true"}
HOOKS = json.dumps({"hooks": {"Stop": [{"hooks": [THEIRS]}]}, "description": "mine"}).encode()
EVENTS = [row.event for row in registered("codex")]


@pytest.fixture
def where(tmp_path):
    program(tmp_path, CODEX)
    return where_in(tmp_path)


def files(where):
    return {
        str(path.relative_to(where.home.parent)): path.read_bytes()
        for folder in (where.home, where.project)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(where.atlas_home)
    }


def commands(where):
    value = json.loads(codex.hooks_file(where).read_bytes())
    return {
        event: [hook["command"] for group in groups for hook in group["hooks"]]
        for event, groups in value["hooks"].items()
    }


def trusted(where):
    settings = tomllib.loads((where.codex_dir / "config.toml").read_text("utf-8-sig"))
    return settings["hooks"]["state"]


@pytest.mark.slow
def test_every_registered_event_gets_our_hook_and_is_trusted(where):
    report = codex.install(where)
    assert report.problems == ()
    assert report.changed == (codex.hooks_file(where), where.codex_dir / "config.toml")
    assert set(commands(where)) == set(EVENTS)
    assert all(found[0].startswith(f"{where.python} -I -S ") for found in commands(where).values())
    assert len(trusted(where)) == len(EVENTS)
    state = codex.status(where)
    assert (state.installed, set(state.events), state.problems) == ("yes", set(EVENTS), ())


@pytest.mark.slow
@pytest.mark.parametrize(("hooks", "config"), [(None, None), (HOOKS, CONFIG), (b"{}\n", b"")])
def test_what_was_there_before_is_there_again_after(where, hooks, config):
    for name, data in (("hooks.json", hooks), ("config.toml", config)):
        if data is not None:
            (where.codex_dir / name).write_bytes(data)
    before = files(where)
    assert codex.install(where).problems == ()
    assert files(where) != before
    assert codex.uninstall(where).problems == ()
    assert files(where) == before


@pytest.mark.slow
def test_a_directory_that_was_made_for_it_goes_again(tmp_path):
    program(tmp_path, CODEX)
    where = where_in(tmp_path, scope="project", trust_project=True)
    codex.install(where)
    assert (where.project / ".codex" / "hooks.json").exists()
    codex.uninstall(where)
    assert not (where.project / ".codex").exists()


@pytest.mark.slow
def test_installing_twice_is_installing_once(where):
    (where.codex_dir / "config.toml").write_bytes(CONFIG)
    codex.install(where)
    once = files(where)
    report = codex.install(where)
    assert (report.changed, report.problems) == ((), ())
    assert files(where) == once


@pytest.mark.slow
def test_only_our_hooks_are_ever_trusted(where):
    codex.hooks_file(where).write_bytes(HOOKS)
    codex.install(where)
    assert "/bin/true" in commands(where)["Stop"]
    assert f"{codex.hooks_file(where)}:stop:0:0" not in trusted(where)
    assert f"{codex.hooks_file(where)}:stop:1:0" in trusted(where)


@pytest.mark.slow
def test_a_hook_that_was_changed_is_seen_and_trusted_again(where):
    codex.install(where)
    file = codex.hooks_file(where)
    file.write_bytes(file.read_bytes().replace(b'"timeout": 5', b'"timeout": 50'))
    state = codex.status(where)
    assert state.installed == "outdated"
    assert any("Codex skips what is not as it was" in problem for problem in state.problems)
    assert codex.install(where).problems == ()
    assert codex.status(where).problems == ()


@pytest.mark.slow
def test_trust_that_was_taken_away_is_seen(where):
    codex.install(where)
    (where.codex_dir / "config.toml").write_bytes(CONFIG)
    (problem,) = codex.status(where).problems
    events, _, doubt = problem.partition(": ")
    assert len(events.split(", ")) == len(EVENTS)
    assert "does not trust" in doubt


@pytest.mark.slow
def test_a_hook_that_was_switched_off_stays_so_and_is_said(where):
    codex.install(where)
    config = where.codex_dir / "config.toml"
    name = f'{codex.hooks_file(where)}:stop:0:0"] # by atlas hooks install\n'
    config.write_text(config.read_text().replace(name, f"{name}enabled = false\n"))
    (problem,) = codex.install(where).problems
    assert "stop: switched off" in problem


@pytest.mark.slow
def test_an_installation_of_another_checkout_is_replaced_in_place(where, tmp_path):
    other = tmp_path / "elsewhere" / "scripts" / "hook"
    codex.install(attrs.evolve(where, hook=other))
    assert codex.status(where).installed == "outdated"
    assert codex.install(where).problems == ()
    assert str(other) not in codex.hooks_file(where).read_text()
    assert len(trusted(where)) == len(EVENTS)


@pytest.mark.slow
def test_trust_in_a_users_hook_follows_it_when_ours_before_it_goes(where):
    codex.install(where)
    file, config = codex.hooks_file(where), where.codex_dir / "config.toml"
    value = json.loads(file.read_bytes())
    value["hooks"]["Stop"].append({"hooks": [THEIRS]})
    file.write_text(json.dumps(value))
    with config.open("a") as stream:
        stream.write(f'\n[hooks.state."{file}:stop:1:0"]\ntrusted_hash = "sha256:users"\n')
    codex.uninstall(where)
    assert commands(where) == {"Stop": ["/bin/true"]}
    assert trusted(where) == {f"{file}:stop:0:0": {"trusted_hash": "sha256:users"}}


@pytest.mark.slow
def test_without_codex_the_hooks_are_written_and_it_is_said_how_they_become_trusted(where):
    (where.home.parent / "bin" / "codex").unlink()
    (problem,) = codex.install(where).problems
    assert "atlas hooks install --client codex" in problem
    assert set(commands(where)) == set(EVENTS)
    program(where.home.parent, CODEX)
    assert codex.install(where).problems == ()
    (where.home.parent / "bin" / "codex").unlink()
    codex.uninstall(where)
    assert files(where) == {}


@pytest.mark.slow
def test_an_app_server_that_fails_leaves_the_hooks_and_a_problem(where):
    program(where.home.parent, "sys.exit(1)")
    (problem,) = codex.install(where).problems
    assert "not known" in problem
    assert set(commands(where)) == set(EVENTS)


@pytest.mark.slow
def test_a_project_must_be_trusted_and_only_is_when_it_is_asked_for(tmp_path):
    program(tmp_path, CODEX)
    where = where_in(tmp_path, scope="project")
    (where.codex_dir / "config.toml").write_bytes(CONFIG)
    (problem,) = codex.install(where).problems
    assert "--trust-project" in problem
    assert (where.codex_dir / "config.toml").read_bytes() == CONFIG
    assert codex.install(attrs.evolve(where, trust_project=True)).problems == ()
    assert codex.status(where).problems == ()
    codex.uninstall(where)
    assert (where.codex_dir / "config.toml").read_bytes() == CONFIG


def test_a_linked_worktree_is_refused_since_codex_reads_its_main_checkouts_hooks(tmp_path):
    where = where_in(tmp_path, scope="project")
    (where.project / ".git").write_text("gitdir: /the/checkout/.git/worktrees/project\n")
    with pytest.raises(UsageError, match="--dir /the/checkout,"):
        codex.install(where)
    assert files(where) == {"project/.git": b"gitdir: /the/checkout/.git/worktrees/project\n"}


@pytest.mark.slow
def test_a_submodule_is_a_project_like_others(tmp_path):
    program(tmp_path, CODEX)
    where = where_in(tmp_path, scope="project", trust_project=True)
    (where.project / ".git").write_text("gitdir: ../.git/modules/project\n")
    assert codex.install(where).problems == ()


@pytest.mark.slow
def test_trust_stands_under_the_path_that_codex_will_see(tmp_path):
    program(tmp_path, CODEX)
    where = where_in(tmp_path, scope="project", trust_project=True)
    (tmp_path / "link").symlink_to(where.project)
    assert codex.install(attrs.evolve(where, project=tmp_path / "link")).problems == ()
    assert all(key.startswith(f"{where.project}/.codex") for key in trusted(where))


@pytest.mark.slow
@pytest.mark.parametrize("first", ["user", "project"])
def test_each_scope_goes_alone(tmp_path, first):
    program(tmp_path, CODEX)
    user = where_in(tmp_path)
    project = where_in(tmp_path, scope="project", trust_project=True)
    (user.codex_dir / "config.toml").write_bytes(CONFIG)
    codex.install(user)
    codex.install(project)
    one, two = (user, project) if first == "user" else (project, user)
    codex.uninstall(one)
    assert codex.status(one).installed == "no"
    assert (codex.status(two).installed, codex.status(two).problems) == ("yes", ())
    codex.uninstall(two)
    assert (user.codex_dir / "config.toml").read_bytes() == CONFIG


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "trusts", "problem"),
    [(".codex", True, ""), ("own", True, ""), ("own", False, "CODEX_HOME names")],
)
def test_a_project_can_be_first_before_codex_has_a_directory(tmp_path, name, trusts, problem):
    program(tmp_path, CODEX)
    where = where_in(tmp_path, scope="project", trust_project=trusts)
    (where.home / ".codex").rmdir()
    where = attrs.evolve(where, codex_dir=where.home / name)
    assert problem in "".join(codex.install(where).problems) or not problem
    assert bool(codex.status(where).problems) is bool(problem)
    codex.uninstall(where)
    assert files(where) == {}


@pytest.mark.slow
def test_hooks_that_are_off_as_a_whole_are_a_problem(where):
    (where.codex_dir / "config.toml").write_bytes(b"[features]\nhooks = false\n")
    (problem,) = codex.install(where).problems
    assert "[features] hooks = false" in problem


@pytest.mark.slow
def test_a_config_that_cannot_be_read_is_left_alone_and_said(where):
    (where.codex_dir / "config.toml").write_bytes(b"[features\n")
    (problem,) = codex.install(where).problems
    assert "config.toml: it is not valid TOML" in problem
    assert (where.codex_dir / "config.toml").read_bytes() == b"[features\n"


@pytest.mark.slow
def test_who_writes_the_config_meanwhile_is_not_written_over(where, monkeypatch):
    config = where.codex_dir / "config.toml"

    def meanwhile(data, _):
        config.write_bytes(b"a = 1\n")
        return data or b"mine = 1\n"

    monkeypatch.setattr(codex.codex_config, "with_hooks", meanwhile)
    (problem,) = codex.install(where).problems
    assert "changed by somebody else" in problem
    assert config.read_bytes() == b"a = 1\n"


@pytest.mark.slow
def test_a_dry_run_changes_nothing_and_shows_what_it_would(where):
    codex.hooks_file(where).write_bytes(HOOKS)
    before = files(where)
    report = codex.install(where, dry_run=True)
    assert report.changed == (codex.hooks_file(where),)
    assert "scripts/hook codex Stop" in report.differences
    assert files(where) == before


@pytest.mark.slow
def test_only_the_session_start_may_start_the_daemon(where):
    codex.install(attrs.evolve(where, autostart=True))
    starting = [event for event, (command,) in commands(where).items() if "--autostart" in command]
    assert starting == ["SessionStart"]


@pytest.mark.parametrize(
    ("command", "is_it"),
    [
        ("/py -I -S '/a b/scripts/hook' codex Stop", True),
        ("/py -I -S /a/scripts/hook claude Stop", False),
        ("/a/scripts/hooks codex Stop", False),
        ("it's broken", False),
        ("", False),
    ],
)
def test_ours_is_known_by_its_command(command, is_it):
    assert codex.is_our_command(command) is is_it


@pytest.mark.slow
def test_hooks_that_wait_for_no_answer_are_outdated_replaced_and_trusted_anew(where):
    codex.install(where)
    new, trust = codex.hooks_file(where).read_bytes(), trusted(where)
    assert b" Stop --tell" in new
    codex.hooks_file(where).write_bytes(new.replace(b" --tell", b""))
    assert codex.status(where).installed == "outdated"
    assert codex.install(where).problems == ()
    assert codex.hooks_file(where).read_bytes() == new
    assert trusted(where) == trust
    assert codex.status(where).installed == "yes"
