"""Keeps what every action came to, and how that was verified."""

from pathlib import Path
from typing import Any, ClassVar, Final

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.config import RetentionSettings
from atlas_actors.messages.outcome import OutcomeRecorded, RecordOutcome
from atlas_actors.messages.task import PruneDue
from atlas_actors.outcomes import records
from atlas_actors.store_actor import StoreActor

Inbox = RecordOutcome | PruneDue
PRUNE_FIRST_S: Final = 60.0
PRUNE_EVERY_S: Final = 3_600.0


class Outcomes(StoreActor):
    """Owns outcomes.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset({RecordOutcome})

    def __init__(self, place: Place, *, database: Path, settings: RetentionSettings) -> None:
        super().__init__(place, database=database)
        self._settings = settings
        self._ids = Ids(place.clock)

    def on_start(self) -> None:
        """Begin to prune."""
        self.after(PRUNE_FIRST_S, PruneDue())

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case RecordOutcome():
                id = self._ids.new()
                records.add(self.store, id, message, self.place.clock.now_ms())
                return OutcomeRecorded(id=id)
            case PruneDue():
                age_ms = int(self._settings.retention_days * 86_400_000)
                records.prune(self.store, self.place.clock.now_ms() - age_ms)
                return self.after(PRUNE_EVERY_S, PruneDue())
