"""Runs the cycle: a look at every part in a fixed order, one cycle at a time.

The daemon is driven by events; this is the safety net that looks for what an event has missed,
and the person's way to see what each part has to do.
"""

from collections.abc import Mapping
from typing import Any, Final

import anyio
from loguru import logger

from atlas_actors.actor import LATER, Place
from atlas_actors.async_actor import AsyncActor
from atlas_actors.config import Home
from atlas_actors.cycle.detectors import Detectors
from atlas_actors.cycle.steps import Done, Step, Steps
from atlas_actors.errors import AtlasError, DeadlinePassed, NotFound, Unavailable
from atlas_actors.mailbox import Reply
from atlas_actors.messages import paths
from atlas_actors.messages.cycle import CycleDue, CycleEnded, RunCycle, StepEnded
from atlas_actors.orphans import end_orphans
from atlas_actors.redaction import Redactor
from atlas_actors.settings import CheckSettings, CycleSettings, DetectorSettings

Inbox = RunCycle | CycleDue
FIRST_S: Final = 5.0  # the parts have much to do when the daemon has just begun


class Cycle(AsyncActor):
    """Has no database: what it knows is what the parts say."""

    inbox = Inbox

    def __init__(
        self,
        place: Place,
        *,
        home: Home,
        settings: CycleSettings,
        detectors: DetectorSettings,
        checks: Mapping[str, CheckSettings],
        redactor: Redactor | None = None,
        first_s: float = FIRST_S,
    ) -> None:
        super().__init__(place)
        self._settings = settings
        self._first_s = first_s
        self._detectors = Detectors(self, home, detectors, checks, redactor or Redactor())
        self._steps = Steps(self, home.state, settings.step_s, self._detectors)
        self._waiting: list[Reply] = []
        self._runs = False

    async def on_start_async(self) -> None:
        """End what an older life has left running; the first cycle comes soon."""
        ended = await anyio.to_thread.run_sync(end_orphans, self._detectors.scratch)
        if ended:
            logger.warning("cycle.orphans_ended", count=ended)
        self.after(self._first_s, CycleDue())

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case RunCycle():
                if self.reply_to is not None:
                    self._waiting.append(self.reply_to)
                self._begin()
                return LATER
            case CycleDue():
                self._begin()
                self.after(self._settings.interval_s, CycleDue())
                return None

    def _begin(self) -> None:
        """Never two at once: who comes while one runs gets its result."""
        if not self._runs:
            self._runs = True
            self.spawn(self._run_cycle)

    async def _run_cycle(self) -> None:
        clock = self.place.clock
        started_ms, started_s = clock.now_ms(), clock.monotonic_s()
        ended: CycleEnded | None = None
        try:
            steps = [await self._step(step) for step in self._steps.all()]
            ended = CycleEnded(
                started_at_ms=started_ms, took_ms=self._since_ms(started_s), steps=tuple(steps)
            )
        finally:
            self._runs = False
            self._answer(ended)
        self.tell(paths.GATEWAY, ended)
        self._flush()
        odd = any(step.result in ("late", "degraded") for step in ended.steps)
        logger.log(
            "INFO" if odd else "DEBUG",  # one a minute that found nothing odd is no news
            "cycle.ended",
            took_ms=ended.took_ms,
            results=",".join(f"{step.name}={step.result}" for step in ended.steps),
        )

    async def _step(self, step: Step) -> StepEnded:
        """One step within its time; whatever its part says, the next goes on."""
        started_s = self.place.clock.monotonic_s()
        done = Done(did=f"not done in {self._settings.step_s:g} s", result="late")
        try:
            with anyio.move_on_after(self._settings.step_s):
                done = await step.run()
        except DeadlinePassed as error:
            done = Done(did=error.message, result="late")
        except (Unavailable, NotFound) as error:
            absent = isinstance(error, NotFound) or self._is_absent(step.part)
            done = Done(did=error.message, result="absent" if absent else "degraded")
        except AtlasError as error:
            done = Done(did=error.message, result="degraded")
        self._flush()
        return StepEnded(
            number=step.number,
            name=step.name,
            part=step.part,
            result=done.result,
            did=done.did,
            took_ms=self._since_ms(started_s),
        )

    def _is_absent(self, path: str) -> bool:
        cell = self.place.directory.find(path)
        return cell is None or cell.state == "absent"

    def _answer(self, ended: CycleEnded | None) -> None:
        waiting, self._waiting = self._waiting, []
        if self.place.fence.down:
            return
        for reply in waiting:
            if ended is not None:
                reply.set(ended)
            else:
                why = Unavailable("the cycle was ended before it was over", part=self.path)
                reply.set_exception(why)

    def _since_ms(self, started_s: float) -> int:
        return round((self.place.clock.monotonic_s() - started_s) * 1000)
