"""Tells how far a run has come: at once when its session is known, then every CHECKPOINT_S if
something has changed, and when it ends without an answer."""

from functools import partial
from typing import Final

import anyio

from atlas_actors.executor.handoff import checkpoint_of
from atlas_actors.executor.keys import hide
from atlas_actors.executor.work import Work
from atlas_actors.messages.handoff import Session
from atlas_actors.providers.cli import Job, RunReader

CHECKPOINT_S: Final = 2.0


class Checkpoints:
    """Of one run; none for a question of text alone, which is asked anew."""

    def __init__(self, work: Work, job: Job, reader: RunReader, provider: str) -> None:
        self._work = work
        self._job = job
        self._reader = reader
        self._provider = provider
        self._told: tuple[str, int] = ("", 0)

    def on_line(self) -> None:
        """A line was read."""
        if self._reader.session and not self._told[0]:
            self._tell()

    async def keep_telling(self) -> None:
        """As long as the run lasts."""
        while True:
            await anyio.sleep(CHECKPOINT_S)
            self.tell_if_changed()

    def tell_if_changed(self) -> None:
        """What is new since the last time."""
        if self._state() != self._told:
            self._tell()

    def _state(self) -> tuple[str, int]:
        return self._reader.session, self._reader.trail.changes

    def _tell(self) -> None:
        work, job, id = self._work, self._job, self._reader.session
        self._told = self._state()
        if work.on_checkpoint is None or work.folder is None:
            return
        id = id or (job.session if job.resumes else "")
        session = Session(provider=self._provider, id=id, folder=job.folder)
        work.on_checkpoint(
            checkpoint_of(
                self._reader.trail,
                work.handoff,
                session=session if job.keeps and id else None,
                provider=self._provider,
                hide=partial(hide, key=job.key),
            )
        )
