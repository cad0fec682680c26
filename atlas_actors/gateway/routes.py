"""The read models of routing: decisions, and what became of them, from router.db's views."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.intervals import ENOUGH, wilson
from atlas_actors.store import Reader, Row

_LAYERS: Final = {0: "abstained", 1: "1", 2: "2"}


def newest(state: Path, limit: int) -> list[Row]:
    """Decisions, newest first."""
    return Reader(state / "router.db").rows("select * from inspect_decisions limit ?", (limit,))


def stats(state: Path) -> dict[str, Any]:
    """Coverage, precision by corrections and by outcomes, and cost, by layer and by intent."""
    reader = Reader(state / "router.db")
    rows = reader.rows("select * from inspect_routes")
    whole = sum(row["decisions"] for row in rows)
    answers = [row for row in rows if row["layer"]]  # an abstention's guess is no answer
    answered = sum(row["decisions"] for row in answers)
    return {
        "decisions": whole,
        "coverage": round(answered / whole, 4) if whole else None,
        "layers": {
            _LAYERS[layer]: _part([row for row in rows if row["layer"] == layer], whole)
            for layer in sorted({row["layer"] for row in rows})
        },
        "intents": {
            intent: _part([row for row in answers if row["intent"] == intent], whole)
            for intent in sorted({row["intent"] for row in answers})
        },
        "rules": reader.rows("select * from inspect_rules"),
        "estimated_usd": round(sum(row["estimated_usd"] for row in rows), 6),
        "cost_usd": round(sum(row["cost_usd"] for row in rows), 6),
    }


def _part(rows: Sequence[Row], whole: int) -> dict[str, Any]:
    total = {
        key: sum(row[key] for row in rows) for key in rows[0] if key not in ("layer", "intent")
    }
    n = total["decisions"]
    return {
        "decisions": n,
        "share": round(n / whole, 4),
        "mean_confidence": round(total["confidence"] / n, 4),
        "mean_us": round(total["took_us"] / n, 1),
        "corrected": rate(total["confirmed"], total["judged"]),
        "outcomes": rate(total["succeeded"], total["ended"]),
        "estimated_usd": round(total["estimated_usd"], 6),
        "cost_usd": round(total["cost_usd"], 6),
    }


def rate(right: int, n: int) -> dict[str, Any]:
    """A share with Wilson's 95 % interval; null below ENOUGH."""
    if n < ENOUGH:
        return {"n": n, "right": right, "rate": None, "low": None, "high": None}
    low, high = wilson(right, n)
    return {
        "n": n,
        "right": right,
        "rate": round(right / n, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }
