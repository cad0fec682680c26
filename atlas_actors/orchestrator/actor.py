"""Leads each task: route, provider, attempt, check, and what follows."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from loguru import logger

from atlas_actors.actor import LATER, Place
from atlas_actors.clock import Ids, local_day
from atlas_actors.messages import paths
from atlas_actors.messages.client import ClientMet
from atlas_actors.messages.execution import (
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    ExecutorReported,
    ProvidersChanged,
    ReportExecutor,
    ResetBreaker,
    RetireExecutor,
    RunAttempt,
)
from atlas_actors.messages.feedback import AdjustKnob, Knob, Knobs, KnobsWanted
from atlas_actors.messages.handoff import HandoffTaken, TakeHandoff
from atlas_actors.messages.memory import Recall, Recalled
from atlas_actors.messages.routing import Classified, Classify, DecideRoute
from atlas_actors.messages.strategy import ChooseStrategy, StrategyChosen
from atlas_actors.messages.supervision import ActorDown, ActorStarted, Ending, RequestFailed
from atlas_actors.messages.task import (
    AttemptCancelled,
    CloseLane,
    LanesWanted,
    OpenLane,
    RouteAgain,
    TaskQueued,
    TasksStarted,
)
from atlas_actors.orchestrator import leases, records
from atlas_actors.orchestrator.answers import CACHE_LANE, CACHE_SLOTS, Answers
from atlas_actors.orchestrator.attempts import Attempts
from atlas_actors.orchestrator.dues import (
    BreakerDue,
    ChoiceDue,
    DayBegan,
    LeasesDue,
    MoneyCameBack,
    RecallDue,
)
from atlas_actors.orchestrator.money import Money, seconds_to_midnight
from atlas_actors.orchestrator.planning import Planning
from atlas_actors.orchestrator.prospects import Prospects
from atlas_actors.orchestrator.roster import Roster
from atlas_actors.providers.prices import PriceTable
from atlas_actors.settings import BudgetSettings, ProviderSettings, RoutingSettings
from atlas_actors.store_actor import StoreActor

LOOK_S: Final = 300.0
MONEY_S: Final = 2.0  # those who wait for money are not routed anew after each call


Inbox = (
    TaskQueued
    | Classified
    | RequestFailed
    | DecideRoute
    | AttemptStarted
    | AttemptAccepted
    | AttemptEnded
    | AttemptCancelled
    | TasksStarted
    | ExecutorReported
    | ActorStarted
    | ActorDown
    | ProvidersChanged
    | TakeHandoff
    | HandoffTaken
    | BreakerDue
    | LeasesDue
    | Recalled
    | RecallDue
    | StrategyChosen
    | ChoiceDue
    | DayBegan
    | MoneyCameBack
    | ResetBreaker
    | ClientMet
    | KnobsWanted
    | AdjustKnob
)


class Orchestrator(StoreActor):
    """Owns orchestrator.db: plans, the ledger of money, kept answers."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")

    def __init__(
        self,
        place: Place,
        *,
        database: Path,
        providers: Mapping[str, ProviderSettings],
        prices: PriceTable,
        budget: BudgetSettings,
        keep_answers_s: Mapping[str, float],
        interruptions_max: int,
        settings: RoutingSettings,
        files: Path,
        recall_tokens: int = 0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._jitter = jitter
        self._roster = Roster(providers, prices, recall_tokens)
        self._money = Money(budget, prices)
        self._answers = Answers(keep_answers_s)
        prospects = Prospects(
            place.clock,
            self._roster,
            self._money,
            tiers=settings.tiers,
            interruptions_max=interruptions_max,
            jitter=jitter,
        )
        self._planning = Planning(
            self, self._roster, self._money, self._answers, prospects, Ids(place.clock)
        )
        self._attempts = Attempts(
            self,
            self._roster,
            self._money,
            self._answers,
            prospects,
            files=files,
            jitter=jitter,
            on_breaker=self._on_breaker,
            on_money=self._on_money,
        )
        self._money_is_back = False
        self._day = local_day(place.clock.now_ms())
        self._unreported = set(providers)
        self._open_attempts: tuple[tuple[str, int], ...] | None = None

    def on_start(self) -> None:
        """Ask every executor how it is, then tasks for what is open."""
        now_ms = self.place.clock.now_ms()
        self._money.load(self.store, now_ms)
        self._wait_for_midnight(now_ms)
        for name in self._roster.providers:
            self.monitor(paths.executor(name))
        self.tell(paths.TASKS, LanesWanted())
        self.after(leases.LOOK_S, LeasesDue())

    def on_rollback(self) -> None:
        """A batch was refused: forget what it had begun, take back what it had ended, say again
        what nobody has heard, and have tasks say what is open and what has no lane."""
        self._money.load(self.store, self.place.clock.now_ms())
        self._planning.take_back()
        self._attempts.take_back()
        for name in self._roster.providers:
            self._on_breaker(name)
        self._money_is_back = False
        self._on_money()
        self.tell(paths.TASKS, LanesWanted())

    def on_commit(self) -> None:
        """A batch is on disk."""
        self._planning.keep()
        self._attempts.keep()

    def matters(self, message: Any) -> bool:
        """The end of a wait does not, when the answer has come."""
        match message:
            case ChoiceDue():
                return self._planning.waits(message) or self._attempts.waits(message)
            case RecallDue():
                return self._attempts.waits(message)
        return True

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case TaskQueued():
                return self._planning.queued(message)
            case DecideRoute():
                self._planning.decide(message, self.reply_to)
                return LATER
            case Classified():
                return self._planning.classified(message)
            case StrategyChosen() | ChoiceDue():
                self._planning.chosen(message)
                return self._attempts.chosen(message)
            case RequestFailed():
                return self._on_request_failed(message)
            case AttemptStarted():
                return self._attempts.start(message)
            case AttemptAccepted():
                return self._attempts.accepted(message)
            case AttemptEnded():
                return self._attempts.ended(message)
            case AttemptCancelled():
                return self._attempts.cancelled(message)
            case TasksStarted():
                return self._on_tasks_started(message)
            case ExecutorReported():
                return self._on_executor_reported(message)
            case ActorStarted():
                return self.tell(message.path, ReportExecutor())
            case ActorDown():
                return self._on_executor_down(message)
            case ProvidersChanged():
                return self._on_providers_changed(message)
            case TakeHandoff():
                return self.request(paths.HANDOFFS, message)
            case HandoffTaken():
                return self._attempts.handoff_taken(message)
            case Recalled() | RecallDue():
                return self._attempts.recalled(message)
            case LeasesDue():
                return self._on_leases_due()
            case BreakerDue():
                return self._on_breaker_due(message.provider)
            case DayBegan():
                return self._on_day_began()
            case MoneyCameBack():
                self._money_is_back = False
                return self.tell(paths.TASKS, RouteAgain())
            case ClientMet():
                return self._on_client_met(message)
            case KnobsWanted():
                return Knobs(knobs=self._roster.knobs.all())
            case AdjustKnob():
                return self._on_adjust_knob(message)
            case ResetBreaker():
                if self._roster.reset(message.provider):
                    self._on_breaker(message.provider)
                return None

    def _on_request_failed(self, failed: RequestFailed) -> None:
        """Whoever was asked for something does not answer now."""
        match failed.request:
            case Classify():
                self._planning.not_classified(failed.request, failed.error)
            case ChooseStrategy():
                self._planning.chosen(failed.request, failed.error)
                self._attempts.chosen(failed.request)
            case RunAttempt(started=started):
                self._attempts.not_taken(started, failed.error)
            case TakeHandoff():
                self._attempts.handoff_refused(failed.request)
            case Recall():
                self._attempts.recalled(failed.request)

    # What is known of executors and tasks.

    def _on_executor_reported(self, report: ExecutorReported) -> None:
        if self._roster.report(report):
            self._attempts.reported(report)
            self._tell_lane(report.provider)
            self._reported(report.provider)

    def _on_executor_down(self, down: ActorDown) -> None:
        name = down.path.rpartition("executor.")[2]
        cure = f" ({down.cure})" if down.cure else ""
        if not self._roster.down(name, f"{down.error}{cure}"):
            return
        # After a crash it is most likely back before a new route would be found.
        self._tell_lane(name, reroute=down.ending not in (Ending.CRASHED, Ending.KILLED))
        self._attempts.executor_down(name, down)
        self._reported(name)

    def _on_breaker(self, name: str) -> None:
        """A breaker has changed: its lane, a look when its wait is over, and people hear of it."""
        now_s = self.place.clock.monotonic_s()
        fact = self._roster.fact(name, now_s, self.place.clock.now_ms())
        breaker = self._roster.providers[name].breaker
        if breaker.state == "open":
            self.after(max(0.0, breaker.until_s - now_s), BreakerDue(provider=name))
        logger.info("breaker.changed", provider=name, state=fact.state)
        self._tell_lane(name)
        self.tell(paths.GATEWAY, fact)

    def _on_client_met(self, met: ClientMet) -> None:
        """What a person's own client met at a service, ours would meet there as well."""
        now_s = self.place.clock.monotonic_s()
        for name in self._roster.met(met, now_s, self._jitter()):
            self._on_breaker(name)

    def _on_money(self) -> None:
        """Those who wait for money are asked again in a moment, once for many calls."""
        if not self._money_is_back:
            self._money_is_back = True
            self.after(MONEY_S, MoneyCameBack())

    def _on_leases_due(self) -> None:
        """An executor that says nothing any more takes nothing, until it reports again."""
        self.after(leases.LOOK_S, LeasesDue())
        for name in self._attempts.look():
            if self._roster.down(name, "it has been silent for too long"):
                self._tell_lane(name)

    def _on_breaker_due(self, name: str) -> None:
        if self._roster.due(name, self.place.clock.monotonic_s()):
            self._on_breaker(name)

    def _on_day_began(self) -> None:
        now_ms = self.place.clock.now_ms()
        self._wait_for_midnight(now_ms)
        if local_day(now_ms) != self._day:
            self._day = local_day(now_ms)
            self._money.load(self.store, now_ms)
            self.tell(paths.TASKS, RouteAgain())

    def _wait_for_midnight(self, now_ms: int) -> None:
        """In short steps: a timer does not run while the machine sleeps."""
        self.after(min(LOOK_S, seconds_to_midnight(now_ms)), DayBegan())

    def _on_providers_changed(self, changed: ProvidersChanged) -> None:
        """Settings were reloaded: who is gone or has changed finishes and ends; new ones join."""
        gone, come = self._roster.change(
            {table["name"]: ProviderSettings(**table) for table in changed.providers}
        )
        for name in gone:
            self.tell(paths.executor(name), RetireExecutor())
            self.tell(
                paths.TASKS, CloseLane(lane=name, reason="its settings changed", reroute=True)
            )
            self._unreported.discard(name)
        for name in come:
            self.monitor(paths.executor(name))
        self._reconcile()

    def _on_adjust_knob(self, order: AdjustKnob) -> Knob:
        """What runs already goes on as it began."""
        knob, provider = self._roster.turn(order.name, order.value)
        logger.info("knob.turned", knob=knob.name, value=knob.value)
        if provider is not None and provider not in self._unreported:
            self._tell_lane(provider)
        return knob

    def _tell_lane(self, name: str, *, reroute: bool = True) -> None:
        self.tell(paths.TASKS, self._roster.lane(name, reroute=reroute))

    def _on_tasks_started(self, started: TasksStarted) -> None:
        """Tasks is new or answers LanesWanted: tell the lanes, give up attempts nobody has."""
        if self._answers.keep_s:
            self.tell(paths.TASKS, OpenLane(lane=CACHE_LANE, slots=CACHE_SLOTS))
        for name in self._roster.providers:
            if name not in self._unreported:
                self._tell_lane(name)
        self._open_attempts = started.open_attempts
        self._reconcile()

    def _reported(self, name: str) -> None:
        self._unreported.discard(name)
        self._reconcile()

    def _reconcile(self) -> None:
        """Once all have reported: an open attempt that is in no flight is lost."""
        if self._open_attempts is None or self._unreported:
            return
        open_attempts, self._open_attempts = self._open_attempts, None
        self._attempts.reconcile(open_attempts)

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        records.prune(self.store, before_ms)
        records.prune_answers(self.store, self.place.clock.now_ms())
        return False
