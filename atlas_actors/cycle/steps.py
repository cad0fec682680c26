"""The eight steps of a cycle, in their order; each asks one part, and says what was done."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
import attrs

from atlas_actors.actor import Place
from atlas_actors.cycle import views
from atlas_actors.cycle.detectors import Detectors
from atlas_actors.cycle.work import StrategyWork
from atlas_actors.errors import AtlasError
from atlas_actors.messages import paths
from atlas_actors.messages.cycle import StepResult
from atlas_actors.messages.handoff import HandoffsReviewed, ReviewHandoffs, StaleHandoff
from atlas_actors.messages.learning import (
    Learned,
    LearnFromWork,
    ReadingTaken,
    TakeReading,
)
from atlas_actors.messages.proposal import LookAtProposals, ProposalsLooked, ProposedWorkEnded
from atlas_actors.messages.schedule import LookAtSchedules, SchedulesLooked
from atlas_actors.messages.supervision import Ping
from atlas_actors.messages.task import LookAtTasks, TasksLooked

# Of a step's time, what detectors are waited for; the rest is for saying what they found.
WAIT_SHARE: Final = 0.8


@attrs.frozen(kw_only=True)
class Done:
    """What a step came to."""

    did: str
    result: StepResult = "ok"


@attrs.frozen(kw_only=True)
class Step:
    """One of the eight; `part` is the address of who does it."""

    number: int
    name: str
    part: str
    run: Callable[[], Awaitable[Done]]


class Desk(Protocol):
    """What of the actor is needed here."""

    place: Place

    async def call(self, path: str, message: Any, timeout_s: float) -> Any: ...


class Steps:
    """Routing and execution are driven by events: here they are only looked at."""

    def __init__(self, desk: Desk, state: Path, step_s: float, detectors: Detectors) -> None:
        self._desk = desk
        self._state = state
        self._step_s = step_s
        self._detectors = detectors
        self._work = StrategyWork(desk, state, step_s, detectors)
        self._stale: Sequence[StaleHandoff] | None = None
        self._outcomes_since_ms = desk.place.clock.now_ms()

    def all(self) -> tuple[Step, ...]:
        """In the order of the cycle."""
        order = (
            ("handoffs", paths.HANDOFFS, self._handoffs),
            ("generated", paths.PROPOSALS, self._generated),
            ("schedules", paths.SCHEDULER, self._schedules),
            ("tasks", paths.TASKS, self._tasks),
            ("route", paths.ROUTER, self._route),
            ("execute", paths.ORCHESTRATOR, self._execute),
            ("outcomes", paths.OUTCOMES, self._outcomes),
            ("learnings", paths.MEMORY, self._learnings),
        )
        return tuple(
            Step(number=number, name=name, part=part, run=run)
            for number, (name, part, run) in enumerate(order, 1)
        )

    async def _handoffs(self) -> Done:
        self._stale = None
        reviewed: HandoffsReviewed = await self._ask(paths.HANDOFFS, ReviewHandoffs())
        self._stale = reviewed.stale
        return Done(
            did=f"{reviewed.open} open, {len(reviewed.stale)} stale, {reviewed.expired} expired"
        )

    async def _generated(self) -> Done:
        """A detector that takes longer than this step goes on, and proposes when it is over."""
        looked: ProposalsLooked = await self._ask(paths.PROPOSALS, LookAtProposals())
        ended = await self._read(views.ended, looked.awaited)
        if ended:
            await self._ask(paths.PROPOSALS, ProposedWorkEnded(tasks=ended))
        older = self._detectors.running()
        begun = self._detectors.begin(self._desk.place.clock.monotonic_s(), self._stale)
        of_strategies, works = await self._strategy_work()
        with anyio.move_on_after(self._step_s * WAIT_SHARE):
            for finding in begun.values():
                await finding.over.wait()
        after: ProposalsLooked = await self._ask(paths.PROPOSALS, LookAtProposals())
        found = [f"{name}: {finding.said}" for name, finding in begun.items()]
        found += [f"{name}: still running" for name in older]
        result: StepResult = "ok" if works else "degraded"
        if any(finding.failed for finding in begun.values()):
            result = "degraded"
        elif not all(finding.over.is_set() for finding in begun.values()):
            result = "late"
        open_ones = (
            f"{after.proposed} proposed, {after.approved} approved, {after.submitted} submitted"
        )
        off = "" if self._detectors.names else "no detector is switched on"
        expired = f"{looked.expired} expired" if looked.expired else ""
        return Done(did=views.joined(*found, of_strategies, off, open_ones, expired), result=result)

    async def _strategy_work(self) -> tuple[str, bool]:
        """What strategies have found; (what came of it, whether that worked)."""
        try:
            said = await self._work.look()
        except AtlasError as error:  # the rest of this step goes on without them
            return f"strategies: {error.message}", False
        return f"strategies: {said}" if said else "", True

    async def _schedules(self) -> Done:
        looked: SchedulesLooked = await self._ask(paths.SCHEDULER, LookAtSchedules())
        return Done(did=f"{views.plural(looked.ticks, 'task')} due" if looked.ticks else "none due")

    async def _tasks(self) -> Done:
        looked: TasksLooked = await self._ask(paths.TASKS, LookAtTasks())
        return Done(
            did=f"{looked.pending} pending, {looked.in_progress} in progress; this look offered"
            f" {looked.offered}, started {looked.started}, expired {looked.expired}"
        )

    async def _route(self) -> Done:
        await self._ask(paths.ROUTER, Ping())
        return Done(did=await self._read(views.waiting, self._desk.place.clock.now_ms()))

    async def _execute(self) -> Done:
        await self._ask(paths.ORCHESTRATOR, Ping())
        return Done(did=await self._read(views.running))

    async def _outcomes(self) -> Done:
        await self._ask(paths.OUTCOMES, Ping())
        now_ms = self._desk.place.clock.now_ms()
        said = await self._read(views.outcomes_since, self._outcomes_since_ms)
        self._outcomes_since_ms = now_ms
        return Done(did=said)

    async def _learnings(self) -> Done:
        """Each piece of ended work is learned from once, however often it is given."""
        await self._ask(paths.MEMORY, Ping())
        now_ms = self._desk.place.clock.now_ms()
        ended, until_ms = await self._read(views.work_to_learn_from, now_ms)
        order = LearnFromWork(ended=ended, until_ms=until_ms)
        learned: Learned = await self._ask(paths.MEMORY, order)
        new = sum(lesson.result == "created" for lesson in learned.lessons)
        taken = await self._take_readings(now_ms)
        from_work = f"{views.plural(new, 'learning')} from work that has ended"
        return Done(did=views.joined(from_work, taken))

    async def _take_readings(self, now_ms: int) -> str:
        """What models have read for memory is taken over once their tasks have ended."""
        read, lessons, facts = 0, 0, 0
        for key, answer in await self._read(views.readings_ended, now_ms):
            order = TakeReading(key=key, answer=answer)
            taken: ReadingTaken = await self._ask(paths.MEMORY, order)
            read += 1
            lessons += taken.lessons
            facts += taken.entities + taken.relations
        if not read:
            return ""
        of = f"{views.plural(lessons, 'learning')}, {facts} of the graph"
        return f"{of} from {views.plural(read, 'reading')}"

    async def _ask(self, path: str, message: Any) -> Any:
        return await self._desk.call(path, message, self._step_s)

    async def _read(self, view: Callable[..., Any], *arguments: Any) -> Any:
        """view(state directory, *arguments), on a thread."""
        return await anyio.to_thread.run_sync(
            lambda: view(self._state, *arguments), abandon_on_cancel=True
        )
