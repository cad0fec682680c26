"""What the engine of the strategies is told and what follows of it, each also as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from atlas_actors.messages.strategy import Genome, Offer, Role, Strategy
from atlas_actors.strategies.genome import from_json as genome_from


def _offers(values: Iterable[Offer | Mapping[str, Any]]) -> tuple[Offer, ...]:
    return tuple(value if isinstance(value, Offer) else Offer(**value) for value in values)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Seed:
    """A strategy of the starting set."""

    intent: str
    genome: Genome = attrs.field(converter=genome_from)
    why: str = ""


@attrs.frozen(kw_only=True)
class Try:
    """Genes worth a trial on top of whatever leads in their intent, once there is room."""

    intent: str
    genes: dict[str, Any]
    why: str = ""


def _seeds(values: Iterable[Seed | Mapping[str, Any]]) -> tuple[Seed, ...]:
    return tuple(value if isinstance(value, Seed) else Seed(**value) for value in values)


def _tries(values: Iterable[Try | Mapping[str, Any]]) -> tuple[Try, ...]:
    return tuple(value if isinstance(value, Try) else Try(**value) for value in values)


@attrs.frozen(kw_only=True)
class Configured:
    """The settings that decisions depend on; the first event, and again when they change."""

    seed: int = 0
    evolve: bool = True
    cost_weight: float = 0.25
    latency_weight: float = 0.05
    challenger_share: float = 0.05
    challengers_max: int = 1
    at_ms: int = 0


@attrs.frozen(kw_only=True)
class Seeded:
    """The starting set for the providers there are; seeds.seeded builds it. A provider that leads
    a strategy of an intent already gets no other one."""

    seeds: tuple[Seed, ...] = attrs.field(converter=_seeds)
    tries: tuple[Try, ...] = attrs.field(converter=_tries, default=())
    # by intent and gene: values that a mutation may take
    vocabulary: dict[str, dict[str, list[Any]]] = attrs.field(factory=dict)
    providers: tuple[str, ...] = attrs.field(converter=_texts, default=())  # that there are
    at_ms: int = 0


@attrs.frozen(kw_only=True)
class Asked:
    """A choice to be kept; `number` is one more than that of the last (Engine.asked)."""

    number: int
    intent: str
    difficulty: float
    offers: tuple[Offer, ...] = attrs.field(converter=_offers)
    verifies: bool
    spent_share: float = 0.0
    day_share: float = 1.0
    instead: int | None = None  # of the choice with this number, which is outdated
    at_ms: int


@attrs.frozen(kw_only=True)
class Ended:
    """How a choice ended; x is 1 or 0, None when nothing is known of its quality."""

    choice: int
    x: int | None
    weight: float = 1.0
    cost_usd: float = 0.0
    latency_ms: int | None = None
    at_ms: int


@attrs.frozen(kw_only=True)
class Amended:
    """Later evidence on a choice: what was counted is taken back, and this is counted."""

    choice: int
    x: int | None
    weight: float = 1.0
    at_ms: int


@attrs.frozen(kw_only=True)
class Evolved:
    """A round of evolution of one intent was asked for."""

    intent: str
    at_ms: int


@attrs.frozen(kw_only=True)
class Born:
    """Somebody thought over what failed: a new strategy, to be tried as a challenger."""

    intent: str
    genome: Genome = attrs.field(converter=genome_from)
    parents: tuple[str, ...] = attrs.field(converter=_texts)
    operator: str = "reflection"
    why: str = ""
    at_ms: int


@attrs.frozen(kw_only=True)
class Pinned:
    """A person wants this one in its intent, always."""

    strategy: str
    at_ms: int


@attrs.frozen(kw_only=True)
class Unpinned:
    """A person leaves the choice in this intent to Atlas again."""

    intent: str
    at_ms: int


@attrs.frozen(kw_only=True)
class Retired:
    """A person wants this one never again."""

    strategy: str
    reason: str = ""
    at_ms: int


Event = Configured | Seeded | Asked | Ended | Amended | Evolved | Born | Pinned | Unpinned | Retired
EVENTS: Final[dict[str, type[Event]]] = {
    "configured": Configured,
    "seeded": Seeded,
    "asked": Asked,
    "ended": Ended,
    "amended": Amended,
    "evolved": Evolved,
    "born": Born,
    "pinned": Pinned,
    "unpinned": Unpinned,
    "retired": Retired,
}
_KINDS: Final = {event: kind for kind, event in EVENTS.items()}


@attrs.frozen(kw_only=True)
class Chosen:
    """Effect of Asked; None: no strategy of this intent can lead now."""

    number: int
    strategy: Strategy | None
    role: Role = "champion"
    why: str = ""


@attrs.frozen(kw_only=True)
class Changed:
    """A row of a projection is now this (None: it is gone, which only one of pareto ever is).

    table (key): columns of the row
    strategies (id): intent, genome (dict), lead, state (active, challenger, benched, culled,
      retired), pinned (bool), operator, parents (list), why, born_at_ms, numbers (dict, at birth)
    cells (intent, band, strategy): successes, failures, mean, cost_usd, latency_ms (means, None
      when nothing is known), drifts, drift_at_ms
    pairs (child): intent, parent, child_only, parent_only, pairs, e_value, e_worse
    pareto (intent, strategy): success, cost_usd, n
    """

    table: str
    key: tuple[str, ...]
    row: dict[str, Any] | None


@attrs.frozen(kw_only=True)
class Noted:
    """A line of the lineage; what is seeded, born, promoted, culled, benched, returned, drift,
    leads, pinned, unpinned, retired, archived or nothing (with the reason why)."""

    intent: str
    strategy: str | None
    what: str
    why: str
    numbers: dict[str, Any] = attrs.field(factory=dict)
    at_ms: int


Effect = Chosen | Changed | Noted


def kind_of(event: Event) -> str:
    """The event's name in the log."""
    return _KINDS[type(event)]


def to_json(event: Event) -> dict[str, Any]:
    """The event's fields as plain values; `kind_of` goes beside it."""
    return attrs.asdict(event)


def from_json(kind: str, row: Mapping[str, Any]) -> Event:
    """The event that to_json wrote."""
    return EVENTS[kind](**row)
