"""Pure: what each strategy of an intent is worth for a request, and which one is best."""

import random
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from atlas_actors.strategies.cells import SHARPNESS, Belief, belief, belief_of_child
from atlas_actors.strategies.state import Intent, Record, Spent, State

SHRINK_TRIALS: Final = 5.0  # ended choices that what is usual in the intent stands for
RATIO_MAX: Final = 10.0  # of what was paid to what was expected
MINUTE_MS: Final = 60_000.0


@attrs.frozen(kw_only=True)
class Weights:
    """What a request is priced with: the whole price of the dearest provider, and a minute, each
    in success."""

    cost: float
    latency: float


@attrs.frozen(kw_only=True)
class Arm:
    """A strategy that can be chosen: what is believed of it and what it costs, in success."""

    record: Record
    belief: Belief
    price: float

    @property
    def worth(self) -> float:
        """What is to be expected of it."""
        return self.belief.mean - self.price

    def drawn(self, draw: random.Random) -> float:
        """What it may be worth, by a draw from what is believed."""
        return draw.betavariate(self.belief.a * SHARPNESS, self.belief.b * SHARPNESS) - self.price


def remember_prices(intent: Intent, costs: Mapping[str, tuple[float, float]]) -> None:
    """Keep the offers (cost in USD, prior) by provider; what is not offered now is taken to have
    become dearer or cheaper like the others. So a price keeps its weight while the dearest
    provider is away."""
    before = sum(intent.prices[name][0] for name in costs if name in intent.prices)
    now = sum(cost for name, (cost, _) in costs.items() if name in intent.prices)
    scale = now / before if before > 0 and now > 0 else 1.0
    for name, price in intent.prices.items():
        if name not in costs:
            price[0] *= scale
    for name, offer in costs.items():
        intent.prices[name] = list(offer)


def arms_of(
    state: State, intent: Intent, band: str, offered: Iterable[str], weights: Weights
) -> list[Arm]:
    """Every active strategy whose lead is offered."""
    leads = set(offered)
    records = intent.records.values()
    chosen = [one for one in records if one.state == "active" and one.lead in leads]
    return arms_for(state, intent, band, chosen, weights)


def arms_for(
    state: State, intent: Intent, band: str, records: Iterable[Record], weights: Weights
) -> list[Arm]:
    """These strategies in a context; the lead of each has been offered before."""
    dearest_usd = _dearest_usd(state, intent) or 1.0
    arms = []
    for record in records:
        usd = intent.prices[record.lead][0] * _ratio(intent.spent, record.spent)
        minutes = _latency_ms(intent.spent, record.spent) / MINUTE_MS
        price = weights.cost * usd / dearest_usd + weights.latency * minutes
        belief = believed(state, intent, record, band)
        arms.append(Arm(record=record, belief=belief, price=price))
    return arms


def _dearest_usd(state: State, intent: Intent) -> float:
    """What the dearest provider is expected to take, by what was really paid for it: what is wrong
    with all estimates alike, or with what others cost once they have failed, shrinks no price."""
    usd = {
        name: price[0] * _ratio_usual(intent.spent)
        for name, price in intent.prices.items()
        if name in state.providers
    }
    for record in intent.records.values():
        if record.lead in usd and record.spent.ended:
            price = intent.prices[record.lead][0]
            usd[record.lead] = min(usd[record.lead], price * _ratio(intent.spent, record.spent))
    return max(usd.values(), default=0.0)


def believed(state: State, intent: Intent, record: Record, band: str) -> Belief:
    """The posterior of a strategy's success in a context."""
    cell = state.cells.get((record.id, band))
    if band in record.priors:
        return belief_of_child(cell, record.priors[band])
    successes, failures = state.pools.get(record.lead, (0.0, 0.0))
    if cell is not None and cell.alone:
        successes = failures = 0.0
    elif cell is not None:
        successes, failures = successes - cell.successes, failures - cell.failures
    pool = max(0.0, successes), max(0.0, failures)
    return belief(cell, pool, intent.prices[record.lead][1])


def _ratio(usual: Spent, own: Spent) -> float:
    """What is paid for each dollar expected: the strategy's record, shrunk to the intent's."""
    if usual.expected_usd <= 0:
        return 1.0
    some_usd = usual.expected_usd / usual.ended * SHRINK_TRIALS
    ratio = (own.usd + _ratio_usual(usual) * some_usd) / (own.expected_usd + some_usd)
    return min(RATIO_MAX, max(1 / RATIO_MAX, ratio))


def _ratio_usual(usual: Spent) -> float:
    """What is paid in the intent for each dollar expected, shrunk to one."""
    if usual.expected_usd <= 0:
        return 1.0
    some_usd = usual.expected_usd / usual.ended * SHRINK_TRIALS
    ratio = (usual.usd + some_usd) / (usual.expected_usd + some_usd)
    return min(RATIO_MAX, max(1 / RATIO_MAX, ratio))


def _latency_ms(usual: Spent, own: Spent) -> float:
    """How long it takes: the strategy's record, shrunk to the intent's."""
    if usual.timed == 0:
        return 0.0
    mean_ms = usual.waited_ms / usual.timed
    return (own.waited_ms + SHRINK_TRIALS * mean_ms) / (own.timed + SHRINK_TRIALS)
