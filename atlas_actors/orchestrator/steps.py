"""Pure: which providers may do a request, in which order, and what follows an attempt."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from atlas_actors.messages.execution import AttemptEnded, End
from atlas_actors.messages.routing import Link, Route
from atlas_actors.messages.task import TaskState
from atlas_actors.orchestrator.check import Verdict
from atlas_actors.providers.catalog import TIERS, TRANSPORTS
from atlas_actors.providers.prices import Price
from atlas_actors.settings import ProviderSettings

# English has about 4 characters a token, code fewer: below this estimate it is surely too long.
CHARACTERS_PER_TOKEN: Final = 4
RETRY_FLOOR_MS: Final = 100
RETRY_CAP_MS: Final = 60_000
RETRY_AFTER_CAP_MS: Final = 3_600_000


@attrs.frozen(kw_only=True)
class Provider:
    """What the orchestrator knows of one provider now."""

    name: str
    tier: str
    built: bool
    workspace: bool
    context_tokens: int
    usable: bool = False
    reason: str = "not started yet"
    slots: int = 1


@attrs.frozen(kw_only=True)
class Next:
    """What becomes of the task: its state, and for a pending one its lane and delay."""

    state: TaskState
    end: End
    lane: str | None
    delay_ms: int = 0
    error: str = ""


def provider_of(settings: ProviderSettings) -> Provider:
    """A provider as its settings describe it, before it has reported."""
    transport = TRANSPORTS.get(settings.transport)
    built = transport is not None and transport.built
    return Provider(
        name=settings.name,
        tier=settings.tier,
        built=built,
        workspace=transport is not None and transport.workspace,
        context_tokens=settings.context_tokens,
        reason="not started yet" if built else f"transport {settings.transport} is not built yet",
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
    route: Route,
    pinned: str | None,
    length: int,
    providers: Mapping[str, Provider],
    tiers: Sequence[str] = TIERS,
) -> tuple[Link, ...]:
    """Every provider in the order of preference, with a verdict each: who may do a request is
    decided here and nowhere else.

    A person's pin (of the request, else of the route) leaves only that one. The session's provider
    comes first. Then from the route's tier upwards, cheapest first; below it only as a last resort,
    best first: a person is better served by a labelled small model than by nothing. `length` in
    characters.
    """
    pinned = pinned or route.pin
    if pinned is None and route.locked:
        pinned = route.keep  # it waits rather than hand a tool loop to a stranger
    # A tier that the settings no longer have is taken for the best: in doubt up.
    wanted = tiers.index(route.tier) if route.tier in tiers else len(tiers) - 1
    rank = {tier: (0, at) if at >= wanted else (1, -at) for at, tier in enumerate(tiers)}
    last = (2, 0)
    ordered = sorted(
        providers.values(),
        key=lambda provider: (provider.name != route.keep, rank.get(provider.tier, last)),
    )
    below = frozenset(tiers[:wanted])
    return tuple(_link(provider, route, pinned, length, below) for provider in ordered)


def estimate_usd(settings: ProviderSettings | None, length: int, answer_tokens: int) -> float:
    """What a request will likely cost at a provider; 0 where it is free or nobody can do it."""
    if settings is None:
        return 0.0
    price = Price(input=settings.usd_input, output=settings.usd_output)
    return round(price.estimate_usd(length / CHARACTERS_PER_TOKEN, answer_tokens), 6)


def lane_of(chain: Sequence[Link]) -> tuple[str | None, str]:
    """The provider to wait for, and why the task cannot start at once (empty when it can)."""
    usable = next((link for link in chain if link.verdict == "in"), None)
    if usable is not None:
        return usable.provider, ""
    waiting = next((link for link in chain if link.verdict == "waiting"), None)
    if waiting is not None:
        return waiting.provider, f"waits for {waiting.provider}: {waiting.why}"
    reasons = "; ".join(f"{link.provider}: {link.why}" for link in chain)
    return None, f"no provider can do this: {reasons}"


def next_step(
    ended: AttemptEnded,
    verdict: Verdict | None,
    chain: Sequence[Link],
    *,
    interruptions_max: int,
    jitter: float,
) -> Next:
    """What follows an attempt; `verdict` is there when it was answered. `jitter` in [0, 1)."""
    started = ended.started
    if verdict is not None and verdict.passed:
        return Next(state=TaskState.COMPLETED, end=End.ANSWERED, lane=ended.provider)
    if verdict is not None:
        error = f"rejected: {verdict.detail}"
        return _again(ended, End.REJECTED, error, _elsewhere(ended, chain) or ended.provider)
    error = f"{ended.end}: {ended.error}"
    match ended.end:
        case End.REFUSED | End.OVER_BUDGET:
            return _again(ended, ended.end, error, _elsewhere(ended, chain))
        case End.TIMED_OUT:
            return _again(ended, ended.end, error, _elsewhere(ended, chain) or ended.provider)
        case _:
            if ended.end is not End.BUSY and started.interruptions >= interruptions_max:
                return _failed(ended.end, error)
            other = _anybody_else(ended, chain)
            delay_ms = 0 if other else _delay_ms(ended, jitter)
            return Next(
                state=TaskState.PENDING,
                end=ended.end,
                lane=other or ended.provider,
                delay_ms=delay_ms,
                error=error,
            )


def _again(ended: AttemptEnded, end: End, error: str, lane: str | None) -> Next:
    started = ended.started
    if lane is None or started.answers_asked >= started.attempts_max:
        return _failed(end, error)
    return Next(state=TaskState.PENDING, end=end, lane=lane, error=error)


def _failed(end: End, error: str) -> Next:
    return Next(state=TaskState.FAILED, end=end, lane=None, error=error)


def _elsewhere(ended: AttemptEnded, chain: Sequence[Link]) -> str | None:
    """The next usable provider after the one that was tried."""
    names = [link.provider for link in chain]
    after = names.index(ended.provider) + 1 if ended.provider in names else 0
    usable = (link.provider for link in chain[after:] if link.verdict == "in")
    return next(usable, None)


def _anybody_else(ended: AttemptEnded, chain: Sequence[Link]) -> str | None:
    """The first usable provider that was not the one tried; a fault of the way needs no better."""
    others = (link.provider for link in chain if link.provider != ended.provider)
    usable = {link.provider for link in chain if link.verdict == "in"}
    return next((name for name in others if name in usable), None)


def _delay_ms(ended: AttemptEnded, jitter: float) -> int:
    """Retry-After when the provider gave one, else exponential with full jitter."""
    if ended.retry_after_ms is not None:
        return max(RETRY_FLOOR_MS, min(ended.retry_after_ms, RETRY_AFTER_CAP_MS))
    ceiling = min(RETRY_CAP_MS, 500 * 2 ** min(ended.started.attempt - 1, 20))
    return max(RETRY_FLOOR_MS, int(ceiling * jitter))


def _link(
    provider: Provider, route: Route, pinned: str | None, length: int, below: frozenset[str]
) -> Link:
    verdict, why = "in", f"{provider.tier} tier"
    if pinned is not None and provider.name != pinned:
        verdict, why = "out", f"the request is pinned to {pinned}"
    elif not provider.built:
        verdict, why = "out", provider.reason
    elif "workspace" in route.needs and not provider.workspace:
        verdict, why = "out", "it cannot work in a directory"
    elif length / CHARACTERS_PER_TOKEN > provider.context_tokens:
        tokens = length // CHARACTERS_PER_TOKEN
        verdict, why = "out", f"about {tokens} tokens, it takes {provider.context_tokens}"
    elif not provider.usable:
        verdict, why = "waiting", provider.reason
    elif provider.name == route.keep:
        why = f"{provider.tier} tier, the session's provider"
    elif provider.tier in below:
        why = f"{provider.tier} tier, below the {route.tier} that the request asks for"
    return Link(provider=provider.name, verdict=verdict, why=why)
