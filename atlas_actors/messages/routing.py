"""Between the gateway, the orchestrator and the router: what a request is, who should do it."""

from typing import Any

import attrs

from atlas_actors.messages.strategy import Strategy


@attrs.frozen(kw_only=True)
class Link:
    """One provider of a chain, and why it is in or out."""

    provider: str
    verdict: str  # in, out, waiting, open (its breaker), over budget
    why: str
    breaker: str = "closed"  # closed, open, half_open


@attrs.frozen(kw_only=True)
class Route:
    """What was decided about a request; `provider` and `chain` are filled by the orchestrator."""

    id: str
    layer: int | None
    rule: str | None
    intent: str
    confidence: float
    abstained: bool
    tier: str
    agent: str | None
    complexity: int  # 1 to 10
    difficulty: float  # 0 to 1
    mode: str  # normal or autonomous
    reason: str
    needs: tuple[str, ...] = ()  # of workspace, tools, json, long_context
    provider: str | None = None
    chain: tuple[Link, ...] = ()
    answer_tokens: int = 500  # how long an answer will likely be
    estimated_usd: float = 0.0
    keep: str | None = None  # the session's provider: first, if it can
    pin: str | None = None  # a person's choice: nobody else
    locked: bool = False  # inside a tool loop: nobody but `keep`
    session_rule: str = ""  # what the session or a pin changed, and why
    explain: dict[str, Any] | None = None  # only when it was asked for
    strategy: Strategy | None = None  # how it is gone about; filled by the orchestrator
    choice: int | None = None  # the number of that choice in the log of strategies
    strategy_why: str = ""
    moved: bool = False  # the choice sent it to another provider, for whom it waits since


@attrs.frozen(kw_only=True)
class Classify:
    """Ask the router: what is this text? The answer is a Classified."""

    request_id: str  # given back, so that the asker knows which
    text: str
    cwd: str | None = None
    session: str | None = None
    client: str | None = None
    tool_loop: bool = False  # the client is between a tool's call and its result
    explain: bool = False


@attrs.frozen(kw_only=True)
class Classified:
    """Answer to Classify: recorded in router.db."""

    request_id: str
    route: Route


@attrs.frozen(kw_only=True)
class DecideRoute:
    """Ask the orchestrator: who would do this text? The answer is a Route."""

    text: str
    cwd: str | None = None
    session: str | None = None
    client: str | None = None
    provider: str | None = None
    tool_loop: bool = False
    explain: bool = False


@attrs.frozen(kw_only=True)
class RouteChosen:
    """Fact for the router: the provider that a decision led to."""

    route_id: str
    provider: str | None
    estimated_usd: float = 0.0
    task_id: str | None = None


@attrs.frozen(kw_only=True)
class RouteSpent:
    """Fact for the router: an attempt of the routed work is over; `success` once all is."""

    route_id: str
    cost_usd: float
    duration_ms: int
    success: bool | None = None
    infrastructure: bool = False  # it failed by a fault of the way, not of the answer


@attrs.frozen(kw_only=True)
class CorrectRoute:
    """Order to the router: a person says what a decision should have been. Answer: Corrected."""

    route_id: str
    intent: str


@attrs.frozen(kw_only=True)
class Corrected:
    """Answer to CorrectRoute; `answers` is False when the rule has lost its say."""

    id: str
    said: str
    intent: str
    rule: str | None
    lower_bound: float | None
    answers: bool


@attrs.frozen(kw_only=True)
class Pin:
    """A person's standing choice of a provider; scope is session, project or all."""

    scope: str
    name: str
    provider: str


@attrs.frozen(kw_only=True)
class ChangePins:
    """Order to the router: pin (or with provider None unpin) a scope. Answer: all pins."""

    scope: str
    name: str
    provider: str | None


@attrs.frozen(kw_only=True)
class ListPins:
    """Ask the router for all pins."""
