"""Along the facts from some entities, at most three hops, with a cap on everything."""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from atlas_actors.store import Query, Row

HOPS_MAX: Final = 3
FAN_OUT: Final = (50, 20, 10)  # facts of one entity each way, by hop
ENTITIES_MAX: Final = 500
SCANNED_MAX: Final = 400  # newest facts of a hub that are looked at
_SIDE: Final = (
    "select * from (select id, subject, relation, object, from_ms, until_ms, trust, number"
    " from facts where {side} = ?1 order by id desc limit ?4)"
    " where ?2 is null or (from_ms <= ?2 and (until_ms is null or until_ms > ?2)) limit ?3"
)
_OUT: Final = _SIDE.format(side="subject")
_IN: Final = _SIDE.format(side="object")


@attrs.frozen(kw_only=True)
class Step:
    """One fact on the way, and from which side it was met."""

    id: int
    subject: int
    relation: str
    object: int
    from_ms: int
    until_ms: int | None
    trust: int
    number: int | None  # of the memory that says so
    hop: int  # 1: of an entity that we began at
    near: int  # where the step begins
    far: int  # where it leads


def walk(
    rows: Query,
    starts: Iterable[int],
    hops: int,
    at_ms: int | None = None,
    fan_out: Sequence[int] = FAN_OUT,
    entities_max: int = ENTITIES_MAX,
) -> list[Step]:
    """The facts within `hops`, nearest first, each statement once; None: also what has ended.

    At most `fan_out` facts each way of one entity, and `entities_max` entities in all.
    """
    frontier = list(dict.fromkeys(starts))[:entities_max]
    seen = set(frontier)
    told: set[tuple[int, str, int, int | None]] = set()
    found: list[Step] = []
    for hop in range(1, min(hops, HOPS_MAX) + 1):
        onward: list[int] = []
        for near in frontier:
            for row in beside(rows, near, at_ms, fan_out[hop - 1]):
                statement = (row["subject"], row["relation"], row["object"], row["until_ms"])
                far = row["object"] if row["subject"] == near else row["subject"]
                if statement in told or (far not in seen and len(seen) >= entities_max):
                    continue
                told.add(statement)
                found.append(Step(**row, hop=hop, near=near, far=far))
                if far not in seen:
                    seen.add(far)
                    onward.append(far)
        frontier = onward
    return found


def beside(rows: Query, id: int, at_ms: int | None, cap: int) -> list[Row]:
    """The facts of one entity, newest first, at most `cap` each way."""
    bindings = (id, at_ms, cap, SCANNED_MAX)
    return [*rows(_OUT, bindings), *rows(_IN, bindings)]
