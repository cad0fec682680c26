"""Raw Pykka against our actors: tell, ask, crash to next answer, memory, at 10, 100 and 1,000.

Options: --rounds N (default 5), --sizes 10,100,1000. Each figure is min, median, max over the
rounds; the two sides take turns within each round, so that drift of the machine hits both.
"""

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs
import pykka
from loguru import logger

from atlas_actors.actor import Actor
from atlas_actors.cell import Ref
from supervisors.child import Budget, ChildSpec, SupervisorSpec
from supervisors.requests import StartChild
from tests.support.trees import Tree

GOALS = {"tell": (1.5, "at least"), "ask": (0.8, "at least"), "crash": (2.0, "at most"),
         "memory": (1.4, "at most")}  # fmt: skip
TELLS = 40_000
ASKS = 4_000
CRASHES = 60
WAIT_S = 60.0


@attrs.frozen(kw_only=True)
class Count:
    """Count one."""


@attrs.frozen(kw_only=True)
class Read:
    """How many were counted?"""


@attrs.frozen(kw_only=True)
class Fail:
    """Fail."""


COUNT, READ, FAIL = Count(), Read(), Fail()


class Ours(Actor):
    """Counts."""

    inbox = Count | Read | Fail

    def on_start(self) -> None:
        self.counted = 0

    def on_receive(self, message: Count | Read | Fail) -> Any:
        match message:
            case Count():
                self.counted += 1
            case Read():
                return self.counted
            case Fail():
                raise RuntimeError("as told")
        return None


class Raw(pykka.ThreadingActor):
    """Counts, and by hand starts its successor when it fails."""

    use_daemon_thread = True

    def __init__(self, seat: list[Any]) -> None:
        super().__init__()
        self.seat = seat
        self.counted = 0

    def on_receive(self, message: Count | Read | Fail) -> Any:
        match message:
            case Count():
                self.counted += 1
            case Read():
                return self.counted
            case Fail():
                raise RuntimeError("as told")
        return None

    def on_failure(self, *_: Any) -> None:
        self.seat[0] = Raw.start(self.seat)
        self.seat[1].set()


class RawSide:
    """N raw actors; a seat holds the ref that is good now."""

    def __init__(self, size: int) -> None:
        self.seats: list[list[Any]] = [[None, threading.Event()] for _ in range(size)]
        for seat in self.seats:
            seat[0] = Raw.start(seat)

    def grow(self, size: int) -> None:
        more: list[list[Any]] = [[None, threading.Event()] for _ in range(size)]
        for seat in more:
            seat[0] = Raw.start(seat)
        self.seats += more

    def tell(self, at: int) -> None:
        self.seats[at][0].tell(COUNT)

    def ask(self, at: int) -> Any:
        return self.seats[at][0].ask(READ, timeout=WAIT_S)

    def crash_to_answer(self, at: int) -> None:
        ref, back = self.seats[at]
        back.clear()
        ref.tell(FAIL)
        back.wait(WAIT_S)
        self.seats[at][0].ask(READ, timeout=WAIT_S)

    def close(self) -> None:
        for seat in self.seats:
            seat[0].stop()


class OurSide:
    """N of our actors under one supervisor."""

    def __init__(self, size: int) -> None:
        budget = Budget(intensity=10**9)
        children = tuple(ChildSpec(id=f"w{n}", actor=Ours, budget=budget) for n in range(size))
        self.tree = Tree(SupervisorSpec(children=children, budget=budget))
        self.tree.first_report()
        self.refs: list[Ref] = [self.tree.ref(f"w{n}") for n in range(size)]

    def grow(self, size: int) -> None:
        for n in range(size):
            self.tree.ref().ask(StartChild(spec=ChildSpec(id=f"x{n}", actor=Ours)), WAIT_S)
            self.refs.append(self.tree.ref(f"x{n}"))

    def tell(self, at: int) -> None:
        self.refs[at].tell(COUNT)

    def ask(self, at: int) -> Any:
        return self.refs[at].ask(READ, WAIT_S)

    def crash_to_answer(self, at: int) -> None:
        ref = self.refs[at]
        ref.tell(FAIL)
        ref.ask(READ, WAIT_S)

    def close(self) -> None:
        self.tree.stop()


