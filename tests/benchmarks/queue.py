"""The durable queue against raw APSW, huey and persist-queue: rates, pickup, a million tasks.

usage: scripts/bench queue [--dir FOLDER] [--peers PYTHON] [--rounds 5] [--seconds 1]
                           [--pending 1000000] [--through 100000] [--only PART…]

Everything is on one disk and in one run. In each round the sides take turns, and a ratio is the
median of the rounds' ratios, so that drift of the machine hits both. FULL survives a power cut (as
shipped), NORMAL a killed process. --peers names an interpreter with huey and persist-queue.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from loguru import logger

from atlas_actors.messages.task import LookAtTasks
from atlas_actors.tasks.actor import Tasks
from supervisors.daemon import keep_arenas_few
from tests.support import queue_peers, queue_raw, queue_socket
from tests.support.daemons import daemon_on
from tests.support.queue_many import Through, claim_ms, p99, restart_and_lanes_s
from tests.support.queue_raw import PAYLOAD, RawQueue
from tests.support.queue_tree import (
    WAIT_S,
    NormalTasks,
    QueueTree,
    calls_per_s,
    queue_in,
)

CALLERS: Final = (16, 64, 1)  # what has a goal comes right after what it is compared with
MANY: Final = 100  # tasks in one call of task.submit_many
KINDS: Final = {"NORMAL": NormalTasks, "FULL": Tasks}
PARTS: Final = ("rates", "socket", "pickup", "pending", "through")
# (name, what it is measured against, the least ratio)
GOALS: Final = (
    ("submit FULL, 64 callers", "raw add FULL", 20.0),
    ("submit NORMAL, 16 callers", "raw add NORMAL", 1.0),
    ("claim+complete FULL, 16 slots", "raw claim+complete FULL", 1.0),
    ("claim+complete NORMAL, 16 slots", "raw claim+complete NORMAL", 1.0),
)


class Run:
    """One run: a folder, what was measured so far, and whether a goal was missed."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.rates: dict[str, list[float]] = {}
        self.missed = False
        self._base = Path(options.dir)
        self._base.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder on the disk that is measured."""
        with tempfile.TemporaryDirectory(dir=self._base, prefix="queue-") as name:
            yield Path(name)

    def note(self, name: str, rate: float) -> None:
        """One round's rate."""
        self.rates.setdefault(name, []).append(rate)

    def goal(self, what: str, value: float, met: bool, words: str) -> None:
        """Print a figure with its goal."""
        self.missed = self.missed or not met
        print(f"{what:<52} {value:>10,.2f}   {words}: {'met' if met else 'MISSED'}", flush=True)

    def table(self) -> None:
        """Print the rates; medians with least and most, and the goals."""
        against = {name: (other, least) for name, other, least in GOALS}
        for name, values in self.rates.items():
            low, middle, high = min(values), statistics.median(values), max(values)
            print(f"{name:<36} {middle:>9,.0f}/s  ({low:,.0f} to {high:,.0f})", flush=True)
            if name in against:
                other, least = against[name]
                pairs = zip(values, self.rates[other], strict=True)
                ratio = statistics.median(mine / theirs for mine, theirs in pairs)
                self.goal(f"   times {other}", ratio, ratio >= least, f"at least {least:g}")


