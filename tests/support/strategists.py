"""A room of strategies driven by hand: what is asked of it, and outcomes as the feed tells them."""

from pathlib import Path
from typing import Any

import attrs

from atlas_actors.config import load
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import KeptOutcome, OutcomeBatch
from atlas_actors.messages.strategy import (
    ChooseStrategy,
    Offer,
    ReplayStrategies,
    StrategiesReplayed,
    StrategyChosen,
)
from atlas_actors.strategies.actor import ReplayGoesOn, Strategies
from tests.support.clocks import FakeClock
from tests.support.ledger_room import acknowledged, handle
from tests.support.stages import Stage

INTENTS = ("bug_fix", "docs")
OFFERS = (
    Offer(provider="localai", cost_usd=0.0, prior=0.5),
    Offer(provider="haiku", cost_usd=0.002, prior=0.7),
    Offer(provider="claude", cost_usd=0.02, prior=0.85),
)


def room_on(folder: Path, clock: FakeClock | None = None, **settings: Any) -> Stage:
    """The room of a home, not yet started."""
    config = load({"ATLAS_HOME": str(folder)})
    return Stage(
        Strategies,
        path=paths.STRATEGIES,
        clock=clock,
        database=folder / "strategies.db",
        settings=attrs.evolve(config.strategies, **settings),
        intents=INTENTS,
        providers=dict(config.providers),
        tiers=config.routing.tiers,
        prices=config.prices,
    )


def asking(number: int, *, intent: str = "bug_fix", **changes: Any) -> ChooseStrategy:
    """A question of a task of its own."""
    asked = ChooseStrategy(
        request_id=f"r{number}",
        intent=intent,
        difficulty=0.7,
        offers=OFFERS,
        verifies=True,
        task_id=f"t{number}",
    )
    return attrs.evolve(asked, **changes)


def ended(seq: int, chosen: StrategyChosen, task: str, passed: bool, **changes: Any) -> KeptOutcome:
    """What the feed says of the task of a choice."""
    assert chosen.strategy is not None
    context = {
        "choice": chosen.choice,
        "strategy": chosen.strategy.id,
        "lead": "passed" if passed else "failed",
        "checked": "own",
        "task_cost_usd": 0.001,
        **changes.pop("context", {}),
    }
    told = KeptOutcome(
        seq=seq, id=f"o{seq}", at_ms=1_750_000_000_000 + seq, action=task, kind="task",
        result="success" if passed else "failure", verified_by="match", infrastructure=False,
        context=context, duration_ms=1_000, tokens=10, cost_usd=0.0,
    )  # fmt: skip
    return attrs.evolve(told, **changes)


def replayed(room: Stage, limit: int | None = None) -> StrategiesReplayed:
    """Every choice of the log made again, a page at a time."""
    (reply,) = handle(room, [ReplayStrategies(limit=limit)])
    for _ in range(1_000):
        if acknowledged(reply):
            found: StrategiesReplayed = reply.value
            return found
        handle(room, [ReplayGoesOn()])
    raise AssertionError("it does not end")


def batch(*outcomes: KeptOutcome, more: bool = False) -> OutcomeBatch:
    """They as the answer to OutcomesAfter."""
    return OutcomeBatch(outcomes=outcomes, upto=outcomes[-1].seq, more=more)
