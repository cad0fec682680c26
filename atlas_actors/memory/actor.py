"""Remembers: takes in what is learned, decided and said, and finds it again.

Recall goes L1 (cache) -> L2 (search over the rows) -> L3 (the graph gives search more candidates).
"""

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
from loguru import logger

from atlas_actors.actor import LATER, Place
from atlas_actors.clock import Ids
from atlas_actors.errors import AtlasError, Conflict, NotFound
from atlas_actors.memory import cache_entries, forgetting, recalling, records
from atlas_actors.memory.forgetting import Forgetting, Job
from atlas_actors.memory.hits import Hit
from atlas_actors.memory.learning.learning import Learning
from atlas_actors.memory.learning.readings import Readings
from atlas_actors.memory.levels import Levels, open_levels
from atlas_actors.memory.storing import Storing
from atlas_actors.memory.trust import PERSON
from atlas_actors.messages import paths
from atlas_actors.messages.graph import ShowGraph
from atlas_actors.messages.learning import (
    LearnFromTranscript,
    LearnFromTurns,
    LearnFromWork,
    NoteReading,
    ReadingTaken,
    TakeReading,
)
from atlas_actors.messages.memory import (
    TRUST,
    DecideMemory,
    ForgetMemories,
    Level,
    MemoriesStored,
    MemoryStats,
    MemoryStatsWanted,
    NewMemory,
    Origin,
    RateMemories,
    Recall,
    Recalled,
    Stored,
    StoreMemories,
)
from atlas_actors.settings import MemorySettings
from atlas_actors.store_actor import StoreActor


@attrs.frozen(kw_only=True)
class ForgetOn:
    """What we tell ourselves while a forgetting has more rows to look at."""


@attrs.frozen(kw_only=True)
class FilesSearched:
    """What the thread that searches the files for deleted texts tells us."""

    job: Job


@attrs.frozen(kw_only=True)
class IndexDue:
    """What we tell ourselves while there is something to index or to embed."""


@attrs.frozen(kw_only=True)
class UsesDue:
    """What we tell ourselves when uses are to be written down."""


Inbox = (
    StoreMemories
    | Recall
    | ForgetMemories
    | RateMemories
    | DecideMemory
    | MemoryStatsWanted
    | ShowGraph
    | LearnFromTranscript
    | LearnFromTurns
    | LearnFromWork
    | NoteReading
    | TakeReading
    | ForgetOn
    | FilesSearched
    | IndexDue
    | UsesDue
)
# Of what can wait, a step at a time, so that a recall waits for little.
INDEX_ROWS: Final = 100
EMBED_ROWS: Final = 64
IDLE_S: Final = 0.05
USES_S: Final = 30.0
PRUNE_ROWS: Final = 500


