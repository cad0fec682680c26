"""Real Claude Code and Codex with Atlas' hooks and MCP server, on a scripted model; and hurt.

usage: scripts/bench clients [--client claude|codex] [--keep DIR] [--api FILE]

Needs the programs (CLAUDE_BIN, CODEX_BIN, or by PATH) and ../shared/tools/realclients/fake_api.py.
Each runs in a home of its own with keys that are none. Checked is what the model's requests hold,
what was run and what was not, that a daemon that is killed, stopped or flooded in the middle costs
nothing, that planted secrets are in no stored byte, and that settings come back to the byte. Exit
code 1 on any miss, 2 when something is missing.
"""

import argparse
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from atlas_actors.errors import AtlasError
from tests.support.daemons import ROOT, Daemon
from tests.support.fake_secrets import TOKENS
from tests.support.real_clients import (
    API,
    CLIENTS,
    VARIABLES,
    Client,
    Run,
    program_of,
    scripted_model,
)

ROW = "{:<8}{:<56}{:<6}{}"
SLACK_S = 20.0  # that a run with a hurt daemon may take longer than one without Atlas
FLOODERS = 8
PATIENCE_S = 30.0  # for a daemon that was flooded, on a machine that others use
SETTINGS = ("settings.json", "settings.local.json", "config.toml", "hooks.json", ".claude.json")
LEARNED = "The login test needs the clock of the fake server"
CONFIG = """
[context]
saver = true

[[hooks.rules]]
id = "keep-build"
tools = ["shell"]
match = "mv build"
reason = "the build folder is kept for the release"
"""
CHECK = """#!/bin/sh
test "$1" = --offline && exit 0
echo "no such host: fixtures.example" >&2
exit 3
"""
SECRETS = {
    "a prompt": "github-classic",
    "a command": "gitlab",
    "an output": "slack-bot",
    "a tool of ours": "stripe-live",
}
FAILS, WORKS = "./check.sh", "./check.sh --offline"


class Report:
    """A line for each promise."""

    def __init__(self) -> None:
        self.missed = 0

    def say(self, client: str, what: str, held: bool, more: str = "") -> None:
        """Print it; a promise that is not held counts."""
        self.missed += not held
        print(ROW.format(client, what + " ", "ok" if held else "MISS", more), flush=True)


