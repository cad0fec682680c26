"""The actor with a host that says what a server's command tells it to: checks, history, warmth."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from atlas_actors.errors import Busy, NotFound, UsageError
from atlas_actors.home import Home
from atlas_actors.mcp import actor as room
from atlas_actors.mcp import warmth
from atlas_actors.mcp.actor import Mcp
from atlas_actors.messages.mcp import CheckServers, FollowCheck, ServersWanted, WarmServers
from atlas_actors.redaction import Redactor
from atlas_actors.settings import McpSettings
from atlas_actors.store import Reader
from supervisors.child import ChildSpec
from tests.support import fake_mcp_host
from tests.support.daemons import ROOT
from tests.support.mcp_servers import configure, server
from tests.support.supervision import eventually
from tests.support.trees import WAIT_S, tree_of

pytestmark = pytest.mark.slow

FAKE = (sys.executable, "-I", "-S", fake_mcp_host.__file__)
SETTINGS = {
    "warm": (), "check_every_s": 0.0, "timeout_s": 5.0, "parallel": 2, "projects": (),
    "retention_days": 30.0,
}  # fmt: skip


class Room:
    """The actor in a tree of its own, and its files."""

    def __init__(self, tree, folder):
        self.tree, self.state = tree, folder
        self.ref = tree.ref("mcp")

    def ask(self, message):
        return self.ref.ask(message, WAIT_S)

    def check(self, **fields):
        return {one.name: one for one in self.ask(CheckServers(**fields)).results}

    def rows(self, view="servers"):
        return Reader(self.state / "mcp_health.db").rows(f"select * from inspect_mcp_{view}")

    def server(self, name):
        return next(row for row in self.rows() if row["server"] == name)

    def warm(self, name):
        known = {one.name: one for one in self.ask(ServersWanted()).servers}
        return known[name].warm


@contextmanager
def room_on(tmp_path, *servers, program=FAKE, **settings):
    if servers:
        configure(tmp_path / "home", *servers)
    spec = ChildSpec(
        id="mcp",
        actor=Mcp,
        arguments={
            "database": tmp_path / "mcp_health.db",
            "home": Home(root=tmp_path / "atlas"),
            "settings": McpSettings(**{**SETTINGS, **settings}),
            "redactor": Redactor(),
            "environment": {"HOME": str(tmp_path / "home")},
            "program": program,
        },
    )
    with tree_of(spec) as tree:
        yield Room(tree, tmp_path)


def does(what, name=None, **more):
    return server(name=name or what, command=what, **more)


def test_every_server_that_is_switched_on_is_looked_at_and_kept(tmp_path):
    with room_on(tmp_path, does("up"), does("down")) as mcp:
        found = mcp.check()
        assert (found["up"].ok, found["up"].tools, found["up"].ping_ms) == (True, 2, 1.0)
        assert (found["down"].ok, found["down"].error) == (False, "it ended")
        assert sorted(row["server"] for row in mcp.rows("checks")) == ["down", "up"]
        assert {row["why"] for row in mcp.rows("checks")} == {"asked"}


def test_a_named_server_is_looked_at_alone(tmp_path):
    with room_on(tmp_path, does("up"), does("down")) as mcp:
        assert list(mcp.check(names=("up",))) == ["up"]


def test_a_name_that_nobody_configured_is_told_with_those_that_are(tmp_path):
    with room_on(tmp_path, does("up")) as mcp, pytest.raises(NotFound, match="one of up"):
        mcp.check(names=("other",))


def test_nothing_configured_is_nothing_to_look_at(tmp_path):
    with room_on(tmp_path) as mcp:
        assert mcp.ask(CheckServers()).results == ()


def test_failures_in_a_row_are_counted_until_it_answers(tmp_path):
    with room_on(tmp_path, does("down", "one")) as mcp:
        mcp.check()
        mcp.check()
        row = mcp.server("one")
        assert (row["consecutive_failures"], row["last_ok_ms"], row["ok"]) == (2, None, 0)
        configure(tmp_path / "home", does("up", "one"))
        mcp.check()
        configure(tmp_path / "home", does("down", "one"))
        mcp.check()
        row = mcp.server("one")
        assert (row["consecutive_failures"], row["checks"], row["successes"]) == (1, 4, 1)
        assert row["last_ok_ms"] is not None
        assert row["p50_initialize_ms"] == 10.0


def test_a_host_that_dies_fails_what_it_had_not_told_and_not_the_servers_record(tmp_path):
    with room_on(tmp_path, does("die")) as mcp:
        one = mcp.check()["die"]
        assert (one.ok, one.stage) == (False, "host")
        assert "it ended with 3" in one.error
        assert mcp.rows() == []
        assert len(mcp.rows("checks")) == 1


def test_a_host_that_cannot_be_started_is_an_answer(tmp_path):
    with room_on(tmp_path, does("up"), program=("/no/such/program",)) as mcp:
        assert mcp.check()["up"].stage == "host"


def test_a_check_is_followed_as_it_goes(tmp_path):
    with room_on(tmp_path, does("up"), does("down")) as mcp:
        id = mcp.ask(CheckServers(follow=True)).id
        seen, results = 0, []
        while True:
            step = mcp.ask(FollowCheck(id=id, seen=seen))
            results += step.results
            seen = len(results)
            assert step.results or step.done
            if step.done:
                break
        assert sorted(step.names) == sorted(one.name for one in results) == ["down", "up"]


def test_a_check_that_nobody_knows_cannot_be_followed(tmp_path):
    with room_on(tmp_path) as mcp, pytest.raises(NotFound):
        mcp.ask(FollowCheck(id="none"))


def test_too_many_checks_at_a_time_are_refused(tmp_path):
    with room_on(tmp_path, does("never")) as mcp:
        for _ in range(room.CHECKS_MAX):
            mcp.ask(CheckServers(follow=True))
        with pytest.raises(Busy):
            mcp.ask(CheckServers(follow=True))


def test_a_projects_own_servers_are_run_only_when_it_is_named(tmp_path):
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    entry = {"mcpServers": {"own": {"command": "up"}}}
    (project / ".mcp.json").write_text(json.dumps(entry))
    with room_on(tmp_path) as mcp:
        assert mcp.check() == {}
        assert list(mcp.check(projects=(str(project),))) == ["own"]
        assert mcp.check() == {}
    with room_on(tmp_path, projects=(str(project),)) as mcp:
        assert list(mcp.check()) == ["own"]


def test_a_marked_server_is_kept_started_from_the_beginning(tmp_path):
    with room_on(tmp_path, does("up"), warm=("up",)) as mcp:
        (one,) = mcp.ask(WarmServers()).results
        assert (one.ok, one.why) == (True, "warm")
        assert mcp.warm("up") == "up"
        assert mcp.tree.ref("mcp").cell.reason == ""


def test_one_that_ends_is_shown_as_degraded_and_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(warmth, "BACKOFF_S", 0.01)
    with room_on(tmp_path, does("once", "one"), warm=("one",)) as mcp:
        cell = mcp.tree.ref("mcp").cell
        assert eventually(lambda: len([r for r in mcp.rows("checks") if not r["ok"]]) > 1, True)
        assert eventually(lambda: "one: it ended" in cell.reason, True)
        configure(tmp_path / "home", does("up", "one"))
        assert eventually(lambda: (mcp.warm("one"), cell.reason), ("up", ""))


def test_a_host_that_dies_takes_down_what_it_kept_and_another_is_started(tmp_path, monkeypatch):
    monkeypatch.setattr(warmth, "BACKOFF_S", 0.01)
    with room_on(tmp_path, does("up"), does("die", "two"), warm=("up", "two")) as mcp:
        cell = mcp.tree.ref("mcp").cell
        assert eventually(lambda: "the process that speaks with it" in cell.reason, True)
        configure(tmp_path / "home", does("up"), does("up", "two"))
        assert eventually(lambda: (mcp.warm("up"), mcp.warm("two")), ("up", "up"))


def test_warming_by_name_keeps_what_comes_up_and_forgets_what_does_not(tmp_path):
    with room_on(tmp_path, does("up"), does("down")) as mcp:
        found = mcp.ask(WarmServers(names=("up", "down"))).results
        assert {one.name: one.ok for one in found} == {"up": True, "down": False}
        assert (mcp.warm("up"), mcp.warm("down")) == ("up", None)
        assert mcp.tree.ref("mcp").cell.reason == ""


def test_a_server_of_the_project_that_a_person_is_in_is_warmed_and_listed(tmp_path):
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"own": {"command": "up"}}}))
    with room_on(tmp_path) as mcp:
        with pytest.raises(NotFound):
            mcp.ask(WarmServers(names=("own",)))
        assert mcp.ask(ServersWanted()).servers == ()
        (one,) = mcp.ask(ServersWanted(projects=(str(project),))).servers
        assert (one.name, one.warm) == ("own", None)
        (warmed,) = mcp.ask(WarmServers(names=("own",), projects=(str(project),))).results
        assert (warmed.ok, mcp.warm("own")) == (True, "up")  # wherever one looks from


def test_a_marked_server_that_nobody_configured_is_degraded_and_says_so(tmp_path):
    with room_on(tmp_path, does("up"), warm=("gone",)) as mcp:
        cell = mcp.tree.ref("mcp").cell
        assert eventually(lambda: "'gone' is configured" in cell.reason, True)


def test_warming_nothing_says_how_to_mark_something(tmp_path):
    with room_on(tmp_path, does("up")) as mcp, pytest.raises(UsageError, match=r"\[mcp\] warm"):
        mcp.ask(WarmServers())


def test_with_an_interval_all_are_looked_at_without_being_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "FIRST_CHECK_S", 0.0)
    with room_on(tmp_path, does("up"), check_every_s=3_600.0) as mcp:
        assert eventually(lambda: [row["why"] for row in mcp.rows("checks")], ["scheduled"])


def test_what_was_kept_is_there_after_a_restart(tmp_path):
    with room_on(tmp_path, does("up")) as mcp:
        mcp.check()
    with room_on(tmp_path) as mcp:
        mcp.check()
        assert mcp.server("up")["checks"] == 2


def test_no_value_of_an_environment_is_in_the_files(tmp_path):
    secret = "Quiet-Horse-77-x9"
    with room_on(tmp_path, does("up", env={"A": secret}, args=("--token", secret))) as mcp:
        mcp.check()
        mcp.ask(WarmServers(names=("up",)))
        assert secret not in repr(mcp.ask(ServersWanted()))
    for file in Path(tmp_path).glob("mcp_health.db*"):
        assert secret.encode() not in file.read_bytes()


def test_the_sdk_is_not_loaded_in_the_daemon_nor_by_the_command():
    """It takes a second and 60 MB."""
    code = "import sys, supervisors.tree, atlas_actors.cli.mcp; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
