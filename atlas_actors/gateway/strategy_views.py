"""The read models of strategies, from strategies.db's views."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from atlas_actors.errors import Conflict, NotFound
from atlas_actors.gateway.shares import share_of
from atlas_actors.store import Query, Reader, Row

PREFIX_MIN: Final = 4
GONE: Final = ("retired", "culled")
CHOICES: Final = 20  # shown of one strategy
_JSON: Final = ("genome", "parents", "numbers")


def whole_id(state: Path, prefix: str) -> str:
    """The one strategy whose id begins so. Raises NotFound, Conflict."""
    rows = Reader(state / "strategies.db").rows(
        "select id from inspect_strategies where id = ?1"
        " or (length(?1) >= ?2 and substr(id, 1, length(?1)) = ?1) order by id = ?1 desc limit 2",
        (prefix, PREFIX_MIN),
    )
    if not rows:
        raise NotFound(f"there is no strategy {prefix}", cure="atlas strategies list shows them")
    if len(rows) > 1 and rows[0]["id"] != prefix:
        raise Conflict(f"more than one strategy begins with {prefix}", cure="give more of its id")
    return str(rows[0]["id"])


def listed(state: Path, intent: str | None, everything: bool) -> list[dict[str, Any]]:
    """Strategies with what is known of each, the best known of an intent first. Raises NotFound
    for an intent that there is none of."""
    with Reader(state / "strategies.db").snapshot() as query:
        _check_intent(query, intent)
        rows = query(
            "select * from inspect_strategies where (?1 is null or intent = ?1)"
            " and (?2 or state not in ('retired', 'culled')) order by intent, born_at_ms, id",
            (intent, everything),
        )
        cells = _cells_of(query, "where ?1 is null or intent = ?1", intent)
    found = [_shown(row, cells[row["id"]]) for row in rows]
    return sorted(found, key=lambda one: (one["intent"], one["state"] in GONE, -one["low"]))


def one(state: Path, id: str) -> dict[str, Any]:
    """One strategy with its story, its newest choices and what it is tried beside."""
    with Reader(state / "strategies.db").snapshot() as query:
        (row,) = query("select * from inspect_strategies where id = ?", (id,))
        cells = _cells_of(query, "where strategy = ?1", id)
        pairs = query("select * from inspect_strategy_pairs where child = ?1 or parent = ?1", (id,))
        notes = query("select * from inspect_lineage where strategy = ? order by id", (id,))
        choices = query(
            "select * from inspect_choices where strategy = ? order by choice desc limit ?",
            (id, CHOICES),
        )
        rates = query("select * from inspect_strategy_rates where strategy = ?", (id,))
    return {
        **_shown(row, cells[id]),
        "lifetime": [_lifetime(rate) for rate in rates],
        "pairs": pairs,
        "story": [_note(note) for note in notes],
        "choices": choices,
    }


def lineage(
    state: Path, intent: str | None, id: str | None, limit: int
) -> dict[str, list[dict[str, Any]]]:
    """Of each intent all strategies that ever were, how they rose and fell, and the newest lines
    of the story. Raises NotFound for an intent that there is none of."""
    with Reader(state / "strategies.db").snapshot() as query:
        _check_intent(query, intent)
        if id is not None:
            (row,) = query("select intent from inspect_strategies where id = ?", (id,))
            intent = row["intent"]
        strategies = query(
            "select * from inspect_strategies where ?1 is null or intent = ?1"
            " order by intent, born_at_ms, id",
            (intent,),
        )
        cells = _cells_of(query, "where ?1 is null or intent = ?1", intent)
        notes = query(
            "select * from inspect_lineage where (?1 is null or intent = ?1)"
            " and (?2 is null or strategy = ?2) and what <> 'seeded' order by id desc limit ?3",
            (intent, id, limit),
        )
        fates = query(
            "select * from inspect_lineage where (?1 is null or intent = ?1)"
            " and what in ('promoted', 'culled', 'retired') order by id",
            (intent,),
        )
    intents: dict[str, dict[str, Any]] = {}
    for row in strategies:
        empty = {"intent": row["intent"], "strategies": [], "fates": [], "story": []}
        found = intents.setdefault(row["intent"], empty)
        found["strategies"].append(_shown(row, cells[row["id"]]))
    for name, lines in (("fates", fates), ("story", list(reversed(notes)))):
        for note in lines:
            if note["intent"] in intents:
                intents[note["intent"]][name].append(_note(note))
    return {"intents": list(intents.values())}


def _check_intent(query: Query, intent: str | None) -> None:
    if intent is None or query(
        "select 1 from inspect_strategies where intent = ? limit 1", (intent,)
    ):
        return
    known = [row["intent"] for row in query("select distinct intent from inspect_strategies", ())]
    cure = f"one of {', '.join(known)}" if known else "there are no strategies yet"
    raise NotFound(f"there is no intent {intent!r}", cure=cure)


def _cells_of(query: Query, where: str, value: str | None) -> dict[str, list[Row]]:
    cells: dict[str, list[Row]] = defaultdict(list)
    rows = query(f"select * from inspect_strategy_cells {where} order by band", (value,))  # noqa: S608
    for row in rows:
        cells[row["strategy"]].append(row)
    return cells


def _shown(row: Row, cells: list[Row]) -> dict[str, Any]:
    """A strategy with its record since each context last changed."""
    successes = sum(cell["successes"] for cell in cells)
    n = sum(cell["n"] for cell in cells)
    shown = {**row, **{name: json.loads(row[name]) for name in _JSON}}
    return {
        **shown,
        "pinned": bool(row["pinned"]),
        "pareto": bool(row["pareto"]),
        "bands": [
            {
                "band": cell["band"],
                **_rated(cell["successes"], cell["n"]),
                "expected": cell["mean"],
                "cost_usd": cell["cost_usd"],
                "latency_ms": cell["latency_ms"],
                "drifts": cell["drifts"],
                "drift_at_ms": cell["drift_at_ms"],
            }
            for cell in cells
        ],
        **_rated(successes, n),
        "cost_usd": _mean(cells, "cost_usd"),
        "latency_ms": _mean(cells, "latency_ms"),
    }


def _lifetime(row: Row) -> dict[str, Any]:
    """Every verified trial that is kept, whatever has changed since."""
    return {
        "band": row["band"],
        "choices": row["choices"],
        **_rated(row["successes"], row["verified"]),
        "weak": row["weak"],
        "unknown": row["unknown"],
        "cost_usd": row["cost_usd"],
        "latency_ms": row["latency_ms"],
    }


def _rated(successes: float, n: float) -> dict[str, Any]:
    return {"n": round(n, 2), **share_of(successes, n)}


def _note(row: Row) -> dict[str, Any]:
    return {**row, "numbers": json.loads(row["numbers"])}


def _mean(cells: list[Row], name: str) -> float | None:
    known = [(cell[name], cell["n"]) for cell in cells if cell[name] is not None]
    n = sum(weight for _, weight in known)
    return None if not n else sum(value * weight for value, weight in known) / n
