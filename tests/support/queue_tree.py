"""The real queue in a running tree; a stand-in for the orchestrator ends each attempt at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.actor import Actor, Place
from atlas_actors.cell import Ref
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted, End, Request
from atlas_actors.messages.routing import Route
from atlas_actors.messages.task import (
    AssignLane,
    AttemptOver,
    OpenLane,
    SubmitTask,
    TaskAccepted,
    TaskQueued,
    TaskState,
)
from atlas_actors.settings import TaskSettings
from atlas_actors.tasks.actor import Tasks
from supervisors.child import ChildSpec, SupervisorSpec
from supervisors.supervisor import Supervisor
from tests.support.trees import Tree

PROMPT: Final = "x" * 200
LANE: Final = "lane"
WAIT_S: Final = 600.0
ROUTE = Route(
    id="r", layer=1, rule="x", intent="data_text", confidence=0.9, abstained=False, tier="free",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip
ORDER = SubmitTask(request=Request(prompt=PROMPT))


class NormalTasks(Tasks):
    """The queue with commits that survive a killed process and no power cut: to compare only."""

    def is_durable(self, message: Any) -> bool:
        return False


class Score:
    """What the stand-in does, and has seen."""

    def __init__(self) -> None:
        self.assigns = False
        self.started_at_s: dict[str, float] = {}  # only while `watches`
        self.watches = False
        self.ended = 0
        self.assigned = 0
        self.on_end: Callable[[], None] = lambda: None
        self._goals: list[tuple[str, int, threading.Event]] = []

    def when(self, what: str, count: int) -> threading.Event:
        """Set once `what` (ended, assigned) has come to `count`."""
        event = threading.Event()
        self._goals.append((what, count, event))
        self.check()
        return event

    def check(self) -> None:
        """Set what has come true."""
        for goal in list(self._goals):
            if getattr(self, goal[0]) >= goal[1]:
                self._goals.remove(goal)
                goal[2].set()


class StandIn(Actor):
    """Gives each task the one lane and ends each attempt as answered."""

    inbox = object

    def __init__(self, place: Place, *, score: Score) -> None:
        super().__init__(place)
        self._score = score

    def on_receive(self, message: Any) -> None:
        score = self._score
        if isinstance(message, AttemptStarted):
            if score.watches:
                score.started_at_s[message.task_id] = time.perf_counter()
            self.tell(paths.TASKS, over_of(message))
            score.ended += 1
            score.on_end()
            score.check()
        elif isinstance(message, TaskQueued) and score.assigns:
            route = attrs.evolve(ROUTE, id=message.task_id)
            order = AssignLane(task_id=message.task_id, lane=LANE, route=route)
            self.tell(paths.TASKS, order)
            score.assigned += 1
            score.check()


class Sink(Actor):
    """Takes everything and does nothing with it."""

    inbox = object

    def on_receive(self, message: Any) -> None:
        pass


def over_of(started: AttemptStarted) -> AttemptOver:
    """It was answered, and that was right."""
    return AttemptOver(
        task_id=started.task_id,
        attempt=started.attempt,
        epoch=started.epoch,
        end=End.ANSWERED,
        next_state=TaskState.COMPLETED,
        answer="done",
        verified_by="regex",
        model="m",
        provider=LANE,
        lane=LANE,
        duration_ms=1,
    )


class QueueTree:
    """The queue at its own address, with a stand-in at the orchestrator's."""

    def __init__(
        self, folder: Path, kind: type[Tasks], *, kept_max: int = 10**9, assigns: bool = False
    ) -> None:
        self.score = Score()
        self.score.assigns = assigns
        self.database = folder / "tasks.db"
        settings = TaskSettings(
            pending_max=10**9,
            attempts_max=3,
            interruptions_max=10,
            kept_max=kept_max,
            retention_days=30,
        )
        tasks = {"database": self.database, "settings": settings, "epoch": time.time_ns()}
        stand_in = ChildSpec(id="orchestrator", actor=StandIn, arguments={"score": self.score})
        queue = ChildSpec(id="tasks", actor=kind, arguments=tasks, start_s=WAIT_S)
        children = {
            "learning": (ChildSpec(id="outcomes", actor=Sink),),
            "work": (stand_in, queue),
            "door": (ChildSpec(id="gateway", actor=Sink),),
        }
        supervisors = tuple(
            ChildSpec(
                id=id,
                actor=Supervisor,
                arguments={"spec": lambda parts=parts: SupervisorSpec(children=parts)},
                start_s=WAIT_S,
            )
            for id, parts in children.items()
        )
        begun = time.perf_counter()
        self.tree = Tree(SupervisorSpec(children=supervisors), root="atlas")
        report = self.tree.first_report()
        assert self.tree.ended is None, report
        self.start_s = time.perf_counter() - begun
        self.tasks: Ref = self.tree.directory.ref(paths.TASKS)

    def submit(self) -> str:
        """One task; its id once it is accepted."""
        accepted: TaskAccepted = self.tasks.ask(ORDER, WAIT_S)
        return accepted.id

    def open(self, slots: int) -> None:
        """Let so many attempts run at a time."""
        self.tasks.tell(OpenLane(lane=LANE, slots=slots))


@contextmanager
def queue_in(folder: Path, kind: type[Tasks] = Tasks, **options: Any) -> Iterator[QueueTree]:
    """A running queue, stopped at the end."""
    queue = QueueTree(folder, kind, **options)
    try:
        yield queue
    finally:
        queue.tree.stop()


def calls_per_s(act: Any, callers: int, seconds: float) -> tuple[float, list[float]]:
    """(calls a second of so many threads, the milliseconds of each call)."""
    ready = threading.Barrier(callers + 1)
    taken: list[list[float]] = [[] for _ in range(callers)]
    end_s = [0.0]

    def call(mine: list[float]) -> None:
        ready.wait()
        while (begun := time.perf_counter()) < end_s[0]:
            act()
            mine.append((time.perf_counter() - begun) * 1e3)

    threads = [threading.Thread(target=call, args=(mine,), daemon=True) for mine in taken]
    for thread in threads:
        thread.start()
    begun = time.perf_counter()
    end_s[0] = begun + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    each = [ms for mine in taken for ms in mine]
    return len(each) / (time.perf_counter() - begun), each
