"""What hooks leave to be done once they are answered: the files that were touched, turns' ends."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio
from loguru import logger

from atlas_actors.errors import AtlasError
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.hook_desk import Later, Touched, TurnOver
from atlas_actors.messages import paths
from atlas_actors.messages.client import FileTouch, HookAnswered
from atlas_actors.messages.context import Access, AccessFiles, TurnEnded
from atlas_actors.sources import git_says
from atlas_actors.sources.ignore import is_secret
from atlas_actors.sources.project import name_in

LULL_S: Final = 0.01  # answers go out first, and one look at git does for many files

_Key = tuple[str, str, int]


async def follow(door: Door) -> None:
    """For as long as the gateway lives."""
    afterwards = door.hooks.afterwards
    dropped = 0
    while True:
        await afterwards.some()
        await anyio.sleep(LULL_S)
        if afterwards.dropped > dropped:
            logger.warning("hook.afterwards_dropped", count=afterwards.dropped - dropped)
            dropped = afterwards.dropped
        try:
            await work_off(door, afterwards.take())
        except Exception:  # what is lost here is no reason to close the door
            logger.exception("hook.afterwards_failed")


async def work_off(door: Door, items: Sequence[Later]) -> None:
    """All of these, in their order within each session."""
    touched: dict[_Key, dict[FileTouch, None]] = {}
    for item in items:
        match item:
            case HookAnswered():
                door.tell(paths.SESSIONS, item)
            case Touched():
                key = (item.root, item.session, item.turn)
                touched.setdefault(key, {}).update(dict.fromkeys(item.files))
            case TurnOver():
                for key in [key for key in touched if key[:2] == (item.root, item.session)]:
                    await _access(door, key, tuple(touched.pop(key)))
                fact = TurnEnded(project=item.root, session=item.session)
                door.tell(paths.CONTEXT, fact)
    for key, files in touched.items():
        await _access(door, key, tuple(files))


async def _access(door: Door, key: _Key, files: tuple[FileTouch, ...]) -> None:
    root, session, turn = key
    try:
        accesses = await door.on_client_files(lambda: accesses_of(Path(root), files))
        if accesses:
            order = AccessFiles(
                project=root, session=session, turn=str(turn) if turn else "", accesses=accesses
            )
            await door.call(paths.CONTEXT, order)
    except AtlasError as error:
        logger.info("hook.files_not_kept", files=len(files), error=error.message)


def accesses_of(root: Path, files: Sequence[FileTouch]) -> tuple[Access, ...]:
    """Those files that are the project's, neither ignored nor secret by name."""
    named = [(name_in(root, file.path, root), file.kind) for file in files]
    names = list(dict.fromkeys(name for name, _ in named if name and not is_secret(name)))
    left_out = git_says.ignored(root, names)
    kept = set(names) - left_out
    return tuple(Access(path=name, kind=kind) for name, kind in named if name in kept)
