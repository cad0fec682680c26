"""Pure: which providers may do a request, in which order, and why."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from atlas_actors.messages.execution import Request
from atlas_actors.messages.routing import Link, Route
from atlas_actors.orchestrator.breaker import Breaker
from atlas_actors.orchestrator.prompt import characters
from atlas_actors.providers.catalog import CONTEXT_TOKENS, TIERS, TRANSPORTS
from atlas_actors.providers.prices import Price, PriceTable
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN
from atlas_actors.settings import ProviderSettings

IN: Final = "in"


@attrs.frozen(kw_only=True)
class Provider:
    """What the orchestrator knows of one provider now."""

    name: str
    tier: str
    capabilities: frozenset[str]
    context_tokens: int
    usable: bool = False  # its executor takes work
    reason: str = "not started yet"
    slots: int = 1
    retries: int = 1
    price: Price = attrs.field(factory=Price)
    breaker: Breaker = attrs.field(factory=Breaker)


@attrs.frozen(kw_only=True)
class Wanted:
    """A request as far as the choice of a provider depends on it; `length` in characters.

    `over` names the providers that would exceed a budget, and why.
    """

    route: Route
    pinned: str | None
    length: int
    directory: bool = False
    schema: bool = False
    files: bool = False
    over: Mapping[str, str] = attrs.field(factory=dict)


def provider_of(settings: ProviderSettings, prices: PriceTable) -> Provider:
    """A provider as its settings describe it, before it has reported."""
    transport = TRANSPORTS[settings.transport]
    said = settings.capabilities
    return Provider(
        name=settings.name,
        tier=settings.tier,
        capabilities=transport.capabilities if said is None else frozenset(said),
        context_tokens=settings.context_tokens or prices.of(settings).context or CONTEXT_TOKENS,
        retries=settings.retries,
        price=prices.of(settings).price,
    )


def wanted_of(route: Route, request: Request, over: Mapping[str, str]) -> Wanted:
    """What a task's request asks of a provider."""
    return Wanted(
        route=route,
        pinned=request.provider,
        length=characters(request),
        directory=request.cwd is not None,
        schema=request.schema is not None,
        files=bool(request.files),
        over=over,
    )


def route_without_router(id: str, error: str) -> Route:
    """Best effort while the router is not working: the free tier, and the reason."""
    return Route(
        id=id,
        layer=None,
        rule=None,
        intent="explain",
        confidence=0.0,
        abstained=True,
        tier="free",
        agent=None,
        complexity=5,
        difficulty=0.5,
        mode="normal",
        reason=f"the router is not working: {error}",
    )


def chain_of(
    wanted: Wanted,
    providers: Mapping[str, Provider],
    tiers: Sequence[str] = TIERS,
    *,
    now_s: float = 0.0,
    wait_for_budget: bool = False,
) -> tuple[Link, ...]:
    """Every provider in the order of preference, with a verdict each: who may do a request is
    decided here and nowhere else.

    A person's pin (of the request, else of the route) leaves only that one. The session's provider
    comes first, then whom the strategy names, in its order. Then from the route's tier upwards, in
    each tier what will likely cost least; below it only as a last resort, best first: a person is
    better served by a labelled small model than by nothing. Unless they said `wait_for_budget`:
    then what costs too much today is waited for.
    """
    route = wanted.route
    pinned = wanted.pinned or route.pin
    if pinned is None and route.locked:
        pinned = route.keep  # it waits rather than hand a tool loop to a stranger
    # A tier that the settings no longer have is taken for the best: in doubt up.
    at = tiers.index(route.tier) if route.tier in tiers else len(tiers) - 1
    rank = {tier: (0, n) if n >= at else (1, -n) for n, tier in enumerate(tiers)}
    last = (2, 0)
    tokens = wanted.length / CHARACTERS_PER_TOKEN
    named = () if route.strategy is None else route.strategy.genome.providers
    place = {name: n for n, name in enumerate(named)}
    ordered = sorted(
        providers.values(),
        key=lambda provider: (
            provider.name != route.keep,
            place.get(provider.name, len(place)),
            rank.get(provider.tier, last),
            provider.price.estimate_usd(tokens, route.answer_tokens),
        ),
    )
    below = frozenset(tiers[:at])
    links = [_link(provider, wanted, pinned, below, now_s) for provider in ordered]
    if wait_for_budget and any(link.verdict == "over budget" for link in links):
        links = [
            attrs.evolve(link, verdict="out", why="the request waits for its budget (when_over)")
            if link.verdict == IN
            and providers[link.provider].tier in below
            and link.provider not in named[:1]
            else link
            for link in links
        ]
    return tuple(links)