def rates(run: Run) -> None:
    """Raw APSW and our actor, NORMAL and FULL; huey and persist-queue, durable as they come."""
    if run.options.peers is None:
        print("huey and persist-queue are missing: --peers names an interpreter that has them")
    seconds = run.options.seconds
    for _ in range(run.options.rounds):
        for level, kind in KINDS.items():
            with run.folder() as folder:
                name = level.lower()
                group = queue_raw.adds_per_s(folder / "b", name, seconds, group=MANY)
                run.note(f"raw add {level}, {MANY} to a commit", group)
                run.note(f"raw add {level}", queue_raw.adds_per_s(folder / "a", name, seconds))
            for callers in CALLERS:
                with run.folder() as folder, queue_in(folder, kind) as queue:
                    rate = calls_per_s(queue.submit, callers, seconds)[0]
                    run.note(f"submit {level}, {callers} callers", rate)
            with run.folder() as folder:
                rate = queue_raw.rounds_per_s(folder / "a", name, seconds)
                run.note(f"raw claim+complete {level}", rate)
            for slots in CALLERS:
                with run.folder() as folder, queue_in(folder, kind) as queue:
                    rate = _claims_per_s(queue, slots, seconds)
                    run.note(f"claim+complete {level}, {slots} slots", rate)
            with run.folder() as folder, queue_in(folder, kind) as queue:
                run.note(f"whole road {level}, 64 callers", _road_per_s(queue, seconds))
        _peers(run)


def _claims_per_s(queue: QueueTree, slots: int, seconds: float) -> float:
    """Tasks begun and ended a second, of some that wait for their lane already."""
    count = 200 if slots == 1 else 2_000
    _submit(queue, count)
    ended = queue.score.when("ended", count)
    begun = time.perf_counter()
    queue.open(slots)
    assert ended.wait(WAIT_S)
    queue.tasks.ask(LookAtTasks(), WAIT_S)  # the last end is committed before it
    return count / (time.perf_counter() - begun)


