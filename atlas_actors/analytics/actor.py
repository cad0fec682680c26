"""Watches the health of every part, says what follows of it, and turns knobs within bounds.

A look (monitor, analyse, plan, execute) first takes in what outcomes has, then asks for the knobs,
then concludes: each is a message, and nothing waits. The same evidence is concluded from once.
"""

from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
from loguru import logger

from atlas_actors.actor import LATER, Place
from atlas_actors.analytics import intake, records, watch
from atlas_actors.analytics.conclusion import Conclusion
from atlas_actors.analytics.controller import Controller
from atlas_actors.analytics.parts import Part
from atlas_actors.clock import DAY_MS
from atlas_actors.errors import Unavailable, UsageError
from atlas_actors.mailbox import Reply
from atlas_actors.messages import paths
from atlas_actors.messages.feedback import (
    AdjustKnob,
    AdjustmentChanged,
    DecideAdjustment,
    FeedbackEnded,
    Knob,
    Knobs,
    KnobsWanted,
    RunFeedback,
)
from atlas_actors.messages.memory import MemoriesStored, StoreMemories
from atlas_actors.messages.outcome import OutcomeBatch, OutcomesAfter, OutcomesGrew
from atlas_actors.messages.proposal import Propose, Proposed, SubjectForgotten
from atlas_actors.messages.supervision import ActorDown, ActorStarted, RequestFailed
from atlas_actors.settings import FeedbackSettings
from atlas_actors.store_actor import TELL_AGAIN_S, StoreActor


@attrs.frozen(kw_only=True)
class ActorsDue:
    """What we tell ourselves each minute: how is everybody?"""


@attrs.frozen(kw_only=True)
class FeedbackDue:
    """What we tell ourselves when a look is due; `again`: and at each interval from then on."""

    again: bool = False


@attrs.frozen(kw_only=True)
class CountDue:
    """What we tell ourselves when outcomes that have come meanwhile are to be counted."""


@attrs.frozen(kw_only=True)
class HealthDue:
    """What we tell ourselves when parts are to be shown anew."""


@attrs.frozen(kw_only=True)
class LookFor:
    """What we tell ourselves while an actor has not been started: we are earlier in the tree."""

    path: str


Inbox = (
    OutcomesGrew
    | OutcomeBatch
    | RunFeedback
    | DecideAdjustment
    | Knobs
    | Knob
    | Proposed
    | SubjectForgotten
    | MemoriesStored
    | RequestFailed
    | ActorStarted
    | ActorDown
    | ActorsDue
    | FeedbackDue
    | CountDue
    | HealthDue
    | LookFor
)
LOOK_FOR_S: Final = 0.5
COUNT_AFTER_S: Final = 0.5  # outcomes come one by one, and a commit for each costs more than them
ACTORS_EVERY_S: Final = 60.0
SHOWN_AFTER_S: Final = 1.0
PRUNE_ROWS: Final = 2_000
TURN_ENDED: Final = frozenset({"Stop", "SessionEnd"})  # hooks


