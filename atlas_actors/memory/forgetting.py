"""Deletes memories from every level, a bounded number at a time; the proof is another step."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.errors import AtlasError, Unavailable, UsageError
from atlas_actors.memory import proof, records
from atlas_actors.memory.levels import Levels
from atlas_actors.memory.proof import Needles
from atlas_actors.messages.memory import ForgetMemories, MemoriesForgotten
from atlas_actors.store import Row, Store

STEP_ROWS: Final = 2_000


@attrs.define
class Job:
    """A forgetting under way."""

    order: ForgetMemories
    reply: Any  # of who waits for the proof; None: nobody
    after: int = 0  # rows up to this number have been looked at
    ids: list[str] = attrs.field(factory=list)
    entities: int = 0
    needles: Needles = attrs.field(factory=Needles)
    deleted: bool = False  # all of it, in the transaction in hand or before
    anew: bool = False  # the whole file is written anew for it
    cache_cleared: bool = False
    files: tuple[str, ...] = ()  # that were searched
    found_again: int = 0

    def answer(self) -> None:
        """Tell who waits what was deleted, and the proof."""
        if self.reply is not None:
            self.reply.set(
                MemoriesForgotten(
                    ids=tuple(self.ids),
                    entities=self.entities,
                    files_searched=self.files,
                    found_again=self.found_again,
                    cache_cleared=self.cache_cleared,
                )
            )

    def fail(self, error: AtlasError) -> None:
        """Tell who waits why there is no answer."""
        if self.reply is not None:
            self.reply.set_exception(error)


def checked(order: ForgetMemories) -> ForgetMemories:
    """The order when it names what to delete. Raises UsageError."""
    if order.match is not None and not order.match.strip():
        raise UsageError("an empty text is in every memory", cure="name a text, or a project")
    named = (order.match, order.project, order.session, order.entity)
    if not order.ids and all(filter is None for filter in named):
        raise UsageError(
            "nothing says what to forget", cure="name ids, match, project, session or entity"
        )
    return order


def step(store: Store, levels: Levels, job: Job) -> None:
    """Delete (or with dry_run only find) the next ones, and note whether those were the last."""
    order = job.order
    rows, job.after, more = _next(store, order, job.after)
    job.ids += [row["id"] for row in rows]
    if not order.dry_run:
        for row in rows:
            job.needles.add(row["text"], row["rationale"], *json.loads(row["alternatives"]))
        job.entities += delete(store, levels, rows)
    if more:
        return
    job.deleted = True
    if order.dry_run:
        return
    if order.entity is not None:
        job.entities += levels.graph.forget_entity(order.entity, order.project)
        job.needles.add(order.entity)
    if order.session is not None and order.match is None and not order.ids:
        records.forget_sources(store, order.session, order.project)
    records.set_upkeep(store, scrub=1)
    records.bump(store)


def delete(store: Store, levels: Levels, rows: Sequence[Row]) -> int:
    """Delete rows from the tables and every index; how many entities went with them."""
    if not rows:
        return 0
    numbers = [row["number"] for row in rows]
    levels.search.forget(numbers)
    entities = levels.graph.forget(numbers)
    texts = {row["text"] for row in rows}
    for id, alternatives in records.with_alternatives(store, {row["project"] for row in rows}):
        kept = [text for text in json.loads(alternatives) if text not in texts]
        records.set_alternatives(store, id, kept)
    records.delete(store, numbers)
    return entities


def _next(store: Store, order: ForgetMemories, after: int) -> tuple[list[Row], int, bool]:
    """(those of the next rows that fit, the last number looked at, whether there are more)."""
    if not order.ids and (order.match, order.project, order.session) == (None, None, None):
        return [], after, False  # an entity only
    rows = records.after(
        store, after, STEP_ROWS, ids=order.ids, project=order.project, session=order.session
    )
    more = len(rows) == STEP_ROWS
    last = rows[-1]["number"] if rows else after
    if order.match is not None:
        sought = order.match.casefold()
        rows = [row for row in rows if _has(row, sought)]
    return rows, last, more


def _has(row: Row, sought: str) -> bool:
    texts = [row["text"], row["rationale"], row["source"], row["speaker"]]
    texts += json.loads(row["alternatives"]) + json.loads(row["tags"])
    return any(sought in text.casefold() for text in texts)


def search_files(job: Job, database: Path, logs: Path | None, tell: Callable[[Job], None]) -> None:
    """Search the files for what was deleted; on a thread of its own."""
    try:
        job.files, job.found_again = proof.search(database, logs, job.needles)
    except (OSError, Unavailable) as error:
        job.fail(Unavailable(f"it is forgotten, and could not be proven: {error}", part="memory"))
        return
    tell(job)
