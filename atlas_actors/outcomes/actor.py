"""Keeps what every action came to, and how that was verified."""

from pathlib import Path
from typing import Any, ClassVar, Final

import attrs

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import OutcomeRecorded, OutcomesWanted, RecordOutcome
from atlas_actors.messages.supervision import ActorDown, ActorStarted
from atlas_actors.outcomes import records
from atlas_actors.settings import RetentionSettings
from atlas_actors.store_actor import StoreActor


@attrs.frozen(kw_only=True)
class LookForTasks:
    """What we tell ourselves while tasks has not been started: we are earlier in the tree."""


Inbox = RecordOutcome | ActorStarted | ActorDown | LookForTasks
LOOK_S: Final = 0.5
# Both sides commit for themselves: what tasks committed so long before our end we may have missed.
MARGIN_MS: Final = 60_000


class Outcomes(StoreActor):
    """Owns outcomes.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset({RecordOutcome})

    def __init__(self, place: Place, *, database: Path, settings: RetentionSettings) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._ids = Ids(place.clock)

    def on_start(self) -> None:
        """Have told again what got lost between the commit of tasks and ours."""
        self.monitor(paths.TASKS)

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case RecordOutcome():
                return self._on_record(message)
            case ActorStarted():
                since_ms = max(0, records.newest_ms(self.store) - MARGIN_MS)
                return self.tell(paths.TASKS, OutcomesWanted(since_ms=since_ms))
            case ActorDown(incarnation=0):
                return self.after(LOOK_S, LookForTasks())
            case ActorDown():
                return None
            case LookForTasks():
                return self.monitor(paths.TASKS)

    def _on_record(self, outcome: RecordOutcome) -> OutcomeRecorded:
        known = None if outcome.key is None else records.id_of_key(self.store, outcome.key)
        if known is not None:
            return OutcomeRecorded(id=known)
        id = self._ids.new()
        now_ms = self.place.clock.now_ms()
        at_ms = now_ms if outcome.at_ms is None else min(outcome.at_ms, now_ms)
        records.add(self.store, id, outcome, at_ms)
        return OutcomeRecorded(id=id)

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        records.prune(self.store, before_ms)
        return False
