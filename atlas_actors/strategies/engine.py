"""Every decision on strategies as a function of the events before it; no clock, no file, no draw
of its own: each draw is seeded by the setting and the number of the choice."""

import json
import random
from collections.abc import Sequence
from typing import Final, assert_never

import attrs

from atlas_actors.messages.strategy import Offer, Role, Strategy
from atlas_actors.strategies import wishes
from atlas_actors.strategies.benching import PROBE_SHARE
from atlas_actors.strategies.cells import Cell
from atlas_actors.strategies.choosing import Arm, Weights, arms_for, arms_of, remember_prices
from atlas_actors.strategies.counting import Counting
from atlas_actors.strategies.events import (
    Amended,
    Asked,
    Born,
    Chosen,
    Configured,
    Effect,
    Ended,
    Event,
    Evolved,
    Pinned,
    Retired,
    Seeded,
    Unpinned,
)
from atlas_actors.strategies.genome import strategy_of
from atlas_actors.strategies.leading import change_of, said_of_choice
from atlas_actors.strategies.pacing import cost_weight
from atlas_actors.strategies.population import Population
from atlas_actors.strategies.rows import strategy_row
from atlas_actors.strategies.state import (
    GONE,
    TRIALS_MAX,
    Intent,
    Record,
    State,
    Trial,
    Waiting,
    band_of,
)

REVIEW_EVERY: Final = 10  # ended choices of an intent
NEWS_MAX: Final = 4  # ended choices of an intent, after which one that has not begun is outdated


