"""The engine and its log, which move together or not at all."""

from collections.abc import Callable, Sequence
from typing import Final

from atlas_actors.store import Store
from atlas_actors.strategies import projections, records
from atlas_actors.strategies.engine import Engine
from atlas_actors.strategies.events import Chosen, Effect, Event

SNAPSHOT_EVERY: Final = 1_000
# Of the rules that choose: another number, and what was chosen before is not replayed by these.
RULES: Final = 3


class Journal:
    """Applies events to the engine and keeps them, with what follows, in the open transaction."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._engine: Engine | None = None
        self._since = 0  # events since the newest snapshot

    @property
    def engine(self) -> Engine:
        """The engine as the log has it."""
        if self._engine is None:
            self._engine = self._load()
        return self._engine

    def forget(self) -> None:
        """The disk has undone what was kept: the engine is read again before it is used."""
        self._engine = None

    def record(self, event: Event) -> Sequence[Effect]:
        """What follows of the event; both are kept."""
        engine = self.engine
        effects = engine.apply(event)
        chosen = next((one for one in effects if isinstance(one, Chosen)), None)
        now_ms = self._now_ms()  # an outcome may be older
        records.append(self._store, event, chosen, now_ms)
        projections.project(self._store, effects, now_ms)
        self._since += 1
        if self._since >= SNAPSHOT_EVERY:
            self._keep_snapshot(engine)
        return effects

    def _keep_snapshot(self, engine: Engine) -> None:
        records.keep_snapshot(self._store, self._now_ms(), RULES, engine.snapshot())
        self._since = 0

    def _load(self) -> Engine:
        """From the newest snapshot and what came after it; a start is bounded by that."""
        snapshot = records.newest_snapshot(self._store)
        engine = Engine(None if snapshot is None else snapshot["state"])
        seq = 0 if snapshot is None else snapshot["seq"]
        self._since = 0
        for event in records.events_after(self._store, seq):
            engine.apply(event)
            self._since += 1
        if snapshot is None or snapshot["version"] != RULES:
            self._keep_snapshot(engine)
        return engine
