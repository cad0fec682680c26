"""Keeps what every action came to, what was found of it later, and feeds it to who learns."""

import math
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import (
    AmendOutcome,
    OutcomeAmended,
    OutcomeBatch,
    OutcomeRecorded,
    OutcomesAfter,
    OutcomesGrew,
    OutcomesWanted,
    RecordOutcome,
)
from atlas_actors.messages.supervision import ActorDown, ActorStarted
from atlas_actors.outcomes import amendments, evidence, feed, records
from atlas_actors.settings import RetentionSettings
from atlas_actors.store_actor import StoreActor


@attrs.frozen(kw_only=True)
class LookForTasks:
    """What we tell ourselves while tasks has not been started: we are earlier in the tree."""


@attrs.frozen(kw_only=True)
class TellDue:
    """What we tell ourselves when those who learn are to hear of more."""


Inbox = (
    RecordOutcome | AmendOutcome | OutcomesAfter | ActorStarted | ActorDown | LookForTasks | TellDue
)
LOOK_S: Final = 0.5
TELL_EVERY_S: Final = 0.05  # at most: each time is a question, an answer and some commits
# Both sides commit for themselves: what tasks committed so long before our end we may have missed.
MARGIN_MS: Final = 60_000
READERS: Final = (paths.STRATEGIES, paths.ANALYTICS)
BATCH_MAX: Final = 1_000


class Outcomes(StoreActor):
    """Owns outcomes.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset({RecordOutcome, AmendOutcome})

    def __init__(self, place: Place, *, database: Path, settings: RetentionSettings) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._ids = Ids(place.clock)
        self._readers: set[str] = set()  # those that run
        self._told = 0  # up to where they know of the feed
        self._told_at_s = -math.inf
        self._tells_soon = False  # a TellDue is on its way

    def on_start(self) -> None:
        """Have told again what got lost between the commit of tasks and ours."""
        if self.store.set_aside is not None:  # the old file may have been read to any number
            feed.skip_to(self.store, self.place.clock.now_ms())
        self._told = feed.newest(self.store)
        self.monitor(paths.TASKS)
        for reader in READERS:
            self.monitor(reader)

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case RecordOutcome():
                return self._on_record(message)
            case AmendOutcome():
                return self._on_amend(message)
            case OutcomesAfter():
                return self._on_outcomes_after(message)
            case ActorStarted(path=paths.TASKS):
                newest_ms = records.newest_ms(self.store, self.place.clock.now_ms())
                since_ms = max(0, newest_ms - MARGIN_MS)
                return self.tell(paths.TASKS, OutcomesWanted(since_ms=since_ms))
            case ActorStarted():
                self._readers.add(message.path)
                return self.tell(message.path, OutcomesGrew(seq=feed.newest(self.store)))
            case ActorDown(path=paths.TASKS, incarnation=0):
                return self.after(LOOK_S, LookForTasks())
            case ActorDown():
                return self._readers.discard(message.path)
            case LookForTasks():
                return self.monitor(paths.TASKS)
            case TellDue():
                self._tells_soon, self._told_at_s = False, -math.inf
                return None  # before_commit tells

    def before_commit(self) -> None:
        """Tell that the feed has grown: at once, but only so often."""
        newest = feed.newest(self.store)
        if newest == self._told or self._tells_soon:
            return
        if not self._readers:  # who starts is told at once
            self._told = newest
            return
        now_s = self.place.clock.monotonic_s()
        if now_s < self._told_at_s + TELL_EVERY_S:
            self._tells_soon = True
            self.after(self._told_at_s + TELL_EVERY_S - now_s, TellDue())
            return
        self._told, self._told_at_s = newest, now_s
        for reader in sorted(self._readers):
            self.tell(reader, OutcomesGrew(seq=newest))

    def on_rollback(self) -> None:
        """What was told of, and to be told soon, never left: it is said again."""
        self._told, self._told_at_s, self._tells_soon = 0, -math.inf, False

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        records.prune(self.store, before_ms)
        return False

    def _on_record(self, outcome: RecordOutcome) -> OutcomeRecorded:
        known = None if outcome.key is None else records.id_of_key(self.store, outcome.key)
        if known is not None:
            return OutcomeRecorded(id=known, key=outcome.key)
        id, at_ms = self._ids.new(), self._past_ms(outcome.at_ms)
        records.add(self.store, id, outcome, at_ms, feed.advance(self.store))
        if outcome.key is not None:
            if outcome.infrastructure:
                amendments.drop_held(self.store, outcome.key)
            else:
                amendments.take_held(self.store, id, outcome.key)
        self._conclude(id, outcome, at_ms)
        return OutcomeRecorded(id=id, key=outcome.key)

    def _conclude(self, id: str, outcome: RecordOutcome, at_ms: int) -> None:
        """What has just been recorded may say something of what was before."""
        context = outcome.context
        session = project = []
        if evidence.asks_for_session(context):
            session = records.of_session(self.store, context["session"], at_ms)
        if evidence.asks_for_project(context):
            since_ms = at_ms - evidence.REVERT_MS
            project = records.of_project(self.store, context["project"], since_ms, at_ms)
        if not session and not project:
            return
        new = evidence.Seen(
            id=id,
            at_ms=at_ms,
            kind=outcome.kind,
            result=outcome.result,
            verified_by=outcome.verified_by,
            infrastructure=outcome.infrastructure,
            context=context,
        )
        for found in evidence.conclude(new, session, project):
            amendment = AmendOutcome(
                id=found.id,
                result=found.result,
                verified_by=found.verified_by,
                reason=found.reason,
            )
            amendments.add(self.store, found.id, amendment, at_ms)
            logger.info("outcome.amended", id=found.id, because_of=id, by=found.verified_by)

    def _on_amend(self, amendment: AmendOutcome) -> OutcomeAmended:
        if (amendment.id is None) == (amendment.key is None):
            raise UsageError("an amendment names its outcome by id or by key")
        found = amendments.find(self.store, id=amendment.id, key=amendment.key)
        at_ms = self._past_ms(amendment.at_ms)
        if found is None:
            if amendment.id is not None:
                raise NotFound(
                    f"there is no outcome {amendment.id}", cure="atlas outcomes list shows them"
                )
            amendments.hold(self.store, amendment, at_ms)
            return OutcomeAmended(id=None, before=None, changed=False)
        if found["infrastructure"]:
            raise Conflict(
                f"outcome {found['id']} was a fault of the way to an answer, not of the answer:"
                " nothing amends it"
            )
        said = (amendment.result, amendment.verified_by)
        known = said == (found["result"], found["verified_by"])
        # Without a time of its own, what is known already is no news.
        changed = not (known and amendment.at_ms is None) and amendments.add(
            self.store, found["id"], amendment, at_ms
        )
        return OutcomeAmended(id=found["id"], before=found["result"], changed=changed)

    def _on_outcomes_after(self, asked: OutcomesAfter) -> OutcomeBatch:
        if asked.seq > feed.newest(self.store):  # an older copy of the file was put back
            feed.skip_to(self.store, asked.seq)
            self._told = asked.seq
        limit = max(1, min(asked.limit, BATCH_MAX))
        return feed.entries_after(self.store, asked.seq, limit)

    def _past_ms(self, at_ms: int | None) -> int:
        now_ms = self.place.clock.now_ms()
        return now_ms if at_ms is None else min(at_ms, now_ms)
