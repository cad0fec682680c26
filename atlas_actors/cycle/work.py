"""Takes what strategies have found to proposals, and their questions to a model and back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import anyio
from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.clock import local_day
from atlas_actors.cycle import generated, views
from atlas_actors.cycle.detectors import Detectors, Tally
from atlas_actors.errors import UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.proposal import SubjectSettled
from atlas_actors.messages.strategy import (
    LookForWork,
    ReflectionWanted,
    Step,
    TakeReflection,
    WorkFound,
    WorkProposed,
)


class Desk(Protocol):
    """What of the actor is needed here."""

    place: Place

    async def call(self, path: str, message: Any, timeout_s: float) -> Any: ...


class StrategyWork:
    """One look a cycle; what is not said to be done is found again with the next."""

    def __init__(self, desk: Desk, state: Path, step_s: float, detectors: Detectors) -> None:
        self._desk = desk
        self._state = state
        self._step_s = step_s
        self._detectors = detectors
        self._full_on = ""  # the local day on which no other proposal is made

    async def look(self) -> str:
        """What came of it; nothing to say is empty. Raises AtlasError."""
        if self._desk.place.directory.find(paths.STRATEGIES) is None:
            return ""
        found: WorkFound = await self._ask(paths.STRATEGIES, LookForWork())
        said = await self._propose(found)
        if not found.reflections:
            return said
        taken = await self._take()
        asked = 0
        for wanted in found.reflections:
            asked += await self._submit(wanted)
        of = f"{views.plural(asked, 'reflection')} under way" if asked else ""
        return views.joined(said, of, taken)

    async def _propose(self, found: WorkFound) -> str:
        """What a full day has no room for comes again tomorrow."""
        today = local_day(self._desk.place.clock.now_ms())
        proposals = () if self._full_on == today else found.proposals
        ids = [one.retry_task for one in proposals if one.retry_task is not None]
        tasks = await self._read(views.tasks_with_attempts, ids)
        tally, done = Tally(), []
        for proposal in proposals:
            whole = generated.with_task(proposal, tasks.get(proposal.retry_task))
            if whole is not None:
                await self._detectors.propose_all([whole], tally)
                if tally.full:
                    self._full_on = today
                    break
            done.append(proposal.fingerprint)
        for subject in found.settled:
            await self._ask(paths.PROPOSALS, SubjectSettled(subject=subject))
        if done or found.settled:
            order = WorkProposed(fingerprints=tuple(done), settled=found.settled)
            await self._ask(paths.STRATEGIES, order)
        waiting = len(found.proposals) - len(done)
        return _said(tally, len(found.settled), waiting)

    async def _submit(self, wanted: ReflectionWanted) -> int:
        """The same key gives the same task, however often it is submitted."""
        tasks = await self._read(views.tasks_with_attempts, wanted.tasks)
        order = generated.order_of(wanted, [tasks[id] for id in wanted.tasks if id in tasks])
        if order is None:
            await self._hand_over(wanted.key, None)
            return 0
        clean = await anyio.to_thread.run_sync(self._detectors.redacted_order, order)
        try:
            await self._ask(paths.TASKS, clean)
        except UsageError as error:  # it never will be taken
            logger.warning("reflection.refused", key=wanted.key, error=error.message)
            await self._hand_over(wanted.key, None)
            return 0
        return 1

    async def _take(self) -> str:
        """What models have answered is taken over once their tasks have ended."""
        now_ms = self._desk.place.clock.now_ms()
        steps = [
            await self._hand_over(key, answer)
            for key, answer in await self._read(views.reflections_ended, now_ms)
        ]
        return views.joined(
            *(f"reflection on {step.intent}: {step.what}, {step.why}" for step in steps)
        )

    async def _hand_over(self, key: str, answer: str | None) -> Step:
        step: Step = await self._ask(paths.STRATEGIES, TakeReflection(key=key, answer=answer))
        logger.info("reflection.taken", key=key, what=step.what)
        return step

    async def _ask(self, path: str, message: Any) -> Any:
        return await self._desk.call(path, message, self._step_s)

    async def _read(self, view: Callable[..., Any], *arguments: Any) -> Any:
        return await anyio.to_thread.run_sync(
            lambda: view(self._state, *arguments), abandon_on_cancel=True
        )


def _said(tally: Tally, settled: int, waiting: int) -> str:
    made = f"{tally.made} proposed" if tally.made else ""
    known = f"{tally.known} known already" if tally.known and not tally.full else ""
    back = f"{settled} taken back" if settled else ""
    later = f"{waiting} or more wait for tomorrow" if waiting else ""
    why = tally.why if tally.full else ""
    return views.joined(made, known, why, later, tally.refusals(), back)
