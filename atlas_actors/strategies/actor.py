"""Hands to the engine of the strategies what happens, and keeps it so that it survives."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
from loguru import logger

from atlas_actors.actor import LATER, Place
from atlas_actors.errors import AtlasError, Conflict, NotFound, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.execution import ProvidersChanged
from atlas_actors.messages.outcome import OutcomeBatch, OutcomesAfter, OutcomesGrew
from atlas_actors.messages.strategy import (
    ChooseStrategy,
    EvolveStrategies,
    LookForWork,
    PinStrategy,
    ReplayStrategies,
    RetireStrategy,
    Step,
    StrategiesEvolved,
    StrategyChosen,
    TakeReflection,
    WorkProposed,
)
from atlas_actors.messages.supervision import ActorDown, ActorStarted, RequestFailed
from atlas_actors.messages.task import RouteAgain
from atlas_actors.providers.prices import PriceTable
from atlas_actors.settings import ProviderSettings, StrategySettings
from atlas_actors.store_actor import StoreActor
from atlas_actors.strategies import records, reflection
from atlas_actors.strategies.configuring import configured, tiers_of
from atlas_actors.strategies.events import (
    Asked,
    Chosen,
    Effect,
    Evolved,
    Noted,
    Pinned,
    Retired,
    Unpinned,
)
from atlas_actors.strategies.feed import Feed
from atlas_actors.strategies.findings import Findings
from atlas_actors.strategies.journal import RULES, Journal
from atlas_actors.strategies.replay import Replay, Replays
from atlas_actors.strategies.seeds import seeded
from atlas_actors.strategies.state import GONE, band_of

OUTCOMES_LOOK_S: Final = 60.0  # for outcomes that nobody told us of
EVOLUTION_S: Final = 3_600.0
NEW_TRIALS: Final = 20  # verified ones of an intent, then it evolves before its hour


@attrs.frozen(kw_only=True)
class LookForOutcomes:
    """What we tell ourselves now and then: is there more than we know?"""


@attrs.frozen(kw_only=True)
class EvolutionDue:
    """What we tell ourselves: intents with so many new verified trials may evolve."""

    least: int
    again: bool  # whether it is said again after an hour


@attrs.frozen(kw_only=True)
class ReplayGoesOn:
    """What we tell ourselves between two pages of a replay."""


Inbox = (
    ChooseStrategy
    | OutcomesGrew
    | OutcomeBatch
    | EvolveStrategies
    | PinStrategy
    | RetireStrategy
    | ReplayStrategies
    | LookForWork
    | WorkProposed
    | TakeReflection
    | ProvidersChanged
    | ActorStarted
    | ActorDown
    | RequestFailed
    | LookForOutcomes
    | EvolutionDue
    | ReplayGoesOn
)


class Strategies(StoreActor):
    """Owns strategies.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset((PinStrategy, RetireStrategy))

    def __init__(
        self,
        place: Place,
        *,
        database: Path,
        settings: StrategySettings,
        intents: Sequence[str],
        providers: Mapping[str, ProviderSettings],
        tiers: Sequence[str],
        prices: PriceTable,
    ) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._intents = tuple(intents)
        self._providers = dict(providers)
        self._tiers = tuple(tiers)
        self._prices = prices
        self._replays = Replays()
        self._journal: Journal
        self._feed: Feed
        self._findings: Findings

    def on_start(self) -> None:
        """Continue from the log; what the settings say otherwise now is an event of it."""
        self._journal = Journal(self.store, self.place.clock.now_ms)
        self._findings = Findings(self.store, self._settings, self._journal)
        self._feed = Feed(self.store, self._journal, self._findings)
        self._configure()
        self._seed()
        self.monitor(paths.OUTCOMES)
        self.after(OUTCOMES_LOOK_S, LookForOutcomes())
        self.after(EVOLUTION_S, EvolutionDue(least=1, again=True))

    def dispatch(self, message: Any) -> Any:
        """As of every room; when a handler fails, its savepoint is undone, and so is the engine."""
        try:
            return super().dispatch(message)
        except AtlasError:
            raise  # nothing was recorded yet
        except BaseException:
            self._journal.forget()
            raise

    def on_rollback(self) -> None:
        """A batch was refused: what the engine heard in it never happened."""
        self._journal.forget()
        self._feed.asking = False

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case ChooseStrategy():
                return self._on_choose(message)
            case OutcomesGrew():
                return self._ask_for_outcomes(grown_to=message.seq)
            case OutcomeBatch():
                return self._on_outcomes(message)
            case EvolveStrategies():
                return self._on_evolve(message)
            case PinStrategy():
                return self._on_pin(message)
            case RetireStrategy():
                return self._on_retire(message)
            case ReplayStrategies():
                return self._on_replay(message)
            case LookForWork():
                return self._findings.look(self.place.clock.now_ms(), self._providers)
            case WorkProposed():
                return self._findings.proposed(message)
            case TakeReflection():
                return self._findings.take(message, self._bear)
            case ProvidersChanged():
                return self._on_providers_changed(message)
            case ActorStarted():
                self._feed.restarted()
                return self._ask_for_outcomes()
            case ActorDown():
                self._feed.asking = False
                return None
            case RequestFailed():
                return self._on_request_failed(message)
            case LookForOutcomes():
                self._feed.asking = False  # whoever has not answered in that time will not
                self.after(OUTCOMES_LOOK_S, message)
                return self._ask_for_outcomes()
            case EvolutionDue():
                return self._on_evolution_due(message)
            case ReplayGoesOn():
                return self._on_replay_goes_on()

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that, but for what a replay begins with or reads now."""
        if self._replays.waiting:
            return False
        self._findings.prune(before_ms)
        return records.prune(self.store, before_ms)

    # ---- choices

    def _on_choose(self, asked: ChooseStrategy) -> StrategyChosen:
        engine = self._journal.engine
        asked = self._findings.another_way(asked)
        if not asked.trial:
            best = engine.best(asked.intent, asked.difficulty, asked.offers)
            return _answer(asked, best, None)
        standing = None if asked.again is None else engine.standing(asked.again, asked.offers)
        if standing is not None:
            return StrategyChosen(
                request_id=asked.request_id, strategy=standing, choice=asked.again
            )
        event = Asked(
            number=engine.asked + 1,
            intent=asked.intent,
            difficulty=asked.difficulty,
            offers=asked.offers,
            verifies=asked.verifies,
            spent_share=asked.spent_share,
            day_share=asked.day_share,
            instead=asked.again,
            at_ms=self.place.clock.now_ms(),
        )
        chosen = next(one for one in self._journal.record(event) if isinstance(one, Chosen))
        records.add_choice(self.store, asked, band_of(asked.difficulty), chosen, event.at_ms)
        return _answer(asked, chosen, None if chosen.strategy is None else chosen.number)

    # ---- outcomes

    def _ask_for_outcomes(self, grown_to: int | None = None) -> None:
        """Ask for what has come after our own last one, unless we wait for that already."""
        after = self._feed.next_question(grown_to)
        if after is not None:
            self.request(paths.OUTCOMES, OutcomesAfter(seq=after, limit=self._feed.page))

    def _on_outcomes(self, batch: OutcomeBatch) -> None:
        for step in self._say(self._feed.take(batch)):
            if step.what == "leads":  # who waits for the one that led is better off elsewhere
                self.tell(paths.TASKS, RouteAgain(intent=step.intent))
        if self._settings.evolve and records.ripe_intents(self.store, NEW_TRIALS):
            self.after(0.0, EvolutionDue(least=NEW_TRIALS, again=False))
        if self._feed.behind(batch):
            self._ask_for_outcomes()

    def _on_request_failed(self, fact: RequestFailed) -> None:
        """Outcomes is parked or refuses; it is asked again when it starts, grows, or in a while."""
        self._feed.asking = False
        kind = type(fact.request).__name__
        logger.warning("strategies.unanswered", request=kind, error=fact.error)

    # ---- natural selection

    def _on_evolution_due(self, due: EvolutionDue) -> None:
        if due.again:
            self.after(EVOLUTION_S, due)
        if self._settings.evolve:
            for intent in records.ripe_intents(self.store, due.least):
                self._evolve(intent)

    def _on_evolve(self, order: EvolveStrategies) -> StrategiesEvolved:
        if order.intent is not None:
            self._check_intent(order.intent)
        wanted = self._intents if order.intent is None else (order.intent,)
        return StrategiesEvolved(
            steps=tuple(step for name in wanted for step in self._evolve(name))
        )

    def _evolve(self, intent: str) -> list[Step]:
        effects = self._journal.record(Evolved(intent=intent, at_ms=self.place.clock.now_ms()))
        records.evidence_used(self.store, intent)
        return self._say(effects)

    def _bear(self, row: Mapping[str, Any], template: str, why: str) -> Step:
        """What a model has thought of is a challenger like any other."""
        parent = records.find_strategy(self.store, row["parent"])
        if parent is None:
            return reflection.nothing(row, "its parent is gone")
        event = reflection.birth_of(row, parent, template, why, self.place.clock.now_ms())
        return self._say(self._journal.record(event))[0]

    # ---- a person's wishes

    def _on_pin(self, order: PinStrategy) -> Step:
        now_ms = self.place.clock.now_ms()
        if order.strategy is None:
            if order.intent is None:
                raise UsageError("say in which intent nothing is to be pinned any more")
            self._check_intent(order.intent)
            return self._wish(Unpinned(intent=order.intent, at_ms=now_ms), order.intent, None)
        row = self._find(order.strategy)
        if row["state"] in GONE:
            raise Conflict(
                f"strategy {order.strategy} is {row['state']}, and never chosen again",
                cure=f"atlas strategies list --intent {row['intent']} shows the others",
            )
        return self._wish(
            Pinned(strategy=order.strategy, at_ms=now_ms), row["intent"], order.strategy
        )

    def _on_retire(self, order: RetireStrategy) -> Step:
        row = self._find(order.strategy)
        if row["state"] in GONE:
            raise Conflict(f"strategy {order.strategy} is {row['state']} already")
        event = Retired(
            strategy=order.strategy, reason=order.reason, at_ms=self.place.clock.now_ms()
        )
        return self._wish(event, row["intent"], order.strategy)

    def _wish(self, event: Pinned | Unpinned | Retired, intent: str, strategy: str | None) -> Step:
        steps = self._say(self._journal.record(event))
        why = "no strategy is pinned" if strategy is None else "it was so already"
        nothing = Step(intent=intent, what="nothing", strategy=strategy, why=why)
        return steps[0] if steps else nothing

    def _check_intent(self, intent: str) -> None:
        if intent not in self._intents:
            raise NotFound(
                f"there is no intent {intent[:50]!r}", cure=f"one of {', '.join(self._intents)}"
            )

    def _find(self, id: str) -> Mapping[str, Any]:
        row = records.find_strategy(self.store, id)
        if row is None:
            raise NotFound(f"there is no strategy {id}", cure="atlas strategies list shows them")
        return row

    # ---- replay

    def _on_replay(self, order: ReplayStrategies) -> Any:
        """A page at a time: choices do not wait for it."""
        if self.reply_to is not None:
            self._replays.begin(self.reply_to, Replay(self.store, RULES, order.limit))
            self.after(0.0, ReplayGoesOn())
        return LATER

    def _on_replay_goes_on(self) -> None:
        self._replays.go_on()
        if self._replays.waiting:
            self.after(0.0, ReplayGoesOn())

    # ---- settings

    def _configure(self) -> None:
        wanted = configured(self._settings, self.place.clock.now_ms())
        if records.is_news(self.store, wanted):
            self._journal.record(wanted)

    def _seed(self) -> None:
        """The starting set for the providers there are, if it is not the last that was logged."""
        now_ms = self.place.clock.now_ms()
        tiers = tiers_of(self._providers, self._tiers, self._prices)
        wanted = seeded(self._intents, tiers, self._tiers, now_ms)
        if wanted.seeds and records.is_news(self.store, wanted):
            self._say(self._journal.record(wanted))

    def _on_providers_changed(self, changed: ProvidersChanged) -> None:
        self._providers = {table["name"]: ProviderSettings(**table) for table in changed.providers}
        self._seed()

    def _say(self, effects: Sequence[Effect]) -> list[Step]:
        """Log what natural selection did; as steps."""
        notes = [effect for effect in effects if isinstance(effect, Noted)]
        for note in notes:
            if note.what not in ("seeded", "nothing"):
                logger.info(
                    f"strategy.{note.what}",
                    intent=note.intent,
                    strategy=note.strategy,
                    why=note.why,
                )
        return [
            Step(intent=note.intent, what=note.what, strategy=note.strategy, why=note.why)
            for note in notes
        ]


def _answer(asked: ChooseStrategy, chosen: Chosen, number: int | None) -> StrategyChosen:
    return StrategyChosen(
        request_id=asked.request_id,
        strategy=chosen.strategy,
        choice=number,
        why=chosen.why,
    )
