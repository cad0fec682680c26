"""Hooks on the whole road: a daemon, its socket, and payloads as clients send them."""

import json
import random
import socket
import subprocess
import time

import pytest

from atlas_actors.gateway.hook_cache import MODULES, SCRIPTS
from tests.support.daemons import daemon_on
from tests.support.fake_secrets import TOKENS
from tests.support.hook_rooms import payload, read, shell
from tests.support.hooks import hook
from tests.support.trees import WAIT_S

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

COMPILED = SCRIPTS / "__pycache__"
SETTINGS = """
[hooks]
answer_s = 20   # on a busy machine too, it has all that it waits for

[[hooks.rules]]
id = "no-force"
tools = ["shell"]
match = "push .*--force"
reason = "force pushes are for people"
when_unreachable = "deny"
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "a.py").write_text("x = 1\n")
    return folder


@pytest.fixture
def daemon(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(SETTINGS)
    with daemon_on(home) as running:
        yield running


def printed(daemon, said, client="claude", event=""):
    """What the hook prints for this payload, through the socket."""
    head = "\x1f".join(["hook", client, "20000", str(time.time_ns() // 1_000_000), event, ""])
    line = f"{head}\x1e{json.dumps(said)}\n".encode()
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(WAIT_S)
        door.connect(str(daemon.home.socket()))
        door.sendall(line)
        answer = b"".join(iter(lambda: door.recv(65_536), b""))
    length, _, text = answer.partition(b"\n")
    assert int(length) == len(text)
    return text


def says(daemon, said, **more):
    text = printed(daemon, said, **more)
    return json.loads(text)["hookSpecificOutput"] if text else {}


def until(look, enough):
    """What `look` gives once that is enough; the daemon works on after its answers."""
    deadline = time.monotonic() + WAIT_S
    while not enough(found := look()):
        assert time.monotonic() < deadline, found
    return found


def failing(command, cwd, output):
    said = shell(command, cwd, event="PostToolUseFailure")
    return {**said, "error": f"Exit code 1\n{output}", "is_interrupt": False}


def working(command, cwd):
    response = {"stdout": "ok", "stderr": "", "interrupted": False, "isImage": False}
    return {**shell(command, cwd, event="PostToolUse"), "tool_response": response}


def test_a_session_on_the_whole_road(daemon, project, tmp_path):
    daemon.call(
        "memory.store",
        items=[{"kind": "decision", "text": "The parser keeps LANG=C", "project": str(project)}],
    )
    start = payload("SessionStart", project, source="startup", model="claude-opus-5-5")
    brief = says(daemon, start)["additionalContext"]
    assert "The parser keeps LANG=C" in brief
    assert brief == says(daemon, start)["additionalContext"]

    prompt = payload("UserPromptSubmit", project, prompt="fix the bug in the parser: LANG=C fails")
    hint = says(daemon, prompt)["additionalContext"]
    assert "intent bug_fix" in hint
    assert "The parser keeps LANG=C" in hint

    denied = says(daemon, shell("git push origin --force", project))
    assert denied["permissionDecision"] == "deny"
    assert printed(daemon, shell("make check", project)) == b""
    printed(daemon, failing("make check", project, "no rule to make target"))
    again = says(daemon, {**shell("make check", project), "prompt_id": "p2"})
    assert "`make check` failed in this project" in again["additionalContext"]
    printed(daemon, working("pytest -q", project))
    printed(daemon, read(project / "a.py", project, event="PostToolUse"))

    transcript = tmp_path / "s1.jsonl"
    message = {"role": "user", "content": "Never commit to main."}
    transcript.write_text(json.dumps({"type": "user", "uuid": "1", "message": message}) + "\n")
    stop = payload("Stop", project, stop_hook_active=False, last_assistant_message="done")
    assert printed(daemon, {**stop, "transcript_path": str(transcript)}) == b""

    def outcomes():
        return daemon.call("outcome.list", limit=100)["outcomes"]

    found = until(outcomes, lambda rows: any(row["action"] == "Stop" for row in rows))
    (ended,) = [row for row in found if row["action"] == "Stop"]
    assert ended["context"]["session"] == "s1"
    until(
        lambda: daemon.call("context.stats", project=str(project)),
        lambda stats: stats["accesses"] == {"read": 1},
    )
    until(
        lambda: daemon.call("memory.recall", query="commit to main", project=str(project))["items"],
        lambda items: any("Never commit to main" in item["text"] for item in items),
    )
    stats = until(
        lambda: daemon.call("hook.stats"), lambda said: said["clients"][0]["latency_us"]["n"] >= 9
    )
    (client,) = stats["clients"]
    assert (client["client"], client["last_event"]) == ("claude", "Stop")
    assert client["latency_us"]["p50"] <= client["latency_us"]["max"]
    assert [session["session"] for session in stats["sessions"]] == ["s1"]


def test_a_session_that_was_cut_off_is_told_to_the_next(daemon, project):
    printed(daemon, payload("UserPromptSubmit", project, prompt="migrate the parser to version 4"))
    printed(daemon, working("scripts/migrate --step 1", project))
    printed(daemon, payload("SessionEnd", project, reason="other"))
    start = {**payload("SessionStart", project, source="startup"), "session_id": "s2"}
    brief = until(
        lambda: says(daemon, start).get("additionalContext", ""),
        lambda text: "Interrupted work" in text,
    )
    assert "migrate the parser to version 4" in brief


def test_the_rules_that_fail_closed_are_written_for_the_hook(daemon):
    file = daemon.home.root / "hooks-closed"
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"force pushes are for people" in file.read_bytes()


def test_the_hook_itself_denies_while_there_is_a_daemon_and_when_there_is_none(daemon, project):
    force = json.dumps(shell("git push --force", project)).encode()
    harmless = json.dumps(shell("git push", project)).encode()
    home = daemon.home.root
    assert {file.name.partition(".")[0] for file in COMPILED.iterdir()} >= set(MODULES)
    asked = hook(home, "claude", "--deadline", "20", payload=force)
    assert asked.returncode == 0
    told = json.loads(asked.stdout)["hookSpecificOutput"]
    assert told["permissionDecision"] == "deny"
    assert hook(home, "claude", "--deadline", "20", payload=harmless).stdout == b""
    daemon.kill()
    alone = hook(home, "claude", payload=force)
    assert (alone.returncode, alone.stdout) == (2, b"")
    assert b"force pushes are for people" in alone.stderr
    other = hook(home, "claude", payload=json.dumps(payload("Stop", project)).encode())
    assert (other.returncode, other.stdout, other.stderr) == (0, b"", b"")


def test_a_status_line_has_the_session_s_tier_and_feeds_its_cost_back(daemon, project):
    printed(daemon, payload("UserPromptSubmit", project, prompt="explain the decorator in a.py"))
    said = {
        "session_id": "s1",
        "cwd": str(project),
        "model": {"id": "claude-opus-5-5", "display_name": "Opus"},
        "cost": {"total_cost_usd": 0.12},
        "context_window": {"used_percentage": 41, "context_window_size": 1_000_000},
    }
    line = printed(daemon, said, event="StatusLine").decode()
    assert "$0.12 here" in line
    assert "41 % of 1M" in line
    assert "Atlas $0.00" in line
    (session,) = daemon.call("hook.stats")["sessions"]
    assert (session["cost_usd"], session["used_percent"]) == (0.12, 41)


def everywhere(value, secret):
    """The payload with a secret in every text of it, and in new members."""
    if isinstance(value, dict):
        changed = {key: everywhere(one, secret) for key, one in value.items()}
        return {**changed, "zebra": f"x {secret()} y", f"k {secret()}": 1}
    if isinstance(value, list):
        return [everywhere(one, secret) for one in value]
    return f"{value} {secret()}" if isinstance(value, str) else value


def test_no_secret_of_a_payload_is_in_any_file_of_the_home(daemon, project):
    numbers, made = random.Random(3), []

    def secret():
        kinds = ("github-classic", "aws-id", "stripe-live", "jwt")
        made.append(TOKENS[kinds[len(made) % len(kinds)]](numbers))
        return made[-1]

    events = [
        payload("SessionStart", project, source="startup"),
        payload("UserPromptSubmit", project, prompt="deploy it with"),
        shell("deploy --with", project),
        working("pytest -q && deploy", project),
        failing("deploy it", project, "denied"),
        read(project / "a.py", project, event="PostToolUse"),
        payload("Notification", project, message="wait", notification_type="idle"),
        payload("StopFailure", project, error="rate_limit", error_details="slow"),
        payload("Elephant", project, trunk={"deep": ["a", {"b": "c"}]}),
        payload("PreCompact", project, trigger="auto", custom_instructions=None),
        payload("Stop", project, stop_hook_active=False, last_assistant_message="deployed with"),
        payload("SessionEnd", project, reason="other"),
    ]
    kept = {"hook_event_name", "cwd", "tool_name", "session_id"}
    for event in events:
        names = {key: value for key, value in event.items() if key in kept}
        printed(daemon, {**everywhere(event, secret), **names})
        printed(daemon, {**everywhere(event, secret), "hook_event_name": event["hook_event_name"]})
        printed(daemon, everywhere(event, secret))
    private = "<private>the Heron codename</private>"
    printed(daemon, payload("UserPromptSubmit", project, prompt=private))
    until(
        lambda: daemon.call("hook.stats"),
        lambda said: sum(one["latency_us"]["n"] for one in said["clients"]) >= 3 * len(events) + 1,
    )
    assert daemon.stop() == 0
    held = b"\0".join(
        str(path).encode() + b"\0" + path.read_bytes()
        for path in daemon.home.root.rglob("*")
        if path.is_file()
    )
    assert b"Elephant" in held  # it has been kept
    assert len(made) > 100
    assert [one for one in made if one[-16:].encode() in held] == []
    assert b"Heron" not in held
