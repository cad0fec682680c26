"""What a session and a pin change about a decision: who goes on, when a switch is worth it.

A switch of provider loses the prompt cache, so it must pay for that; inside a tool loop and on
"continue" it would hand half-done work to a stranger, so there it never happens.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import attrs

from atlas_actors.providers.prices import Price, switch_saves_usd
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN
from atlas_actors.router.decide import Decision

INHERITING: Final = frozenset({"continue", "chat"})
CACHE_MS: Final = 300_000  # providers forget a prompt's cache after about five minutes
_DIRECTIVE: Final = re.compile(
    r"(?:^|\n)\s*(?:please )?(?:"
    r"(?:use|with|via) @?(\S+?)(?:[:,]|\s+(?:for (?:this|that|it)|please|here)\b|\s*(?:\n|$))"
    r"|ask @?(\S+?),? to\b"
    r"|(?:route|send) (?:this |it )?to @?(\S+?)(?:[\s:,.]|$)"
    r"|@(\S+?)(?:[\s:,]|$))"
)


@attrs.frozen(kw_only=True)
class Session:
    """What is known of a client's session before this turn."""

    intent: str
    tier: str
    provider: str | None
    at_ms: int  # of its last turn
    characters: int  # of its turns so far: about what a provider has in its cache


@attrs.frozen(kw_only=True)
class Settled:
    """A decision's tier, and the provider to stay with, as the session has it."""

    tier: str
    keep: str | None = None
    locked: bool = False  # nobody but `keep`: inside a tool loop
    why: str = ""


@attrs.frozen(kw_only=True)
class Offer:
    """A configured provider as far as a switch is concerned."""

    name: str
    tier: str
    price: Price


def settle(
    decision: Decision,
    session: Session | None,
    *,
    now_ms: int,
    tool_loop: bool,
    tiers: Sequence[str],
    offers: Mapping[str, Offer],
) -> Settled:
    """Stay or switch; when in doubt up, never down."""
    if session is None:
        return Settled(tier=decision.tier)
    goes_on = Settled(tier=session.tier, keep=session.provider)
    if tool_loop or decision.ask.empty:
        return attrs.evolve(goes_on, locked=True, why="inside a tool loop nothing switches")
    # Who did one turn below the session's tier (named in the prompt, or as a last resort) does not
    # keep it for the next.
    old = offers.get(session.provider or "")
    able = old is not None and _rank(old.tier, tiers) >= _rank(session.tier, tiers)
    stay = goes_on if able else Settled(tier=session.tier)
    if decision.intent in INHERITING:
        return attrs.evolve(
            goes_on, why=f"{decision.intent} goes on with the session's {session.intent}"
        )
    wanted, had = _rank(decision.tier, tiers), _rank(session.tier, tiers)
    if wanted > had:
        return Settled(
            tier=decision.tier, why=f"{decision.intent} asks for more than the session had"
        )
    if wanted == had:
        return attrs.evolve(stay, why="the session has this tier already")
    if now_ms - session.at_ms > CACHE_MS:
        return Settled(tier=decision.tier, why="the session was idle, its prompt cache is gone")
    if decision.abstained:
        return attrs.evolve(stay, why="in doubt the session stays up")
    new = next((offer for offer in offers.values() if offer.tier == decision.tier), None)
    if old is None or new is None:
        return attrs.evolve(stay, why=f"no provider of the {decision.tier} tier to switch to")
    context = session.characters / CHARACTERS_PER_TOKEN
    saves = switch_saves_usd(context, decision.answer_tokens, old.price, new.price)
    if saves > 0:
        return Settled(
            tier=decision.tier, why=f"{new.name} saves ${saves:.4f}, the lost cache counted"
        )
    return attrs.evolve(stay, why=f"a switch to {new.name} would cost ${-saves:.4f} more")


def _rank(tier: str, tiers: Sequence[str]) -> int:
    return tiers.index(tier) if tier in tiers else len(tiers)


def directive_of(ask: str, providers: Collection[str]) -> str | None:
    """The provider that a line of the ask begins with: "use codex for this", "@haiku"; or None."""
    names = {name.casefold(): name for name in providers}
    for found in _DIRECTIVE.finditer(ask.casefold()):
        named = next((group for group in found.groups() if group), "")
        if named in names:
            return names[named]
    return None
