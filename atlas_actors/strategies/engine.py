"""Every decision on strategies as a function of the events before it; no clock, no file, no draw
of its own: each draw is seeded by the setting and the number of the choice."""

import random
from collections.abc import Callable, Sequence
from typing import Any, assert_never

import attrs

from atlas_actors.messages.strategy import Offer
from atlas_actors.strategies.cells import PRIOR_MASS, Cell
from atlas_actors.strategies.events import (
    Amended,
    Asked,
    Born,
    Changed,
    Chosen,
    Configured,
    Effect,
    Ended,
    Event,
    Evolved,
    Noted,
    Pinned,
    Retired,
    Seeded,
    Unpinned,
)
from atlas_actors.strategies.genome import strategy_of
from atlas_actors.strategies.genome import to_json as genome_to_json
from atlas_actors.strategies.state import TRIALS_MAX, Record, State, Trial, band_of


class Engine:
    """The population of strategies and what is known of each.

    Continued from a snapshot it decides exactly as if it had never stopped.
    """

    def __init__(self, snapshot: dict[str, Any] | None = None) -> None:
        self._settings = Configured()
        self._state = State()
        if snapshot is not None:
            self._settings = Configured(**snapshot["settings"])
            self._state = State.from_json(snapshot["state"])
        self._effects: list[Effect] = []

    @property
    def asked(self) -> int:
        """How many choices were kept; the next Asked has this number plus one."""
        return self._state.asked

    def snapshot(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {"settings": attrs.asdict(self._settings), "state": self._state.to_json()}

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
            case Amended() | Evolved() | Born() | Pinned() | Unpinned() | Retired():
                raise NotImplementedError(type(event).__name__)
            case _:
                assert_never(event)
        return self._effects

    def best(self, intent: str, difficulty: float, offers: Sequence[Offer]) -> Chosen:
        """The best known for such a request; nothing is kept, nothing is tried out."""
        return self._choose(intent, band_of(difficulty), offers, lambda a, b: a / (a + b), 0)

    # ---- events

    def _on_seeded(self, event: Seeded) -> None:
        for seed in event.seeds:
            strategy = strategy_of(seed.intent, seed.genome)
            if strategy.id in self._state.records:
                continue
            record = Record(strategy=strategy, why=seed.why, born_at_ms=event.at_ms)
            self._state.records[strategy.id] = record
            self._effects.append(Changed(table="strategies", key=(strategy.id,), row=_row(record)))
            self._note(seed.intent, strategy.id, "seeded", seed.why, {}, event.at_ms)

    def _on_asked(self, event: Asked) -> None:
        state = self._state
        assert event.number == state.asked + 1, "choices are numbered without a gap"
        state.asked = event.number
        band = band_of(event.difficulty)
        draw = random.Random(f"{self._settings.seed}:{event.number}")  # noqa: S311
        expect = draw.betavariate if event.verifies else lambda a, b: a / (a + b)
        chosen = self._choose(event.intent, band, event.offers, expect, event.number)
        self._effects.append(chosen)
        if chosen.strategy is None:
            return
        offer = {offer.provider: offer for offer in event.offers}
        lead = state.records[chosen.strategy.id].lead
        state.trials[event.number] = Trial(
            intent=event.intent,
            band=band,
            strategy=chosen.strategy.id,
            role=chosen.role,
            expected_usd=offer[lead].cost_usd,
            verifies=event.verifies,
        )
        state.trials.pop(event.number - TRIALS_MAX, None)

    def _on_ended(self, event: Ended) -> None:
        trial = self._state.trials.get(event.choice)
        if trial is None or trial.ended:
            return
        trial.ended = True
        cell = self._state.cell(trial.intent, trial.band, trial.strategy)
        if event.x is not None:
            trial.x, trial.weight, trial.epoch = event.x, event.weight, cell.epoch
            cell.count(event.choice, event.x, event.weight)
            self._effects.append(
                Changed(
                    table="cells",
                    key=(trial.intent, trial.band, trial.strategy),
                    row=_cell_row(cell),
                )
            )

    # ---- decisions

    def _choose(
        self,
        intent: str,
        band: str,
        offers: Sequence[Offer],
        expect: Callable[[float, float], float],
        number: int,
    ) -> Chosen:
        by_provider = {offer.provider: offer for offer in offers}
        dearest = max((offer.cost_usd for offer in offers), default=0.0) or 1.0
        best, most = None, 0.0
        for record in self._state.records.values():
            offer = by_provider.get(record.lead)
            if record.strategy.intent != intent or record.state != "active" or offer is None:
                continue
            cell = self._state.cell(intent, band, record.strategy.id)
            mass = PRIOR_MASS * offer.prior
            theta = expect(cell.successes + mass, cell.failures + PRIOR_MASS - mass)
            worth = theta - self._settings.cost_weight * offer.cost_usd / dearest
            if best is None or worth > most:
                best, most = record, worth
        if best is None:
            return Chosen(number=number, strategy=None, why="no strategy can lead now")
        return Chosen(number=number, strategy=best.strategy, why=f"worth {most:.2f}")

    def _note(
        self, intent: str, strategy: str, what: str, why: str, numbers: dict[str, Any], at_ms: int
    ) -> None:
        self._effects.append(
            Noted(
                intent=intent, strategy=strategy, what=what, why=why, numbers=numbers, at_ms=at_ms
            )
        )


def _row(record: Record) -> dict[str, Any]:
    return {
        "intent": record.strategy.intent,
        "genome": genome_to_json(record.strategy.genome),
        "lead": record.lead,
        "state": record.state,
        "pinned": False,
        "operator": record.operator,
        "parents": list(record.parents),
        "why": record.why,
        "born_at_ms": record.born_at_ms,
        "numbers": record.numbers,
    }


def _cell_row(cell: Cell) -> dict[str, Any]:
    return {
        "successes": cell.successes,
        "failures": cell.failures,
        "n": cell.n,
        "mean": (cell.successes + 1) / (cell.n + 2),
        "cost_usd": None,
        "latency_ms": None,
        "drifts": cell.epoch,
        "drift_at_ms": None,
    }
