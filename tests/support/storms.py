"""Storms over a whole tree: who is hurt, how, and the ledger of what was promised meanwhile."""

import contextlib
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import attrs

from atlas_actors.errors import AtlasError
from atlas_actors.messages import execution, outcome, routing, supervision, task
from atlas_actors.messages.supervision import FailNow, Ping
from supervisors.child import Backoff
from supervisors.supervisor import Supervisor
from tests.support.houses import House
from tests.support.trees import WAIT_S

ANSWER_S = 30.0


class Ledger:
    """Submits tasks all the time and remembers, outside the daemon, what was acknowledged."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.accepted: list[str] = []
        self.refused = 0
        self.unanswered: list[str] = []

    @contextmanager
    def submitting(self) -> Iterator[None]:
        """Two clients submit for as long as the block runs."""
        over = threading.Event()
        threads = [threading.Thread(target=self._submit, args=(over, n)) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(ANSWER_S)

    def lost(self) -> list[str]:
        """What was promised and not kept."""
        problems = list(self.unanswered)
        for id in self.accepted:
            found = self._house.call("task.wait", id=id, timeout_ms=60_000)
            if found["state"] != "completed":
                problems.append(f"task {id} is {found['state']}: {found['error']}")
        return problems

    def _submit(self, over: threading.Event, number: int) -> None:
        count = 0
        while not over.wait(0.02):
            count += 1
            key = f"{number}-{count}"
            for _ in range(200):  # as a client would: the same key until it is acknowledged
                begun = time.monotonic()
                try:
                    id = self._house.call("task.submit", prompt="Summarise", key=key)["id"]
                    self.accepted.append(id)
                    break
                except (AtlasError, OSError):
                    self.refused += 1
                    if time.monotonic() - begun > ANSWER_S:
                        self.unanswered.append(f"{key} was not answered in {ANSWER_S} s")
                    over.wait(0.01)


class Storm:
    """Hurts the actors of a tree; every choice comes from one seeded source."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house = house
        self._chance = chance
        self.crashes = 0
        _unbreakable(house)
        self.calm()
        self._before = self._size()
        self.sizes = (self._before, self._before)

    def in_turn(self, rounds: int) -> None:
        """Crash every worker in turn."""
        for _ in range(rounds):
            for path in self._workers():
                self._crash(path, wait=True)

    def pairs(self, seconds: float, rate: float) -> None:
        """Crash two at once, at a rate."""
        for _ in self._ticks(seconds, rate):
            for path in self._chance.sample(self._workers(), 2):
                self._crash(path)

    def at_rate(self, seconds: float, rate: float) -> None:
        """Crash one after the other, whoever it is."""
        for _ in self._ticks(seconds, rate):
            self._crash(self._chance.choice(self._workers()))

    def noise(self, seconds: float) -> None:
        """Send every actor messages that are not for it, and ask whether it still answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for cell in list(self._house.tree.directory):
                before = cell.incarnation
                message = strange_message(self._chance)
                actor = cell.path
                if cell.state != "running" or _takes(self._house, cell, message):
                    continue
                with contextlib.suppress(AtlasError):
                    self._house.tree.directory.ref(actor).ask(message, ANSWER_S)
                assert cell.incarnation == before, f"{message} crashed {actor}"

    def hangs(self) -> None:
        """Let actors hang in each way, and see them replaced."""
        for kind in HANGS:
            for path in ("atlas/work/router", "atlas/learning/outcomes"):
                self._hang(path, kind)

    def calm(self) -> None:
        """Until all run, and answer."""
        for path in self._workers():
            cell = self._house.tree.directory.ref(path).cell
            self._house.until(lambda cell=cell: cell.state == "running")
            self._ping(path)

    def not_flat(self) -> list[str]:
        """What has grown and should not have."""
        problems = []
        deadline = time.monotonic() + WAIT_S
        while self._grown() and time.monotonic() < deadline:
            time.monotonic()
        problems += self._grown()
        self.sizes = (self._before, self._size())
        if self._house.tree.ended is not None or self._house.tree.reports.qsize():
            problems.append("the root ended")
        return problems

    def _grown(self) -> list[str]:
        now = self._size()
        return [
            f"{name}: {self._before[name]} before, {now[name]} after"
            for name, allowed in (
                ("threads", 4),
                ("descriptors", 12),
                # The clients and their ledger live in this process too.
                ("resident KiB", 20_000 + self._before["resident KiB"] // 4),
            )
            if now[name] > self._before[name] + allowed
        ]

    def _size(self) -> dict[str, int]:
        return {
            "threads": threading.active_count(),
            "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
            "resident KiB": next(
                int(line.split()[1])
                for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith("VmRSS")
            ),
        }

    def _workers(self) -> list[str]:
        return [
            cell.path
            for cell in self._house.tree.directory
            if cell.state in ("running", "starting", "backing_off") and cell.path.count("/") == 2
        ]

    def _crash(self, path: str, *, wait: bool = False) -> None:
        cell = self._house.tree.directory.ref(path).cell
        before = cell.incarnation
        cell.mailbox.put_system(FailNow())
        self.crashes += 1
        if wait:
            self._house.until(lambda: cell.incarnation > before and cell.state == "running")

    def _ticks(self, seconds: float, rate: float) -> Iterator[int]:
        begun, count = time.monotonic(), 0
        pace = threading.Event()
        while (now := time.monotonic() - begun) < seconds:
            if count / rate > now:
                pace.wait(count / rate - now)
            yield count
            count += 1

    def _ping(self, path: str) -> None:
        deadline = time.monotonic() + ANSWER_S
        while True:
            try:
                self._house.tree.directory.ref(path).ask(Ping(), ANSWER_S)
                return
            except AtlasError:
                if time.monotonic() > deadline:
                    raise

    def _hang(self, path: str, kind: str) -> None:
        """Replace the next message's handling by something that hangs, then stop the actor."""
        cell = self._house.tree.directory.ref(path).cell
        begun, release = threading.Event(), threading.Event()
        supervisor = self._house.tree.directory.ref(path.rpartition("/")[0])
        before = cell.incarnation
        _hang_in(cell, HANGS[kind], begun, release)
        assert begun.wait(WAIT_S), f"{kind} did not begin"
        id = path.rpartition("/")[2]
        from supervisors.requests import RestartChild, StopChild

        supervisor.ask(StopChild(id=id), ANSWER_S)
        supervisor.ask(RestartChild(id=id), ANSWER_S)
        self._ping(path)
        assert cell.incarnation > before, f"{path} was not replaced while it hung in {kind}"
        release.set()


