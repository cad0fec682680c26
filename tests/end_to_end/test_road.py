"""A request travels the whole road: a real daemon, a real socket, a scripted model server."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from atlas_actors.errors import AtlasError
from tests.support.daemons import Daemon, daemon_on
from tests.support.model_server import hold, model_server, say, status
from tests.support.trees import WAIT_S

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.fixture
def server():
    with model_server() as running:
        yield running


def settings(server):
    return {
        "ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url,
        # Whoever's machine it runs on, may it have these programs or not.
        "ATLAS_PROVIDERS_CODEX_COMMAND": "/no/such/codex",
        "ATLAS_PROVIDERS_CLAUDE_COMMAND": "/no/such/claude",
    }


@pytest.fixture
def daemon(server, tmp_path):
    with daemon_on(tmp_path / "home", **settings(server)) as running:
        yield running


def test_ask_streams_and_leaves_route_attempt_check_and_outcome(daemon, server, tmp_path):
    diff = tmp_path / "change.diff"
    diff.write_text("+ retry three times\n")
    server.scripts.put(say("Retry three times"))
    asked = daemon.run("ask", "Write a one-line commit message for this diff", "--file", str(diff))
    assert (asked.returncode, asked.stdout) == (0, "Retry three times\n"), asked.stderr
    assert "retry three times" in server.requests[0]["messages"][-1]["content"]

    shown = json.loads(daemon.run("tasks", "show", "last", "--json").stdout)
    assert (shown["state"], shown["verified_by"]) == ("completed", "complete")
    assert (shown["route"]["layer"], shown["route"]["rule"]) == (1, "commit-message")
    (attempt,) = shown["attempts"]
    assert (attempt["provider"], attempt["model"], attempt["end"]) == (
        "localai", "stub-model", "answered",
    )  # fmt: skip
    assert attempt["tokens"] == {
        "input": 12, "cache_read": 0, "cache_write": 0, "cache_write_1h": 0, "output": 3,
        "reasoning": 0,
    }  # fmt: skip
    assert attempt["cost_usd"] == 0

    rates = daemon.call("outcome.stats")["rates"]
    assert {(rate["kind"], rate["provider"], rate["successes"]) for rate in rates} == {
        ("task", "localai", 1), ("attempt", "localai", 1), ("route", "localai", 1),
    }  # fmt: skip
    decisions = json.loads(daemon.inspect("router", "--json").stdout)["inspect_decisions"]
    assert [(row["task_id"], row["provider"]) for row in decisions] == [(shown["id"], "localai")]


def test_submit_with_a_schema_waits_for_an_answer_that_fits(daemon, server, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    server.scripts.put(say("I think the name is Ann"))
    server.scripts.put(say('{"name": "Ann"}'))
    done = daemon.run("submit", "Extract the name as JSON", "--schema", str(schema), "--wait")
    assert (done.returncode, done.stdout) == (0, '{"name": "Ann"}\n'), done.stderr
    task = daemon.call("task.list")["tasks"][0]
    ends = [attempt["end"] for attempt in daemon.call("task.get", id=task["id"])["attempts"]]
    assert ends == ["rejected", "answered"]


def test_an_answer_that_never_fits_fails_the_task_and_says_why(daemon, server, tmp_path):
    for _ in range(3):
        server.scripts.put(say("no JSON here"))
    id = daemon.call("task.submit", prompt="Extract the name", schema=SCHEMA)["id"]
    task = daemon.wait(id)
    assert task["state"] == "failed"
    assert "rejected: not JSON" in task["error"]
    assert task["result"] is None or task["verified_by"] is None
    assert daemon.run("tasks", "wait", id).returncode == 1


def test_a_busy_provider_is_asked_again_when_it_said(daemon, server):
    server.scripts.put(status(429, retry_after="0"))
    task = daemon.wait(daemon.call("task.submit", prompt="Translate hello")["id"])
    assert [attempt["end"] for attempt in task["attempts"]] == ["busy", "answered"]


def test_without_any_provider_a_task_waits_pending_and_says_what_to_do(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        id = daemon.call("task.submit", prompt="Summarise this")["id"]
        task = daemon.wait(id, timeout_ms=500)
        while not task["waits_for"]:
            task = daemon.wait(id, timeout_ms=100)
        assert task["state"] == "pending"
        assert "no model file" in task["waits_for"]
        assert "atlas model pull" in task["waits_for"]
        degraded = {part["part"]: part for part in daemon.call("system.status")["degraded"]}
        assert degraded["executor.localai"]["state"] == "parked"
        assert "atlas model pull" in degraded["executor.localai"]["cure"]
        assert degraded["mcp"]["state"] == "absent"


def test_a_task_that_waits_starts_once_its_provider_is_there(server, tmp_path):
    server.ready_status = 503
    with daemon_on(tmp_path / "home", **settings(server)) as daemon:
        id = daemon.call("task.submit", prompt="Summarise this")["id"]
        assert daemon.wait(id, timeout_ms=300)["state"] == "pending"
        server.ready_status = 200
        assert daemon.run("retry", "executor.localai").returncode == 0
        assert daemon.wait(id)["state"] == "completed"


def test_sigterm_during_an_answer_ends_in_time_and_the_task_completes_after_the_next_start(
    daemon, server
):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    id = daemon.call("task.submit", prompt="Summarise this")["id"]
    assert begun.wait(WAIT_S)
    assert daemon.stop() == 0
    release.set()
    assert not daemon.home.socket().exists()
    rows = json.loads(daemon.inspect("tasks", "--json").stdout)["inspect_tasks"]
    assert [(row["id"], row["state"]) for row in rows] == [(id, "pending")]
    daemon.start()
    task = daemon.wait(id)
    assert (task["state"], task["maybe_ran"]) == ("completed", True)
    assert [attempt["end"] for attempt in task["attempts"]] == ["cancelled", "answered"]


def test_f1_kill_9_under_load_loses_nothing_that_was_acknowledged(daemon, server):
    accepted, stop = [], threading.Event()

    def submit_often(worker):
        number = 0
        while not stop.is_set():
            number += 1
            key = f"{worker}-{number}"
            try:
                accepted.append(daemon.call("task.submit", prompt="Summarise", key=key)["id"])
            except AtlasError:
                return  # killed before the acknowledgement

    threads = [threading.Thread(target=submit_often, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    while len(accepted) < 40:
        pass
    daemon.kill()
    stop.set()
    for thread in threads:
        thread.join(WAIT_S)
    daemon.start()
    states = {id: daemon.wait(id)["state"] for id in accepted}
    assert set(states.values()) == {"completed"}


def test_200_submissions_at_once_from_20_clients_are_all_done(daemon):
    def submit_ten(client_number):
        with daemon.client() as client:
            return [
                client.call("task.submit", prompt="Summarise", key=f"{client_number}-{number}")[
                    "id"
                ]
                for number in range(10)
            ]

    with ThreadPoolExecutor(20) as clients:
        ids = [id for listed in clients.map(submit_ten, range(20)) for id in listed]
    assert len(set(ids)) == 200
    assert {daemon.wait(id)["state"] for id in ids} == {"completed"}
    assert daemon.call("system.status")["tasks"]["completed"] == 200


def test_cancel_ends_a_running_task_and_the_answer_is_not_kept(daemon, server):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    id = daemon.call("task.submit", prompt="Summarise this")["id"]
    assert begun.wait(WAIT_S)
    assert daemon.run("tasks", "cancel", id).returncode == 0
    release.set()
    task = daemon.call("task.get", id=id)
    assert (task["state"], task["result"]) == ("cancelled", None)
    assert daemon.run("tasks", "retry", id).returncode == 0
    assert daemon.wait(id)["state"] == "completed"


def test_a_follower_that_comes_late_gets_the_text_from_the_beginning(daemon, server):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release, "end"))
    id = daemon.call("task.submit", prompt="Summarise this")["id"]
    assert begun.wait(WAIT_S)
    text = ""
    with daemon.client() as client:
        for kind, value in client.stream("task.follow", id=id):
            if kind == "task.text":
                text += value["text"]
                release.set()
    assert text == "begun end"


def test_route_explains_without_executing(daemon, server):
    shown = daemon.run("route", "fix the login bug", "--json")
    route = json.loads(shown.stdout)
    assert (route["intent"], route["layer"], route["rule"]) == ("bug_fix", 1, "fix")
    verdicts = {link["provider"]: link["verdict"] for link in route["chain"]}
    assert verdicts == {
        "localai": "in", "codex": "waiting", "haiku": "waiting", "claude": "waiting",
    }  # fmt: skip
    reasons = {link["provider"]: link["why"] for link in route["chain"]}
    assert "no program /no/such/codex" in reasons["codex"]
    assert "ANTHROPIC_API_KEY is not set" in reasons["haiku"]
    assert server.requests == []


def test_a_route_is_explained_corrected_counted_and_pinned(daemon, server):
    shown = daemon.run("route", "refactor the parser into smaller functions", "--explain").stdout
    assert "rule clean-up matches" in shown
    assert "localai closed" in shown  # breakers
    id = next(line.split()[1] for line in shown.splitlines() if line.startswith("id "))
    assert "confirmed" in daemon.run("route", "correct", id, "--intent", "refactor").stdout
    wrong = daemon.run("route", "correct", id, "--intent", "nonsense")
    assert wrong.returncode == 1
    assert "one of" in wrong.stderr
    listed = json.loads(daemon.run("routes", "--json").stdout)["routes"]
    assert [row["id"] for row in listed] == [id]
    stats = json.loads(daemon.run("routes", "stats", "--json").stdout)
    assert (stats["coverage"], stats["layers"]["1"]["corrected"]["n"]) == (1.0, 1)
    assert "not enough data (n=1)" in daemon.run("routes", "stats").stdout
    assert "localai" in daemon.run("pin", "localai", "--session", "s").stdout
    pinned = json.loads(daemon.run("route", "plan it", "--session", "s", "--json").stdout)
    assert [link["provider"] for link in pinned["chain"] if link["verdict"] == "in"] == ["localai"]
    assert "pinned" in pinned["session_rule"]
    assert "nothing is pinned" in daemon.run("pin", "--off", "--session", "s").stdout
    assert server.requests == []


def test_the_cost_and_the_outcome_of_work_come_back_to_its_route(daemon):
    daemon.run("ask", "Summarize this text: a b c")
    (row,) = json.loads(daemon.run("routes", "--json").stdout)["routes"]
    assert (row["outcome"], row["cost_usd"]) == ("success", 0.0)
    assert row["duration_ms"] >= 0


def test_lint_needs_no_daemon_and_finds_a_users_bad_rule(tmp_path):
    daemon = Daemon(tmp_path / "home")
    assert "all well" in daemon.run("route", "lint").stdout
    rule = '[[rules]]\nid = "mine"\nintent = "plan"\npattern = "^sketch"\nexample = "draw it"\n'
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "config.toml").write_text(rule)
    found = daemon.run("route", "lint")
    assert found.returncode == 1
    assert "does not decide its example" in found.stdout


def test_status_in_words_and_in_json(daemon):
    assert "localai" in daemon.run("status").stdout
    status = json.loads(daemon.run("status", "--json").stdout)
    assert status["pid"] == daemon.process.pid
    assert [provider["state"] for provider in status["providers"]] == [
        "ready", "parked", "parked", "parked",
    ]  # fmt: skip


def test_files_that_cannot_be_sent_are_refused_before_anything_is_queued(daemon, tmp_path):
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\x00")
    for words, says in (
        (["ask", "x", "--file", "/no/such"], "No such file"),
        (["ask", "x", "--file", str(binary)], "not UTF-8"),
        (["ask", "x", "--schema", str(binary)], "not UTF-8"),
        (["ask", "  "], "empty"),
        (["submit", "x", "--provider", "nobody"], "no provider nobody"),
    ):
        done = daemon.run(*words)
        assert says in done.stderr
        assert done.returncode in (1, 2)
    assert daemon.call("task.list")["tasks"] == []


def test_a_home_that_has_no_daemon_says_how_to_start_one(tmp_path):
    done = Daemon(tmp_path / "home").run("status")
    assert (done.returncode, "scripts/serve" in done.stderr) == (3, True)
