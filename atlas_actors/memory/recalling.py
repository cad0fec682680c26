"""From a question to an answer: what is kept of it in the cache, and which rows it comes to."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from atlas_actors.errors import UsageError
from atlas_actors.memory.hits import Hit
from atlas_actors.messages.memory import KINDS, RateMemories, Recall, RecalledItem
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.store import Row

K_MAX: Final = 1_000
SIGNALS_NAMED: Final = 3
# What people are told in place of a feature's name that says nothing by itself.
_IN_WORDS: Final = {
    "cover": "much of the question",
    "kin": "related words",
    "pairs": "words in this order",
    "code": "about code",
    "long": "long",
    "asks": "asks too",
    "first": "speaks of oneself",
    "dense": "meaning",
    "answers": "follows such a question",
    "asked": "follows a question",
    "before2": "what is said before",
    "after2": "what is said after",
    "cover_around": "what is around it",
    "dense_around": "meaning of what is around it",
    "day_soon": "soon after the day",
    "when_time": "says when",
    "many_number": "says how many",
    "why_cause": "says why",
    "who_name": "says who",
}
# About what a line of an answer costs besides its text: kind, date, origin, id.
ITEM_TOKENS: Final = 16


def checked(wanted: Recall) -> Recall:
    """The question when it can be answered. Raises UsageError."""
    if not 1 <= wanted.k <= K_MAX:
        raise UsageError(f"k is {wanted.k}, and must be from 1 to {K_MAX}")
    strange = [kind for kind in wanted.kinds if kind not in KINDS]
    if strange:
        raise UsageError(f"{strange[0]!r} is no kind of memory", cure=f"one of {', '.join(KINDS)}")
    return wanted


def picked(wanted: Recall, hits: Sequence[Hit], rows: Mapping[int, Row]) -> list[Hit]:
    """The best k whose rows are there; with a budget, the best that fit whole, best first."""
    left = wanted.budget_tokens
    found: list[Hit] = []
    for hit in hits:
        row = rows.get(hit.number)
        if row is None or len(found) == wanted.k:
            continue
        if wanted.injectable and not may_be_injected(row):
            continue
        if left is not None:
            cost = tokens(row["text"]) + ITEM_TOKENS
            if cost > left:
                continue
            left -= cost
        found.append(hit)
    return found


def may_be_injected(row: Row) -> bool:
    """Whether a memory may stand before a prompt: the last look, whatever a level has found."""
    return bool(row["state"] == "kept" and row["trust"] > 0)


def tokens(text: str) -> int:
    """About how many tokens a text costs: one for four bytes."""
    return (len(text.encode()) + 3) // 4


def item_of(hit: Hit, row: Row, *, cached: bool, explain: bool) -> RecalledItem:
    """One answer."""
    return RecalledItem(
        id=row["id"],
        kind=row["kind"],
        text=row["text"],
        score=hit.score,
        at_ms=row["at_ms"],
        project=row["project"] or None,
        session=row["session"] or None,
        speaker=row["speaker"] or None,
        source=row["source"] or None,
        tags=tuple(json.loads(row["tags"])),
        origin=row["origin"],
        trust=row["trust"],
        level="l1" if cached else hit.level,
        why=why_of(hit, row, cached=cached, explain=explain),
        quarantined=row["state"] == "quarantined",
        superseded_by=row["superseded_by"],
    )


def why_of(hit: Hit, row: Row, *, cached: bool, explain: bool) -> str:
    """The reasons in words: what counted most, or with `explain` each with its share."""
    if explain:
        said = ", ".join(f"{name} {share:.2f}" for name, share in hit.signals)
    else:
        said = ", ".join(_IN_WORDS.get(name, name) for name in _named(hit))
    parts: list[Any] = [f"{hit.level}: {said}" if said else hit.level]
    if cached:
        parts.append("answered before")
    if row["state"] == "quarantined":
        parts.append("waits for a person's approval")
    if row["superseded_by"]:
        parts.append("holds no longer")
    return "; ".join(parts)


def _named(hit: Hit) -> list[str]:
    """What speaks for it most; that it was superseded is said by itself."""
    return [name for name, share in hit.signals if share > 0][:SIGNALS_NAMED]


def outcome_of(order: RateMemories, rated: int) -> RecordOutcome:
    """What a recall came to, by how its memories were rated."""
    return RecordOutcome(
        action="memory.recall",
        kind="recall",
        result="success" if order.useful else "failure",
        verified_by=order.rated_by,
        context={"memories": rated},
    )
