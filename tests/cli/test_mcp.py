"""atlas mcp on a real daemon: what a person sees, exit codes, and nothing of a secret."""

import json

import pytest

from tests.support.daemons import daemon_on
from tests.support.mcp_servers import configure, plain, server

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end]

SECRET = "Quiet-Horse-77-x9"
WELL = """
hello(tools={})
while asked := json.loads(sys.stdin.readline() or "null"):
    tools = [{"name": "add", "inputSchema": {"type": "object"}}]
    line({"jsonrpc": "2.0", "id": asked["id"],
          "result": {"tools": tools} if asked["method"] == "tools/list" else {}})
"""
COMPLAINS = "print('bad key', os.environ['TOKEN'], file=sys.stderr)\nsys.exit(3)"


def test_servers_are_checked_warmed_and_shown_and_no_secret_is_kept(tmp_path):
    home = tmp_path / "home"
    with daemon_on(home, ATLAS_MCP_TIMEOUT_S=60) as daemon:  # a busy machine
        assert "no MCP server is configured" in daemon.run("mcp", "check", cwd=tmp_path).stdout
        configure(
            home,
            plain(WELL, name="well", env={"TOKEN": SECRET}),
            plain(COMPLAINS, name="ill", env={"TOKEN": SECRET}),
            server(name="none", command="npx-that-is-not-there"),
        )
        checked = daemon.run("mcp", "check", cwd=tmp_path)
        assert checked.returncode == 1, checked.stderr
        assert "ok      well: 1 tool, initialize" in checked.stdout
        assert "failed  ill: it ended with 3: bad key [setting]\n" in checked.stdout
        assert "failed  none: its program is not found\n        → install" in checked.stdout

        warmed = daemon.run("mcp", "warmup", "well")
        assert (warmed.returncode, warmed.stdout[:8]) == (0, "ok      "), warmed.stderr
        shown = daemon.run("mcp", "status", "--json")
        servers = {one["name"]: one for one in json.loads(shown.stdout)["servers"]}
        assert (servers["well"]["warm"], servers["well"]["uptime"]) == ("up", 1.0)
        assert servers["ill"]["consecutive_failures"] == 1
        table = daemon.run("mcp", "status").stdout
        assert "failing" in table
        assert "~/.claude.json" in table
        assert "well" in daemon.run("mcp", "history").stdout
        assert "mcp checks" in daemon.inspect("mcp").stdout
        said = checked.stdout + warmed.stdout + shown.stdout + table
    for file in [path for path in home.rglob("*") if path.is_file()]:
        if file.name != ".claude.json":
            assert SECRET.encode() not in file.read_bytes(), file
    assert SECRET not in said


def test_a_check_takes_no_longer_than_it_is_told(tmp_path):
    home = tmp_path / "home"
    with daemon_on(home) as daemon:
        configure(home, plain("sys.stdin.read()", name="mute"))
        checked = daemon.run("mcp", "check", "--timeout", "0.5", cwd=tmp_path)
        assert "it did not answer in 0.5 s" in checked.stdout, checked.stderr


def test_without_the_daemon_a_check_says_how_to_start_it(tmp_path):
    from tests.support.daemons import Daemon

    done = Daemon(tmp_path / "home").run("mcp", "check")
    assert done.returncode == 3
    assert "scripts/serve --detach starts it" in done.stderr
