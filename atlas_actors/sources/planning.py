"""Has context plan the tiers of a project's files, after a look at those that have changed."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.messages.context import (
    FileMeasure,
    FilesMoved,
    FilesRanked,
    PlanTiers,
    RankFiles,
    TiersPlanned,
)
from atlas_actors.sources import git_says
from atlas_actors.sources.ignore import is_secret
from atlas_actors.sources.measure import look_at
from atlas_actors.sources.project import size_and_time

FILES: Final = 60  # of one answer, unless somebody says otherwise


@attrs.frozen(kw_only=True)
class Wanted:
    """Of which project, for whom, how many files, in how many tokens; `seeds` are at hand."""

    root: Path
    seeds: tuple[str, ...] = ()
    session: str | None = None
    limit: int = FILES
    tokens: int | None = None
    look_s_max: float | None = None  # None: as the room says


@attrs.frozen(kw_only=True)
class Planned:
    """The tiers, and up to which size a file of them is read."""

    tiers: TiersPlanned
    file_bytes_max: int


async def plan_tiers(
    wanted: Wanted,
    ask: Callable[[Any], Awaitable[Any]],
    on_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
) -> Planned:
    """`ask` asks the context room, `on_thread` does what waits on the project's disk.

    What is secret by name or ignored is in no tier. Raises what both raise, and Unavailable.
    """
    root = wanted.root
    asked: dict[str, Any] = {
        "project": str(root),
        "seeds": wanted.seeds,
        "session": wanted.session,
        "limit": wanted.limit,
    }
    ranked: FilesRanked = await ask(RankFiles(**asked))
    moved = await on_thread(lambda: git_says.moves(root, ranked.head))
    if moved is not None:
        await ask(FilesMoved(project=str(root), **attrs.asdict(moved)))
        ranked = await ask(RankFiles(**asked))
    known = {file.path: file.measure for file in ranked.files} | {
        name: None for name in wanted.seeds if name not in {file.path for file in ranked.files}
    }
    settled, stale = await on_thread(lambda: _looked_up(root, known))
    look_s = min(ranked.look_s, wanted.look_s_max or ranked.look_s)
    looks = await look_at(root, stale, bytes_max=ranked.file_bytes_max, timeout_s=look_s)
    measures = (*settled, *(look.measure for look in looks))
    tiers = await ask(PlanTiers(**asked, measures=measures, tokens=wanted.tokens))
    return Planned(tiers=tiers, file_bytes_max=ranked.file_bytes_max)


def _looked_up(
    root: Path, known: dict[str, FileMeasure | None]
) -> tuple[list[FileMeasure], Sequence[str]]:
    """(what is settled by the names alone, which files must be read)."""
    names = [name for name in known if not is_secret(name)]
    ignored = git_says.ignored(root, names)
    settled = [FileMeasure(path=name, state="ignored") for name in known.keys() - set(names)]
    stale = []
    for name in names:
        measure, now = known[name], size_and_time(root, name)
        if name in ignored:
            settled.append(FileMeasure(path=name, state="ignored"))
        elif now is None:
            settled.append(FileMeasure(path=name, state="missing"))
        elif measure is None or (measure.size, measure.mtime_ns) != now:
            stale.append(name)
    return settled, stale