def _sleep(begun: threading.Event, release: threading.Event, _: Any) -> None:
    begun.set()
    release.wait(WAIT_S)


def _recv(begun: threading.Event, release: threading.Event, fence: Any) -> None:
    ours, theirs = socket.socketpair()
    fence.on_drop(lambda: ours.shutdown(socket.SHUT_RDWR))
    begun.set()
    ours.recv(1)
    ours.close()
    theirs.close()


def _lock(begun: threading.Event, release: threading.Event, _: Any) -> None:
    lock = threading.Lock()
    lock.acquire()
    begun.set()
    lock.acquire(timeout=5)


def _sql(begun: threading.Event, release: threading.Event, fence: Any) -> None:
    connection = apsw.Connection(":memory:")
    fence.on_drop(connection.interrupt)
    begun.set()
    connection.execute(
        "with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c"
    ).fetchall()


def _spin(begun: threading.Event, release: threading.Event, fence: Any) -> None:
    """Python that never ends by itself, as a loop over a regular expression's matches would."""
    begun.set()
    while not release.is_set() and not fence.down:
        re.match(r"(a|b)*c", "ab" * 50)


HANGS: dict[str, Callable[[threading.Event, threading.Event, Any], None]] = {
    "sleep": _sleep,
    "socket": _recv,
    "lock": _lock,
    "sql": _sql,
    "regex": _spin,
}


class _HangMessage:
    """Makes the base actor hang in on_supervision: any actor, no cooperation of its own."""

    def __init__(self, hang: Callable[[], None]) -> None:
        self.hang = hang


def _hang_in(cell: Any, hang: Any, begun: threading.Event, release: threading.Event) -> None:
    fence = cell.fence
    cell.mailbox.put_system(_HangMessage(lambda: hang(begun, release, fence)))


def _unbreakable(house: House) -> None:
    """Set on the live tree: budgets that bear a storm, restarts without a pause, and actors that
    can be made to hang."""
    from atlas_actors.actor import Actor

    if not hasattr(Actor, "storm_ready"):
        Actor.storm_ready = True  # type: ignore[attr-defined]
        plain = Actor.on_supervision

        def on_supervision(self: Actor, message: Any) -> None:
            if isinstance(message, _HangMessage):
                message.hang()
                return
            plain(self, message)

        Actor.on_supervision = on_supervision  # type: ignore[method-assign]
    import gc

    for thing in gc.get_objects():
        if isinstance(thing, Supervisor) and thing.place.directory is house.tree.directory:
            for child in thing._children.values():
                if not child.spec.is_supervisor:
                    child.spec = attrs.evolve(child.spec, backoff=Backoff(), shutdown_s=0.5)
                child.window._budget = type(child.window._budget)(intensity=10**9, period_s=60)


MESSAGES = [
    kind
    for module in (execution, outcome, routing, supervision, task)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and hasattr(kind, "__attrs_attrs__")
]


def strange_message(chance: random.Random) -> Any:
    """A value that no actor should choke on."""
    if chance.random() < 0.5:
        return chance.choice([None, 5, "text", b"\xff", {}, [], (), object(), ValueError("x")])
    return chance.choice(MESSAGES)


def _takes(house: House, cell: Any, message: Any) -> bool:
    """Whether the message is one that the actor must handle."""
    return isinstance(message, type) is False and hasattr(type(message), "__attrs_attrs__")
