"""The strategy.* methods: how requests of an intent are gone about, and how that came about."""

from typing import Any, Final

import attrs

from atlas_actors.gateway import strategy_views
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import ID, NAME, method
from atlas_actors.gateway.people import only_people
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.strategy import (
    EvolveStrategies,
    PinStrategy,
    ReplayStrategies,
    RetireStrategy,
)

NOTES: Final = 200
REPLAY_S: Final = 600.0  # a page at a time, between choices
_LIMIT: Final = {"type": "integer", "minimum": 1, "maximum": 10_000}

METHODS: Final = (
    method(
        "strategy.list",
        "Strategies with their records since they last changed → {strategies}. `all`: also those"
        " that are retired.",
        object_schema({"intent": NAME, "all": {"type": "boolean"}}),
    ),
    method(
        "strategy.show",
        "One strategy, its story, its newest choices. Here and below an id may be its beginning,"
        " four characters at least.",
        object_schema({"id": ID}, "id"),
    ),
    method(
        "strategy.lineage",
        "Of each intent all strategies that ever were, and the newest lines of the story →"
        " {intents: [{intent, strategies, fates, story}]}.",
        object_schema({"intent": NAME, "id": ID, "limit": _LIMIT}),
    ),
    method(
        "strategy.evolve",
        "Let evolve what there is new evidence for → {steps}.",
        object_schema({"intent": NAME}),
    ),
    method(
        "strategy.pin",
        "In its intent always this one; a person's to call → {intent, what, strategy, why}.",
        object_schema({"id": ID}, "id"),
    ),
    method(
        "strategy.unpin",
        "Leave the choice in this intent to Atlas again; a person's to call.",
        object_schema({"intent": NAME}, "intent"),
    ),
    method(
        "strategy.retire",
        "Never choose it again; a person's to call.",
        object_schema({"id": ID, "reason": {"type": "string", "maxLength": 500}}, "id"),
    ),
    method(
        "strategy.replay",
        "Make the choices of the log again, or its newest `limit` → {choices, same, different:"
        " [{choice, then, now}], from_choice}.",
        object_schema({"limit": {"type": "integer", "minimum": 1, "maximum": 2**53}}),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any], caller: Caller) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "strategy.list":
            everything = params.get("all", False)
            found = await door.read(strategy_views.listed, params.get("intent"), everything)
            return {"strategies": found}
        case "strategy.show":
            return await door.read(strategy_views.one, await _id(door, params["id"]))
        case "strategy.lineage":
            id = await _id(door, params["id"]) if "id" in params else None
            limit = params.get("limit", NOTES)
            return await door.read(strategy_views.lineage, params.get("intent"), id, limit)
        case "strategy.evolve":
            order = EvolveStrategies(intent=params.get("intent"))
            return attrs.asdict(await door.call(paths.STRATEGIES, order))
        case "strategy.pin":
            await only_people(door, caller, name)
            return await _wish(door, PinStrategy(strategy=await _id(door, params["id"])))
        case "strategy.unpin":
            await only_people(door, caller, name)
            return await _wish(door, PinStrategy(strategy=None, intent=params["intent"]))
        case "strategy.retire":
            await only_people(door, caller, name)
            id, reason = await _id(door, params["id"]), params.get("reason", "")
            return await _wish(door, RetireStrategy(strategy=id, reason=reason))
        case "strategy.replay":
            return await _replay(door, params.get("limit"))
    raise AssertionError(f"{name} is described but not answered")


async def _id(door: Door, prefix: str) -> str:
    found: str = await door.read(strategy_views.whole_id, prefix)
    return found


async def _wish(door: Door, order: PinStrategy | RetireStrategy) -> dict[str, Any]:
    return attrs.asdict(await door.call(paths.STRATEGIES, order))


async def _replay(door: Door, limit: int | None) -> dict[str, Any]:
    found = await door.ask(paths.STRATEGIES, ReplayStrategies(limit=limit), REPLAY_S)
    different = [
        {"choice": choice, "then": then, "now": now} for choice, then, now in found.different
    ]
    return {**attrs.asdict(found), "different": different}
