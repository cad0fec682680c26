"""A policy for the worlds: the real room of strategies with its database, asked and told."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from atlas_actors.config import load
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import KeptOutcome
from atlas_actors.messages.strategy import ChooseStrategy, Offer, StrategyChosen
from atlas_actors.strategies.actor import Strategies
from tests.support.ledger_room import handle
from tests.support.stages import Stage
from tests.support.strategists import batch, ended
from tests.support.worlds import Atlas, Shape


class AtlasRoom:
    """As worlds.Atlas, by way of the actor: each choice and each end is a batch it commits."""

    breaks = True

    def __init__(self, shape: Shape, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="atlas-worlds-"))
        self.shape = shape
        self.offers = [
            Offer(provider=f"provider-{arm}", cost_usd=share, prior=shape.prior)
            for arm, share in enumerate(shape.costs)
        ]
        self.names = [offer.provider for offer in self.offers]
        self.chosen: dict[int, StrategyChosen] = {}
        self.told = 0
        config = load({"ATLAS_HOME": str(self.folder)})
        some = next(iter(config.providers.values()))
        self.room = Stage(
            Strategies,
            path=paths.STRATEGIES,
            database=self.folder / "strategies.db",
            settings=attrs.evolve(config.strategies, seed=seed, latency_weight=0.0),
            intents=sorted({Atlas.context(number)[0] for number in range(shape.contexts)}),
            providers={name: attrs.evolve(some, name=name) for name in self.names},
            tiers=config.routing.tiers,
            prices=config.prices,
        )
        self.room.start()

    def ask(self, t: int, context: int, arms: Sequence[int]) -> int:
        intent, difficulty = Atlas.context(context)
        chosen = self._do(
            ChooseStrategy(
                request_id=str(t),
                intent=intent,
                difficulty=difficulty,
                offers=tuple(self.offers[arm] for arm in arms),
                verifies=True,
                task_id=str(t),
            )
        )
        self.chosen[t] = chosen
        return self.names.index(chosen.strategy.genome.providers[0])

    def tell(self, t: int, context: int, arm: int, x: int | None) -> None:
        self.told += 1
        self._do(batch(self._outcome(t, x, self.shape.costs[arm])))

    def _outcome(self, t: int, x: int | None, cost_usd: float) -> KeptOutcome:
        told: dict[str, Any] = {"task_cost_usd": cost_usd}
        if x is None:
            told["lead"] = "unknown"
        return ended(self.told, self.chosen.pop(t), str(t), x == 1, context=told)

    def _do(self, message: Any) -> Any:
        (reply,) = handle(self.room, [message])
        return reply.get(0)

    def close(self) -> None:
        """The room stops, and nothing is left on the disk."""
        self.room.stop()
        shutil.rmtree(self.folder)
