"""The read models of outcomes: lists with what amended them, and counts."""

import json
from pathlib import Path
from typing import Any, Final

from atlas_actors.gateway.outcome_rates import DIMENSIONS, Count, Counted
from atlas_actors.store import Query, Reader, Row

_TOKENS: Final = ("input", "cache_read", "cache_write", "output", "reasoning")
FILTERS: Final = ("kind", "result", "intent", "provider", "project", "strategy")
_WHERE: Final = "at_ms >= ?1 and " + " and ".join(
    f"(?{number} is null or {name} = ?{number})" for number, name in enumerate(FILTERS, 2)
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


def counted(state: Path, wanted: dict[str, Any]) -> list[Counted]:
    """How many outcomes of each kind and context came to what."""
    names = ", ".join(DIMENSIONS)
    rows = Reader(state / "outcomes.db").rows(
        f"select kind, {names}, count(*) as n,"  # noqa: S608 - our own constants
        " sum(result = 'success' and not infrastructure) as successes,"
        " sum(result = 'partial' and not infrastructure) as partials,"
        " sum(result = 'failure' and not infrastructure) as failures,"
        " sum(infrastructure) as infrastructure, sum(cost_usd) as cost_usd"
        f" from inspect_outcomes_all where {_WHERE} group by kind, {names}",
        _bindings(wanted),
    )
    return [_counted(row) for row in rows]


def _bindings(wanted: dict[str, Any]) -> tuple[Any, ...]:
    return (wanted.get("since_ms", 0), *(wanted.get(name) for name in FILTERS))


def _counted(row: Row) -> Counted:
    context = {name: str(row[name]) for name in DIMENSIONS if row[name] is not None}
    plain = {name: row[name] for name in row if name not in (*DIMENSIONS, "kind")}
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
