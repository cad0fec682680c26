"""The directories of the attempts in flight: made or kept before, collected and tidied up after."""

from collections.abc import Callable, Collection
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
import attrs
from loguru import logger

from atlas_actors.errors import AtlasError
from atlas_actors.messages.execution import RunAttempt
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.messages.workspace import Workspace
from atlas_actors.workspace.workspace import collect, discard, is_left, prepare

Key = tuple[str, int]


@attrs.frozen(kw_only=True)
class Site:
    """Where an attempt works, and what of the handoff is still true there."""

    folder: str | None  # None: a question of text alone
    workspace: Workspace | None = None
    handoff: Checkpoint | None = None


class Workspaces:
    """Git and copying wait on the disk, so they run on threads; what has begun is let end: half a
    workspace is not left behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Key, Workspace] = {}
        self._locks: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()

    async def prepare(self, order: RunAttempt) -> Site:
        """The directory of an attempt; one that goes on with an interrupted one gets it as it was
        left. Raises AtlasError or OSError."""
        started, cwd = order.started, order.started.request.cwd
        if not order.writes or cwd is None:
            return Site(folder=cwd, handoff=order.handoff)
        async with self._lock_of(started.task_id):
            site = await anyio.to_thread.run_sync(self._prepare, order, cwd)
        if site.workspace is not None:
            self._made[started.task_id, started.attempt] = site.workspace
        return site

    def _prepare(self, order: RunAttempt, cwd: str) -> Site:
        task_id, in_place = order.started.task_id, order.started.request.in_place
        keep = order.handoff is not None and (in_place or is_left(self._folder, task_id, cwd))
        made = prepare(self._folder, task_id, cwd, in_place=in_place, keep=keep)
        handoff = order.handoff if keep else _without(order.handoff, made.cwd)
        return Site(folder=made.cwd, workspace=made, handoff=handoff)

    async def collect(self, workspace: Workspace) -> Workspace:
        """What came of the work. Raises AtlasError or OSError."""
        return await self._on_thread(lambda: collect(workspace))

    async def clean_up(self, key: Key, *, unwanted: bool, in_flight: Collection[Key]) -> None:
        """What a cancelled attempt has left in the person's repository."""
        workspace = self._made.pop(key, None)
        if workspace is None or not unwanted or workspace.kind == "in_place":
            return
        async with self._lock_of(key[0]):
            if any(task_id == key[0] for task_id, _ in in_flight):
                return  # it was tried again meanwhile, and works in there
            try:
                await self._on_thread(lambda: discard(workspace))
            except (AtlasError, OSError) as error:
                logger.warning("workspace.not_discarded", task_id=key[0], error=str(error))

    def _lock_of(self, task_id: str) -> anyio.Lock:
        """Making and discarding a task's workspace do not overlap."""
        return self._locks.setdefault(task_id, anyio.Lock())

    async def _on_thread(self, work: Callable[[], Workspace]) -> Workspace:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=False)


def _without(handoff: Checkpoint | None, folder: str) -> Checkpoint | None:
    """A directory that was made anew has nothing of what was done in the one before it; what was
    done elsewhere, as in a person's session, is still true."""
    if handoff is None or any(session.folder == folder for session in handoff.sessions):
        return None
    return handoff