class Engine:
    """The population of strategies and what is known of each.

    Continued from a snapshot it decides exactly as if it had never stopped.
    """

    def __init__(self, snapshot: str | None = None) -> None:
        self._settings = Configured()
        self._state = State()
        if snapshot is not None:
            kept = json.loads(snapshot)
            self._settings = Configured(**kept["settings"])
            self._state = State.from_json(kept["state"])
        self._effects: list[Effect] = []

    @property
    def asked(self) -> int:
        """How many choices were kept; the next Asked has this number plus one."""
        return self._state.asked

    def leaders(self, intent: str) -> frozenset[str]:
        """Who leads in the contexts of an intent, as far as that is known."""
        return self._state.leaders(intent)

    def snapshot(self) -> str:
        """Everything as JSON."""
        state = {"settings": attrs.asdict(self._settings), "state": self._state.to_json()}
        return json.dumps(state, separators=(",", ":"))

    def apply(self, event: Event) -> list[Effect]:
        """What follows of the event, in order."""
        self._effects = []
        match event:
            case Configured():
                self._settings = event
            case Seeded():
                self._on_seeded(event)
            case Asked():
                self._on_asked(event)
            case Ended():
                self._on_ended(event)
            case Amended():
                self._on_amended(event)
            case Evolved():
                self._on_evolved(event)
            case Born():
                population = self._in(event.intent, event.at_ms)
                wishes.born(population, event, self._settings.challengers_max)
            case Pinned():
                wishes.pinned(self._of(event.strategy, event.at_ms), event)
            case Unpinned():
                wishes.unpinned(self._in(event.intent, event.at_ms))
            case Retired():
                wishes.retired(self._of(event.strategy, event.at_ms), event)
            case _:
                assert_never(event)
        return self._effects

    def best(self, intent: str, difficulty: float, offers: Sequence[Offer]) -> Chosen:
        """The best known for such a request; nothing is kept, nothing is tried out."""
        known, band = self._state.intents.get(intent), band_of(difficulty)
        if known is None:
            return Chosen(number=0, strategy=None, why=f"there are no strategies of {intent}")
        before = {name: list(price) for name, price in known.prices.items()}
        remember_prices(known, _costs(offers))
        chosen = self._known_best(known, band, offers, 0, self._weights())
        known.prices = before
        return chosen

    def standing(self, choice: int, offers: Sequence[Offer]) -> Strategy | None:
        """What was chosen, if it may still be done so: hardly anything was learned since."""
        trial = self._state.trials.get(choice)
        if trial is None or trial.ended:
            return None
        record = self._state.record(trial.strategy)
        ended = self._state.intents[record.strategy.intent].spent.ended
        stands = record.state not in GONE and record.lead in _names(offers)
        return record.strategy if stands and ended - trial.known <= NEWS_MAX else None

    # ---- the starting set

    def _on_seeded(self, event: Seeded) -> None:
        self._state.providers = event.providers
        led = {
            (name, record.lead)
            for name, intent in self._state.intents.items()
            for record in intent.records.values()
        }
        for seed in event.seeds:
            strategy = strategy_of(seed.intent, seed.genome)
            record = Record(strategy=strategy, why=seed.why, born_at_ms=event.at_ms)
            if (seed.intent, record.lead) not in led:
                self._state.add(record)
                self._effects.append(strategy_row(self._state.intent(seed.intent), record))
                self._in(seed.intent, event.at_ms).note("seeded", record.id, seed.why)
        for one in event.tries:
            waiting = Waiting(genes=one.genes, operator="try", why=one.why)
            intent = self._state.intent(one.intent)
            if waiting not in intent.tried:
                intent.tried.append(waiting)
                intent.waiting.append(waiting)
        for name, vocabulary in event.vocabulary.items():
            self._state.intent(name).vocabulary = vocabulary

    # ---- choices

    def _on_asked(self, event: Asked) -> None:
        state = self._state
        assert event.number == state.asked + 1, "choices are numbered without a gap"
        state.asked = event.number
        intent, band = state.intents.get(event.intent), band_of(event.difficulty)
        if intent is None:
            why = f"there are no strategies of {event.intent}"
            self._effects.append(Chosen(number=event.number, strategy=None, why=why))
            return
        if event.instead is not None:
            self._give_up(intent, event.instead)
        remember_prices(intent, _costs(event.offers))
        intent.asked[band] = intent.asked.get(band, 0) + 1
        weights = self._weights(event.spent_share, event.day_share)
        if event.verifies:
            draw = random.Random(f"{self._settings.seed}:{event.number}")  # noqa: S311
            chosen = self._drawn(intent, band, event, weights, draw)
        else:
            chosen = self._known_best(intent, band, event.offers, event.number, weights)
        self._effects.append(chosen)
        if chosen.strategy is not None:
            record = intent.records[chosen.strategy.id]
            cost_usd = next(o.cost_usd for o in event.offers if o.provider == record.lead)
            state.trials[event.number] = Trial(
                band=band,
                strategy=record.id,
                role=chosen.role,
                expected_usd=cost_usd,
                known=intent.spent.ended,
            )
        state.trials.pop(event.number - TRIALS_MAX, None)

    def _give_up(self, intent: Intent, choice: int) -> None:
        """A choice that never began is replaced: nothing will be heard of it."""
        trial = self._state.trials.get(choice)
        if trial is not None and not trial.ended:
            trial.ended = True
            for duel in intent.duels.values():
                duel.drop(choice)

    def _known_best(
        self, intent: Intent, band: str, offers: Sequence[Offer], number: int, weights: Weights
    ) -> Chosen:
        """The pinned one, else the best by what is to be expected."""
        pinned = self._pinned(intent, offers, number)
        if pinned is not None:
            return pinned
        arms = arms_of(self._state, intent, band, _names(offers), weights)
        if not arms:
            return _nobody(number)
        return self._chosen(number, max(arms, key=lambda arm: arm.worth), "champion", band)

    def _drawn(
        self, intent: Intent, band: str, event: Asked, weights: Weights, draw: random.Random
    ) -> Chosen:
        """The best by one draw from what is believed of each, or a look at somebody else."""
        pinned = self._pinned(intent, event.offers, event.number)
        if pinned is not None:
            return pinned
        names = _names(event.offers)
        benched = [
            one for one in intent.records.values() if one.state == "benched" and one.lead in names
        ]
        if benched and draw.random() < PROBE_SHARE:
            probed = draw.choice(benched)
            arms = arms_for(self._state, intent, band, [probed], weights)
            return self._chosen(event.number, arms[0], "probe", band)
        arms = arms_of(self._state, intent, band, names, weights)
        if not arms:
            return _nobody(event.number)
        best = max(arms, key=lambda arm: arm.drawn(draw))
        child = self._challenger(intent, band, best.record.id, event.number, draw)
        if child is None:
            return self._chosen(event.number, best, "champion", band)
        arms = arms_for(self._state, intent, band, [intent.records[child]], weights)
        return self._chosen(event.number, arms[0], "challenger", band)

    def _challenger(
        self, intent: Intent, band: str, parent: str, number: int, draw: random.Random
    ) -> str | None:
        """The child that this choice of its parent goes to instead, if it does."""
        for child, duel in intent.duels.items():
            if duel.parent != parent or not self._settings.evolve:
                continue
            is_childs = duel.goes_on(band, number)
            if is_childs is None and band not in duel.open:
                children = intent.children.get(band, 0) + 1
                if children > self._settings.challenger_share * intent.asked[band]:
                    continue
                intent.children[band] = children
                is_childs = duel.begin(band, number, draw.random() < 0.5)
            return child if is_childs else None
        return None

    def _pinned(self, intent: Intent, offers: Sequence[Offer], number: int) -> Chosen | None:
        record = intent.records.get(intent.pinned or "")
        if record is None or record.lead not in _names(offers):
            return None
        return Chosen(number=number, strategy=record.strategy, role="pinned", why="you pinned it")

    def _chosen(self, number: int, arm: Arm, role: Role, band: str) -> Chosen:
        cell = self._state.cells.get((arm.record.id, band)) or Cell()
        why = said_of_choice(arm, cell.n, role, band)
        return Chosen(number=number, strategy=arm.record.strategy, role=role, why=why)

    # ---- ends

    def _on_ended(self, event: Ended) -> None:
        trial = self._state.trials.get(event.choice)
        if trial is None or trial.ended:
            return
        trial.ended = True
        record = self._state.record(trial.strategy)
        population = self._in(record.strategy.intent, event.at_ms)
        if event.x is None:
            for duel in population.intent.duels.values():
                duel.drop(event.choice)
            return
        for spent in (record.spent, population.intent.spent):
            spent.add(event.cost_usd, trial.expected_usd, event.latency_ms)
        self._count(population, record, event.choice, trial, event.x, event.weight)
        if population.intent.spent.ended % REVIEW_EVERY == 0:
            population.review()
        self._lead(population, trial.band)

    def _on_amended(self, event: Amended) -> None:
        trial = self._state.trials.get(event.choice)
        if trial is None or not trial.ended:
            return
        record = self._state.record(trial.strategy)
        population = self._in(record.strategy.intent, event.at_ms)
        if trial.x is None and event.x is not None:
            self._count(population, record, event.choice, trial, event.x, event.weight)
        elif trial.x is not None:
            counting = Counting(self._state, population)
            counting.recount(record, event.choice, trial, event.x, event.weight)
            self._tell_duel(population, trial, event.choice, event.x)
        self._lead(population, trial.band)

    def _count(
        self, population: Population, record: Record, choice: int, trial: Trial, x: int,
        weight: float,
    ) -> None:  # fmt: skip
        """One more trial, and whether its cell is what it was."""
        changed = Counting(self._state, population).count(record, choice, trial, x, weight)
        self._tell_duel(population, trial, choice, x)
        if changed:
            population.review()

    def _tell_duel(self, population: Population, trial: Trial, choice: int, x: int | None) -> None:
        for child, duel in list(population.intent.duels.items()):
            if trial.strategy in (child, duel.parent) and duel.told(choice, x):
                population.judge(child)

    def _lead(self, population: Population, band: str) -> None:
        """Note it when another strategy leads in this context."""
        intent, state = population.intent, self._state
        names = [name for name in intent.prices if name in state.providers]
        arms = arms_of(state, intent, band, names, self._weights())
        cells = {
            arm.record.id: state.cells[arm.record.id, band]
            for arm in arms
            if (arm.record.id, band) in state.cells
        }
        leader = intent.records.get(intent.leaders.get(band, ""))
        change = change_of(arms, cells, leader, band)
        if change is None:
            return
        record = change.arm.record
        intent.leaders[band] = record.id
        population.note(
            "leads", record.id, change.why, band=band, worth=change.arm.worth,
            mean=change.arm.belief.mean, **population.numbers(record.id),
            before=None if leader is None else leader.id,
            before_worth=None if change.before is None else change.before.worth,
            before_mean=None if change.before is None else change.before.belief.mean,
            before_n=None if leader is None else population.numbers(leader.id)["n"],
        )  # fmt: skip

    # ---- natural selection

    def _on_evolved(self, event: Evolved) -> None:
        population = self._in(event.intent, event.at_ms)
        if not self._settings.evolve:
            population.note("nothing", None, "evolve = false in [strategies]")
            return
        population.intent.rounds += 1
        seed = f"{self._settings.seed}:evolve:{event.intent}:{population.intent.rounds}"
        population.evolve(random.Random(seed), self._settings.challengers_max)  # noqa: S311

    # ---- parts

    def _in(self, intent: str, at_ms: int) -> Population:
        known = self._state.intent(intent)
        return Population(self._state, known, intent, self._weights(), at_ms, self._effects)

    def _of(self, strategy: str, at_ms: int) -> Population:
        return self._in(self._state.intent_of[strategy], at_ms)

    def _weights(self, spent_share: float = 0.0, day_share: float = 1.0) -> Weights:
        settings = self._settings
        return Weights(
            cost=cost_weight(settings.cost_weight, spent_share, day_share),
            latency=settings.latency_weight,
        )


def _costs(offers: Sequence[Offer]) -> dict[str, tuple[float, float]]:
    return {offer.provider: (offer.cost_usd, offer.prior) for offer in offers}


def _names(offers: Sequence[Offer]) -> set[str]:
    return {offer.provider for offer in offers}


def _nobody(number: int) -> Chosen:
    return Chosen(number=number, strategy=None, why="no strategy of this intent can lead now")
