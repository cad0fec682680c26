"""Keeps how far interrupted work had come, and gives it once to whoever goes on with it."""

from pathlib import Path
from typing import Any, ClassVar, Final

from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.clock import DAY_MS, Ids
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.handoffs import records
from atlas_actors.handoffs.checkpoint import after, from_json, to_json
from atlas_actors.messages.handoff import (
    DropHandoff,
    HandoffSaved,
    HandoffsReviewed,
    HandoffTaken,
    ReviewHandoffs,
    SaveCheckpoint,
    SaveHandoff,
    TakeHandoff,
    WorkEnded,
)
from atlas_actors.settings import HandoffSettings
from atlas_actors.store import Row
from atlas_actors.store_actor import StoreActor

Inbox = SaveCheckpoint | TakeHandoff | WorkEnded | SaveHandoff | DropHandoff | ReviewHandoffs
PRUNE_ROWS: Final = 1_000


class Handoffs(StoreActor):
    """Owns handoffs.db. An attempt that takes one leaves an open copy of it as its own: if it is
    cut off before it has come any further, nothing is lost."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset(
        {SaveCheckpoint, TakeHandoff, SaveHandoff, DropHandoff}
    )

    def __init__(self, place: Place, *, database: Path, settings: HandoffSettings) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._ids = Ids(place.clock)

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case SaveCheckpoint():
                return self._on_save_checkpoint(message)
            case TakeHandoff():
                return self._on_take(message)
            case WorkEnded():
                now_ms = self.place.clock.now_ms()
                records.end_of_task(self.store, message.task_id, now_ms)
                return None
            case SaveHandoff():
                return self._on_save_handoff(message)
            case DropHandoff():
                return self._on_drop(message.id)
            case ReviewHandoffs():
                return self._on_review()

    def prune(self, before_ms: int) -> bool:
        """Delete those that were over before then."""
        return records.prune(self.store, before_ms, PRUNE_ROWS) >= PRUNE_ROWS

    def _on_save_checkpoint(self, order: SaveCheckpoint) -> None:
        now_ms = self.place.clock.now_ms()
        known = records.of_attempt(self.store, order.task_id, order.attempt)
        if known is not None:
            text = to_json(after(from_json(known["checkpoint"]), order.checkpoint))
            records.update(self.store, known["id"], order.provider, text, now_ms)
        elif records.newest_attempt(self.store, order.task_id) > order.attempt:
            logger.info("handoff.late", task_id=order.task_id, attempt=order.attempt)
        else:
            records.add_of_attempt(
                self.store,
                self._ids.new(),
                order.task_id,
                order.attempt,
                provider=order.provider,
                cwd=order.cwd,
                text=to_json(order.checkpoint),
                now_ms=now_ms,
            )

    def _on_take(self, ask: TakeHandoff) -> HandoffTaken:
        mine = records.of_attempt(self.store, ask.task_id, ask.attempt)
        if mine is not None:  # asked again
            return self._taken(ask, mine)
        source = records.open_of_task(self.store, ask.task_id, ask.after_attempt, ask.attempt)
        if source is None and ask.handoff_id is not None:
            named = records.find(self.store, ask.handoff_id)
            source = named if named is not None and named["state"] == "open" else None
        if source is None:
            return HandoffTaken(task_id=ask.task_id, attempt=ask.attempt)
        now_ms = self.place.clock.now_ms()
        records.consume(self.store, source["id"], ask.task_id, ask.attempt, now_ms)
        records.add_of_attempt(
            self.store,
            self._ids.new(),
            ask.task_id,
            ask.attempt,
            provider=source["provider"],
            cwd=source["cwd"],
            text=source["checkpoint"],
            now_ms=now_ms,
        )
        logger.info("handoff.taken", id=source["id"], task_id=ask.task_id, attempt=ask.attempt)
        return self._taken(ask, source)

    def _taken(self, ask: TakeHandoff, row: Row) -> HandoffTaken:
        return HandoffTaken(
            task_id=ask.task_id, attempt=ask.attempt, checkpoint=from_json(row["checkpoint"])
        )

    def _on_save_handoff(self, order: SaveHandoff) -> HandoffSaved:
        if not order.checkpoint.goal.strip():
            raise UsageError("a handoff needs a goal")
        now_ms = self.place.clock.now_ms()
        known = records.open_of_session(self.store, order.client, order.session)
        text = to_json(order.checkpoint)
        if known is not None:
            records.update(self.store, known["id"], None, text, now_ms)
            return HandoffSaved(id=known["id"], client=order.client, session=order.session)
        id = self._ids.new()
        records.add_of_session(self.store, id, order, text, now_ms)
        return HandoffSaved(id=id, client=order.client, session=order.session)

    def _on_drop(self, id: str) -> HandoffSaved:
        row = records.find(self.store, id)
        if row is None:
            raise NotFound(f"there is no handoff {id}", cure="atlas handoffs lists them")
        if not records.end_open(self.store, id, "dropped", self.place.clock.now_ms()):
            raise Conflict(f"handoff {id} is {row['state']} already")
        return HandoffSaved(id=id)

    def _on_review(self) -> HandoffsReviewed:
        aged_ms = self.aged_now_ms()
        expired = records.expire(
            self.store,
            aged_ms - int(self._settings.retention_days * DAY_MS),
            self.place.clock.now_ms(),
        )
        stale = records.stale(self.store, aged_ms - int(self._settings.stale_s * 1000))
        return HandoffsReviewed(open=records.open_count(self.store), expired=expired, stale=stale)
