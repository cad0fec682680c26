"""A daemon under load that is hurt again and again, and what every client was promised."""

import itertools
import os
import random
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from atlas_actors.errors import AtlasError
from supervisors.daemon import STOP_S
from tests.support.daemons import Daemon
from tests.support.ledger import Ledger, Verdict, judge
from tests.support.ledger_server import OF_A_PROMPT, ledger_server

STUCK_S = 30.0  # a queue in which nothing changes for so long will never be empty
OPEN_MAX = 8  # tasks of one client that it has not looked at
PATIENCE_MS = 500
SHUTDOWN_S = STOP_S + 15.0  # what the daemon allows itself, and a busy machine
# Another provider at the same server: what verifies itself is tried out on both.
SECOND = """[providers.second]
transport = "openai-chat"
tier = "free"
model = "stub"
base_url = "{}"
usd_input = 0.0
usd_output = 0.0
stream = false
slots = 8
"""
MATCH = "."
SETTINGS = {
    "ATLAS_TASKS_INTERRUPTIONS_MAX": 10_000,
    "ATLAS_PROVIDERS_LOCALAI_SLOTS": 8,
    "ATLAS_PROVIDERS_LOCALAI_STREAM": "false",
    # Whoever's machine it runs on, may it have these programs or not.
    "ATLAS_PROVIDERS_CODEX_COMMAND": "/no/such/codex",
    "ATLAS_PROVIDERS_CLAUDE_COMMAND": "/no/such/claude",
}


