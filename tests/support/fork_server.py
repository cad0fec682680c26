"""Starts daemons and commands at once: a process that has imported all of Atlas forks them.

usage: python -m tests.support.fork_server     orders on stdin, answers on stdout

A program started so differs from `run.py WORDS` in nothing but who has imported its modules, and,
with a fault, in what tests/support/planted.py does to it. Orders are JSON lines: an Order starts
one and is answered by its pid, {"pid"} waits for it to end and is answered by its exit code, -N
after signal N.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

ROOT = Path(__file__).parents[2]


class Order(TypedDict):
    """What is started, and with what; files by path."""

    words: list[str]
    environment: dict[str, str]
    cwd: str
    stdin: str
    stdout: str
    stderr: str
    fault: str  # of tests/support/planted.py; "": none


def main() -> int:
    """Fork until stdin ends; in a forked process, be the program."""
    import run
    from tests.support.planted import FAULTS

    _import_all()
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "pid" in order:
            _, status = os.waitpid(order["pid"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _become(order)
            if order["fault"]:
                FAULTS[order["fault"]]()
            return run.main()
        print(pid, flush=True)
    return 0


def _import_all() -> None:
    """What a daemon and the commands import, and what they read that never changes."""
    import anyio._backends._asyncio  # noqa: F401
    import rich.console
    import rich.progress
    import rich.table  # noqa: F401

    import supervisors.daemon  # noqa: F401
    from atlas_actors.cli.main import COMMANDS
    from atlas_actors.memory.trust import reads_as_order
    from atlas_actors.providers import prices
    from atlas_actors.router import decide, features
    from atlas_actors.strategies import seeds

    for name in COMMANDS:
        importlib.import_module(f"atlas_actors.cli.{name}")
    features.signals()
    prices.shipped()
    seeds.seeded(decide.shipped_tables().intents, {}, ())
    reads_as_order("")


def _become(order: Order) -> None:
    """Take over what a started program would have been given."""
    writes = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for name, flags, theirs in (
        (order["stdin"], os.O_RDONLY, 0),
        (order["stdout"], writes, 1),
        (order["stderr"], writes, 2),
    ):
        own = os.open(name, flags, 0o600)
        os.dup2(own, theirs)
        os.close(own)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = [str(ROOT / "run.py"), *order["words"]]


class Forked:
    """A forked daemon; what a test needs of subprocess.Popen."""

    def __init__(self, server: "ForkServer", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._ended = os.pidfd_open(pid)

    def fileno(self) -> int:
        """Readable when it has ended."""
        return self._ended

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        return self._end_within(0.0)

    def wait(self, timeout: float) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        code = self._end_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired([str(self.pid)], timeout)
        return code

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._ended, number)

    def _end_within(self, timeout_s: float) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout_s)[0]:
            self.returncode = self._server.order(pid=self.pid)
            os.close(self._ended)
        return self.returncode


class ForkServer:
    """The parent of forked daemons; one order at a time."""

    def __init__(self) -> None:
        self._one_order = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def start(
        self, environment: dict[str, str], stderr: Path, flags: list[str], fault: str = ""
    ) -> Forked:
        """Start a daemon."""
        order = Order(
            words=["serve", *flags],
            environment=environment,
            cwd=str(ROOT),
            stdin=os.devnull,
            stdout=os.devnull,
            stderr=str(stderr),
            fault=fault,
        )
        return Forked(self, self.order(**order))

    def run(
        self, words: Sequence[str], environment: dict[str, str], cwd: Path, timeout_s: float
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end. Raises subprocess.TimeoutExpired."""
        with TemporaryDirectory() as folder:
            stdout, stderr = (Path(folder) / name for name in ("stdout", "stderr"))
            order = Order(
                words=list(words),
                environment=environment,
                cwd=str(cwd),
                stdin=os.devnull,
                stdout=str(stdout),
                stderr=str(stderr),
                fault="",
            )
            process = Forked(self, self.order(**order))
            try:
                code = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            said = (file.read_text("utf-8") for file in (stdout, stderr))
            return subprocess.CompletedProcess(list(words), code, *said)

    def order(self, **order: Any) -> int:
        """Give one order; its answer."""
        assert self._process.stdin
        assert self._process.stdout
        with self._one_order:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it; its daemons stay."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


@cache
def ours() -> ForkServer:
    """One for all tests of this process; started for the first that needs it."""
    server = ForkServer()
    atexit.register(server.close)
    return server


if __name__ == "__main__":
    sys.exit(main())
