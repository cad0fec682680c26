"""From when until when each value of a relation held that has one value at a time."""

from collections.abc import Sequence
from typing import Final

import attrs

# subject -relation-> one object at a time: a new one ends the old one's time, and both are kept.
FUNCTIONAL: Final = frozenset(
    {
        "lives_at", "lives_in", "located_at", "located_in", "based_in", "hosted_on", "hosted_at",
        "has_version", "version_of", "current_version", "owned_by", "assigned_to", "renamed_to",
        "has_status", "status", "works_at", "works_for", "employed_by", "married_to",
        "reports_to", "default_branch", "listens_on", "replaced_by", "led_by",
    }
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Said:
    """One time that a value was said."""

    id: int
    value: int
    from_ms: int
    trust: int


@attrs.frozen(kw_only=True)
class Ends:
    """When that fact stopped to hold, and which one ended it; None: it holds."""

    id: int
    until_ms: int | None
    by: int | None


def functional(relation: str) -> bool:
    """Whether there is one object at a time, however the relation is written."""
    return relation.strip().lower().replace(" ", "_").replace("-", "_") in FUNCTIONAL


def ends(said: Sequence[Said]) -> list[Ends]:
    """What each is ended by: the next other value of somebody who is trusted as much.

    The order in which they were said does not matter, only since when they hold; of two that
    begin at the same time the one that was kept later wins.
    """
    ordered = sorted(said, key=lambda fact: (fact.from_ms, fact.id))
    found = []
    for n, fact in enumerate(ordered):
        after = (
            later
            for later in ordered[n + 1 :]
            if later.value != fact.value and later.trust >= fact.trust
        )
        ending = next(after, None)
        found.append(
            Ends(
                id=fact.id,
                until_ms=None if ending is None else ending.from_ms,
                by=None if ending is None else ending.id,
            )
        )
    return found
