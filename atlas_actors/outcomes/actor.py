"""Keeps what every action came to, and how that was verified."""

from pathlib import Path
from typing import Any, ClassVar

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.messages.outcome import OutcomeRecorded, RecordOutcome
from atlas_actors.outcomes import records
from atlas_actors.settings import RetentionSettings
from atlas_actors.store_actor import StoreActor

Inbox = RecordOutcome


class Outcomes(StoreActor):
    """Owns outcomes.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset({RecordOutcome})

    def __init__(self, place: Place, *, database: Path, settings: RetentionSettings) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._ids = Ids(place.clock)

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case RecordOutcome():
                id = self._ids.new()
                records.add(self.store, id, message, self.place.clock.now_ms())
                return OutcomeRecorded(id=id)

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        records.prune(self.store, before_ms)
        return False
