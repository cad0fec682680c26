"""Keeps what clients' hooks tell, turn by turn, and tells outcomes, handoffs and orchestrator."""

from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.client import (
    ClaimOutline,
    HookAnswered,
    HookHappened,
    HookNoted,
    LearningDone,
    LearningWanted,
    SessionKnown,
    SessionWanted,
    TurnRouted,
)
from atlas_actors.messages.handoff import DropHandoff, HandoffSaved, SaveHandoff
from atlas_actors.messages.outcome import OutcomeRecorded, RecordOutcome
from atlas_actors.messages.supervision import ActorDown, ActorStarted, RequestFailed
from atlas_actors.sessions import failures, owed, records
from atlas_actors.sessions.hearing import hear, interrupt
from atlas_actors.sessions.session import NAME_CHARACTERS, PATH_CHARACTERS, names
from atlas_actors.sessions.texts import plain
from atlas_actors.settings import HookSettings
from atlas_actors.store_actor import StoreActor


@attrs.frozen(kw_only=True)
class IdleDue:
    """What we tell ourselves when turns in which nothing happens any more are to be looked for."""


@attrs.frozen(kw_only=True)
class RestOver:
    """What we tell ourselves when a room that did not answer is to be asked again."""

    path: str


Inbox = (
    HookHappened
    | HookAnswered
    | ClaimOutline
    | TurnRouted
    | SessionWanted
    | LearningWanted
    | LearningDone
    | OutcomeRecorded
    | HandoffSaved
    | RequestFailed
    | ActorStarted
    | ActorDown
    | IdleDue
    | RestOver
)
IDLE_S: Final = 3_600.0
LOOK_S: Final = 300.0
REST_S: Final = 30.0
ASKED_AT_ONCE: Final = 100
PRUNE_ROWS: Final = 2_000
_OVER: Final = frozenset({NotFound.code, Conflict.code})


