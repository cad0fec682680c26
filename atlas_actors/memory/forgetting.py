"""Deletes memories from every level, a bounded number at a time; the proof is another step."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from loguru import logger

from atlas_actors.errors import AtlasError, Unavailable, UsageError
from atlas_actors.memory import intake, proof, records
from atlas_actors.memory.graph.names import named_in
from atlas_actors.memory.learning import records as learning
from atlas_actors.memory.levels import Levels
from atlas_actors.memory.proof import Needles, Proof
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
    proof: Proof | None = None

    def answer(self) -> None:
        """Tell who waits what was deleted, and the proof."""
        if self.reply is not None:
            self.reply.set(
                MemoriesForgotten(
                    ids=tuple(self.ids),
                    entities=self.entities,
                    files_searched=self.proof.files if self.proof else (),
                    found_again=self.proof.found_again if self.proof else 0,
                    found_in=self.proof.found_in if self.proof else (),
                    cache_cleared=self.cache_cleared,
                )
            )

    def fail(self, error: AtlasError) -> None:
        """Tell who waits why there is no answer."""
        if self.reply is not None:
            self.reply.set_exception(error)


class Forgetting:
    """All that is being forgotten. `tell` is called on a thread when files have been searched."""

    def __init__(
        self,
        store: Store,
        levels: Levels,
        database: Path,
        logs: Path | None,
        tell: Callable[[Job], None],
    ) -> None:
        self._store = store
        self._levels = levels
        self._database = database
        self._logs = logs
        self._tell = tell
        self._jobs: list[Job] = []  # not yet deleted, or deleted in the transaction in hand

    def begin(self, order: ForgetMemories, reply: Any) -> bool:
        """Take the first step; whether there are more. Raises UsageError."""
        job = Job(order=checked(order), reply=reply)
        step(self._store, self._levels, job)
        self._jobs.append(job)
        return not job.deleted

    def go_on(self) -> bool:
        """Take the next step of each; whether there are more."""
        for job in self._jobs:
            if not job.deleted:
                step(self._store, self._levels, job)
        return not all(job.deleted for job in self._jobs)

    def resume(self) -> None:
        """Clean the files of what was deleted by a life that did not come to it."""
        self._jobs.append(Job(order=ForgetMemories(), reply=None, deleted=True, anew=True))

    def clean(self) -> None:
        """Between two transactions: clean the files of what was deleted, and have a thread search
        them, which takes as long as reading them."""
        done = [job for job in self._jobs if job.deleted]
        if not done:
            return
        self._jobs = [job for job in self._jobs if not job.deleted]
        changed = [job for job in done if not job.order.dry_run]
        for job in done:
            if job.order.dry_run:
                job.answer()
        if not changed:
            return
        self._store.fold(anew=any(job.anew for job in changed))
        cleared = self._levels.cache.clear()
        intake.forget_words()
        for job in changed:
            job.cache_cleared = cleared is not False
            threading.Thread(
                target=self._search_files, args=(job,), name="memory-proof", daemon=True
            ).start()

    def _search_files(self, job: Job) -> None:
        """On a thread of its own."""
        try:
            job.proof = proof.search(self._database, self._logs, job.needles)
        except (OSError, Unavailable) as error:
            job.fail(Unavailable(f"it is forgotten, but that is not proven: {error}"))
            return
        self._tell(job)

    def prove(self, job: Job) -> None:
        """Answer with the proof; what our own files still have is in free space, so that goes
        first. A copy that was set aside is the user's: it is named."""
        found = job.proof
        assert found is not None
        if found.live and not job.anew:
            job.anew = True
            for index in records.text_indexes(self._store):
                records.rewrite_index(self._store, index)
            self._jobs.append(job)
            return
        if found.found_again:
            logger.error("memory.found_again", count=found.found_again, files=found.found_in)
        if not found.live:
            records.set_upkeep(self._store, scrub=0)
        logger.info("memory.forgotten", count=len(job.ids), anew=job.anew)
        job.answer()

    def give_up(self) -> None:
        """The disk refused: nothing of the transaction in hand was forgotten."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job.fail(Unavailable("the disk refused: not all of it was forgotten", part="memory"))


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
    rows, job.after, more = _next(store, levels, order, job.after)
    job.ids += [row["id"] for row in rows]
    if not order.dry_run:
        for row in rows:
            job.needles.add(row["text"], row["rationale"], row["source"], row["speaker"])
            job.needles.add(*json.loads(row["alternatives"]), *json.loads(row["tags"]))
        job.entities += delete(store, levels, rows)
    if not more:
        job.deleted = True
        if not order.dry_run:
            _beside_memories(store, levels, job)
    if not order.dry_run and (rows or job.deleted):
        # From the first step on: who dies between two leaves texts in the WAL.
        records.set_upkeep(store, scrub=1)
        records.bump(store)


def _beside_memories(store: Store, levels: Levels, job: Job) -> None:
    """Delete what fits the order and is no memory: of the graph, of sources, of sessions' rests."""
    order = job.order
    if order.ids:
        return
    if order.entity is not None and order.match is None and order.session is None:
        names = levels.graph.names_of(order.entity, order.project)
        job.entities += levels.graph.forget_entity(order.entity, order.project)
        job.needles.add(order.entity, *names)
    if order.session is not None and (order.match, order.entity) == (None, None):
        records.forget_sources(store, order.session, order.project)
        learning.drop_rests(store, [order.session])
    if order.match is not None and order.entity is None:
        records.forget_matching_sources(store, order.match, order.session, order.project)
        learning.drop_matching_rests(store, order.match)
        if order.session is None:
            gone = levels.graph.forget_matching(order.match, order.project)
            job.entities += gone.entities
            job.needles.add(*gone.texts)


