"""The daemon as a child process on a home of its own, and clients of it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atlas_actors.cli.client import Client
from atlas_actors.config import Home
from tests.support.fork_server import Forked, ours

ROOT = Path(__file__).parents[2]
RUN = ROOT / "run.py"
START_S = 60.0
COMMAND_S = 120.0


# No test may reach a paid service, whoever's machine it runs on.
_OURS_OR_PAID = re.compile(r"(ATLAS|ANTHROPIC|OPENAI|CLAUDE|CODEX)_").match


class Daemon:
    """A home, and perhaps a running daemon on it.

    It and its commands are forked from a process that has imported Atlas, which saves each a
    second of work; with `as_typed` or `watchdog` they start as a person starts them.
    """

    def __init__(
        self,
        home: Path,
        *,
        watchdog: bool = False,
        as_typed: bool = False,
        fault: str = "",
        **settings: Any,
    ) -> None:
        self.fault = fault  # of tests/support/planted.py
        self._as_typed = as_typed or watchdog
        self.flags = [] if watchdog else ["--no-watchdog"]
        self.command = [sys.executable, str(RUN), "serve", *self.flags]
        self.home = Home(root=home)
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **{key: value for key, value in os.environ.items() if not _OURS_OR_PAID(key)},
            "ATLAS_HOME": str(home),
            "HOME": str(home),
            **{key: str(value) for key, value in settings.items()},
        }
        self.stderr = home / "stderr"
        self.process: subprocess.Popen[bytes] | Forked | None = None

    def launch(self) -> None:
        """Start its process, and wait for nothing."""
        if not self._as_typed:
            self.process = ours().start(self.environment, self.stderr, self.flags, self.fault)
            return
        with self.stderr.open("ab") as file:
            self.process = subprocess.Popen(self.command, env=self.environment, stderr=file)

    def start(self) -> "Daemon":
        """Start it and wait until its socket answers."""
        self.launch()
        assert self.process is not None
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self._ends_within(0.01) or time.monotonic() > deadline:
                raise AssertionError(self.stderr.read_text()[-3000:])
        return self

    def answers(self) -> bool:
        try:
            with self.client() as client:
                client.call("system.ping")
        except Exception:
            return False
        return True

    def _ends_within(self, seconds: float) -> bool:
        assert self.process is not None
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def client(self) -> Client:
        return Client(self.home, timeout_s=60)

    def call(self, method: str, **params: Any) -> Any:
        with self.client() as client:
            return client.call(method, **params)

    def wait(self, id: str, timeout_ms: int = 60_000) -> dict[str, Any]:
        return dict(self.call("task.wait", id=id, timeout_ms=timeout_ms))

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(START_S)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)

    def run(
        self, *words: str, cwd: Path = ROOT, as_typed: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """The atlas command on this home; `as_typed` for who looks at its environment in /proc."""
        if not (as_typed or self._as_typed):
            return ours().run(words, self.environment, cwd, COMMAND_S)
        return subprocess.run(
            [sys.executable, str(RUN), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            cwd=cwd,
        )

    def inspect(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """scripts/inspect on this home, as a person calls it."""
        return subprocess.run(
            [str(ROOT / "scripts" / "inspect"), *words],
            env={**self.environment, "ATLAS_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def tree(self) -> dict[str, dict[str, Any]]:
        """Every node of the live tree by path."""
        nodes: dict[str, dict[str, Any]] = {}

        def walk(node: dict[str, Any]) -> None:
            nodes[node["path"]] = node
            for child in node["children"]:
                walk(child)

        walk(self.call("system.tree"))
        return nodes


@contextmanager
def daemon_on(home: Path, **settings: Any) -> Iterator[Daemon]:
    """A running daemon, ended afterwards whatever happened."""
    daemon = Daemon(home, **settings)
    try:
        yield daemon.start()
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait(START_S)


def lines(text: bytes) -> list[Any]:
    """JSON lines as values."""
    return [json.loads(line) for line in text.splitlines()]