class Campaign:
    """Clients submit while `load` lasts; `kill`, `end`, `fail_at` and `sleep` hurt the daemon."""

    def __init__(
        self,
        folder: Path,
        daemon: Daemon,
        calls: Ledger,
        chance: random.Random,
        asking: Mapping[str, Any] | None = None,
    ) -> None:
        self.daemon = daemon
        self._asking = dict(asking or {})  # with each task
        self.chance = chance
        self.calls = calls
        self.clients = Ledger(folder / "clients")
        self.unanswered = 0  # requests whose answer the daemon took into its grave
        self._numbers = itertools.count()
        self._over = threading.Event()
        self._accepted = threading.Event()

    @contextmanager
    def load(self, clients: int = 4, pace_s: float = 0.01) -> Iterator[None]:
        """So many clients submit, each with a pause after each task that was accepted."""
        self._over.clear()
        threads = [
            threading.Thread(target=self._submit, args=(pace_s,), name=f"client {number}")
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(STUCK_S)

    def kill(self, low_s: float, high_s: float, *, waits: bool = True) -> None:
        """One life: start, serve for a random time, kill -9.

        Of ten lives two end while they start and, if it `waits`, four the moment that a client
        has its answer.
        """
        how = self.chance.random()
        if how < 0.2:
            self.daemon.launch()
            self.pause(self.chance.uniform(0.0, high_s))
        else:
            self.daemon.start()
            self.pause(self.chance.uniform(low_s, high_s))
        if waits and how > 0.6:
            self.served()
        self.daemon.kill()

    def served(self) -> None:
        """Wait for the next answer that a client gets."""
        self._accepted.clear()
        assert self._accepted.wait(STUCK_S), "no client is answered any more"

    def fail_at(self, point: str, passing: int) -> None:
        """One life that ends itself at the n-th passing of a point (atlas_actors/failpoints.py)."""
        self.daemon.environment["ATLAS_FAIL"] = f"{point}:{passing}"
        self.daemon.launch()
        del self.daemon.environment["ATLAS_FAIL"]
        assert self.daemon.process is not None
        assert self.daemon.process.wait(STUCK_S) == -signal.SIGKILL

    def end(self, low_s: float, high_s: float, *, signals: int = 1) -> int:
        """One life: start, serve for a random time, SIGTERM so many times; the exit code.

        A second one is sent when the daemon has said that it stops.
        """
        self.daemon.start()
        self.pause(self.chance.uniform(low_s, high_s))
        process, stops = self.daemon.process, self._stops()
        assert process is not None
        process.send_signal(signal.SIGTERM)
        for _ in range(signals - 1):
            while self._stops() == stops and process.poll() is None:
                self.pause(0.002)
            process.send_signal(signal.SIGTERM)
        return process.wait(SHUTDOWN_S)

    def sleep(self, seconds: float) -> None:
        """What a machine that sleeps does to the daemon, and to its watchdog if it has one."""
        assert self.daemon.process is not None
        with self.daemon.client() as client:
            pids = {self.daemon.process.pid, client.call("system.ping")["pid"]}
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self.pause(seconds)
        for pid in sorted(pids):  # who watches wakes first, and finds a silence
            os.kill(pid, signal.SIGCONT)

    def pause(self, seconds: float) -> None:
        """Let the load work."""
        threading.Event().wait(seconds)

    def drain(self, stuck_s: float = STUCK_S) -> float:
        """Start it again, wait until nothing waits or changes, stop it; seconds to the last."""
        begun_s = time.monotonic()
        self.daemon.start()
        ended_s = self.settle(stuck_s)
        assert self.daemon.stop() == 0
        return ended_s - begun_s

    def settle(self, stuck_s: float = STUCK_S) -> float:
        """Wait until nothing waits or changes; when the last change was seen."""
        ended_s = time.monotonic()
        counts, before = {"pending": 1}, {}
        with self.daemon.client() as client:
            while open_in(counts) and time.monotonic() < ended_s + stuck_s:
                counts = client.call("system.status")["tasks"]
                if counts != before:
                    before, ended_s = counts, time.monotonic()
                self.pause(0.02)
        return ended_s

    def verdict(self) -> Verdict:
        """What was kept of what was promised; the daemon has been stopped."""
        return judge(self.daemon.home.state, self.clients, self.calls)

    def close(self) -> None:
        self._over.set()
        self.clients.close()

    def _stops(self) -> int:
        return (self.daemon.home.log / "atlas.log").read_text("utf-8").count("daemon.stopping")

    def _submit(self, pace_s: float) -> None:
        open_ids: deque[str] = deque()
        while not self._over.wait(pace_s):
            number = next(self._numbers)
            key = f"k{number}"
            prompt = OF_A_PROMPT.format(key)
            open_ids.append(self.submit(key, prompt))
            if number % 10 == 0:
                self.submit(key, prompt)  # the same key, and so the same task
            if len(open_ids) > OPEN_MAX:
                self._look_at(open_ids.popleft())

    def _look_at(self, id: str) -> None:
        """As who wants an answer: a slow daemon is not buried under work."""
        with suppress(AtlasError, OSError), self.daemon.client() as client:
            client.call("task.wait", id=id, timeout_ms=PATIENCE_MS)

    def submit(self, key: str, prompt: str) -> str:
        """Send, and after no answer send again with the same key, as a client should; the id."""
        self.clients.write("sent", key)
        while not self._over.is_set():
            try:
                with self.daemon.client() as client:
                    id = client.call("task.submit", prompt=prompt, key=key, **self._asking)["id"]
            except (AtlasError, OSError):
                self.unanswered += 1
                self._over.wait(0.01)
            else:
                self.clients.write("accepted", key, id)
                self._accepted.set()
                return str(id)
        return ""


def open_in(counts: Mapping[str, int]) -> int:
    """How many tasks wait or run."""
    return counts.get("pending", 0) + counts.get("in_progress", 0)


@contextmanager
def campaign_on(
    folder: Path,
    *,
    seed: int,
    fault: str = "",
    forked: bool = True,
    watchdog: bool = False,
    planning: bool = False,
    **settings: Any,
) -> Iterator[Campaign]:
    """A home, a model server and a way to start daemons; whatever runs is ended afterwards.

    `planning`: with two providers, of which strategies choose when an attempt begins.
    """
    with ExitStack() as stack:
        url = stack.enter_context(ledger_server(folder / "calls"))
        calls = Ledger(folder / "calls")
        stack.callback(calls.close)
        daemon = Daemon(
            folder / "home",
            watchdog=watchdog,
            as_typed=not forked,
            fault=fault,
            **{**SETTINGS, "ATLAS_PROVIDERS_LOCALAI_BASE_URL": url, **settings},
        )
        if planning:
            (daemon.home.root / "config.toml").write_text(SECOND.format(url), "utf-8")
        asking = {"match": MATCH} if planning else {}
        campaign = Campaign(folder, daemon, calls, random.Random(seed), asking)
        stack.callback(campaign.close)
        stack.callback(lambda: daemon.process and daemon.kill())
        yield campaign