def delete(store: Store, levels: Levels, rows: Sequence[Row]) -> int:
    """Delete rows from the tables and every index; how many entities went with them."""
    if not rows:
        return 0
    numbers = [row["number"] for row in rows]
    levels.search.forget(numbers)
    entities = levels.graph.forget(numbers)
    _drop_alternatives(store, levels, rows)
    learning.drop_rests(store, {row["session"] for row in rows} - {""})
    records.delete(store, numbers)
    return entities


def _drop_alternatives(store: Store, levels: Levels, rows: Sequence[Row]) -> None:
    """Take deleted texts out of the decisions that were made against them."""
    gone, projects = {row["text"] for row in rows}, {row["project"] for row in rows}
    deleted = {row["number"] for row in rows}
    for decision in records.with_alternatives(store, projects):
        said = json.loads(decision["alternatives"])
        kept = tuple(text for text in said if text not in gone)
        number = decision["number"]
        if len(kept) == len(said) or number in deleted:
            continue
        records.set_alternatives(store, number, kept)
        levels.search.forget([number])
        levels.search.note(number)
        levels.graph.forget([number])
        item = attrs.evolve(records.item_of(decision), alternatives=kept)
        levels.graph.note(number, item, decision["trust"], decision["at_ms"])


def _next(
    store: Store, levels: Levels, order: ForgetMemories, after: int
) -> tuple[list[Row], int, bool]:
    """(those of the next rows that fit, the last number looked at, whether there are more)."""
    names: list[str] = []
    if order.entity is not None:
        names = levels.graph.names_of(order.entity, order.project)
        if not names:
            return [], after, False
    rows = records.after(
        store, after, STEP_ROWS, ids=order.ids, project=order.project, session=order.session
    )
    more = len(rows) == STEP_ROWS
    last = rows[-1]["number"] if rows else after
    if order.match is not None:
        sought = order.match.casefold()
        rows = [row for row in rows if any(sought in text.casefold() for text in _texts(row))]
    if names:
        assert order.entity is not None
        linked = set(levels.graph.memories_of(order.entity, order.project))
        names_it = named_in(names)
        rows = [row for row in rows if row["number"] in linked or any(map(names_it, _texts(row)))]
    return rows, last, more


def _texts(row: Row) -> list[str]:
    """All that a memory says, and of what."""
    texts = [row["text"], row["rationale"], row["source"], row["speaker"]]
    return [*texts, *json.loads(row["alternatives"]), *json.loads(row["tags"])]
