"""The real Claude Code, where it is installed: it runs our hooks, and a denied tool is not run.

CLAUDE_BIN names its program; it talks to a model on loopback only, with a key that is none.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from atlas_actors.gateway.hook_line import framed, read_hook
from tests.clients.install.places import tree
from tests.support.hooks import FakeDoor

PROGRAM = os.environ.get("CLAUDE_BIN", "")
ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM, reason="CLAUDE_BIN is not set"),
]
SETTINGS = b"""{
    "model": "sonnet",
    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "touch theirs"}]}]},
\t"env": {"A":"1"}
}"""
ON_TURN = {"SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd"}
USAGE = {"input_tokens": 9, "output_tokens": 1}


class Model(BaseHTTPRequestHandler):
    """First it wants a command run, then it says that it is done."""

    def log_message(self, *_):
        """Say nothing."""

    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.asked.append(text)
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": "done"}
        if '"tool_result"' not in text:
            words = json.dumps({"command": "touch ran", "description": "d"})
            block = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}
            delta = {"type": "input_json_delta", "partial_json": words}
        message = {"id": "m1", "type": "message", "role": "assistant", "model": "m"}
        message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": USAGE}
        end = {"stop_reason": "tool_use" if block["type"] == "tool_use" else "end_turn"}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for kind, rest in (
            ("message_start", {"message": message}),
            ("content_block_start", {"index": 0, "content_block": block}),
            ("content_block_delta", {"index": 0, "delta": delta}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": {**end, "stop_sequence": None}, "usage": USAGE}),
            ("message_stop", {}),
        ):
            data = json.dumps({"type": kind, **rest})
            self.wfile.write(f"event: {kind}\ndata: {data}\n\n".encode())


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


class World:
    """A home with settings of the user's own, a project, a model, and a socket for hooks."""

    def __init__(self, folder, model, atlas_home):
        self.home, self.project = folder / "home", folder / "project"
        self.atlas_home, self.model, self.answers = atlas_home, model, {}
        self.settings = self.home / ".claude" / "settings.json"
        for made in (self.settings.parent, self.project, atlas_home):
            made.mkdir(parents=True)
        self.settings.write_bytes(SETTINGS)
        self.door = FakeDoor(atlas_home, self.answer)

    def answer(self, connection):
        connection.sendall(framed(self.answers.get(self.heard()[-1], b"")))

    def heard(self):
        """The events of which hooks have told."""
        return [read_hook(line).payload["hook_event_name"] for line in self.door.lines]

    def environment(self, **more):
        """Of the client, which does not know where Atlas lives."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.model.server_port}",
            "ANTHROPIC_API_KEY": "none", "SHELL": "/bin/bash", "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", **more,
        }  # fmt: skip

    def atlas(self, *words):
        """An atlas command."""
        return self._run(
            [sys.executable, str(ROOT / "run.py"), *words], ATLAS_HOME=str(self.atlas_home)
        )

    def claude(self, *words):
        """One run of the client."""
        return self._run([PROGRAM, *words])

    def turn(self, *words):
        """One turn of it in which the model wants a file touched."""
        return self.claude("-p", "go on", "--allowedTools", "Bash", *words)

    def _run(self, command, **more):
        done = subprocess.run(
            command, cwd=self.project, env=self.environment(**more), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


@pytest.fixture
def world(tmp_path):
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    model.asked, model.daemon_threads = [], True
    with serving(model):
        world = World(tmp_path, model, tmp_path / "atlas")
        with world.door:
            yield world


def test_hooks_come_run_and_go_without_a_trace(world):
    before = tree(world.home)
    world.answers["SessionStart"] = context("SessionStart", "PLANTED BRIEFING")
    world.atlas("hooks", "install", "--client", "claude")
    world.turn()
    assert set(world.heard()) >= ON_TURN
    assert "PLANTED BRIEFING" in world.model.asked[0]
    assert (world.project / "ran").exists()
    assert (world.project / "theirs").exists()
    world.atlas("hooks", "uninstall")
    heard = len(world.heard())
    world.turn()
    assert len(world.heard()) == heard
    after = tree(world.home)
    assert {name: after.get(name) for name in before} == before


def test_a_denied_tool_is_not_run(world):
    denied = {"permissionDecision": "deny", "permissionDecisionReason": "PLANTED REASON"}
    told = {"hookSpecificOutput": {"hookEventName": "PreToolUse", **denied}}
    world.answers["PreToolUse"] = json.dumps(told).encode()
    world.atlas("hooks", "install", "--client", "claude", "--scope", "project")
    world.turn()
    assert not (world.project / "ran").exists()
    assert "PLANTED REASON" in world.model.asked[-1]
    world.atlas("hooks", "uninstall", "--scope", "project")
    assert not (world.project / ".claude").exists()


def test_the_plugin_is_valid_and_its_hooks_run(world, tmp_path):
    folder = str(tmp_path / "plugin")
    world.atlas("hooks", "plugin", folder)
    assert "Validation passed" in world.claude("plugin", "validate", "--strict", folder)
    world.turn("--plugin-dir", folder)
    assert set(world.heard()) >= ON_TURN
    world.door.lines.clear()
    world.claude("plugin", "marketplace", "add", folder)
    world.claude("plugin", "install", "atlas@atlas")
    assert "plugin" in world.atlas("hooks", "status")
    world.turn()
    assert set(world.heard()) >= ON_TURN
    world.claude("plugin", "uninstall", "atlas@atlas")
    heard = len(world.door.lines)
    world.turn()
    assert len(world.door.lines) == heard


def context(event, text):
    told = {"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}
    return json.dumps(told).encode()
