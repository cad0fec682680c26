"""From a question to an answer: what is kept of it in the cache, and which rows it comes to."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from atlas_actors.clock import DAY_MS
from atlas_actors.errors import UsageError
from atlas_actors.memory.hits import Hit
from atlas_actors.messages.memory import KINDS, Level, Recall, RecalledItem
from atlas_actors.store import Row

K_MAX: Final = 1_000
SIGNALS_NAMED: Final = 3
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


def key_of(wanted: Recall, store_id: bytes, generation: int, now_ms: int) -> bytes:
    """32 bytes: equal for questions that have the same answer.

    Spaces at the ends and runs of them say nothing to search. The day belongs to it: words such as
    "yesterday", and how much older things count.
    """
    asked = [
        generation,
        now_ms // DAY_MS,
        " ".join(wanted.query.split()),
        wanted.k,
        wanted.project,
        sorted(set(wanted.kinds)),
        wanted.session,
        wanted.budget_tokens,
        wanted.at_ms,
        wanted.injectable,
    ]
    text = json.dumps(asked, separators=(",", ":"))
    return hashlib.sha256(store_id + text.encode()).digest()


def packed(hits: Sequence[Hit]) -> bytes:
    """Hits as the cache keeps them: numbers, scores, levels and reasons, and no texts."""
    rows = [[hit.number, hit.score, hit.level, hit.signals] for hit in hits]
    return json.dumps(rows, separators=(",", ":")).encode()


def unpacked(value: bytes) -> list[Hit] | None:
    """Hits from the cache; None for what we cannot have put there."""
    try:
        rows = json.loads(value)
        return [
            Hit(
                number=int(number),
                score=float(score),
                level=cast("Level", {"l2": "l2", "l3": "l3"}[level]),
                signals=tuple((str(name), float(share)) for name, share in signals),
            )
            for number, score, level, signals in rows
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def picked(wanted: Recall, hits: Sequence[Hit], rows: Mapping[int, Row]) -> list[Hit]:
    """The best k whose rows are there; with a budget, the best that fit whole, best first."""
    left = wanted.budget_tokens
    found: list[Hit] = []
    for hit in hits:
        row = rows.get(hit.number)
        if row is None or len(found) == wanted.k:
            continue
        if left is not None:
            cost = tokens(row["text"]) + ITEM_TOKENS
            if cost > left:
                continue
            left -= cost
        found.append(hit)
    return found


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
        said = ", ".join(name for name, _ in hit.signals[:SIGNALS_NAMED])
    parts: list[Any] = [f"{hit.level}: {said}" if said else hit.level]
    if cached:
        parts.append("answered before")
    if row["state"] == "quarantined":
        parts.append("waits for a person's approval")
    if row["superseded_by"]:
        parts.append("holds no longer")
    return "; ".join(parts)