class Trial:
    """One client and one daemon."""

    def __init__(self, client: Client, folder: Path, report: Report) -> None:
        self.client = client
        self.report = report
        self.secrets = {
            where: TOKENS[kind](random.Random(where)) for where, kind in SECRETS.items()
        }
        self.daemon = Daemon(
            folder / "atlas",
            as_typed=True,
            HOME=str(client.home),
            PATH=f"{Path(client.program).parent}:{os.environ.get('PATH', '')}",
            CODEX_HOME=str(client.home / ".codex"),
        )
        (self.daemon.home.root / "config.toml").write_text(CONFIG, "utf-8")
        self.plain_s = 0.0

    def say(self, what: str, held: bool, run: Run | None = None) -> None:
        """What a run came to; where it missed, how it ended."""
        more = "" if run is None else f"{run.seconds:.1f} s, {len(run.requests)} requests"
        if run is not None and not held:
            more += f", code {run.code}, {run.stdout[-300:]!r} {run.stderr[-300:]!r}"
        self.report.say(self.client.name, what, held, more)

    def plain(self) -> None:
        """Without Atlas: how long it takes, and that it works here at all."""
        run = self.client.run("hello", [self.client.shell("true")] * 2)
        self.plain_s = run.seconds
        self.say("runs here without Atlas", run.well, run)

    def install(self) -> dict[Path, bytes]:
        """By the command; what the user's files held before."""
        before = _files(self.client.settings.parent)
        done = self.daemon.run("hooks", "install", "--client", self.client.name, as_typed=True)
        self.report.say(self.client.name, "atlas hooks install", done.returncode == 0, done.stderr)
        return before

    def told(self) -> None:
        """A briefing, a hint, a denial; a command that fails, and what works instead."""
        project = self.client.project
        (project / "build").mkdir()
        (project / "check.sh").write_text(CHECK, "utf-8")
        (project / "check.sh").chmod(0o755)
        (project / "keys.txt").write_text(self.secrets["an output"], "utf-8")
        run = self.client.run(
            f"Fix the flaky login test. My token is {self.secrets['a prompt']}",
            [
                self.client.shell(command)
                for command in (
                    "mv build gone",
                    FAILS,
                    WORKS,
                    f"echo {self.secrets['a command']}",
                    "cat keys.txt",
                )
            ],
        )
        first = run.requests[0] if run.requests else ""
        self.say("a prompt with five commands runs to its end", run.well, run)
        self.say("the briefing is in the first request", LEARNED in first)
        self.say("the hint is in the first request", "Atlas: intent" in first)
        self.say("a denied command was not run", (project / "build").is_dir())
        self.say(
            "the model is told why", any("kept for the release" in one for one in run.requests)
        )

    def failed_before(self) -> None:
        """The same command in the next session."""
        run = self.client.run("Once more", [self.client.shell(FAILS)])
        said = [one for one in run.requests if "failed in this project" in one]
        self.say("a command that failed before is known to have", bool(said), run)
        self.say("and what worked instead", any(WORKS in one for one in said))

    def outlined(self) -> None:
        """A large file that nobody has worked with: first its outline, then the whole."""
        file = self.client.project / "large.py"
        body = "".join(f"    total += {n}  # BODY\n" for n in range(3_000))
        file.write_text(
            f"def signature_of_it(total: int) -> int:\n{body}    return total\n", "utf-8"
        )
        run = self.client.run("Explain the totals", [self.client.read(file)] * 2)
        self.say("a large file is read twice", run.well, run)
        first, second = run.requests[1:3] if len(run.requests) > 2 else ("", "")
        self.say("first its outline", "signature_of_it" in first and "# BODY" not in first)
        self.say("then the whole", "# BODY" in second)

    def mcp(self) -> None:
        """A tool of atlas mcp serve, called by the model."""
        command = [sys.executable, str(ROOT / "run.py"), "mcp", "serve"]
        self.client.with_mcp(command, {"ATLAS_HOME": str(self.daemon.home.root)})
        # Codex does not wait for its MCP servers before it asks the model.
        client = self.client
        key = f"The attic key is {self.secrets['a tool of ours']}"
        steps = [
            client.shell("sleep 4"),
            client.mcp_tool("recall", query="login test"),
            client.mcp_tool("remember", text=key),
        ]
        run = client.run("What is known?", steps)
        self.say("an MCP tool is called to its end", run.well, run)
        told = [one for one in run.requests[2:] if LEARNED in one.replace('\\\\"', "")]
        self.say("what it recalled is in the next request", bool(told))
        rows = self.daemon.call("memory.list", match="attic")["items"]
        self.say("what it remembered is an agent's word", [r["origin"] for r in rows] == ["agent"])

    def hurt(self, what: str, command: str, mend: Callable[[], Any]) -> None:
        """A run in whose middle something becomes of the daemon."""
        mark = self.client.project / f"after-{what}"
        steps = [self.client.shell(one) for one in (command, f"touch {mark.name}", "true")]
        run = self.client.run(f"Carry on, {what}", steps)
        well = run.well and mark.exists() and run.seconds < self.plain_s + SLACK_S
        self.say(f"a daemon that is {what} in the middle does no harm", well, run)
        mend()

    def all_hurts(self) -> None:
        """Killed, stopped, flooded."""
        pid = f"$(cat {self.daemon.home.lock})"
        self.hurt("killed", f"kill -9 {pid}", self.restart)
        process = self.daemon.process
        assert process is not None
        go_on = lambda: os.kill(process.pid, signal.SIGCONT)  # noqa: E731
        self.hurt("stopped", f"kill -STOP {pid}", go_on)
        with flood(self.daemon):
            self.hurt("flooded", "true", lambda: None)
        self.say("and answers afterwards", self.answers())

    def answers(self) -> bool:
        """Within the time that a flood is worth."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            with suppress(AtlasError), self.daemon.client() as client:
                client.call("system.ping", 2.0)
                return True
        return False

    def restart(self) -> None:
        """After a kill."""
        assert self.daemon.process is not None
        self.daemon.process.wait(30)
        self.daemon.start()

    def leave_nothing(self) -> None:
        """Secrets in no stored byte; the daemon has written all once it has stopped."""
        self.daemon.stop()
        stored = _files(self.daemon.home.root)
        for where, secret in self.secrets.items():
            found = [file.name for file, data in stored.items() if secret.encode() in data]
            what = f"a secret in {where} is in no stored byte"
            self.report.say(self.client.name, what, not found, ", ".join(found))

    def uninstall(self, before: dict[Path, bytes]) -> None:
        """Every file that was there is as it was."""
        done = self.daemon.run("hooks", "uninstall", "--client", self.client.name, as_typed=True)
        after = _files(self.client.settings.parent)
        ours = [file for file in {*before, *after} if file.name in SETTINGS]
        changed = [file.name for file in ours if before.get(file) != after.get(file)]
        well = done.returncode == 0 and not changed
        self.report.say(
            self.client.name, "uninstalled, settings are as they were", well, ", ".join(changed)
        )


def _files(folder: Path) -> dict[Path, bytes]:
    found = {}
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if file.is_file():
                found[file] = file.read_bytes()
    return found


@contextmanager
def flood(daemon: Daemon) -> Iterator[None]:
    """Connections that send as fast as they can: calls whose answers nobody reads, hooks that are
    none, and hooks of a busy client."""
    over = threading.Event()
    calls = b'{"jsonrpc":"2.0","id":1,"method":"route.decide","params":{"text":"x"}}\n' * 100
    event = b'{"session_id":"s","hook_event_name":"Notification","cwd":"/","message":"x"}'
    hook = b"hook\x1fclaude\x1f1000\x1f0\x1f\x1f\x1e"

    def unread() -> None:
        with suppress(OSError), _connected(daemon) as one:
            while not over.is_set():
                one.sendall(calls)
        over.wait(SLACK_S)  # it is full, and stays so

    def hooks(line: bytes) -> None:
        while not over.is_set():
            with suppress(OSError), _connected(daemon) as one:
                one.sendall(line)
                one.recv(100)

    kinds = (
        unread,
        partial(hooks, hook + b"[" * 50_000 + b"\n"),
        partial(hooks, hook + event + b"\n"),
    )
    threads = [threading.Thread(target=kinds[n % 3]) for n in range(FLOODERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


def _connected(daemon: Daemon) -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(1.0)
    one.connect(str(daemon.home.socket()))
    return one


def main(words: list[str]) -> int:
    """Try each client that is there."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench clients",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--client", choices=tuple(CLIENTS), action="append")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave everything here")
    parser.add_argument("--api", type=Path, default=API, metavar="FILE")
    options = parser.parse_args(words)
    names = options.client or list(CLIENTS)
    missing = [f"program {name}: set {VARIABLES[name]}" for name in names
               if program_of(name) is None]  # fmt: skip
    if not options.api.exists():
        missing.append(f"{options.api}: give it as --api")
    for one in missing:
        sys.stderr.write(f"clients: there is no {one}\n")
    if missing:
        return 2
    report = Report()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        model = stack.enter_context(scripted_model(options.api, folder / "requests.jsonl"))
        for name in names:
            program = program_of(name)
            assert program is not None
            (folder / name).mkdir(parents=True)
            trial = Trial(CLIENTS[name](program, folder / name, model), folder / name, report)
            stack.callback(_end, trial.daemon)
            tried(trial)
    print(f"\n{report.missed} missed")
    return 1 if report.missed else 0


def tried(trial: Trial) -> None:
    """All of it, in order."""
    trial.plain()
    trial.daemon.start()
    trial.daemon.call("memory.store", items=[
        {"kind": "learning", "text": LEARNED, "project": str(trial.client.project)}
    ])  # fmt: skip
    before = trial.install()
    trial.told()
    trial.failed_before()
    trial.outlined()
    trial.all_hurts()
    trial.uninstall(before)
    trial.mcp()
    trial.leave_nothing()


def _end(daemon: Daemon) -> None:
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.process.kill()
        daemon.process.wait(30)
