"""The cascade as a person meets it: real daemon, scripted servers, a client that edits files."""

import json
import subprocess
import sys

import pytest

from tests.support.daemons import daemon_on
from tests.support.model_server import model_server, say, status

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]
KEY = "sk-planted-0123456789"

CLIENT = f"""#!{sys.executable}
import json, os, sys
prompt = sys.stdin.read()
session = sys.argv[sys.argv.index("--session-id") + 1]
with open("pager.py", "a") as file:
    file.write("# fixed\\n")
def line(**value):
    print(json.dumps(value), flush=True)
line(type="system", subtype="init", session_id=session, model="claude-opus-5-5")
line(type="result", subtype="success", is_error=False, result="I fixed it", session_id=session,
     num_turns=2, stop_reason="end_turn", terminal_reason="completed", total_cost_usd=0.25,
     modelUsage={{"claude-opus-5-5": {{"inputTokens": 100, "outputTokens": 10}}}})
"""


def settings(cheap, dear, client=""):
    return f"""
[providers.localai]
base_url = "{cheap}"
embedded = false
retries = 0
[providers.codex]
command = "/nonexistent/codex"
[providers.haiku]
base_url = "{dear}"
transport = "openai-chat"
key_env = "PLANTED"
usd_input = 1.0
usd_output = 5.0
[providers.claude]
command = "{client or "/nonexistent/claude"}"
key_env = "PLANTED"
"""


def home_with(tmp_path, text):
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(text)
    return home


def files_of(home):
    return b"".join(
        path.read_bytes() for path in home.rglob("*") if path.is_file() and not path.is_symlink()
    )


def test_a_fallback_really_happens_is_said_and_is_counted(tmp_path):
    with model_server() as cheap, model_server() as dear:
        dear.key = KEY
        home = home_with(tmp_path, settings(cheap.url, dear.url))
        with daemon_on(home, PLANTED=KEY) as daemon:
            cheap.scripts.put(status(503, retry_after="3600"))
            dear.scripts.put(say("the answer"))
            done = daemon.run("ask", "summarise this text: a b c")
            assert (done.returncode, done.stdout) == (0, "the answer\n")
            assert "HTTP 503" in done.stderr
            assert "completed by haiku" in done.stderr
            task = daemon.call("task.list", limit=1)["tasks"][0]
            attempts = daemon.call("task.get", id=task["id"])["attempts"]
            assert [(one["provider"], one["end"]) for one in attempts] == [
                ("localai", "busy"), ("haiku", "answered"),
            ]  # fmt: skip
            route = daemon.run("route", "summarise this text: d", "--explain").stdout
            assert "localai: open, rests for" in route
            assert "localai open" in route
            rows = daemon.call("cost.stats", by="provider")["rows"]
            assert {row["provider"]: row["cost_usd"] for row in rows} == {
                "haiku": round((12 + 3 * 5) / 1e6, 6), "localai": 0,
            }  # fmt: skip
            assert "haiku" in daemon.run("costs", "--by", "provider").stdout
            degraded = daemon.call("system.status")["degraded"]
            assert "executor.localai" in [part["part"] for part in degraded]


def test_a_stream_that_is_cut_is_an_attempt_that_failed_and_the_person_sees_it_said(tmp_path):
    def cut(handler, _):
        handler.begin_stream()
        handler.text("half of an ans")

    with model_server() as cheap, model_server() as dear:
        home = home_with(tmp_path, settings(cheap.url, dear.url))
        with daemon_on(home, PLANTED=KEY) as daemon:
            cheap.scripts.put(cut)
            dear.scripts.put(say("whole"))
            done = daemon.run("ask", "summarise this text: a b c")
    assert done.returncode == 0
    assert done.stdout.endswith("whole\n")
    assert "the stream was cut off" in done.stderr
    assert "that was not the answer; attempt 2" in done.stderr


def test_a_key_is_in_no_log_database_or_error_though_the_server_quotes_it(tmp_path):
    def quote(handler, _):
        text = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}})
        handler.reply(401, text.encode())

    with model_server() as cheap, model_server() as dear:
        home = home_with(tmp_path, settings(cheap.url, dear.url))
        with daemon_on(home, PLANTED=KEY) as daemon:
            dear.scripts.put(quote)
            dear.scripts.put(say(f"your key is {KEY}"))
            told = daemon.run("ask", "hello", "--provider", "haiku", "--timeout", "5")
            assert "[key]" in told.stderr
            everything = told.stderr + told.stdout + daemon.run("tasks", "show", "last").stdout
            everything += daemon.run("status", "--json").stdout + daemon.inspect("failures").stdout
        assert KEY not in everything
        assert KEY.encode() not in files_of(home)


def test_work_in_a_directory_is_a_diff_until_a_person_decides(tmp_path):
    client = tmp_path / "claude"
    client.write_text(CLIENT)
    client.chmod(0o755)
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "pager.py").write_text("first = 1\n")
    git = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e@x"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True, timeout=60)
    with model_server() as cheap:
        home = home_with(tmp_path, settings(cheap.url, cheap.url, str(client)))
        with daemon_on(home, PLANTED=KEY) as daemon:
            ask = ("submit", "fix the off-by-one in pager.py", "--cwd", str(repository), "--wait")
            done = daemon.run(*ask)
            assert (done.returncode, done.stdout) == (0, "I fixed it\n")
            assert "1 file changed, +1 -0" in done.stderr
            assert (repository / "pager.py").read_text() == "first = 1\n"
            assert "+# fixed" in daemon.run("tasks", "diff", "last").stdout
            assert daemon.run("tasks", "apply", "last").returncode == 0
            assert (repository / "pager.py").read_text() == "first = 1\n# fixed\n"
            assert "was applied already" in daemon.run("tasks", "apply", "last").stderr
            assert daemon.run(*ask).returncode == 0
            assert daemon.run("tasks", "discard", "last").stdout.startswith("discarded")
            branches = subprocess.run(
                [*git, "branch", "--list", "atlas/*"], capture_output=True, check=True, timeout=60
            )
            assert branches.stdout == b""
            cost = daemon.call("cost.stats", by="project")["rows"]
            assert [(row["project"], row["cost_usd"]) for row in cost] == [(str(repository), 0.5)]


def test_nobody_who_edits_files_means_waiting_and_saying_so(tmp_path):
    with model_server() as cheap:
        home = home_with(tmp_path, settings(cheap.url, cheap.url))
        with daemon_on(home) as daemon:
            done = daemon.run(
                "submit", "fix the bug in pager.py", "--cwd", str(tmp_path), "--wait",
                "--timeout", "3",
            )  # fmt: skip
        assert done.returncode == 4
        assert "no program" in done.stderr
        assert cheap.requests == []
