"""The README's commands do what it says."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from tests.support.daemons import ROOT, RUN, daemon_on
from tests.support.model_server import model_server, say

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


def commands(section, *, blocks=1):
    """The lines of the first sh blocks after a heading."""
    text = (ROOT / "README.md").read_text("utf-8")
    body = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    found = re.findall(r"^```sh$(.*?)^```$", body, re.MULTILINE | re.DOTALL)[:blocks]
    return [line for block in found for line in block.strip().splitlines() if line]


def test_the_main_job_runs_as_written(tmp_path):
    (tmp_path / "change.diff").write_text("+ retry\n")
    (tmp_path / "mail.txt").write_text("I am Ann, ann@example.org, order 7\n")
    (tmp_path / "order.schema.json").write_text('{"type": "object", "required": ["name"]}')
    with model_server() as server:
        server.scripts.put(say("Retry"))
        server.scripts.put(say('{"name": "Ann"}'))
        url = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}
        with daemon_on(tmp_path / "home", **url) as daemon:
            told = {}
            for line in commands("The main job"):
                words = shlex.split(line)
                if words[0] == "export":
                    continue
                program = {"atlas": RUN, "scripts/inspect": ROOT / "scripts/inspect"}[words[0]]
                interpreter = [sys.executable] if program == RUN else []
                done = subprocess.run(
                    [*interpreter, str(program), *words[1:]],
                    env={**daemon.environment, "ATLAS_PYTHON": sys.executable}, cwd=tmp_path,
                    capture_output=True, text=True,
                    check=False, timeout=120,
                )  # fmt: skip
                assert done.returncode == 0, (line, done.stderr)
                told[line.partition(" --")[0]] = done.stdout
            assert "Retry" in "".join(told.values())
            assert "layer 1" in told["atlas tasks show last"]
            assert "verified  schema" in told["atlas tasks show last"]
            assert told["scripts/inspect"].startswith("live")


def test_the_routing_commands_run_as_written_with_the_readmes_own_settings(tmp_path):
    text = (ROOT / "README.md").read_text("utf-8")
    own = re.search(r"^  ```toml\n(  \[intents\.recipe\].*?)^  ```$", text, re.M | re.S)[1]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(own)
    with daemon_on(tmp_path / "home") as daemon:
        for line in commands("Routing"):
            done = daemon.run(*shlex.split(line)[1:], cwd=tmp_path)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
        route = json.loads(daemon.run("route", "cook a soup", "--json").stdout)
        assert (route["rule"], route["intent"], route["tier"]) == ("cook", "recipe", "cheap")


def test_the_cascades_commands_run_as_written(tmp_path):
    with model_server() as server:
        server.scripts.put(say("42"))
        server.scripts.put(say("A parser reads."))
        url = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}
        with daemon_on(tmp_path / "home", **url) as daemon:
            told = []
            for line in commands("Providers and the cascade"):
                done = daemon.run(*shlex.split(line)[1:], cwd=tmp_path)
                assert done.returncode == 0, (line, done.stdout, done.stderr)
                told.append(done.stdout)
    assert told[:2] == ["42\n", "A parser reads.\n"]
    assert "localai" in told[3]


def test_the_commands_of_durable_work_run_as_written(tmp_path):
    (tmp_path / "tasks.jsonl").write_text('{"prompt": "Summarise one"}\n')
    with model_server() as server:
        url = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}
        with daemon_on(tmp_path / "home", **url) as daemon:
            told = {}
            for line in commands("Durable work", blocks=9):
                words, _, file = line.partition(" > ")
                done = daemon.run(*shlex.split(words)[1:], cwd=tmp_path)
                assert done.returncode == 0, (line, done.stdout, done.stderr)
                told[line] = done.stdout
                if file:
                    (tmp_path / file).write_text(done.stdout)
    assert len((tmp_path / "queue.jsonl").read_text().splitlines()) == 4
    assert told["atlas tasks import queue.jsonl"] == "0 tasks taken over, 4 were known\n"
    assert "standup" in told["atlas schedules list"]


def test_the_memory_commands_run_as_written(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        told = {}
        for line in commands("Memory"):
            words, _, file = line.partition(" > ")
            given = shlex.split(words)[1:]
            if given[:2] == ["memory", "show"]:
                given[2] = daemon.call("memory.list")["items"][0]["id"]
            done = daemon.run(*given, cwd=tmp_path)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            told[words] = done.stdout
            if file:
                (tmp_path / file).write_text(done.stdout)
    assert "running Redis" in told['atlas recall "what do the integration tests need?"']
    assert "not found again in" in told["atlas forget --match Redis --yes"]
    assert "SQLite" in told["atlas brief --tokens 800"]


def test_the_cycles_commands_run_as_written_with_the_readmes_own_settings(tmp_path):
    text = (ROOT / "README.md").read_text("utf-8")
    own = re.search(r"^```toml\n(\[checks\.tests\].*?)^```$", text, re.M | re.S)[1]
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    (home / "config.toml").write_text(own)
    with daemon_on(home) as daemon:
        for line in commands("The cycle and proposals"):
            done = daemon.run(*shlex.split(line, comments=True)[1:])
            assert done.returncode == 0, (line, done.stdout, done.stderr)
        status = daemon.run("status").stdout
    assert "cycle     2" in status


def test_the_graphs_commands_run_as_written_on_the_readmes_own_file(tmp_path):
    text = (ROOT / "README.md").read_text("utf-8")
    lines = re.search(r"^```json\n(\{\"type\": \"entity\".*?)^```$", text, re.M | re.S)[1]
    (tmp_path / "graph.jsonl").write_text(lines)
    with daemon_on(tmp_path / "home") as daemon:
        told = []
        for line in commands("The graph"):
            done = daemon.run(*shlex.split(line, comments=True)[1:], cwd=tmp_path)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            told.append(done.stdout)
    assert told[0] == "2 entities, 1 relation taken over\n"
    assert "-owned_by-> Ann  (person)  since " in told[1]
    assert "owned_by" not in told[2]
    assert json.loads(told[-1].splitlines()[0])["observedMs"]
    assert [json.loads(line) for line in (tmp_path / "copy.jsonl").read_text().splitlines()] == [
        json.loads(line) for line in lines.splitlines()
    ]


def test_the_tree_in_the_readme_is_the_tree_that_runs(tmp_path):
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"```\natlas\n(.*?)```", text, re.DOTALL)[1]
    written = set(re.findall(r"[a-z.]+", block))
    with daemon_on(tmp_path / "home") as daemon:
        running = {path.rpartition("/")[2] for path in daemon.tree()} - {"atlas"}
    assert written == running


def test_every_method_of_the_socket_answers_or_says_what_is_missing(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        described = daemon.call("system.describe")
        assert {"task.submit", "task.get", "route.decide", "system.status"} <= {
            method["name"] for method in described["methods"]
        }
        assert json.dumps(described)


def test_the_context_commands_run_as_written(tmp_path):
    (tmp_path / "pager.py").write_text("def page(lines):\n" + "    lines += 1\n" * 100)
    accesses = [{"path": "pager.py", "kind": "edit"}]
    with daemon_on(tmp_path / "home") as daemon:
        daemon.call("context.access", cwd=str(tmp_path), session="s", accesses=accesses)
        told = {}
        for line in commands("Context tiers"):
            done = daemon.run(*shlex.split(line)[1:], cwd=tmp_path)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            told[line] = done.stdout
    assert told["atlas context outline pager.py"] == "1 def page(lines)\n"
    assert "HOT" in told["atlas context tiers --limit 10"]
    assert "1 edit" in told["atlas context stats"]


def test_the_learning_commands_run_as_written(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        told = {"action": "t", "kind": "task", "result": "success"}
        id = daemon.call("outcome.record", **told)["id"]
        for line in commands("Learning", blocks=2):
            done = daemon.run(*shlex.split(line)[1:])
            assert done.returncode == 0, (line, done.stdout, done.stderr)
        amended = daemon.call("outcome.amend", id=id, result="failure", reason="it did not compile")
        assert (amended["before"], amended["changed"]) == ("success", True)
        listed = daemon.run("outcomes").stdout
    assert "it did not compile (was success)" in listed
