"""What one level of memory hands to the next: numbers of memories with the reasons."""

import attrs

from atlas_actors.messages.memory import Level


@attrs.frozen(kw_only=True)
class Related:
    """A memory that the graph reaches from what a query names."""

    number: int
    hops: int  # 0: it mentions what the query names
    strength: float  # 0 to 1
    why: str  # the way: "store.py -imports-> apsw"


@attrs.frozen(kw_only=True)
class Hit:
    """A memory that answers a query."""

    number: int
    score: float  # 0 to 1
    level: Level
    signals: tuple[tuple[str, float], ...]  # (name, share of the score), largest first
