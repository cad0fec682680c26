"""A scheduler and a queue on their files, driven by hand, that may be killed between any steps."""

import heapq
import json
import random
from typing import Any

import attrs

from atlas_actors.errors import AtlasError, Busy
from atlas_actors.messages import paths
from atlas_actors.messages.schedule import AddSchedule, ScheduleDue
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import SubmitTask
from atlas_actors.scheduler.actor import Scheduler
from atlas_actors.settings import SchedulerSettings, TaskSettings
from atlas_actors.tasks.actor import Tasks
from tests.support.clocks import FakeClock
from tests.support.stages import Stage

TASKS = TaskSettings(pending_max=10**6, attempts_max=3, interruptions_max=2, retention_days=1)


IDLE_SHARE = 0.01
QUIET_MAX_S = 172_800


class Killed(Exception):
    """This process ends here."""


def scheduler_stage(folder, clock=None, **arguments: Any) -> Stage:
    """A scheduler that is not started."""
    stage = Stage(
        Scheduler,
        path=paths.SCHEDULER,
        database=folder / "scheduler.db",
        settings=SchedulerSettings(retention_days=30),
        zone=lambda: "Europe/Berlin",
        **arguments,
    )
    if clock is not None:
        stage.clock = clock
        stage.actor.place = attrs.evolve(stage.actor.place, clock=clock)
    return stage


def order(name="a", kind="every", task=None, **fields: Any) -> AddSchedule:
    """An AddSchedule; what is not a field of it belongs to its spec."""
    own = {field.name for field in attrs.fields(AddSchedule)}
    spec = {key: fields.pop(key) for key in list(fields) if key not in own}
    return AddSchedule(name=name, kind=kind, spec=spec, task=task or {"prompt": name}, **fields)


class World:
    """Both rooms with their real transactions and the mail between them; `die` draws the kills."""

    def __init__(self, folder, now_ms: int, *, die: float = 0.0, seed: int = 0) -> None:
        self.folder = folder
        self.clock = FakeClock(now_ms)
        self.random = random.Random(seed)
        self.die = die
        self.kills = 0
        self.tasks_are_busy = False
        self._idle = True
        self._start()

    def _start(self) -> None:
        self.queue = Stage(
            Tasks, path=paths.TASKS, database=self.folder / "tasks.db", settings=TASKS, epoch=1
        )
        self.queue.clock = self.clock
        self.queue.actor.place = attrs.evolve(self.queue.actor.place, clock=self.clock)
        self.queue.start()
        self.stage = scheduler_stage(self.folder, self.clock)
        self.stage.actor.set_up()
        self.stage.actor.start_up()
        self._deliver()

    def ask(self, message: Any) -> Any:
        """The answer to a message for the scheduler, after which nobody dies."""
        answer = self._handle(self.stage, message, mortal=False)
        self._deliver(mortal=False)
        return answer

    def run(self, seconds: float) -> None:
        """Let time pass in steps as timers ask for them, dying here and there."""
        end_s = self.clock.monotonic_s() + seconds
        while self.clock.monotonic_s() < end_s:
            wait_s = self.stage.actor._next_timer_s()
            assert wait_s is not None, "nobody will ever look again"
            wait_s = max(wait_s, self._quiet_s(), 0.001)
            self.clock.advance(min(wait_s, end_s - self.clock.monotonic_s()))
            self.mortally(self._tick)

    def _quiet_s(self) -> float:
        """How long all looks would find nothing: they are left out, or a week takes a minute."""
        store = self.stage.actor.store
        row = store.row(
            "select min(due_ms) as due_ms, (select count(*) from ticks where task_id is null)"
            " as open_ticks from schedules where paused_ms is null"
        )
        if row["open_ticks"] or row["due_ms"] is None:
            return 0.0
        quiet_s = (row["due_ms"] - self.clock.now_ms()) / 1000 - 35
        return quiet_s if quiet_s < QUIET_MAX_S else 0.0  # after a wrong clock a look matters

    def mortally(self, step: Any) -> None:
        """Do it; when it is killed, begin a new life on the same files."""
        try:
            step()
        except Killed:
            self.kills += 1
            for stage in (self.stage, self.queue):
                stage.actor.store.rollback()
                stage.stop()
            die, self.die = self.die, 0.0
            self._start()
            self.die = die

    def _tick(self) -> None:
        now_s = self.clock.monotonic_s()
        timers = self.stage.actor._timers
        while timers and timers[0][0] <= now_s:
            heapq.heappop(timers)
            self._handle(self.stage, ScheduleDue())
            self._deliver()

    def _deliver(self, *, mortal: bool = True) -> None:
        """Hand over the scheduler's mail, and the answers to it, until there is none."""
        while True:
            outbox, self.stage.actor.outbox = self.stage.actor.outbox, []
            for mail in outbox:
                if not mail.path:
                    self.stage.actor._deliver(mail)
            requests = [mail.message for mail in outbox if mail.path == paths.TASKS]
            if not requests:
                return
            for request in requests:
                answer = self._submit(request, mortal)
                self._perhaps_die(mortal)  # tasks has it, and its answer is lost
                self._handle(self.stage, answer, mortal=mortal)

    def _submit(self, request: SubmitTask, mortal: bool) -> Any:
        try:
            if self.tasks_are_busy:
                raise Busy("10 tasks are pending, the limit")
            return self._handle(self.queue, request, mortal=mortal)
        except AtlasError as error:
            return RequestFailed(path=paths.TASKS, request=request, error=error.message)

    def _handle(self, stage: Stage, message: Any, *, mortal: bool = True) -> Any:
        """One batch of one message, as StoreActor does it."""
        actor = stage.actor
        self._idle = isinstance(message, ScheduleDue)
        self._perhaps_die(mortal)
        actor.store.begin(durable=False)
        try:
            answer = actor.dispatch(message)
            actor.before_commit()
            self._perhaps_die(mortal)  # nothing of it is on disk
            actor.store.commit()
        except AtlasError:
            actor.store.rollback()
            raise
        actor.on_commit()
        self._perhaps_die(mortal)  # all of it is, and nobody has heard
        if stage is self.queue:
            actor.outbox.clear()
        return answer

    def _perhaps_die(self, mortal: bool) -> None:
        """A look that finds nothing to do is killed seldom, else most kills would be there."""
        outbox = self.stage.actor.outbox
        idle = self._idle and not any(mail.path for mail in outbox)
        if mortal and self.random.random() < self.die * (IDLE_SHARE if idle else 1.0):
            raise Killed

    def tasks(self) -> list[dict[str, Any]]:
        """Every task that there is."""
        return self.queue.actor.store.rows("select id, key, prompt, created_ms from tasks")

    def ticks_of(self, id: str) -> list[int]:
        """The ticks of a schedule that are tasks, by the keys of the tasks."""
        keys = [row["key"].split(":") for row in self.tasks()]
        return sorted(int(tick_ms) for _, schedule, tick_ms in keys if schedule == id)

    def row(self, name: str) -> dict[str, Any]:
        """What the view says of a schedule."""
        store = self.stage.actor.store
        found = store.row("select * from inspect_schedules where name = ?", (name,))
        assert found is not None
        found["next_ms"] = json.loads(found["next_ms"])
        return found

    def close(self) -> None:
        self.stage.stop()
        self.queue.stop()