def lane_of(chain: Sequence[Link], tried: Sequence[str] = ()) -> tuple[str | None, str]:
    """The provider to wait for, and why the task cannot start at once (empty when it can).

    Who was `tried` for this task comes after who was not, even if those have to rest a while.
    """
    fresh = [link for link in chain if link.provider not in tried]
    usable = next((link for link in fresh if link.verdict == IN), None)
    resting = next((link for link in fresh if link.verdict == "open"), None)
    if usable is None and (resting is None or not tried):
        usable = next((link for link in chain if link.verdict == IN), None)
    if usable is not None:
        return usable.provider, ""
    waiting = next((link for link in chain if link.verdict in ("waiting", "open")), None)
    if waiting is not None:
        return waiting.provider, f"waits for {waiting.provider}: {waiting.why}"
    over = next((link for link in chain if link.verdict == "over budget"), None)
    if over is not None:  # its lane may be open: nobody's lane, until there is money again
        return None, f"waits for {over.provider}: {over.why}"
    reasons = "; ".join(f"{link.provider}: {link.why}" for link in chain)
    return None, f"no provider can do this: {reasons}"


def _link(
    provider: Provider, wanted: Wanted, pinned: str | None, below: frozenset[str], now_s: float
) -> Link:
    verdict, why = _verdict(provider, wanted, pinned, now_s)
    if verdict == IN:
        strategy = wanted.route.strategy
        if provider.name == wanted.route.keep:
            why = f"{provider.tier} tier, the session's provider"
        elif strategy is not None and provider.name in strategy.genome.providers[:1]:
            why = f"{provider.tier} tier, the strategy's first"
        elif provider.tier in below:
            why = f"{provider.tier} tier, below the {wanted.route.tier} that the request asks for"
        if provider.breaker.state == "half_open":
            why += "; on trial after failures"
    return Link(provider=provider.name, verdict=verdict, why=why, breaker=provider.breaker.state)


def _verdict(
    provider: Provider, wanted: Wanted, pinned: str | None, now_s: float
) -> tuple[str, str]:
    if pinned is not None and provider.name != pinned:
        return "out", f"the request is pinned to {pinned}"
    cannot = _cannot(provider, wanted, pinned)
    if cannot:
        return "out", cannot
    if not provider.usable:
        return "waiting", provider.reason
    if provider.breaker.probing:
        return "open", "one request tries whether it works again"
    if provider.breaker.state == "open":
        left_s = max(0.0, provider.breaker.until_s - now_s)
        return "open", f"rests for {left_s:.0f} s more: {provider.breaker.reason}"
    if provider.name in wanted.over:
        return "over budget", wanted.over[provider.name]
    return IN, f"{provider.tier} tier"


def _cannot(provider: Provider, wanted: Wanted, pinned: str | None) -> str:
    """What it lacks for the request, or an empty text."""
    route, can = wanted.route, provider.capabilities
    # Without a directory the only result is a text; asked for by name, or about files that come
    # with the request, or where nobody is sure what it is, a text will do.
    text_will_do = not wanted.directory and (pinned or wanted.files or route.abstained)
    if "workspace" in route.needs and "workspace" not in can and not text_will_do:
        return "it cannot work in a directory"
    if wanted.schema and "json-schema" not in can:
        return "it cannot answer by a JSON schema"
    if "vision" in route.needs and "vision" not in can:
        return "it cannot see pictures"
    if "text" not in can:
        return "it cannot answer with text"
    if wanted.length / CHARACTERS_PER_TOKEN > provider.context_tokens:
        tokens = wanted.length // CHARACTERS_PER_TOKEN
        return f"about {tokens} tokens, it takes {provider.context_tokens}"
    return ""
