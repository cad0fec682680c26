"""Client programs for tests: small scripts that print what a real client would, and processes
whose end can be waited for."""

import os
import select
import sys
import textwrap
from pathlib import Path
from typing import Any

from atlas_actors.config import Home
from atlas_actors.executor.cli import CliBackend
from atlas_actors.executor.work import Work
from atlas_actors.providers import claude_cli, codex_cli
from atlas_actors.providers.wire import Ask
from atlas_actors.settings import ProviderSettings
from tests.support.trees import WAIT_S

KEY = "sk-0123456789-not-real"
CLIENTS = {"claude-cli": claude_cli, "codex-cli": codex_cli}

PRELUDE = '''\
#!{python} -IS
import json, os, signal, sys

def line(value):
    sys.stdout.write(json.dumps(value) + "\\n")
    sys.stdout.flush()

def option(name):
    return sys.argv[sys.argv.index(name) + 1]

def alive(path):
    """Tell the test that this process runs, for as long as it does: a minute at most."""
    signal.alarm(60)
    pipe = os.open(path, os.O_WRONLY)
    os.write(pipe, b"x")

def child(path, first=lambda: None):
    """Leave a child behind that has told the test that it runs, and never ends."""
    began, tell = os.pipe()
    if os.fork() == 0:
        first()
        alive(path)
        os.write(tell, b"x")
        while True: signal.pause()
    os.read(began, 1)
    os.close(began)
    os.close(tell)

def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

def claude(text, session="s", usage=(7, 3), **more):
    line(dict(type="system", subtype="init", session_id=session, model="stub-model"))
    delta = dict(type="content_block_delta", delta=dict(text=text))
    line(dict(type="stream_event", event=delta, parent_tool_use_id=None))
    sums = dict(inputTokens=usage[0], outputTokens=usage[1])
    line(dict(
        dict(type="result", subtype="success", is_error=False, result=text, session_id=session,
             num_turns=1, terminal_reason="completed", total_cost_usd=usage[0] / 1000,
             modelUsage={{"stub-model": sums}}), **more))

def codex(text):
    line(dict(type="thread.started", thread_id="th"))
    line(dict(type="item.completed", item=dict(type="agent_message", text=text)))
    line(dict(type="turn.completed", usage=dict(input_tokens=7, output_tokens=3)))

'''


def program(folder: Path, body: str, name: str = "client") -> str:
    """A script that can be started; `body` is Python and has the functions above."""
    file = folder / name
    file.write_text(PRELUDE.format(python=sys.executable) + textwrap.dedent(body), "utf-8")
    file.chmod(0o755)
    return str(file)


def settings(transport: str = "claude-cli", **changes: Any) -> ProviderSettings:
    """A provider of a client."""
    fields = {"name": "x", "transport": transport, "tier": "quality", "model": "m", **changes}
    return ProviderSettings(**fields)


def backend(folder: Path, body: str, key: str = KEY, **changes: Any) -> CliBackend:
    """A client that is a script."""
    said = settings(command=program(folder, body), **changes)
    home = Home(root=folder / "atlas")
    return CliBackend.find(said.transport, CLIENTS[said.transport], said, home, key)


def work(prompt: str = "2 + 2?", schema: dict[str, Any] | None = None, **changes: Any) -> Work:
    """A question."""
    ask = Ask(model="m", prompt=prompt, schema=schema, answer_tokens_max=500)
    return Work(ask=ask, **changes)


class Life:
    """Whether any process that called alive(path) still runs; a pipe that they hold."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "life")
        os.mkfifo(self.path)
        self._pipe = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def fileno(self) -> int:
        return self._pipe

    def began(self) -> None:
        """After it is readable: that is somebody's beginning."""
        assert os.read(self._pipe, 1) == b"x"

    def is_over(self) -> bool:
        """Whether all of them end in time."""
        while select.select([self._pipe], [], [], WAIT_S)[0]:
            if os.read(self._pipe, 64) == b"":
                return True
        return False

    def close(self) -> None:
        os.close(self._pipe)


def open_files() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208
