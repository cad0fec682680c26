"""atlas cycle, atlas proposals and serve --interval, as a person uses them."""

import json
import sys

import pytest

from tests.support.daemons import Daemon, daemon_on
from tests.support.model_server import model_server

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


def test_a_person_sees_decides_and_gets_what_was_proposed(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    command = json.dumps([sys.executable, "-c", "print('\\x1b[2Jbroken'); raise SystemExit(1)"])
    (home / "config.toml").write_text(
        f'[checks.x]\ncommand = {command}\nprompt = "Summarise what is wrong"\n'
        f'[checks.y]\ncommand = {command}\nprompt = "Summarise what is wrong"\n'
    )
    with (
        model_server() as server,
        daemon_on(
            home,
            ATLAS_PROVIDERS_LOCALAI_BASE_URL=server.url,
            ATLAS_PROVIDERS_CODEX_COMMAND="/no/such/codex",
            ATLAS_PROVIDERS_CLAUDE_COMMAND="/no/such/claude",
        ) as daemon,
    ):
        cycle = daemon.run("cycle")
        assert cycle.returncode == 0, cycle.stderr
        assert "0 learnings from work that has ended" in cycle.stdout
        assert len(json.loads(daemon.run("cycle", "--json").stdout)["steps"]) == 8

        listed = json.loads(daemon.run("proposals", "list", "--json").stdout)["proposals"]
        x, y = sorted(listed, key=lambda proposal: proposal["title"])
        assert "check x fails" in daemon.run("proposals").stdout
        shown = daemon.run("proposals", "show", x["id"]).stdout
        assert "broken" in shown
        assert "\x1b" not in shown

        assert daemon.run("proposals", "reject", y["id"], "--reason", "no").returncode == 0
        approved = daemon.run("proposals", "approve", "--kind", "check")
        assert approved.stdout == f"{x['id']} approved\n"
        assert daemon.run("proposals", "approve", x["id"]).returncode == 1
        assert daemon.run("proposals", "approve").returncode == 2
        (task,) = daemon.call("task.list")["tasks"]
        assert daemon.wait(task["id"])["state"] == "completed"
        states = {one["id"]: one["state"] for one in daemon.call("proposal.list")["proposals"]}
        assert (states[x["id"]], states[y["id"]]) == ("submitted", "rejected")


def test_serve_takes_the_seconds_between_cycles(tmp_path):
    daemon = Daemon(tmp_path / "home")
    assert daemon.run("serve", "--interval", "0").returncode == 2
    assert "from 1 to 86400" in daemon.run("serve", "--interval", "x").stderr
    daemon.flags += ["--interval", "7"]
    try:
        daemon.start()
        assert daemon.call("cycle.run")["steps"]
    finally:
        assert daemon.stop() == 0
