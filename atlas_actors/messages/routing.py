"""Between the gateway, the orchestrator and the router: what a request is, who should do it."""

import attrs


@attrs.frozen(kw_only=True)
class Link:
    """One provider of a chain, and why it is in or out."""

    provider: str
    verdict: str  # in, out, waiting
    why: str


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
    needs: tuple[str, ...] = ()  # workspace
    provider: str | None = None
    chain: tuple[Link, ...] = ()


@attrs.frozen(kw_only=True)
class Classify:
    """Ask the router: what is this text? The answer is a Classified."""

    request_id: str  # given back, so that the asker knows which
    text: str
    has_files: bool = False
    cwd: str | None = None
    session: str | None = None
    client: str | None = None


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


@attrs.frozen(kw_only=True)
class RouteChosen:
    """Fact for the router: the provider that a decision led to."""

    route_id: str
    provider: str | None
    task_id: str | None = None
