"""Analytics for tests, driven by hand, with everybody whom it asks."""

from typing import Any

import attrs

from atlas_actors.analytics.actor import Analytics, CountDue
from atlas_actors.mailbox import Reply
from atlas_actors.messages import paths
from atlas_actors.messages.feedback import (
    AdjustKnob,
    DecideAdjustment,
    FeedbackEnded,
    Knobs,
    KnobsWanted,
    RunFeedback,
)
from atlas_actors.messages.memory import MemoriesStored, StoreMemories
from atlas_actors.messages.outcome import OutcomesAfter, OutcomesGrew
from atlas_actors.messages.proposal import Propose, Proposed, SubjectForgotten, SubjectSettled
from atlas_actors.messages.supervision import ActorStarted, RequestFailed
from atlas_actors.orchestrator.knobs import KnobBoard
from atlas_actors.settings import FeedbackSettings, ProviderSettings
from tests.support.kept import Feed
from tests.support.stages import Stage

HOUR_S = 3_600
HAIKU = ProviderSettings(name="haiku", transport="anthropic-messages", tier="haiku")
SETTINGS = FeedbackSettings(
    mode="act", interval_s=3_600, debounce_s=30, window_days=7, retention_days=180
)


class Watching:
    """Answers as outcomes, the orchestrator, proposals and memory do, unless they are `away`."""

    def __init__(self, folder: Any, mode: str = "act", clock: Any = None, **changes: Any) -> None:
        self.folder = folder
        self.settings = attrs.evolve(SETTINGS, mode=mode, **changes)
        self.stage = Stage(
            Analytics, path=paths.ANALYTICS, clock=clock, database=folder / "analytics.db",
            settings=self.settings, epoch=1,
        )  # fmt: skip
        self.clock = self.stage.clock
        self.feed = Feed(self.clock)
        self.providers = {"haiku": HAIKU, "local": attrs.evolve(HAIKU, name="local")}
        self.board = KnobBoard(self.providers, 600)
        self.away: set[str] = set()
        self.asked: list[Any] = []
        self._serve(self.stage.start())
        # A few minutes past the hour, so that tests know in which hour they are.
        self.clock.advance(HOUR_S - self.clock.now_ms() / 1000 % HOUR_S + 300)

    def give(self, *messages: Any) -> None:
        """Handle messages, and all that follows."""
        self._serve(self.stage.give(*messages))

    def look(self) -> FeedbackEnded:
        """What feedback.run answers."""
        reply = Reply()
        self.stage.actor.reply_to = reply
        self.give(RunFeedback())
        self.stage.actor.reply_to = None
        return reply.get(0)

    def decide(self, id: int, decision: Any) -> Any:
        """A person decides."""
        changed = self.stage.actor.dispatch(DecideAdjustment(id=id, decision=decision))
        self.give()
        return changed

    def restart_orchestrator(self) -> None:
        """It has no memory of what was turned."""
        self.board = KnobBoard(self.providers, 600)
        self.give(ActorStarted(path=paths.ORCHESTRATOR, incarnation=2))

    def restart(self) -> "Watching":
        """The daemon ends and begins again, on the same file."""
        self.stage.stop()
        new = Watching(self.folder, self.settings.mode, self.clock)
        new.feed = self.feed
        new.give(ActorStarted(path=paths.ORCHESTRATOR, incarnation=1))
        return new

    def later(self, hours: float = 1.0) -> None:
        """Time passes: what was turned is not judged by the hour in which it was."""
        self.clock.advance(hours * HOUR_S)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.stage.actor.store.rows(sql)

    def history(self) -> list[tuple[str, float, float, str]]:
        """(knob, before, after, state), oldest first."""
        rows = self.rows("select * from inspect_adjustments order by id")
        return [(row["knob"], row["before"], row["after"], row["state"]) for row in rows]

    def only(self, kind: type) -> list[Any]:
        """What was asked of this kind so far."""
        return [message for message in self.asked if isinstance(message, kind)]

    def grow(self) -> None:
        """Outcomes tells that there are more, and is asked for them a moment later."""
        self.give(OutcomesGrew(seq=self.feed.newest))
        self.give(CountDue())

    def _serve(self, sent: list[Any]) -> None:
        while sent:
            self.asked += sent
            answers = [self._answer(message) for message in sent]
            sent = self.stage.give(*(answer for answer in answers if answer is not None))

    def _answer(self, message: Any) -> Any:
        name = type(message).__name__
        if name in self.away:
            return RequestFailed(path="x", request=message, error="parked", code=-32003)
        match message:
            case OutcomesAfter():
                return self.feed.after(message.seq, message.limit)
            case KnobsWanted():
                return Knobs(knobs=self.board.all())
            case AdjustKnob():
                return self.board.turn(message.name, message.value)
            case Propose():
                return Proposed(id="p", why="", state="proposed")
            case SubjectSettled():
                return SubjectForgotten(expired=0)
            case StoreMemories():
                return MemoriesStored(stored=())
        return None
