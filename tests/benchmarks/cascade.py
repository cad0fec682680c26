"""The cascade against LiteLLM's Router: overhead a call, time through failures, 500 slow calls.

usage: scripts/bench cascade [--calls 200] [--slow 500] [--slow-s 2] [--litellm PYTHON]

Both have the same local server in a process of its own, and each runs in one process: Atlas its
orchestrator and executors as actors with their databases, LiteLLM its Router in one event loop.
`road` is more than LiteLLM does: through the socket and the durable queue, routed and checked.
--litellm names an interpreter that has LiteLLM; without one the peer's numbers are left out.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import attrs

from atlas_actors.actor import Actor
from atlas_actors.cell import Fence
from atlas_actors.cli.client import Client
from atlas_actors.config import load
from atlas_actors.executor import actor as executor_module
from atlas_actors.executor.actor import Executor
from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AttemptEnded,
    AttemptStarted,
    End,
    Fault,
    Progress,
    Request,
)
from atlas_actors.messages.routing import Route
from atlas_actors.messages.task import (
    AttemptOver,
    CloseLane,
    LanesWanted,
    OpenLane,
    RouteAgain,
    TaskState,
)
from atlas_actors.orchestrator.actor import Orchestrator
from atlas_actors.orchestrator.chain import chain_of, wanted_of
from atlas_actors.orchestrator.roster import Roster
from atlas_actors.orchestrator.steps import next_step
from atlas_actors.providers.wire import Answer, CallEnd, failed
from atlas_actors.store import Store
from supervisors.child import ChildSpec, SupervisorSpec
from supervisors.daemon import make_home
from supervisors.supervisor import Supervisor
from tests.support.houses import house_on
from tests.support.litellm_peer import bare, measure
from tests.support.trees import Tree

ROOT = Path(__file__).parents[2]
KINDS = {"no fault": "good", "first fails": "bad2", "first two fail": "bad1"}
NAMES = ("bad1", "bad2", "good")
ROUTE = Route(
    id="r", layer=1, rule="x", intent="explain", confidence=0.9, abstained=False, tier="cheap",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
    choice=1,  # made already
)  # fmt: skip


def settings_of(url: str, slots: int = 8, slow: bool = False) -> str:
    """Three providers of one tier, tried in this order."""
    bases = {"bad1": "/bad", "bad2": "/bad", "good": "/slow" if slow else ""}
    tables = [
        f'[providers.{name}]\ntransport = "openai-chat"\ntier = "cheap"\nmodel = "m"\n'
        f'base_url = "{url}{base}"\nretries = 0\nbreaker_failures = 1000\nslots = {slots}\n'
        for name, base in bases.items()
    ]
    gone = '[providers.localai]\nembedded = false\nbase_url = "http://127.0.0.1:9"\n'
    return "\n".join([gone, *tables])


class Desk(Actor):
    """Stands where the queue would: starts the next attempt as soon as it is told to."""

    inbox = AttemptOver | OpenLane | CloseLane | LanesWanted | RouteAgain

    def __init__(self, place: Any, *, waiting: dict[str, Any]) -> None:
        super().__init__(place)
        self.waiting = waiting

    def on_receive(self, message: Any) -> None:
        if not isinstance(message, AttemptOver):
            return
        started, done = self.waiting[message.task_id]
        if message.next_state is TaskState.PENDING:
            again = attrs.evolve(
                started,
                attempt=message.attempt + 1,
                lane=message.lane,
                progress=message.progress,
            )
            self.waiting[message.task_id] = (again, done)
            self.tell(paths.ORCHESTRATOR, again)
            return
        assert message.next_state is TaskState.COMPLETED, message
        done.set()


class Ear(Actor):
    """Stands where nobody is needed."""

    inbox = object

    def on_receive(self, message: Any) -> None:
        del message


class Cascade:
    """Orchestrator and executors as actors, without the queue."""

    def __init__(self, home: Path) -> None:
        config = load({"ATLAS_HOME": str(home)})
        make_home(config.home)
        self.waiting: dict[str, Any] = {}
        orchestrator = ChildSpec(
            id="orchestrator",
            actor=Orchestrator,
            arguments={
                "database": config.home.state / "orchestrator.db",
                "providers": config.providers,
                "prices": config.prices,
                "budget": config.budget,
                "keep_answers_s": {},
                "interruptions_max": 10,
                "files": config.home.files,
                "settings": config.routing,
            },
        )
        executors = tuple(
            ChildSpec(
                id=f"executor.{name}",
                actor=Executor,
                arguments={"home": config.home, "settings": config.providers[name]},
            )
            for name in NAMES
        )
        desk = ChildSpec(id="tasks", actor=Desk, arguments={"waiting": self.waiting})
        groups = {
            "executors": executors,
            "work": (ChildSpec(id="router", actor=Ear), orchestrator, desk),
            "door": (ChildSpec(id="gateway", actor=Ear),),
        }
        self.tree = Tree(
            SupervisorSpec(
                children=tuple(
                    ChildSpec(
                        id=id, actor=Supervisor, arguments={"spec": SupervisorSpec(children=kids)}
                    )
                    for id, kids in groups.items()
                )
            ),
            root="atlas",
        )
        self.tree.first_report()
        self.desk = self.tree.directory.ref(paths.ORCHESTRATOR)

    def begin(self, id: str, lane: str) -> threading.Event:
        done = threading.Event()
        started = AttemptStarted(
            task_id=id, attempt=1, epoch=1, lane=lane, request=Request(prompt=f"say {id}"),
            route=ROUTE, answers_asked=1, attempts_max=9, interruptions=0,
            progress=Progress(tried=("bad1",) if lane == "bad2" else ()),
        )  # fmt: skip
        self.waiting[id] = (started, done)
        self.desk.tell(started)
        return done

    def series(self, lane: str, calls: int) -> dict[str, float]:
        return timed(calls, lambda number: self.call(f"{lane}{number}", lane))

    def call(self, id: str, lane: str) -> None:
        assert self.begin(id, lane).wait(60)


def timed(calls: int, act: Callable[[int], None]) -> dict[str, float]:
    """One call after the other, the first ten of them to warm up."""
    times, began = [], 0.0
    for number in range(calls + 10):
        if number == 10:
            began = time.process_time()
            times.clear()
        at = time.perf_counter()
        act(number)
        times.append(time.perf_counter() - at)
    return measure(times, time.process_time() - began)


class Mock:
    """A backend without a network."""

    transport, model, note, key, state = "mock", "m", "", "", "ready"

    def __init__(self, good: bool) -> None:
        self.good = good

    async def ask(self, *_: Any) -> CallEnd:
        if self.good:
            return CallEnd(end=End.ANSWERED, answer=Answer(text="ok", finish="stop"))
        return failed(Fault.SERVER, "scripted")

    async def alive(self) -> str:
        return ""

    async def stop(self) -> None:
        return None


async def choose_mock(settings: Any, *_: Any, **__: Any) -> Mock:
    return Mock(settings.name == "good")


def selection(home: Path, calls: int) -> dict[str, float]:
    """CPU of choosing and of two failed hops with one row of a database, in µs."""
    config = load({"ATLAS_HOME": str(home)})
    roster = Roster(config.providers, config.prices)
    for name, provider in roster.providers.items():
        roster.providers[name] = attrs.evolve(provider, usable=True)
    schema = ROOT / "atlas_actors/orchestrator/schema"
    store = Store(home / "selection.db", schema, Fence())
    request = Request(prompt="explain this")
    taken = []
    for number in range(calls):
        began = time.thread_time()
        chain = chain_of(wanted_of(ROUTE, request, {}), roster.providers)
        lane, progress = chain[0].provider, Progress()
        for attempt in (1, 2):
            started = AttemptStarted(
                task_id="t", attempt=attempt, epoch=1, lane=lane, request=request, route=ROUTE,
                answers_asked=1, attempts_max=9, interruptions=0, progress=progress,
            )  # fmt: skip
            ended = AttemptEnded(
                started=started, provider=lane, end=End.UNREACHABLE, fault=Fault.SERVER, error="500"
            )
            chain = chain_of(wanted_of(ROUTE, request, {}), roster.providers)
            step = next_step(ended, None, chain, roster.providers, interruptions_max=9, jitter=0.0)
            assert step.lane is not None
            lane, progress = step.lane, step.progress
        store.begin(durable=False)
        store.run("insert into reservations values (?, 1, 'x', 0, 0, 0)", (str(number),))
        store.commit()
        taken.append((time.thread_time() - began) * 1e6)
    store.close()
    taken.sort()
    return {"p50_us": taken[len(taken) // 2], "p99_us": taken[int(len(taken) * 0.99)]}


def slow_calls(home: Path, url: str, count: int) -> dict[str, float]:
    """Many slow calls at once on one executor."""
    (home / "config.toml").write_text(settings_of(url, slots=count, slow=True), "utf-8")
    cascade = Cascade(home)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    at, began = time.perf_counter(), time.process_time()
    waiting = [cascade.begin(f"slow{number}", "good") for number in range(count)]
    completed = sum(done.wait(120) for done in waiting)
    found = {
        "completed": completed,
        "wall_s": time.perf_counter() - at,
        "cpu_ms": (time.process_time() - began) / count * 1e3,
        "more_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }
    cascade.tree.stop()
    return found


def road(home: Path, calls: int) -> dict[str, float]:
    """submit and wait through the socket, one call after the other."""
    with house_on(home) as house, Client(house.home) as client:
        house.until(lambda: house.cell("executors/executor.good").state == "running")

        def act(number: int) -> None:
            id = client.call("task.submit", prompt=f"explain {number}", provider="good")["id"]
            task = client.call("task.wait", id=id, timeout_ms=60_000)
            assert task["state"] == "completed", task

        return timed(calls, act)


def peer(python: str | None, port: int, calls: int, slow: int) -> dict[str, Any] | None:
    """LiteLLM's numbers, or None with the reason printed."""
    if python is None:
        print("LiteLLM: left out; --litellm PYTHON names an interpreter that has it")
        return None
    script = ROOT / "tests/support/litellm_peer.py"
    done = subprocess.run(
        [python, str(script), str(port), str(calls), str(slow)],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    if done.returncode:
        print(f"LiteLLM: it failed: {done.stderr.strip().splitlines()[-1:]}")
        return None
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main(words: list[str]) -> int:
    """Measure and print; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench cascade")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--slow", type=int, default=500)
    parser.add_argument("--slow-s", type=float, default=2.0)
    parser.add_argument("--litellm", metavar="PYTHON")
    options = parser.parse_args(words)
    from loguru import logger

    logger.remove()
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/support/fast_server.py"), str(options.slow_s)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    port = int(server.stdout.readline())
    url = f"http://127.0.0.1:{port}"
    try:
        return report(options, url, port)
    finally:
        server.kill()
        server.wait()


def report(options: argparse.Namespace, url: str, port: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "config.toml").write_text(settings_of(url), "utf-8")
        picked = selection(home, 2_000)
        base = anyio.run(bare, url, options.calls)
        cascade = Cascade(home)
        http = {kind: cascade.series(lane, options.calls) for kind, lane in KINDS.items()}
        cascade.tree.stop()
        with mock.patch.object(executor_module, "choose_backend", choose_mock):
            mocks = Cascade(home)
            mocked = {kind: mocks.series(lane, options.calls) for kind, lane in KINDS.items()}
            mocks.tree.stop()
        whole = road(home, options.calls)
        slow = slow_calls(home, url, options.slow) if options.slow else None
    other = peer(options.litellm, port, options.calls, options.slow)
    print(f"selection and two failed hops with a row: {picked['p50_us']:.0f} µs of CPU,"
          f" p99 {picked['p99_us']:.0f}")  # fmt: skip
    print(f"{'ms':<24}{'Atlas p50':>10}{'p99':>8}{'CPU':>8}{'LiteLLM p50':>13}{'p99':>8}{'CPU':>8}")

    def row(name: str, mine: dict[str, float], theirs: dict[str, float] | None) -> None:
        cells = [mine["p50_ms"], mine["p99_ms"], mine["cpu_ms"]]
        line = f"{name:<24}{cells[0]:>10.2f}{cells[1]:>8.2f}{cells[2]:>8.2f}"
        if theirs:
            line += f"{theirs['p50_ms']:>13.2f}{theirs['p99_ms']:>8.2f}{theirs['cpu_ms']:>8.2f}"
        print(line)

    row("bare httpx", base, other and other["bare"])
    for kind in KINDS:
        row(f"server, {kind}", http[kind], other and other["http"][kind])
    for kind in KINDS:
        row(f"mocked, {kind}", mocked[kind], other and other["mock"][kind])
    row("road (socket, queue)", whole, None)
    if slow:
        print_slow("Atlas", slow, options)
        if other:
            print_slow("LiteLLM", other["slow"], options)
    return goals(base, http, mocked, slow, other, options) if other else 0


def print_slow(name: str, slow: dict[str, float], options: argparse.Namespace) -> None:
    print(
        f"{name}: {slow['completed']:.0f} of {options.slow} calls of {options.slow_s:g} s at once"
        f" in {slow['wall_s']:.2f} s, {slow['cpu_ms']:.2f} ms of CPU each,"
        f" +{slow['more_mb']:.0f} MB"
    )


def goals(
    base: Any, http: Any, mocked: Any, slow: Any, other: Any, options: argparse.Namespace
) -> int:
    """The ratios that the project wants to keep."""
    mine = http["no fault"]["cpu_ms"] - base["cpu_ms"]
    theirs = other["http"]["no fault"]["cpu_ms"] - other["bare"]["cpu_ms"]
    ratios = {
        "overhead a call over bare httpx (CPU), at most 1/3": (mine / theirs, 1 / 3),
        "time through two failures, mocked, at most 1/10": (
            mocked["first two fail"]["p50_ms"] / other["mock"]["first two fail"]["p50_ms"],
            0.1,
        ),
    }
    if slow:
        ratios["slow calls that were not completed, none"] = (
            1 - slow["completed"] / options.slow,
            0.0,
        )
    for name, (ratio, most) in ratios.items():
        print(f"{'ok  ' if ratio <= most else 'MISS'} {name}: {ratio:.3f}")
    return int(any(ratio > most for ratio, most in ratios.values()))
