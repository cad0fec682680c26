"""Pure: what strategies are told of a request before they say how it is gone about."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from atlas_actors.messages.execution import Request
from atlas_actors.messages.routing import Link, Route
from atlas_actors.messages.strategy import Offer
from atlas_actors.orchestrator.chain import IN, Provider

PRIOR_MOST: Final = 0.85
PRIOR_STEP: Final = 0.25
PRIOR_STEP_CHECKED: Final = 0.03
PRIOR_LEAST: Final = 0.1


def prior_of(tier: str, wanted_tier: str, tiers: Sequence[str], *, verifies: bool = False) -> float:
    """How likely a tier's answer is right before anything is known: less by a step for each tier
    below the one that the request asks for. The step is a small one where the request brings its
    own check (`verifies`): a wrong answer is found out then, and the next one is asked."""
    if tier not in tiers:
        return PRIOR_LEAST
    at = tiers.index(wanted_tier) if wanted_tier in tiers else len(tiers) - 1
    below = max(0, at - tiers.index(tier))
    step = PRIOR_STEP_CHECKED if verifies else PRIOR_STEP
    return round(max(PRIOR_LEAST, PRIOR_MOST - step * below), 6)


def offers_of(
    route: Route,
    chain: Sequence[Link],
    providers: Mapping[str, Provider],
    tiers: Sequence[str],
    estimate_usd: Callable[[str], float],
    *,
    verifies: bool = False,
) -> tuple[Offer, ...]:
    """Who could do it now; of a session whose provider can, that one alone, which is asked first
    whatever the strategy says."""
    names = [link.provider for link in chain if link.verdict == IN]
    if route.keep in names:
        names = [route.keep]
    return tuple(
        Offer(
            provider=name,
            cost_usd=estimate_usd(name),
            prior=prior_of(providers[name].tier, route.tier, tiers, verifies=verifies),
        )
        for name in names
    )


def checks_itself(request: Request) -> bool:
    """Whether the request says what a right answer is."""
    return request.schema is not None or request.match is not None or request.check is not None
