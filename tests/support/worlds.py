"""Worlds in which to learn whom to ask: four ways that success rates change, and policies to
compare, all of them pure and seeded.

A world has contexts and arms (providers) with a success rate for each and a known price. What an
arm is worth is its rate minus PRICE times its share of the dearest; regret is what the choices are
worth less than the best one of each moment, in expectation. Of the outcomes 80 % are seen, 5 % of
these the wrong way round, and each 8 decisions late.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from atlas_actors.messages.strategy import Genome, Offer
from atlas_actors.strategies.engine import Engine
from atlas_actors.strategies.events import Asked, Chosen, Configured, Ended, Seed, Seeded

PRICE = 0.25
KINDS = ("stationary", "abrupt", "drifting", "outages")


@attrs.frozen(kw_only=True)
class Shape:
    """How a world is made; the defaults are the standard one."""

    decisions: int = 4_000
    contexts: int = 4
    rates: tuple[float, ...] = (0.50, 0.66, 0.72, 0.74, 0.80, 0.90)
    costs: tuple[float, ...] = (0.0, 0.08, 0.08, 0.25, 0.25, 1.0)  # share of the dearest
    spread: float = 0.10  # standard deviation of a rate in a context
    drop: float = 0.35  # abrupt: what the best loses after a third
    rise: float = 0.30  # abrupt: what another one gains after two thirds
    walk: float = 0.006  # drifting: standard deviation of a step of each rate
    outages: int = 4
    outage: int = 150  # decisions
    seen: float = 0.80
    flipped: float = 0.05
    delay: int = 8
    breaker: int = 3  # infrastructure faults in a row, then the arm is away
    away: int = 30  # decisions
    prior: float = 0.85


# Other worlds than the standard one: a choice of settings that only fits that one shows here.
SHAPES = {
    "standard": Shape(),
    "three arms": Shape(rates=(0.6, 0.75, 0.85), costs=(0.0, 0.2, 1.0)),
    "eight arms": Shape(
        rates=(0.45, 0.55, 0.6, 0.66, 0.7, 0.75, 0.8, 0.9),
        costs=(0.0, 0.05, 0.1, 0.1, 0.2, 0.3, 0.5, 1.0),
    ),
    "short": Shape(decisions=1_500),
    "long": Shape(decisions=8_000),
    "low rates": Shape(rates=(0.3, 0.4, 0.45, 0.5, 0.55, 0.6), spread=0.15),
    "wild": Shape(drop=0.5, rise=0.2, walk=0.01),
    "many contexts": Shape(contexts=8, spread=0.05),
}


class World:
    """One world; `rates(t)` must be asked for each decision in order."""

    def __init__(self, kind: str, seed: int, shape: Shape | None = None) -> None:
        self.kind, self.shape = kind, shape or Shape()
        shape = self.shape
        self.random = random.Random(f"world:{kind}:{seed}")
        self.base = [
            [_rate(self.random.gauss(rate, shape.spread)) for rate in shape.rates]
            for _ in range(shape.contexts)
        ]
        self._walked = [[0.0] * len(shape.rates) for _ in range(shape.contexts)]
        self._changed = [self._abrupt(row) for row in self.base]
        self._out = [self.random.randrange(len(shape.rates)) for _ in range(shape.outages)]

    def _abrupt(self, row: list[float]) -> tuple[list[float], list[float]]:
        shape = self.shape
        best = max(range(len(row)), key=lambda arm: row[arm] - PRICE * shape.costs[arm])
        second = list(row)
        second[best] = max(0.05, row[best] - shape.drop)
        third, other = list(second), (best + self.random.randrange(1, len(row))) % len(row)
        third[other] = min(0.98, row[other] + shape.rise)
        return second, third

    def down(self, t: int) -> int | None:
        """The arm that is out, if one is."""
        if self.kind != "outages":
            return None
        for number, arm in enumerate(self._out):
            begins = int((number + 0.5) * self.shape.decisions / self.shape.outages)
            if begins <= t < begins + self.shape.outage:
                return arm
        return None

    def rates(self, t: int) -> list[list[float]]:
        """The true rates now, by context and arm."""
        if self.kind == "abrupt":
            third = t * 3 // self.shape.decisions
            return self.base if third == 0 else [row[third - 1] for row in self._changed]
        if self.kind == "drifting":
            for row in self._walked:
                for arm in range(len(row)):
                    row[arm] += self.random.gauss(0, self.shape.walk)
            return [
                [_rate(rate + by) for rate, by in zip(base, walked, strict=True)]
                for base, walked in zip(self.base, self._walked, strict=True)
            ]
        out = self.down(t)
        if out is None:
            return self.base
        return [[0.05 if arm == out else rate for arm, rate in enumerate(row)] for row in self.base]


def _rate(value: float) -> float:
    return min(0.98, max(0.05, value))


class Policy(Protocol):
    """Whoever chooses; `breaks`: it is not offered an arm that just failed thrice in a row by
    infrastructure, and hears nothing of such failures."""

    breaks: bool

    def ask(self, t: int, context: int, arms: Sequence[int]) -> int: ...

    def tell(self, t: int, context: int, arm: int, x: int | None) -> None:
        """How decision t ended, None when nobody saw it."""


@attrs.frozen(kw_only=True)
class Run:
    """What a policy came to in a world."""

    regret: float
    last_quarter: float
    success: float
    cost: float
    chosen: tuple[int, ...]


def drive(world: World, policy: Policy, seed: int = 0) -> Run:
    """Live through the world."""
    shape = world.shape
    draw = random.Random(f"outcomes:{seed}")
    late: deque[tuple[int, int, int, int | None]] = deque()
    faults, away = [0] * len(shape.rates), [0] * len(shape.rates)
    regret = last = success = cost = 0.0
    chosen = []
    for t in range(shape.decisions):
        rates = world.rates(t)
        context = draw.randrange(shape.contexts)
        luck, seen, flip = draw.random(), draw.random(), draw.random()
        if len(late) >= shape.delay:
            policy.tell(*late.popleft())
        arms = [arm for arm in range(len(shape.rates)) if not policy.breaks or away[arm] <= t]
        arm = policy.ask(t, context, arms)
        chosen.append(arm)
        worth = [
            rate - PRICE * share for rate, share in zip(rates[context], shape.costs, strict=True)
        ]
        lost = max(worth) - worth[arm]
        regret += lost
        last += lost * (t >= shape.decisions * 3 // 4)
        x = int(luck < rates[context][arm])
        success, cost = success + x, cost + shape.costs[arm]
        fault = policy.breaks and world.down(t) == arm and not x
        faults[arm] = faults[arm] + 1 if fault else 0
        if faults[arm] >= shape.breaker:
            away[arm] = t + shape.away
        known = seen < shape.seen and not fault
        late.append((t, context, arm, (1 - x if flip < shape.flipped else x) if known else None))
    n = shape.decisions
    return Run(
        regret=regret, last_quarter=last, success=success / n, cost=cost / n, chosen=tuple(chosen)
    )


# ---- policies to compare with


class Counting:
    """Counts by context and arm, which most policies decide from."""

    breaks = False

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape, self.random = shape, random.Random(f"policy:{seed}")
        self.right = [[0.0] * len(shape.rates) for _ in range(shape.contexts)]
        self.wrong = [[0.0] * len(shape.rates) for _ in range(shape.contexts)]

    def worth(self, t: int, context: int, arm: int) -> float:
        raise NotImplementedError

    def ask(self, t: int, context: int, arms: Sequence[int]) -> int:
        return max(arms, key=lambda arm: (self.worth(t, context, arm), self.random.random()))

    def tell(self, t: int, context: int, arm: int, x: int | None) -> None:
        if x is not None:
            self.right[context][arm] += x
            self.wrong[context][arm] += 1 - x


class Thompson(Counting):
    """A draw from Beta(1 + successes, 1 + failures)."""

    def worth(self, t: int, context: int, arm: int) -> float:
        drawn = self.random.betavariate(1 + self.right[context][arm], 1 + self.wrong[context][arm])
        return drawn - PRICE * self.shape.costs[arm]


class Ucb1(Counting):
    """The mean and the square root of 2 ln N / n."""

    def worth(self, t: int, context: int, arm: int) -> float:
        right, n = self.right[context][arm], self.right[context][arm] + self.wrong[context][arm]
        if n == 0:
            return math.inf
        all_n = sum(self.right[context]) + sum(self.wrong[context])
        return right / n - PRICE * self.shape.costs[arm] + math.sqrt(2 * math.log(all_n + 1) / n)


class EpsilonGreedy(Counting):
    """The best mean, and one time in ten anybody."""

    def ask(self, t: int, context: int, arms: Sequence[int]) -> int:
        return (
            self.random.choice(arms)
            if self.random.random() < 0.1
            else super().ask(t, context, arms)
        )

    def worth(self, t: int, context: int, arm: int) -> float:
        right, wrong = self.right[context][arm], self.wrong[context][arm]
        return (right + 1) / (right + wrong + 2) - PRICE * self.shape.costs[arm]


class Fitness(Counting):
    """The older rule: the best of lifetime success, speed and length, no cost, who is untested
    comes last. Speed and length are made up here: the same for all."""

    def worth(self, t: int, context: int, arm: int) -> float:
        n = self.right[context][arm] + self.wrong[context][arm]
        return 0.4 * self.right[context][arm] / n + 0.5 if n else 0.0


class Anybody(Counting):
    """Whoever."""

    def worth(self, t: int, context: int, arm: int) -> float:
        return 0.0


class Dearest(Counting):
    """Always who costs most."""

    def worth(self, t: int, context: int, arm: int) -> float:
        return self.shape.costs[arm]


# ---- Atlas


class Atlas:
    """The real engine, asked and told by events; contexts are intents and bands by turns."""

    breaks = True

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        self.engine = Engine()
        self.names = [f"provider-{arm}" for arm in range(len(shape.rates))]
        self.offers = [
            Offer(provider=name, cost_usd=share, prior=shape.prior)
            for name, share in zip(self.names, shape.costs, strict=True)
        ]
        self.numbers: dict[int, int] = {}
        self.engine.apply(Configured(seed=seed, latency_weight=0.0))
        seeds = tuple(
            Seed(intent=intent, genome=Genome(providers=(name,)))
            for intent in sorted({self.context(c)[0] for c in range(shape.contexts)})
            for name in self.names
        )
        self.engine.apply(Seeded(seeds=seeds, providers=tuple(self.names)))

    @staticmethod
    def context(number: int) -> tuple[str, float]:
        """Intent and difficulty of a context."""
        return f"intent-{number // 2}", 0.25 + 0.5 * (number % 2)

    def ask(self, t: int, context: int, arms: Sequence[int]) -> int:
        intent, difficulty = self.context(context)
        number = self.engine.asked + 1
        effects = self.engine.apply(
            Asked(
                number=number,
                intent=intent,
                difficulty=difficulty,
                offers=tuple(self.offers[arm] for arm in arms),
                verifies=True,
                at_ms=t,
            )
        )
        chosen = next(effect for effect in effects if isinstance(effect, Chosen))
        assert chosen.strategy is not None
        self.numbers[t] = number
        return self.names.index(chosen.strategy.genome.providers[0])

    def tell(self, t: int, context: int, arm: int, x: int | None) -> None:
        cost = self.shape.costs[arm]
        number = self.numbers.pop(t)
        self.engine.apply(Ended(choice=number, x=x, cost_usd=cost, at_ms=t))


POLICIES: dict[str, Callable[[Shape, int], Policy]] = {
    "Atlas": Atlas,
    "Thompson": Thompson,
    "UCB1": Ucb1,
    "epsilon-greedy 0.1": EpsilonGreedy,
    "older fitness rule": Fitness,
    "always the dearest": Dearest,
    "anybody": Anybody,
}
