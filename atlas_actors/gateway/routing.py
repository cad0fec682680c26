"""The route.* methods: who would do a request, and what decisions came to."""

from typing import Any, Final

import attrs

from atlas_actors.gateway import routes
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import ID, NAME, PATH, TEXT, method
from atlas_actors.gateway.requests import change_of_pins
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.routing import CorrectRoute, DecideRoute

LIST_ROWS: Final = 50

METHODS: Final = (
    method(
        "route.decide",
        "Who would do this text, and why; nothing is executed.",
        object_schema(
            {
                "text": TEXT,
                "cwd": PATH,
                "session": NAME,
                "client": NAME,
                "provider": NAME,
                "tool_loop": {"type": "boolean"},
                "explain": {"type": "boolean"},
            },
            "text",
        ),
    ),
    method(
        "route.correct",
        "Say what a decision should have been → {id, said, intent, rule, lower_bound, …}.",
        object_schema({"id": ID, "intent": NAME}, "id", "intent"),
    ),
    method(
        "route.list",
        "Decisions, newest first → {routes}.",
        object_schema({"limit": {"type": "integer", "minimum": 1, "maximum": 200}}),
    ),
    method(
        "route.stats",
        "Coverage, precision and cost by layer and intent → {layers, intents, rules, cost}.",
        object_schema({}),
    ),
    method(
        "route.pin",
        "Pin a session, a project or everything to a provider; null unpins; without one,"
        " only the list → {pins}.",
        object_schema(
            {
                "provider": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
                "session": NAME,
                "cwd": PATH,
            }
        ),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "route.decide":
            return attrs.asdict(await door.call(paths.ORCHESTRATOR, DecideRoute(**params)))
        case "route.correct":
            order = CorrectRoute(route_id=params["id"], intent=params["intent"])
            return attrs.asdict(await door.call(paths.ROUTER, order))
        case "route.list":
            return {"routes": await door.read(routes.newest, params.get("limit", LIST_ROWS))}
        case "route.stats":
            return await door.read(routes.stats)
        case "route.pin":
            pins = await door.call(paths.ROUTER, change_of_pins(params))
            return {"pins": [attrs.asdict(pin) for pin in pins]}
    raise AssertionError(f"{name} is described but not answered")