def tells_per_s(side: Any, size: int) -> float:
    """Told by one thread, and all handled."""
    each = max(1, TELLS // size)
    before = [side.ask(at) for at in range(size)]
    begun = time.perf_counter()
    for _ in range(each):
        for at in range(size):
            side.tell(at)
    for at in range(size):
        assert side.ask(at) == before[at] + each
    return each * size / (time.perf_counter() - begun)


def asks_per_s(side: Any, size: int) -> float:
    """Asked by one thread, one after the other."""
    begun = time.perf_counter()
    for number in range(ASKS):
        side.ask(number % size)
    return ASKS / (time.perf_counter() - begun)


def crash_us(side: Any, size: int) -> float:
    """Median microseconds from the fatal message to the next answer."""
    taken = []
    for number in range(CRASHES):
        begun = time.perf_counter()
        side.crash_to_answer(number % size)
        taken.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(taken)


def memory_kib(kind: str, size: int) -> float:
    """Resident memory of one actor, from a process of its own."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from tests.benchmarks import actors;"
        "print(actors.grown_kib(sys.argv[2], int(sys.argv[3])))"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [sys.executable, "-c", code, root, kind, str(size)], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return float(done.stdout) / size


def grown_kib(kind: str, size: int) -> int:
    """How much this process grows when `size` actors start; a supervisor is there before."""
    side: Any = {"raw": RawSide, "ours": OurSide}[kind](1)
    before = _resident_kib()
    side.grow(size)
    for at in range(1 + size):
        side.ask(at)
    return _resident_kib() - before


def _resident_kib() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def compare(size: int, rounds: int) -> list[tuple[str, list[float], list[float]]]:
    """(figure, raw's values, ours) over the rounds."""
    measures: dict[str, Callable[[Any, int], float]] = {
        "tell": tells_per_s, "ask": asks_per_s, "crash": crash_us,
    }  # fmt: skip
    values: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in [*measures, "memory"]
    }
    raw, ours = RawSide(size), OurSide(size)
    for _ in range(rounds):
        for name, measure in measures.items():
            for column, side in zip(values[name], (raw, ours), strict=True):
                column.append(measure(side, size))
        for column, kind in zip(values["memory"], ("raw", "ours"), strict=True):
            column.append(memory_kib(kind, size))
    raw.close()
    ours.close()
    return [(name, *columns) for name, columns in values.items()]


def main(words: list[str]) -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench actors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="10,100,1000")
    options = parser.parse_args(words)
    logger.remove()
    pykka_log = __import__("logging").getLogger("pykka")
    pykka_log.disabled = True
    threading.stack_size(0)
    units = {"tell": "tells/s", "ask": "asks/s", "crash": "µs", "memory": "KiB/actor"}
    print(f"{'actors':>6}  {'figure':<17} {'raw Pykka min/median/max':>30}  "
          f"{'ours min/median/max':>30}  ratio  goal")  # fmt: skip
    missed = False
    for size in map(int, options.sizes.split(",")):
        for name, raw, ours in compare(size, options.rounds):
            ratio = statistics.median(ours) / statistics.median(raw)
            goal, sense = GOALS[name]
            applies = name != "tell" or size <= 100
            met = ratio >= goal if sense == "at least" else ratio <= goal
            missed = missed or (applies and not met)
            verdict = f"{sense} {goal}: {'met' if met else 'MISSED'}" if applies else "-"
            print(f"{size:>6}  {name + ' ' + units[name]:<17} {_three(raw):>30}  "
                  f"{_three(ours):>30}  {ratio:5.2f}  {verdict}", flush=True)  # fmt: skip
    return int(missed)


def _three(values: list[float]) -> str:
    shown = (min(values), statistics.median(values), max(values))
    return " / ".join(f"{value:,.0f}" if value >= 100 else f"{value:.1f}" for value in shown)
