"""The real Codex, where it is installed: it runs our hooks, and a denied tool is not run.

CODEX_BIN names its program; it talks to a model on loopback only, with a key that is none.
"""

import json
import os
import socketserver
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pytest

from atlas_actors.clients.install import codex
from tests.clients.install.codexes import where_in

PROGRAM = os.environ.get("CODEX_BIN", "")
ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM, reason="CODEX_BIN is not set"),
]
CONFIG = """# mine, and odd\r
model="gpt-6-luna"   # that one\r
model_provider =   'fake'\r
approval_policy="never"\r
 sandbox_mode = "danger-full-access"\r
check_for_update_on_startup = false\r
[ analytics ]\r
enabled=false\r
[model_providers.fake] # on this machine\r
name = "fake"\r
base_url = "http://127.0.0.1:{port}/v1"\r
env_key = "FAKE_KEY"\r
wire_api = "responses"\r
request_max_retries = 0\r
stream_max_retries = 0\r
# the last line"""
THEIRS = {"type": "command", "command": "touch {folder}/theirs"}


class Model(BaseHTTPRequestHandler):
    """First it wants a command run, then it says that it is done."""

    def log_message(self, *_):
        """Say nothing."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(json.dumps(body))
        text = {"type": "message", "id": "m1", "role": "assistant", "status": "completed"}
        text["content"] = [{"type": "output_text", "text": "done", "annotations": []}]
        item = text
        if not any(one.get("type") == "function_call_output" for one in body["input"]):
            words = json.dumps({"cmd": f"touch {self.server.folder}/ran"})
            item = {"type": "function_call", "id": "f1", "call_id": "c1", "arguments": words}
            item |= {"name": "exec_command", "status": "completed"}
        usage = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}
        usage |= {"input_tokens_details": {"cached_tokens": 0}}
        usage |= {"output_tokens_details": {"reasoning_tokens": 0}}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for kind, rest in (
            ("response.created", {"response": {"id": "r1"}}),
            ("response.output_item.done", {"output_index": 0, "item": item}),
            ("response.completed", {"response": {"id": "r1", "usage": usage}}),
        ):
            data = json.dumps({"type": kind, **rest})
            self.wfile.write(f"event: {kind}\ndata: {data}\n\n".encode())

    do_GET = do_POST


class Door(socketserver.StreamRequestHandler):
    """Stands in for the daemon: keeps each payload, answers what the test wants answered."""

    def handle(self):
        head, _, payload = self.rfile.readline().partition(b"\x1e")
        event = head.split(b"\x1f")[4].decode() or json.loads(payload)["hook_event_name"]
        self.server.heard.append((event, json.loads(payload)))
        answer = self.server.answers.get(event, b"")
        self.wfile.write(b"%d\n%b" % (len(answer), answer))


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def place(tmp_path):
    """A home with Codex' settings and a hook of the user's own, a model and a daemon's socket."""
    where = attrs.evolve(where_in(tmp_path), hook=ROOT / "scripts" / "hook")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "codex").symlink_to(PROGRAM)
    where = attrs.evolve(where, search_path=f"{tmp_path}/bin:/usr/bin:/bin")
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    model.asked, model.folder, model.daemon_threads = [], tmp_path, True
    where.atlas_home.mkdir(mode=0o700)
    door = socketserver.ThreadingUnixStreamServer(str(where.atlas_home / "atlas.sock"), Door)
    door.heard, door.answers = [], {}
    config = CONFIG.replace("{port}", str(model.server_port))
    (where.codex_dir / "config.toml").write_bytes(config.encode())
    theirs = {"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [THEIRS]}]}}
    text = json.dumps(theirs, indent=3).replace("{folder}", str(tmp_path))
    (where.codex_dir / "hooks.json").write_text(text)
    with serving(model), serving(door):
        yield where, model, door


def run(where, *flags):
    done = subprocess.run(
        [PROGRAM, "exec", "--skip-git-repo-check", "--json", *flags, "go on"],
        cwd=where.project,
        env={
            "PATH": where.search_path, "HOME": str(where.home), "FAKE_KEY": "none",
            "CODEX_HOME": str(where.codex_dir), "SHELL": "/bin/bash", "LANG": "C.UTF-8",
        },
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_hooks_come_run_and_go_without_a_trace(place):
    where, model, door = place
    names = ("hooks.json", "config.toml")
    before = {name: (where.codex_dir / name).read_bytes() for name in names}
    assert codex.install(where).problems == ()
    assert (codex.status(where).installed, codex.status(where).problems) == ("yes", ())

    context = {"hookEventName": "SessionStart", "additionalContext": "a briefing of Atlas"}
    door.answers["SessionStart"] = json.dumps({"hookSpecificOutput": context}).encode()
    run(where)
    heard = [event for event, _ in door.heard]
    assert heard[:3] == ["SessionStart", "UserPromptSubmit", "PreToolUse"]
    assert {"PostToolUse", "Stop"} <= set(heard)
    assert "a briefing of Atlas" in model.asked[0]
    folder = where.home.parent
    assert (folder / "ran").exists()
    assert not (folder / "theirs").exists()  # nobody has trusted that one

    (folder / "ran").unlink()
    deny = {"hookEventName": "PreToolUse", "permissionDecision": "deny"}
    deny["permissionDecisionReason"] = "a rule of the user's"
    door.answers["PreToolUse"] = json.dumps({"hookSpecificOutput": deny}).encode()
    run(where)
    assert not (folder / "ran").exists()
    assert "a rule of the user's" in model.asked[-1]

    file = where.codex_dir / "hooks.json"
    file.write_bytes(file.read_bytes().replace(b'"timeout": 5', b'"timeout": 6'))
    assert any("not what Codex was told" in one for one in codex.status(where).problems)
    assert codex.install(where).problems == ()
    assert codex.uninstall(where).problems == ()
    assert {name: (where.codex_dir / name).read_bytes() for name in names} == before
    door.heard.clear()
    run(where)
    assert door.heard == []


def test_hooks_of_a_project_run_once_it_is_trusted(place):
    where, _, door = place
    where = attrs.evolve(where, scope="project")
    before = (where.codex_dir / "config.toml").read_bytes()
    (problem,) = codex.install(where).problems
    assert "--trust-project" in problem
    run(where)
    assert door.heard == []
    assert codex.install(attrs.evolve(where, trust_project=True)).problems == ()
    run(where)
    assert "SessionStart" in [event for event, _ in door.heard]
    codex.uninstall(where)
    assert (where.codex_dir / "config.toml").read_bytes() == before
    assert not (where.project / ".codex").exists()