class Sessions(StoreActor):
    """Owns sessions.db. What others are owed is kept until they have confirmed it."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    # A killed daemon loses nothing; a power cut may cost the newest events, as it costs the client.
    durable: ClassVar[frozenset[type]] = frozenset()

    def __init__(self, place: Place, *, database: Path, settings: HookSettings) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._away = {paths.OUTCOMES, paths.HANDOFFS}  # who does not answer now
        self._resting: set[str] = set()  # of them those with a RestOver on its way
        self._asked_to = 0  # the last outcome that was asked to be kept
        self._handoff: SaveHandoff | DropHandoff | None = None  # what handoffs was asked last

    def on_start(self) -> None:
        """What was owed when we ended is told as soon as there is somebody to hear it."""
        self.monitor(paths.OUTCOMES)
        self.monitor(paths.HANDOFFS)
        self.after(LOOK_S, IdleDue())

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case HookHappened():
                return self._on_happened(message)
            case HookAnswered():
                now_ms, kept_max = self.place.clock.now_ms(), self._settings.events_max
                return records.add_answer(self.store, message, now_ms, kept_max)
            case ClaimOutline():
                return self._on_claim(message)
            case TurnRouted():
                return self._on_routed(message)
            case SessionWanted():
                return self._on_wanted(message)
            case LearningWanted():
                return records.learnings(self.store)
            case LearningDone():
                key = names(message.client, message.session)
                return records.learned(self.store, *key, message.seq)
            case OutcomeRecorded():
                return owed.paid(self.store, message.key or "")
            case HandoffSaved():
                return self._on_handoff_saved(message)
            case RequestFailed():
                return self._on_request_failed(message)
            case ActorStarted():
                return self._ask_anew(message.path)
            case ActorDown():
                return self._rest(message.path)
            case IdleDue():
                return self._on_idle_due()
            case RestOver():
                return self._on_rest_over(message.path)

    def before_commit(self) -> None:
        """Whoever is owed something hears it after the commit."""
        if paths.OUTCOMES not in self._away:
            for number, outcome in owed.outcomes(self.store, self._asked_to, ASKED_AT_ONCE):
                self.request(paths.OUTCOMES, outcome)
                self._asked_to = number
        if paths.HANDOFFS not in self._away and self._handoff is None:
            self._handoff = owed.next_step(self.store)
            if self._handoff is not None:
                self.request(paths.HANDOFFS, self._handoff)

    def on_rollback(self) -> None:
        """What was asked in this batch never left; what was answered is asked again."""
        self._asked_to, self._handoff = 0, None
        for path in self._away:  # a timer that was set in this batch never came to be
            self._resting.discard(path)
            self._rest(path)

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        rows = records.prune(self.store, before_ms, PRUNE_ROWS, self._settings.events_max)
        return max(rows, failures.prune(self.store, before_ms, PRUNE_ROWS)) >= PRUNE_ROWS

    # What clients tell, and the gateway asks.

    def _on_happened(self, happened: HookHappened) -> HookNoted:
        heard = hear(self.store, happened, self._settings, self.place.clock.now_ms())
        if heard.met is not None:
            self.tell(paths.ORCHESTRATOR, heard.met)
        return heard.noted

    def _on_claim(self, claim: ClaimOutline) -> bool:
        known = records.session_of(self.store, *names(claim.client, claim.session))
        if known is None:
            return False  # nobody could say when it was given last
        what = f"outline: {plain(claim.path, PATH_CHARACTERS)}"
        return records.say(self.store, known, known.turn, what)

    def _on_routed(self, routed: TurnRouted) -> None:
        """It is about the newest prompt."""
        known = records.session_of(self.store, *names(routed.client, routed.session))
        turn = None if known is None else records.turn(self.store, known, known.turn)
        if known is None or turn is None:
            return
        routed_turn = attrs.evolve(
            turn,
            intent=plain(routed.intent, NAME_CHARACTERS),
            tier=plain(routed.tier, NAME_CHARACTERS),
            route_id=plain(routed.route_id, NAME_CHARACTERS),
        )
        records.put_turn(self.store, known, routed_turn)

    def _on_wanted(self, wanted: SessionWanted) -> SessionKnown | None:
        known = records.session_of(self.store, *names(wanted.client, wanted.session))
        if known is None:
            return None
        turn = records.turn(self.store, known, known.turn)
        return SessionKnown(
            turn=known.turn,
            project=known.project,
            intent=turn.intent if turn is not None else "",
            tier=turn.tier if turn is not None else "",
            model=known.model,
        )

    def _on_idle_due(self) -> None:
        """A client that was killed tells no end."""
        self.after(LOOK_S, IdleDue())
        now_ms = self.place.clock.now_ms()
        before_ms = self.aged_now_ms() - int(IDLE_S * 1000)
        for known in records.idle(self.store, before_ms, PRUNE_ROWS):
            turn = records.turn(self.store, known, known.turn)
            if turn is not None:
                interrupt(self.store, known, turn, now_ms)
                logger.info("session.idle", client=known.client, turn=turn.number)

    # What others are owed.

    def _on_handoff_saved(self, saved: HandoffSaved) -> None:
        asked, self._handoff = self._handoff, None
        if saved.session or saved.client:
            mine = asked if isinstance(asked, SaveHandoff) else None
            owed.saved(self.store, saved.client, saved.session, saved.id, mine)
        else:
            owed.dropped(self.store, saved.id)

    def _on_request_failed(self, failed: RequestFailed) -> None:
        """Who is away is asked again; what is refused for good is given up."""
        refused = failed.code == UsageError.code
        match failed.request:
            case RecordOutcome(key=key) if refused:
                logger.warning("session.outcome_refused", key=key, error=failed.error)
                return owed.paid(self.store, key or "")
            case DropHandoff(id=id) if failed.code in _OVER:  # somebody has taken or dropped it
                self._handoff = None
                return owed.dropped(self.store, id)
            case SaveHandoff(client=client, session=session) if refused:
                logger.warning("session.handoff_refused", client=client, error=failed.error)
                self._handoff = None
                return owed.settled(self.store, client, session)
        return self._rest(failed.path)

    def _rest(self, path: str) -> None:
        """Somebody does not answer: what it is owed waits."""
        self._away.add(path)
        if path not in self._resting:
            self._resting.add(path)
            self.after(REST_S, RestOver(path=path))

    def _on_rest_over(self, path: str) -> None:
        self._resting.discard(path)
        if path in self._away:
            self._ask_anew(path)

    def _ask_anew(self, path: str) -> None:
        """Somebody is there again: all that it is owed is told; said twice, it counts once."""
        self._away.discard(path)
        if path == paths.OUTCOMES:
            self._asked_to = 0
        else:
            self._handoff = None
