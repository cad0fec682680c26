"""Where directories that hooks name belong, remembered for some seconds."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
from loguru import logger

from atlas_actors.errors import AtlasError
from atlas_actors.projects import project_of
from atlas_actors.sources.project import root_of

LOOK_S: Final = 0.15
KEPT_S: Final = 5.0
KEPT_MAX: Final = 500
LOOKS_MAX: Final = 8  # threads that a dead disk may hold

OnThread = Callable[[Callable[[], Any]], Awaitable[Any]]


@attrs.frozen(kw_only=True)
class Where:
    """The project that knowledge is kept by, and the root that its files are kept by: in a git
    worktree these differ."""

    project: str
    root: str


class Places:
    """Looks at a directory once, and not again before what was found is old."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Where | None]] = {}
        self._asked: dict[str, anyio.Event] = {}
        self._held: set[str] = set()  # directories that a thread is looking at, however long

    async def of(self, directory: str, on_thread: OnThread) -> Where | None:
        """None: there is no such directory, or it could not be looked at in time."""
        if not directory.startswith("/") or "\0" in directory:
            return None
        known = self._known.get(directory)
        if known is not None and anyio.current_time() - known[0] < KEPT_S:
            return known[1]
        if directory in self._asked:
            with anyio.move_on_after(LOOK_S):
                await self._asked[directory].wait()
        elif directory not in self._held and len(self._held) < LOOKS_MAX:
            await self._ask(directory, on_thread)
        _, found = self._known.get(directory, (0.0, None))
        return found

    async def _ask(self, directory: str, on_thread: OnThread) -> None:
        """Look, and remember what was found; who was too slow may be looked at again later."""
        self._asked[directory] = anyio.Event()
        _, found = self._known.get(directory, (0.0, None))
        try:
            with anyio.move_on_after(LOOK_S):
                found = await on_thread(lambda: self._look(directory))
        except AtlasError as error:
            logger.debug("hook.place_unknown", error=error.message)
        finally:
            if len(self._known) >= KEPT_MAX:
                self._known.clear()
            self._known[directory] = (anyio.current_time(), found)
            self._asked.pop(directory).set()

    def _look(self, directory: str) -> Where | None:
        self._held.add(directory)
        try:
            if not Path(directory).is_dir():
                return None
            return Where(project=project_of(directory), root=str(root_of(Path(directory))))
        except (OSError, ValueError, RuntimeError):  # not ours to read, or links in a circle
            return None
        finally:
            self._held.discard(directory)
