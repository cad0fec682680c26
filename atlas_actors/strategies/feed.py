"""Reads the feed of outcomes so that each counts once: the cursor moves with what was learned."""

from typing import Final

from loguru import logger

from atlas_actors.messages.outcome import KeptOutcome, OutcomeBatch
from atlas_actors.store import Store
from atlas_actors.strategies import records, trials
from atlas_actors.strategies.events import Effect, Ended
from atlas_actors.strategies.findings import Findings
from atlas_actors.strategies.journal import Journal


class Feed:
    """Where we are in the feed, and what we have learned from it."""

    page: Final = 100  # outcomes at a time: choices wait while they are counted

    def __init__(self, store: Store, journal: Journal, findings: Findings) -> None:
        self._store = store
        self._journal = journal
        self._findings = findings
        self.asking = False
        self._grown_to = 0  # as far as we were told
        self._moves = False  # whether the newest batch brought us on

    def restarted(self) -> None:
        """Whoever has the feed is new: what it was asked is not answered, and its numbers may have
        begun anew."""
        self.asking, self._grown_to = False, 0

    def next_question(self, grown_to: int | None) -> int | None:
        """After which number to ask now; None: there is no need."""
        cursor = records.cursor(self._store)
        if grown_to is not None and grown_to < self._grown_to:
            return None  # said before, and come again late: our disk had refused it
        if grown_to is not None and grown_to < cursor:
            # The database of outcomes began anew. Who ended already is not counted again.
            logger.warning("strategies.feed_began_anew", cursor=cursor, grown_to=grown_to)
            records.move_cursor(self._store, 0)
            cursor, self.asking, self._grown_to = 0, False, 0
        self._grown_to = max(self._grown_to, grown_to or 0)
        if self.asking or (grown_to is not None and grown_to <= cursor):
            return None
        self.asking = True
        return cursor

    def take(self, batch: OutcomeBatch) -> list[Effect]:
        """Count what is new in a batch, and move on."""
        self.asking = False
        cursor = records.cursor(self._store)
        effects: list[Effect] = []
        for outcome in batch.outcomes:
            if outcome.seq > cursor:
                effects += self._count(outcome)
                self._findings.hear(outcome)
        self._grown_to = max(self._grown_to, batch.upto)
        self._moves = batch.upto > cursor
        if self._moves:
            records.move_cursor(self._store, batch.upto)
        return effects

    def behind(self, batch: OutcomeBatch) -> bool:
        """Whether there is more after the batch that was taken."""
        return self._moves and (batch.more or self._grown_to > batch.upto)

    def _count(self, outcome: KeptOutcome) -> list[Effect]:
        number = trials.choice_of(outcome)
        if number is None:
            return []
        choice = records.choice(self._store, number)
        event = trials.event_of(outcome, choice)
        if event is None or choice is None:
            return []
        effects = list(self._journal.record(event))
        if isinstance(event, Ended):
            lead = trials.lead_of(outcome)
            records.end_choice(self._store, event, lead, outcome.result, outcome.verified_by)
        else:
            records.amend_choice(self._store, event, outcome.verified_by)
        if event.x is not None and event.weight >= 1:
            records.add_evidence(self._store, number)
        return effects
