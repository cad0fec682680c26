"""The outcome.* and cost.* methods: what actions came to, and what they cost."""

from typing import Any, Final

from atlas_actors.gateway import costs, views
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import COUNT, NAME, TIME, method
from atlas_actors.gateway.requests import outcome_of
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths

METHODS: Final = (
    method(
        "cost.stats",
        "What attempts cost, summed by one thing, and an estimate of what the best tier would"
        " have cost → {by, rows, total, quality_model, prices_of}.",
        object_schema(
            {
                "by": {"enum": list(costs.BY)},
                "since_ms": TIME,
            }
        ),
    ),
    method(
        "outcome.record",
        "Keep what an action came to → {id}.",
        object_schema(
            {
                "action": {"type": "string", "minLength": 1, "maxLength": 500},
                "kind": {
                    "enum": [
                        "task",
                        "attempt",
                        "route",
                        "hook",
                        "recall",
                        "schedule",
                        "agent",
                        "skill",
                        "model",
                    ]
                },
                "result": {"enum": ["success", "partial", "failure"]},
                "context": {
                    "type": "object",
                    "maxProperties": 50,
                    "properties": {"intent": NAME, "provider": NAME, "model": NAME},
                },
                "verified_by": NAME,
                "duration_ms": COUNT,
                "tokens": object_schema(
                    {
                        "input": COUNT,
                        "cache_read": COUNT,
                        "cache_write": COUNT,
                        "output": COUNT,
                        "reasoning": COUNT,
                    }
                ),
                "cost_usd": {"type": "number", "minimum": 0, "maximum": 1e9},
            },
            "action",
            "kind",
            "result",
        ),
    ),
    method("outcome.stats", "Counts by kind, intent and provider → {rates}.", object_schema({})),
)


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "cost.stats":
            best = costs.best_of(door.providers, door.tiers, door.prices)
            by, since_ms = params.get("by", "day"), params.get("since_ms", 0)
            return await door.read(costs.stats, by, since_ms, best, door.prices.date)
        case "outcome.record":
            recorded = await door.call(paths.OUTCOMES, outcome_of(params))
            return {"id": recorded.id}
        case "outcome.stats":
            return {"rates": await door.read(views.rates)}
    raise AssertionError(f"{name} is described but not answered")
