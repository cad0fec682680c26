"""Pure: what of the settings the engine hears."""

from collections.abc import Mapping, Sequence

from atlas_actors.providers.prices import PriceTable
from atlas_actors.settings import ProviderSettings, StrategySettings
from atlas_actors.strategies.events import Configured


def configured(settings: StrategySettings, at_ms: int) -> Configured:
    """The settings that decisions depend on."""
    return Configured(
        seed=settings.seed,
        evolve=settings.evolve,
        cost_weight=settings.cost_weight,
        latency_weight=settings.latency_weight,
        challenger_share=settings.challenger_share,
        challengers_max=settings.challengers_max,
        at_ms=at_ms,
    )


def tiers_of(
    providers: Mapping[str, ProviderSettings], tiers: Sequence[str], prices: PriceTable
) -> dict[str, str]:
    """The tier of each provider, the cheapest first, as the starting set wants them."""
    ranks = {tier: rank for rank, tier in enumerate(tiers)}
    cheapest_first = sorted(
        providers.values(),
        key=lambda one: (ranks.get(one.tier, -1), prices.of(one).price.output),
    )
    return {settings.name: settings.tier for settings in cheapest_first}