class Memory(StoreActor):
    """Owns memory.db and what is built over it."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset(
        {
            StoreMemories,
            ForgetMemories,
            DecideMemory,
            LearnFromTranscript,
            LearnFromTurns,
            LearnFromWork,
            NoteReading,
            TakeReading,
        }
    )
    committed_point = "memory.committed"

    def __init__(
        self,
        place: Place,
        *,
        database: Path,
        settings: MemorySettings,
        logs: Path | None = None,
    ) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._logs = logs
        self._ids = Ids(place.clock)
        self._levels: Levels
        self._storing: Storing
        self._learning: Learning
        self._readings: Readings
        self._ranking = cache_entries.ranking_of(settings)
        self._forgetting: Forgetting
        self._uses: Counter[int] = Counter()
        self._uses_are_due = False
        self._index_is_due = False
        self._trouble: tuple[str, str] | None = None

    def on_start(self) -> None:
        """Open the levels; what a rescued file lacks in its indexes is built anew."""
        store_id, _ = records.generation(self.store)
        self._levels = open_levels(self.store, self._settings, store_id)
        self._storing = Storing(self.store, self._levels, self._ids, self._settings.per_session_max)
        self._learning = Learning(self.store, self._learn, self._settings.per_session_max)
        self._readings = Readings(self.store, self._levels.graph, self._learning)
        for index in records.text_indexes(self.store):
            records.delete_securely(self.store, index)
        upkeep = records.upkeep(self.store)
        if upkeep["indexed"] is None and not records.numbers_after(self.store, 0, 1):
            records.set_upkeep(self.store, indexed=store_id)
        elif upkeep["indexed"] != store_id:  # rows out of a damaged file are in a new one
            logger.warning("memory.indexes_built_anew", path=self.path)
        self._forgetting = Forgetting(
            self.store, self._levels, self.database, self._logs, self._on_searched
        )
        if upkeep["scrub"]:  # we died between a deletion and its proof
            self._forgetting.resume()
            self.after(0.0, ForgetOn())
        self._index_soon()

    def on_stop(self) -> None:
        """Write down what was used."""
        self._write_uses()

    def tear_down(self) -> None:
        """Let go of the cache's server, too."""
        try:
            if hasattr(self, "_levels"):
                self._levels.cache.close()
        finally:
            super().tear_down()

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case StoreMemories():
                return self._on_store(message)
            case Recall():
                return self._on_recall(message)
            case ForgetMemories():
                return self._on_forget(message)
            case RateMemories():
                return self._on_rate(message)
            case DecideMemory():
                return self._on_decide(message)
            case MemoryStatsWanted():
                return self._stats()
            case ShowGraph():
                return self._levels.graph.show(message)
            case LearnFromTranscript():
                return self._learning.from_transcript(message, self.place.clock.now_ms())
            case LearnFromTurns():
                return self._learning.from_turns(message, self.place.clock.now_ms())
            case LearnFromWork():
                return self._learning.from_work(message, self.place.clock.now_ms())
            case NoteReading():
                return self._readings.note(message, self.place.clock.now_ms())
            case TakeReading():
                return self._on_take_reading(message)
            case ForgetOn():
                return self._forget_on()
            case FilesSearched():
                return self._forgetting.prove(message.job)
            case IndexDue():
                return self._on_index_due()
            case UsesDue():
                return self._write_uses()

    def _on_store(self, order: StoreMemories) -> MemoriesStored:
        now_ms = self.place.clock.now_ms()
        with self._levels.noting():
            stored = tuple(
                self._storing.put(item, order.origin, now_ms, learned=order.learned)
                for item in order.items
            )
        if any(one.result in ("created", "merged") for one in stored):
            records.bump(self.store)
            self._index_soon()
        return MemoriesStored(stored=stored)

    def _learn(self, item: NewMemory, origin: Origin, now_ms: int) -> Stored:
        """Store one thing that Atlas has learned by itself."""
        stored = self._storing.put(item, origin, now_ms, learned=TRUST[origin] < PERSON)
        if stored.result in ("created", "merged"):
            records.bump(self.store)
            self._index_soon()
        return stored

    def _on_recall(self, wanted: Recall) -> Recalled:
        wanted = cache_entries.normalised(recalling.checked(wanted))
        now_ms = cache_entries.stepped(self.place.clock.now_ms())
        _, generation = records.generation(self.store)
        moment = cache_entries.moment(self.store)
        key = cache_entries.key_of(moment, wanted, now_ms, self._ranking)
        value = self._levels.cache.get(key)
        hits = None if value is None else cache_entries.unpacked(value)
        cached = hits is not None
        if hits is None:
            hits = self._find(wanted, now_ms)
        rows = records.by_numbers(self.store, [hit.number for hit in hits])
        hits = recalling.picked(wanted, hits, rows)
        if not cached:
            self._levels.cache.put(key, cache_entries.packed(hits))
        if wanted.injectable and hits:
            self._note_uses(hits)
        items = tuple(
            recalling.item_of(hit, rows[hit.number], cached=cached, explain=wanted.explain)
            for hit in hits
        )
        level: Level = "l1" if cached else "l3" if any(hit.level == "l3" for hit in hits) else "l2"
        return Recalled(items=items, level=level, generation=generation, asked_for=wanted.asked_for)

    def _find(self, wanted: Recall, now_ms: int) -> list[Hit]:
        as_of_ms = now_ms if wanted.at_ms is None else wanted.at_ms
        related = self._levels.graph.related(wanted.query, wanted.project, as_of_ms)
        return self._levels.search.find(wanted, now_ms, related)

    def _note_uses(self, hits: list[Hit]) -> None:
        """Uses move the ranking, so they are written down together, with one new generation."""
        self._uses.update(hit.number for hit in hits)
        if not self._uses_are_due:
            self._uses_are_due = True
            self.after(USES_S, UsesDue())

    def _write_uses(self) -> None:
        self._uses_are_due = False
        if self._uses:
            records.used(self.store, dict(self._uses), self.place.clock.now_ms())
            records.bump(self.store)
            self._uses.clear()

    def _on_rate(self, order: RateMemories) -> int:
        rated = records.rate(self.store, order.ids, useful=order.useful)
        if rated:
            records.bump(self.store)
            if order.rated_by is not None:
                self.tell(paths.OUTCOMES, recalling.outcome_of(order, rated))
        return rated

    def _on_decide(self, order: DecideMemory) -> Stored:
        row = records.find(self.store, order.id)
        if row is None:
            raise NotFound(f"there is no memory {order.id}", cure="atlas memory list shows them")
        if row["state"] == "superseded":
            raise Conflict(f"memory {order.id} holds no longer: {row['superseded_by']} does")
        records.bump(self.store)
        if not order.approve:
            records.decide(self.store, order.id, state="rejected", trust=row["trust"], now_ms=None)
            return Stored(id=order.id, result="known", quarantined=True)
        now_ms = self.place.clock.now_ms()
        records.decide(self.store, order.id, state="kept", trust=PERSON, now_ms=now_ms)
        gone = self._storing.approved({**row, "trust": PERSON})
        return Stored(id=order.id, result="known", superseded=tuple(gone))

    def _stats(self) -> MemoryStats:
        _, generation = records.generation(self.store)
        return MemoryStats(
            generation=generation,
            cache=self._levels.cache.state(),
            embedder=self._levels.search.progress(),
        )

    def _on_take_reading(self, order: TakeReading) -> ReadingTaken:
        taken = self._readings.take(order, self.place.clock.now_ms())
        if taken.entities or taken.relations:
            records.bump(self.store)
        return taken

    def _on_forget(self, order: ForgetMemories) -> Any:
        """Rows in steps, then the files between two transactions, then the proof and the answer."""
        if self._forgetting.begin(order, self.reply_to):
            self.after(0.0, ForgetOn())
        self._readings.forget(order)
        return LATER

    def _forget_on(self) -> None:
        if self._forgetting.go_on():
            self.after(0.0, ForgetOn())

    def on_commit(self) -> None:
        """What was deleted is gone from the tables: have it gone from the files."""
        self._forgetting.clean()
        self._show_trouble()

    def on_rollback(self) -> None:
        """The disk refused: nothing of the batch has happened, and its timers are gone."""
        self._forgetting.give_up()
        self._uses_are_due = self._index_is_due = False

    def _on_searched(self, job: Job) -> None:
        """On the thread that has searched."""
        try:
            self.place.cell.put(FilesSearched(job=job), None, bounded=False)
        except AtlasError as error:  # it ends meanwhile
            job.fail(error)

    def prune(self, before_ms: int) -> bool:
        """Delete old episodes, and learnings that were of no use."""
        self._learning.prune(before_ms)
        numbers = records.outdated(self.store, before_ms, PRUNE_ROWS)
        rows = list(records.by_numbers(self.store, numbers).values())
        forgetting.delete(self.store, self._levels, rows)
        if rows:
            records.bump(self.store)
            logger.info("memory.pruned", path=self.path, count=len(rows))
        return len(numbers) == PRUNE_ROWS

    # What can wait.

    def _index_soon(self) -> None:
        if not self._index_is_due:
            self._index_is_due = True
            self.after(IDLE_S, IndexDue())

    def _on_index_due(self) -> None:
        """Build indexes anew that a rescued file lacks, then embed what has no vector."""
        self._index_is_due = False
        store_id, _ = records.generation(self.store)
        upkeep = records.upkeep(self.store)
        if upkeep["indexed"] != store_id:
            self._index_anew(upkeep["indexed_to"], store_id)
            self._index_soon()
        elif self._levels.search.backfill(EMBED_ROWS):
            records.bump(self.store)  # they rank differently now
            self._index_soon()

    def _index_anew(self, after: int, store_id: bytes) -> None:
        numbers = records.numbers_after(self.store, after, INDEX_ROWS)
        # What was rescued of the indexes is of no use, and of the graph it is a part.
        self._levels.search.forget(numbers)
        self._levels.graph.forget(numbers)
        with self._levels.noting():
            for number, row in sorted(records.by_numbers(self.store, numbers).items()):
                self._levels.search.note(number)
                item, at_ms = records.item_of(row), row["at_ms"]
                self._levels.graph.note(number, item, row["trust"], at_ms, row["created_ms"])
        if numbers:
            records.set_upkeep(self.store, indexed_to=numbers[-1])
        else:
            self._levels.search.recount()
            records.set_upkeep(self.store, indexed=store_id, indexed_to=0)
        records.bump(self.store)

    def _show_trouble(self) -> None:
        """Show when the cache's server is away, and when it is back."""
        trouble = self._levels.cache.trouble()
        if trouble != self._trouble:
            self._trouble = trouble
            self._degrade(*(trouble or ("", "")))
