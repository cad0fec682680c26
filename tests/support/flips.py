"""Three providers whose quality changes half-way, with the real engine and a cascade behind it.

A task asks the first provider of the strategy that was chosen; while an answer fails its check the
next one of the strategy's order is asked. Every check is seen, some tasks late: that many run at a
time.
"""

import random
from collections import deque

import attrs

from atlas_actors.messages.strategy import Genome, Offer
from atlas_actors.orchestrator.choosing import prior_of
from atlas_actors.strategies.engine import Engine
from atlas_actors.strategies.events import Asked, Chosen, Configured, Ended, Seed, Seeded

NAMES = ("cheap", "mid", "dear")
TIERS = ("free", "cheap", "mid", "best")
DEAREST_USD = 0.01
MOVED, OF_LAST = 8, 10  # so many of so many first attempts


@attrs.frozen(kw_only=True)
class Flip:
    """Success rates of the three before and after, by which one, and who is best from then on."""

    before: tuple[float, float, float]
    after: tuple[float, float, float]
    best: int
    costs: tuple[float, float, float] = (0.0, 0.1, 1.0)  # share of the dearest
    away: int | None = None  # after the change this one is not offered
    falls: bool = True


FLIPS = {
    "cheap falls, mid rises": Flip(before=(0.92, 0.55, 0.96), after=(0.25, 0.93, 0.96), best=1),
    "mid falls, cheap rises": Flip(before=(0.30, 0.95, 0.95), after=(0.95, 0.30, 0.95), best=0),
    "cheap falls, dear stays": Flip(before=(0.95, 0.55, 0.96), after=(0.20, 0.50, 0.96), best=2),
    "dear falls, mid rises": Flip(before=(0.40, 0.50, 0.96), after=(0.40, 0.93, 0.30), best=1),
    "near in price": Flip(
        before=(0.90, 0.50, 0.60), after=(0.40, 0.60, 0.95), best=2, costs=(0.5, 0.7, 1.0)
    ),
    "one price": Flip(
        before=(0.95, 0.40, 0.70), after=(0.30, 0.95, 0.70), best=1, costs=(1.0, 1.0, 1.0)
    ),
    "mid rises, nobody falls": Flip(
        before=(0.50, 0.55, 0.97), after=(0.50, 0.95, 0.97), best=1, falls=False
    ),
    "cheap is away": Flip(
        before=(0.92, 0.90, 0.96), after=(0.92, 0.90, 0.96), best=1, away=0
    ),
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Flipped:
    """What came of it. `moved` is how many tasks after the change 8 of the last 10 asked the new
    best first; spend is per task, of what always asking the dearest first would take."""

    moved: int | None
    spend: float
    success: float  # of tasks
    first: float  # of first answers
    picks: tuple[int, ...]


def flip(
    world: Flip, seed: int, *, contexts: int = 1, outstanding: int = 1, tasks: int = 1_000
) -> Flipped:
    """Live through it; the change is half-way."""
    engine, draw = _engine(seed, contexts), random.Random(f"flip:{seed}")
    late: deque[Ended] = deque()
    picks, spent, right, first = [], 0.0, 0, 0
    for number in range(1, tasks + 1):
        changed = number > tasks // 2
        rates = world.after if changed else world.before
        context = draw.randrange(contexts)
        passes = [draw.random() < rate for rate in rates]
        order = _order(engine, world, context, number, changed)
        asked = order[: next((n for n, arm in enumerate(order, 1) if passes[arm]), len(order))]
        usd = sum(world.costs[arm] for arm in asked) * DEAREST_USD
        picks.append(order[0])
        spent, right, first = spent + usd, right + any(passes), first + passes[order[0]]
        late.append(
            Ended(
                choice=number, x=int(passes[order[0]]), cost_usd=usd, latency_ms=500, at_ms=number
            )
        )
        if len(late) >= outstanding:
            engine.apply(late.popleft())
    return Flipped(
        moved=_moved(picks[tasks // 2 :], world.best),
        spend=spent / (tasks * DEAREST_USD * max(world.costs)),
        success=right / tasks,
        first=first / tasks,
        picks=tuple(picks),
    )


def _moved(picks: list[int], best: int) -> int | None:
    for end in range(OF_LAST, len(picks) + 1):
        if picks[end - OF_LAST : end].count(best) >= MOVED:
            return end
    return None


def _engine(seed: int, contexts: int) -> Engine:
    engine = Engine()
    engine.apply(Configured(seed=seed))
    orders = [(name, *(other for other in NAMES if other != name)) for name in NAMES]
    intents = sorted({_context(number)[0] for number in range(contexts)})
    seeds = tuple(
        Seed(intent=intent, genome=Genome(providers=order))
        for intent in intents
        for order in orders
    )
    engine.apply(Seeded(seeds=seeds, providers=NAMES))
    return engine


def _context(number: int) -> tuple[str, float]:
    """Intent and difficulty."""
    return f"intent-{number // 2}", 0.25 + 0.5 * (number % 2)


def _order(engine: Engine, world: Flip, context: int, number: int, changed: bool) -> list[int]:
    """Who is asked, one after the other."""
    intent, difficulty = _context(context)
    offers = tuple(
        Offer(
            provider=name,
            cost_usd=cost * DEAREST_USD,
            prior=prior_of(tier, "best", TIERS, verifies=True),
        )
        for arm, (name, tier, cost) in enumerate(zip(NAMES, TIERS[1:], world.costs, strict=True))
        if not (changed and arm == world.away)
    )
    effects = engine.apply(
        Asked(number=number, intent=intent, difficulty=difficulty, offers=offers, verifies=True,
              at_ms=number)
    )  # fmt: skip
    chosen = next(effect for effect in effects if isinstance(effect, Chosen))
    assert chosen.strategy is not None
    offered = {offer.provider for offer in offers}
    return [NAMES.index(one) for one in chosen.strategy.genome.providers if one in offered]