class Analytics(StoreActor):
    """Owns analytics.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset({DecideAdjustment})

    def __init__(
        self, place: Place, *, database: Path, settings: FeedbackSettings, epoch: int = 0
    ) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._epoch = epoch
        self._window_ms = int(settings.window_days * DAY_MS)
        self._controller = Controller(settings.mode, self._window_ms, self._adjust)
        self._conclusion = Conclusion(self, settings, self._controller, epoch)
        self._pulling = False
        self._counts_soon = False  # a CountDue is on its way
        self._shows_soon = False  # a HealthDue is
        self._grown_to = 0
        self._looking = False
        self._soon = False  # a look is due, because a client's turn has ended
        self._asked: list[Reply] = []  # who wait for the look that runs
        self._concluded: FeedbackEnded | None = None  # in the batch in hand
        self._unshown: set[Part] = set()
        self._lacking: tuple[str, str] | None = None  # what was said before outcomes was away

    def on_start(self) -> None:
        """What outcomes has is asked for as soon as it is there."""
        records.set_mark(self.store, "mode", self._settings.mode)
        self.monitor(paths.OUTCOMES)
        self.monitor(paths.ORCHESTRATOR)
        self.after(ACTORS_EVERY_S, ActorsDue())
        self.after(self._settings.interval_s, FeedbackDue(again=True))

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case OutcomesGrew():
                self._grown_to = max(self._grown_to, message.seq)
                return self._count_soon()
            case OutcomeBatch():
                return self._on_batch(message)
            case RunFeedback():
                return self._on_run()
            case DecideAdjustment():
                return self._on_decide(message)
            case Knobs():
                return self._on_knobs(message)
            case MemoriesStored():
                return self._conclusion.stored()
            case Knob() | Proposed() | SubjectForgotten():
                return None  # it is as we wanted it
            case RequestFailed():
                return self._on_request_failed(message)
            case ActorStarted():
                return self._on_started(message.path)
            case ActorDown():
                return self._on_down(message)
            case ActorsDue():
                self._unshown |= watch.look(self.store, self.place, self._epoch)
                self._show_soon()
                return self.after(ACTORS_EVERY_S, ActorsDue())
            case FeedbackDue():
                return self._on_due(message)
            case CountDue():
                self._counts_soon = False
                return self._pull()
            case HealthDue():
                self._shows_soon = False
                return self._show()
            case LookFor():
                return self.monitor(message.path)

    def on_commit(self) -> None:
        """Who asked hears of what is on disk."""
        concluded, self._concluded = self._concluded, None
        if concluded is None:
            return
        asked, self._asked = self._asked, []
        for reply in asked:
            if not self.place.fence.down:
                reply.set(concluded)

    def on_rollback(self) -> None:
        """The disk refused a batch, and with it went our questions and timers: begin anew."""
        self._concluded = None
        self._pulling = self._counts_soon = self._shows_soon = False
        self._unshown.clear()  # all parts are shown anew at the next look
        if self._looking or self._soon or self._asked:
            self.after(TELL_AGAIN_S, FeedbackDue())
        self._looking = self._soon = False

    def tear_down(self) -> None:
        """Who waits for a look hears that it will not end."""
        if not self.place.fence.down:
            for reply in self._asked:
                reply.set_exception(Unavailable("it ended before the look did", part=self.path))
        super().tear_down()

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        return records.prune(self.store, before_ms, PRUNE_ROWS) >= PRUNE_ROWS

    # What outcomes has.

    def _count_soon(self) -> None:
        """All that comes until then is one commit."""
        if not self._counts_soon:
            self._counts_soon = True
            self.after(COUNT_AFTER_S, CountDue())

    def _pull(self) -> None:
        """One question at a time; what is known already is not asked for."""
        counted = intake.seq(self.store)
        if not self._pulling and (self._looking or self._grown_to > counted):
            self._pulling = True
            self.request(paths.OUTCOMES, OutcomesAfter(seq=counted))

    def _on_batch(self, batch: OutcomeBatch) -> None:
        self._pulling = False
        self._unshown |= intake.take(self.store, batch)
        if self._unshown:
            self._show_soon()
        if any(one.kind == "hook" and one.action in TURN_ENDED for one in batch.outcomes):
            self._look_soon()
        self._grown_to = batch.upto + batch.more  # what we were told before that is in it
        if batch.more:
            self._pull()
        elif self._looking:
            self.request(paths.ORCHESTRATOR, KnobsWanted())
        else:
            self._pull()

    # Looks.

    def _on_run(self) -> Any:
        if self.reply_to is not None:
            self._asked.append(self.reply_to)
        self._look()
        return LATER

    def _look_soon(self) -> None:
        if not self._soon:
            self._soon = True
            self.after(self._settings.debounce_s, FeedbackDue())

    def _on_due(self, due: FeedbackDue) -> None:
        if due.again:
            self.after(self._settings.interval_s, due)
        else:
            self._soon = False
        self._look()

    def _look(self) -> None:
        """Never two at once: who comes while one runs gets its result."""
        if not self._looking:
            self._looking = True
            self._pull()

    def _on_knobs(self, told: Knobs) -> None:
        now_ms = self.place.clock.now_ms()
        knobs = self._controller.hold(self.store, told.knobs, now_ms)
        self._conclude(knobs, "")

    def _conclude(self, knobs: list[Knob], missing: str) -> None:
        """`missing` says what could not be asked."""
        if self._looking and not self._pulling:
            self._looking = False
            self._concluded = self._conclusion.draw(knobs, missing)
            self._unshown.clear()

    def _on_decide(self, decision: DecideAdjustment) -> AdjustmentChanged:
        decide = {
            "approve": self._controller.approve,
            "reject": self._controller.reject,
            "undo": self._controller.undo,
        }[decision.decision]
        done = decide(self.store, decision.id, self.place.clock.now_ms())
        logger.info("feedback.decided", id=done.id, knob=done.knob, state=done.state)
        return done.changed

    def _adjust(self, order: AdjustKnob) -> None:
        self.request(paths.ORCHESTRATOR, order)

    # Others.

    def _on_request_failed(self, failed: RequestFailed) -> None:
        match failed.request:
            case OutcomesAfter():
                self._pulling = False
                self._lack(f"outcomes does not answer: {failed.error}")
                if self._looking:
                    self.request(paths.ORCHESTRATOR, KnobsWanted())
            case KnobsWanted():
                self._conclude([], f"the orchestrator does not answer: {failed.error}")
            case AdjustKnob():
                if failed.code == UsageError.code:
                    now_ms = self.place.clock.now_ms()
                    self._controller.refused(self.store, failed.request, failed.error, now_ms)
            case StoreMemories():
                self._conclusion.not_stored()
            case Propose():
                self._conclusion.not_proposed(failed.request)
        logger.warning("feedback.not_heard", path=failed.path, error=failed.error)

    def _on_started(self, path: str) -> None:
        if path == paths.OUTCOMES:
            if self._lacking is not None:
                self._degrade(*self._lacking)
                self._lacking = None
            self._pulling = False
            self._grown_to = max(self._grown_to, intake.seq(self.store) + 1)
            self._pull()
        else:
            self.request(path, KnobsWanted())

    def _lack(self, reason: str) -> None:
        """Say what is missing, until it is there again."""
        if self._lacking is None:
            self._lacking = self._notice
        self._degrade(reason, "atlas retry outcomes")

    def _on_down(self, down: ActorDown) -> None:
        if down.incarnation == 0:
            self.after(LOOK_FOR_S, LookFor(path=down.path))
        elif down.path == paths.OUTCOMES:
            self._pulling = False

    def _show_soon(self) -> None:
        if not self._shows_soon:
            self._shows_soon = True
            self.after(SHOWN_AFTER_S, HealthDue())

    def _show(self) -> None:
        """Parts that have changed, as they are now."""
        now_ms, unshown = self.place.clock.now_ms(), self._unshown
        self._unshown = set()
        for part in unshown:
            found = records.health_of(self.store, part, now_ms, self._window_ms)
            records.publish(self.store, found, now_ms)
