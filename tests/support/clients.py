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

# A client that keeps its sessions as the real one does. Each of its ten steps is a call of the
# model (noted in `calls`) that is in the transcript once it was answered, and counts 10 tokens.
STEPS = 10
KEEPER = """
import time, uuid
FOLDER, CUT_AT = {folder!r}, {cut_at!r}
CLAUDE = "--output-format" in sys.argv
kept = not {{"--no-session-persistence", "--ephemeral"}} & set(sys.argv)
begun = "--resume" if CLAUDE else "resume"
resumes = begun in sys.argv
id = option(begun) if resumes else option("--session-id") if CLAUDE else str(uuid.uuid4())
if CLAUDE:
    path = os.environ["CLAUDE_CONFIG_DIR"] + "/projects/-some-folder/" + id + ".jsonl"
else:
    path = os.environ["CODEX_HOME"] + "/sessions/2026/11/22/rollout-2026-" + id + ".jsonl"

def note(name, text):
    with open(os.path.join(FOLDER, name), "a") as file:
        file.write(text + "\\n")

def keep(value):
    if kept:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a") as file:
            file.write(json.dumps(value) + "\\n")

def transcript():
    return [json.loads(text) for text in open(path)] if os.path.exists(path) else []

def lost():
    if CLAUDE:
        line(dict(type="result", is_error=True, num_turns=0, session_id=id, modelUsage={{}},
                  subtype="error_during_execution",
                  errors=["No conversation found with session ID: " + id]))
    sys.exit("" if CLAUDE else "Error: thread/resume failed: no rollout found for thread id " + id)

def step(number):
    file = os.path.join(os.getcwd(), "f%d.txt" % number)
    open(file, "w").close()
    if CLAUDE:
        keep(dict(type="assistant", message=dict(role="assistant", content=[])))
        use = dict(type="tool_use", id="t%d" % number, name="Write", input=dict(file_path=file))
        line(dict(type="assistant", message=dict(content=[use])))
        result = dict(type="tool_result", tool_use_id="t%d" % number)
        line(dict(type="user", message=dict(content=[result])))
    else:
        keep(dict(type="response_item", payload=dict(type="function_call")))
        total = dict(input_tokens=10 * (number + 1), output_tokens=1)
        info = dict(total_token_usage=total)
        keep(dict(type="event_msg", payload=dict(type="token_count", info=info)))
        change = dict(id="i%d" % number, type="file_change", status="completed",
                      changes=[dict(path=file, kind="add")])
        line(dict(type="item.completed", item=change))

note("prompts", json.dumps(sys.stdin.read()))
note("pids", str(os.getpid()))
if resumes and not transcript():
    lost()
answers = [row for row in transcript() if row["type"] in ("assistant", "response_item")]
sums = [row for row in transcript() if row["type"] == "cost-state"]
used = sums[-1]["modelUsage"]["m"]["inputTokens"] if sums else 0
if CLAUDE:
    line(dict(type="system", subtype="init", session_id=id, model="m"))
    keep(dict(type="user", message=dict(role="user", content="the request")))
else:
    line(dict(type="thread.started", thread_id=id))
for number in range(len(answers), {steps}):
    note("calls", str(number))
    if number == CUT_AT and not resumes:
        alive(FOLDER + "/life")
        while True: signal.pause()
    step(number)
    used += 10
if CLAUDE:
    usage = dict(m=dict(inputTokens=used, outputTokens=1))
    keep(dict(type="cost-state", totalCostUSD=used / 1000, modelUsage=usage))
    line(dict(type="result", result="done", session_id=id, num_turns=1, total_cost_usd=used / 1000,
              terminal_reason="completed", modelUsage=usage))
else:
    line(dict(type="item.completed", item=dict(type="agent_message", text="done")))
    line(dict(type="turn.completed", usage=dict(input_tokens=10 * {steps}, output_tokens=2)))
"""


def program(folder: Path, body: str, name: str = "client") -> str:
    """A script that can be started; `body` is Python and has the functions above."""
    file = folder / name
    text = PRELUDE.format(python=sys.executable) + textwrap.dedent(body)
    file.write_text(text, "utf-8")
    file.chmod(0o755)
    return str(file)


def keeper(folder: Path, cut_at: int | None = None) -> str:
    """The body of a client that keeps its sessions; it hangs in its step `cut_at` until it is
    ended, but not when it goes on with a session."""
    return KEEPER.format(folder=str(folder), cut_at=cut_at, steps=STEPS)


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

    def wait(self) -> None:
        """Until somebody has begun."""
        assert select.select([self._pipe], [], [], WAIT_S)[0], "nobody has begun"
        self.began()

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
