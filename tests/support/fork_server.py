"""Starts daemons within milliseconds: a process that has imported all of Atlas forks them.

usage: python -m tests.support.fork_server [FAULT]     orders on stdin, answers on stdout

A daemon started so differs from `run.py serve` in nothing but who has imported its modules, and,
with FAULT, in what tests/support/planted.py does to it. Orders are JSON lines: {"environment",
"stderr", "flags"} starts one and is answered by its pid, {"pid"} waits for it to end and is
answered by its exit code, -N after signal N.
"""

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def main(words: list[str]) -> int:
    """Fork until stdin ends; in a forked process, be the daemon."""
    import run
    import supervisors.daemon  # noqa: F401 - so that a forked daemon need not
    from atlas_actors.router import classify
    from tests.support.planted import FAULTS

    classify.shipped()
    for name in words:
        FAULTS[name]()
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
            return run.main()
        print(pid, flush=True)
    return 0


def _become(order: dict[str, Any]) -> None:
    """Take over what a started program would have been given."""
    null = os.open(os.devnull, os.O_RDWR)
    stderr = os.open(order["stderr"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for ours, theirs in ((null, 0), (null, 1), (stderr, 2)):
        os.dup2(ours, theirs)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = [str(ROOT / "run.py"), "serve", *order["flags"]]


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

    def __init__(self, fault: str = "") -> None:
        self._one_order = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", *([fault] if fault else [])],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def start(self, environment: dict[str, str], stderr: Path, flags: list[str]) -> Forked:
        """Start a daemon."""
        pid = self.order(environment=environment, stderr=str(stderr), flags=flags)
        return Forked(self, pid)

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
    """One for all tests of this process, without a fault; started for the first that needs it."""
    server = ForkServer()
    atexit.register(server.close)
    return server


@contextmanager
def fork_server(fault: str = "") -> Iterator[ForkServer]:
    """A running one."""
    server = ForkServer(fault)
    try:
        yield server
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
