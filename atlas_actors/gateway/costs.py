"""The read model of costs: what attempts used, summed, and what the best tier would have taken."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.messages.execution import Usage
from atlas_actors.providers.prices import Model, PriceTable
from atlas_actors.settings import ProviderSettings
from atlas_actors.store import Reader, Row

_TOKENS: Final = ("input", "cache_read", "cache_write", "output", "reasoning")
BY: Final = ("day", "provider", "intent", "strategy", "project")  # columns of inspect_costs


@attrs.frozen(kw_only=True)
class Best:
    """The provider of the highest tier that has a price, for comparison."""

    provider: str
    model: Model


def best_of(
    providers: Mapping[str, ProviderSettings], tiers: Sequence[str], prices: PriceTable
) -> Best | None:
    """The first provider of the highest tier whose price is known."""
    rank = {tier: at for at, tier in enumerate(tiers)}
    for settings in sorted(providers.values(), key=lambda one: -rank.get(one.tier, -1)):
        model = prices.of(settings)
        if model.price.output > 0:
            return Best(provider=settings.name, model=model)
    return None


def stats(state: Path, by: str, since_ms: int, best: Best | None, prices_of: str) -> dict[str, Any]:
    """Sums by one thing; the estimate prices the real tokens of answered attempts, uncached."""
    rows = Reader(state / "tasks.db").rows(
        "select * from inspect_costs where at_ms >= ? order by at_ms desc", (since_ms,)
    )
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[by], []).append(row)
    return {
        "by": by,
        "rows": [{by: name, **_sum(group, best)} for name, group in groups.items()],
        "total": _sum(rows, best),
        "quality_provider": best.provider if best else None,
        "quality_model": best.model.name if best else None,
        "prices_of": prices_of,
    }


def _sum(rows: Sequence[Row], best: Best | None) -> dict[str, Any]:
    cost_usd = round(sum(row["cost_usd"] for row in rows), 6)
    quality_usd = None if best is None else round(sum(_at_best(row, best) for row in rows), 6)
    return {
        "attempts": len(rows),
        "tasks": len({row["task_id"] for row in rows}),
        "tokens": {key: sum(row[key] for row in rows) for key in _TOKENS},
        "estimated_attempts": sum(row["estimated"] for row in rows),
        "cost_usd": cost_usd,
        "quality_usd_estimate": quality_usd,
    }


def _at_best(row: Row, best: Best) -> float:
    """What the answered attempts would have cost there: the failed ones would not have been."""
    if row["end"] != "answered":
        return 0.0
    usage = Usage(**{key: row[key] for key in (*_TOKENS, "cache_write_1h")})
    prompt = usage.input + usage.cache_read + usage.cache_write
    return best.model.price_at(prompt).cost_usd(usage)
