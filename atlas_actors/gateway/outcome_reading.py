"""The read models of outcomes: lists with what amended them, and counts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.gateway.outcome_rates import DIMENSIONS, OTHERS, Count, Counted
from atlas_actors.intervals import ENOUGH
from atlas_actors.store import Query, Reader, Row

_TOKENS: Final = ("input", "cache_read", "cache_write", "output", "reasoning")
FILTERS: Final = ("kind", "result", "intent", "provider", "project", "strategy")
_WHERE: Final = "at_ms >= ?1 and " + " and ".join(
    f"(?{number} is null or {name} = ?{number})" for number, name in enumerate(FILTERS, 2)
)
# What is told may name as many intents, projects and providers as it likes.
VALUES_MAX: Final = 100
ROWS_MAX: Final = 2_000
_COUNTS: Final = (
    "count(*) as n, sum(result = 'success' and not infrastructure) as successes,"
    " sum(result = 'partial' and not infrastructure) as partials,"
    " sum(result = 'failure' and not infrastructure) as failures,"
    " sum(infrastructure) as infrastructure, sum(cost_usd) as cost_usd"
)
_FREQUENT: Final = ", ".join(
    f"iif({name} is null or {name} in (select value from json_each(?{number})),"  # noqa: S608
    f" {name}, '{OTHERS}') as {name}"
    for number, name in enumerate(DIMENSIONS, len(FILTERS) + 2)
)


def outcomes(state: Path, wanted: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """Outcomes as they stand, newest first, each with what amended it; `wanted` may have FILTERS
    and since_ms."""
    with Reader(state / "outcomes.db").snapshot() as query:
        rows = query(
            f"select * from inspect_outcomes_all where {_WHERE}"  # noqa: S608 - our own constants
            f" order by at_ms desc, id desc limit ?{len(FILTERS) + 2}",
            (*_bindings(wanted), limit),
        )
        amended = _amendments(query, [row["id"] for row in rows])
    return [_shown(row, amended.get(row["id"], [])) for row in rows]


def counted_by(state: Path, wanted: dict[str, Any], by: Sequence[str]) -> list[Counted]:
    """How many outcomes of each kind and value of `by` came to what: those with the most, ROWS_MAX
    at the most."""
    names = ", ".join(("kind", *by))
    rows = Reader(state / "outcomes.db").rows(
        f"select {names}, {_COUNTS} from inspect_outcomes_all where {_WHERE}"  # noqa: S608
        f" group by {names} order by n desc, {names} limit {ROWS_MAX}",
        _bindings(wanted),
    )
    return [_counted(row, by) for row in rows]


def counted(state: Path, wanted: dict[str, Any]) -> list[Counted]:
    """How many outcomes of each kind and context came to what: values of which there are too few to
    say anything, or which are not among the VALUES_MAX with the most, count as OTHERS."""
    bindings = _bindings(wanted)
    with Reader(state / "outcomes.db").snapshot() as query:
        frequent = [
            query(
                f"select {name} as value from inspect_outcomes_all where {_WHERE}"  # noqa: S608
                f" and {name} is not null group by 1 having count(*) >= {ENOUGH}"
                f" order by count(*) desc, 1 limit {VALUES_MAX}",
                bindings,
            )
            for name in DIMENSIONS
        ]
        rows = query(
            f"select kind, {_FREQUENT}, {_COUNTS} from inspect_outcomes_all where {_WHERE}"  # noqa: S608
            f" group by {', '.join(str(n + 1) for n in range(len(DIMENSIONS) + 1))}"
            f" order by n desc limit {ROWS_MAX}",
            (*bindings, *(json.dumps([row["value"] for row in rows]) for rows in frequent)),
        )
    return [_counted(row, DIMENSIONS) for row in rows]


def _bindings(wanted: dict[str, Any]) -> tuple[Any, ...]:
    return (wanted.get("since_ms", 0), *(wanted.get(name) for name in FILTERS))


def _counted(row: Row, by: Sequence[str]) -> Counted:
    context = {name: str(row[name]) for name in by if row[name] is not None}
    plain = {name: row[name] for name in row if name not in (*by, "kind")}
    return Counted(kind=row["kind"], context=context, count=Count(**plain))


def _amendments(query: Query, ids: list[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in query(
        "select outcome_id, at_ms, result, verified_by, reason, before, seq is not null as stood"
        " from inspect_amendments where outcome_id in (select value from json_each(?))"
        " order by at_ms, seq",
        (json.dumps(ids),),
    ):
        found.setdefault(row.pop("outcome_id"), []).append({**row, "stood": bool(row["stood"])})
    return found


def _shown(row: Row, amendments: list[Row]) -> dict[str, Any]:
    plain = {
        name: row[name]
        for name in row
        if name not in (*_TOKENS, "context", "rule", "project", "strategy")
    }
    return {
        **plain,
        "infrastructure": bool(row["infrastructure"]),
        "context": json.loads(row["context"]),
        "tokens": {name: row[name] for name in _TOKENS},
        "amendments": amendments,
    }