def _submit(queue: QueueTree, count: int) -> None:
    """So many tasks wait for the lane when this returns."""
    queue.score.assigns = True
    assigned = queue.score.when("assigned", count)

    def some() -> None:
        for _ in range(count // 50):
            queue.submit()

    threads = [threading.Thread(target=some) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert assigned.wait(WAIT_S)
    queue.tasks.ask(LookAtTasks(), WAIT_S)


def _road_per_s(queue: QueueTree, seconds: float) -> float:
    """Tasks submitted, routed, begun and ended a second, all at once."""
    queue.score.assigns = True
    queue.open(64)
    begun = time.perf_counter()
    calls = len(calls_per_s(queue.submit, 64, seconds)[1])
    assert queue.score.when("ended", calls).wait(WAIT_S)
    return calls / (time.perf_counter() - begun)


def _peers(run: Run) -> None:
    """One round of the others, next to raw APSW: a disk may be quick now and slow later."""
    seconds = run.options.seconds
    if run.options.peers is None:
        return
    with run.folder() as folder:
        run.note("raw add FULL, beside them", queue_raw.adds_per_s(folder / "a", "full", seconds))
        words = [run.options.peers, queue_peers.__file__, str(folder), str(seconds)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    for name, (enqueued, worked) in json.loads(done.stdout).items():
        run.note(f"{name} enqueue", enqueued)
        run.note(f"{name} take+finish", worked)


def socket(run: Run) -> None:
    """task.submit and task.submit_many of a real daemon."""
    limits = {"ATLAS_TASKS_PENDING_MAX": 10**9}
    for _ in range(run.options.rounds):
        with run.folder() as folder, daemon_on(folder / "home", **limits) as daemon:
            path = daemon.home.socket()
            for connections in CALLERS:
                rate = queue_socket.calls_per_s(
                    path, connections, run.options.seconds, {"prompt": PAYLOAD}, "task.submit"
                )
                run.note(f"socket, {connections} connections", rate)
            tasks = {"tasks": [{"prompt": PAYLOAD}] * MANY}
            rate = queue_socket.calls_per_s(path, 4, run.options.seconds, tasks, "task.submit_many")
            run.note(f"socket, submit_many of {MANY}, 4 conn.", rate * MANY)


def pickup(run: Run) -> None:
    """How long an idle worker waits for its task; each next to one raw commit."""
    called, acknowledged, commits = [], [], []
    with run.folder() as folder, queue_in(folder) as queue:
        raw = RawQueue(folder / "raw.db", "full")
        queue.score.assigns = queue.score.watches = True
        queue.open(1)
        for number in range(1, 301):
            queue.tasks.ask(LookAtTasks(), WAIT_S)
            ended = queue.score.when("ended", number)
            begun = time.perf_counter()
            id = queue.submit()
            accepted = time.perf_counter()
            assert ended.wait(WAIT_S)
            started = queue.score.started_at_s[id]
            called.append((started - begun) * 1e3)
            acknowledged.append((started - accepted) * 1e3)
            queue.tasks.ask(LookAtTasks(), WAIT_S)
            begun = time.perf_counter()
            raw.add()
            commits.append((time.perf_counter() - begun) * 1e3)
        raw.close()
    limit = 2 * statistics.median(commits) + 1
    print(f"{'raw commit FULL, ms p50 / p99':<52} {statistics.median(commits):>10.2f}"
          f" / {p99(commits):.2f}")  # fmt: skip
    for name, values in (("call", called), ("ack", acknowledged)):
        middle = statistics.median(values)
        run.goal(f"pickup from the {name}, ms p50 (p99 {p99(values):.2f})", middle, middle <= limit,
                 f"at most two raw commits + 1 ms = {limit:.2f}")  # fmt: skip


def pending(run: Run) -> None:
    """A claim, a restart and a change of lanes with few and with very many pending tasks."""
    many = run.options.pending
    with run.folder() as few_folder, run.folder() as many_folder:
        folders = iter((few_folder, many_folder))
        few_ms, many_ms = claim_ms(lambda: next(folders), [1_000, many], 400)
    print(f"{'complete+claim, ms p50, 1,000 pending':<52} {few_ms:>10.3f}")
    print(f"{f'complete+claim, ms p50, {many:,} pending':<52} {many_ms:>10.3f}")
    run.goal("   ratio", many_ms / few_ms, many_ms / few_ms <= 1.5, "at most 1.5")
    for count in (10_000, many):
        with run.folder() as folder:
            start_s, lanes_s = restart_and_lanes_s(folder, count)
        print(f"{f'start with {count:,} pending, s':<52} {start_s:>10.3f}")
        print(f"{f'a lane closes with {count:,} pending, s':<52} {lanes_s:>10.3f}", flush=True)


def through(run: Run) -> None:
    """Very many tasks go through; the file stays flat and the queue as fast."""
    count, kept = run.options.through, 10_000
    with run.folder() as folder:
        run_through = Through(folder, count, kept)
        run_through.run(lambda words: print(f"   {words}", file=sys.stderr, flush=True))
    sizes = run_through.sizes
    half = max(sizes[len(sizes) // 4 : len(sizes) // 2])
    print(f"{f'{count:,} tasks through, kept_max {kept:,}: tasks/s':<52}"
          f" {count / run_through.seconds:>10,.0f}")  # fmt: skip
    shown = ", ".join(f"{size / 1e6:.1f}" for size in sizes[:: max(1, len(sizes) // 10)])
    print(f"   MB over time: {shown}")
    growth = max(sizes[len(sizes) // 2 :]) / half
    run.goal("   most in the second half / in the second quarter", growth, growth <= 1.2,
             "at most 1.2")  # fmt: skip
    first, last = p99(run_through.tenths[0]), p99(run_through.tenths[-1])
    run.goal(f"   p99 of submit, last tenth {last:.1f} ms / first {first:.1f} ms", last / first,
             last <= 2 * first, "at most 2")  # fmt: skip


def main(words: list[str]) -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench queue", description=__doc__)
    parser.add_argument("--dir", default="build/bench", help="on the disk that is measured")
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--pending", type=int, default=1_000_000)
    parser.add_argument("--through", type=int, default=100_000)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    options = parser.parse_args(words)
    logger.remove()
    keep_arenas_few()
    run = Run(options)
    for name in PARTS:
        if name in options.only:
            print(f"{name}: {globals()[name].__doc__}", flush=True)
            globals()[name](run)
            if name in ("rates", "socket"):
                run.table()
                run.rates.clear()
    return int(run.missed)
