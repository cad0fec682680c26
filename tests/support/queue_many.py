"""The queue with very many tasks in it: filled by SQL, claimed from, restarted, run through."""

import statistics
import threading
import time
from collections.abc import Callable
from itertools import count as counter
from pathlib import Path
from typing import Any

from atlas_actors.cell import Fence
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted
from atlas_actors.messages.task import CloseLane, LookAtTasks, OpenLane
from atlas_actors.settings import TaskSettings
from atlas_actors.store import Store
from atlas_actors.tasks.actor import Tasks
from atlas_actors.tasks.offers import ROUTED_MAX
from atlas_actors.tasks.rows import route_text
from tests.support.queue_raw import size_of
from tests.support.queue_tree import LANE, PROMPT, ROUTE, WAIT_S, over_of, queue_in
from tests.support.stages import Stage

SETTINGS = TaskSettings(
    pending_max=10**9, attempts_max=3, interruptions_max=10, retention_days=30.0
)
IN_FLIGHT = 1_000


def fill(store: Store, count: int, *, routed: int) -> None:
    """Insert `count` pending tasks, the first `routed` of which wait for LANE."""
    connection = store.connection
    (trigger,) = connection.execute(
        "select sql from sqlite_schema where name = 'tasks_counted_in'"
    ).fetchone()
    store.begin(durable=False)
    store.run("drop trigger tasks_counted_in")
    store.run(
        "with recursive numbers (n) as (select 0 union all select n + 1 from numbers"
        " where n + 1 < ?1) insert into tasks (id, state, priority, prompt, files, attempts_max,"
        " due_ms, created_ms, since_ms, routed, lane, route) select printf('%032x', n), 'pending',"
        " 1, ?2, '[]', 3, n, n, n, n < ?3, iif(n < ?3, ?4, null), iif(n < ?3, ?5, null)"
        " from numbers",
        (count, PROMPT, routed, LANE, route_text(ROUTE)),
    )
    store.run(
        "update transitions set tasks = tasks + ? where before = 'new' and after = 'pending'",
        (count,),
    )
    connection.execute(trigger).fetchall()
    store.commit()


class Bench:
    """A queue that is driven by hand, one message a commit."""

    def __init__(self, folder: Path, count: int) -> None:
        self.stage = Stage(
            Tasks, path=paths.TASKS, database=folder / "tasks.db", settings=SETTINGS, epoch=1
        )
        self.stage.start()
        fill(self.stage.actor.store, count, routed=count)
        self.running = self._started(self._commit(OpenLane(lane=LANE, slots=1)))

    def step_ms(self) -> float:
        """End the attempt that runs, which begins the next: in one message, one commit."""
        over = over_of(self.running)
        begun = time.perf_counter()
        sent = self._commit(over)
        taken_ms = (time.perf_counter() - begun) * 1e3
        self.running = self._started(sent)
        return taken_ms

    def _commit(self, message: Any) -> list[Any]:
        store = self.stage.actor.store
        store.begin(durable=False)
        sent = self.stage.give(message)
        store.commit()
        return sent

    def _started(self, sent: list[Any]) -> AttemptStarted:
        (started,) = (message for message in sent if isinstance(message, AttemptStarted))
        return started


def claim_ms(folder_of: Callable[[], Path], counts: list[int], steps: int) -> list[float]:
    """Median milliseconds of complete and claim for each number of pending tasks, in turns."""
    benches = [Bench(folder_of(), count) for count in counts]
    taken: list[list[float]] = [[] for _ in benches]
    for _ in range(steps):
        for bench, mine in zip(benches, taken, strict=True):
            mine.append(bench.step_ms())
    for bench in benches:
        bench.stage.stop()
    return [statistics.median(mine) for mine in taken]


def restart_and_lanes_s(folder: Path, count: int) -> tuple[float, float]:
    """(seconds to start with so many pending, seconds of a lane that closes and opens again)."""
    with Store(folder / "tasks.db", Tasks.schema, Fence()) as store:
        fill(store, count, routed=min(count, ROUTED_MAX))
    with queue_in(folder, assigns=True) as queue:
        start_s = queue.start_s
        routed = queue.score.when("assigned", min(count, ROUTED_MAX))
        queue.tasks.tell(OpenLane(lane="other", slots=1))
        assert routed.wait(WAIT_S)
        queue.tasks.ask(LookAtTasks(), WAIT_S)
        begun = time.perf_counter()
        queue.tasks.tell(CloseLane(lane="other", reason="test", reroute=True))
        queue.tasks.ask(LookAtTasks(), WAIT_S)
        return start_s, time.perf_counter() - begun


class Through:
    """Tasks that go all the way through; what is kept of them stays the same."""

    def __init__(self, folder: Path, count: int, kept_max: int) -> None:
        self._count = count
        self._folder = folder
        self._kept_max = kept_max
        self.sizes: list[int] = []
        self.tenths: list[list[float]] = [[] for _ in range(10)]
        self.seconds = 0.0

    def run(self, say: Callable[[str], None]) -> None:
        """Submit from 16 threads while 16 attempts at a time are answered."""
        with queue_in(self._folder, kept_max=self._kept_max) as queue:
            room = threading.Semaphore(IN_FLIGHT)
            queue.score.assigns = True
            queue.score.on_end = room.release
            queue.open(16)
            all_ended = queue.score.when("ended", self._count)
            numbers = counter()
            begun = time.perf_counter()

            def submit() -> None:
                while (number := next(numbers)) < self._count:
                    room.acquire()
                    asked = time.perf_counter()
                    queue.submit()
                    taken_ms = (time.perf_counter() - asked) * 1e3
                    self.tenths[number * 10 // self._count].append(taken_ms)
                    if number % (self._count // 20) == 0:
                        self.sizes.append(size_of(queue.database))
                        say(f"{number:,} in, {self.sizes[-1] / 1e6:.1f} MB")

            threads = [threading.Thread(target=submit, daemon=True) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert all_ended.wait(WAIT_S)
            self.seconds = time.perf_counter() - begun
            self.sizes.append(size_of(queue.database))


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]
