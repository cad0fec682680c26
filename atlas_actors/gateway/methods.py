"""Every method of the socket: the groups and who answers them.

The schema that `system.describe` shows is the one that calls are held to.
"""

from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Any, Final

from atlas_actors.gateway import (
    brief,
    context,
    cycle,
    feedback,
    graph,
    handoffs,
    hook,
    learn,
    memory,
    outcomes,
    routing,
    schedules,
    strategies,
    tasks,
)
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import NAME, Method, method
from atlas_actors.gateway.rpc import INVALID_PARAMS, METHOD_NOT_FOUND, Call, RpcError
from atlas_actors.json_schema import object_schema

Answer = Callable[[Door, str, dict[str, Any]], Awaitable[Any]]
AnswerTo = Callable[[Door, str, dict[str, Any], Caller], Awaitable[Any]]

SYSTEM: Final = (
    method("system.ping", "Is the daemon there? → {pid, version, epoch}", object_schema({})),
    method("system.status", "The daemon's state in one object.", object_schema({})),
    method("system.tree", "The actor tree.", object_schema({})),
    method("system.describe", "These methods and their parameters.", object_schema({})),
    method(
        "system.retry",
        "Try a parked part again now → {part, state}.",
        object_schema({"part": NAME}, "part"),
    ),
)
# A group is the part of a method's name before the dot; each is answered by one module.
GROUPS: Final[dict[str, Answer]] = {
    "route": routing.answer,
    "task": tasks.answer,
    "schedule": schedules.answer,
    "handoff": handoffs.answer,
    "context": context.answer,
    "cost": outcomes.answer_cost,
    "proposal": cycle.answer,
    "cycle": cycle.answer,
    "graph": graph.answer,
    "brief": brief.answer,
    "hook": hook.answer,
}
# Groups whose answer depends on who asks.
GROUPS_OF_CALLERS: Final[dict[str, AnswerTo]] = {
    "outcome": outcomes.answer,
    "memory": memory.answer,
    "learn": learn.answer,
    "strategy": strategies.answer,
    "feedback": feedback.answer,
    "health": feedback.answer,
}
_OF_GROUPS: Final = (
    routing.METHODS,
    tasks.METHODS,
    schedules.METHODS,
    handoffs.METHODS,
    context.METHODS,
    outcomes.METHODS,
    cycle.METHODS,
    graph.METHODS,
    memory.METHODS,
    brief.METHODS,
    learn.METHODS,
    strategies.METHODS,
    feedback.METHODS,
    hook.METHODS,
)
METHODS: Final = {method.name: method for method in (*SYSTEM, *chain.from_iterable(_OF_GROUPS))}


def method_for(name: str, params: dict[str, Any]) -> Method:
    """The method, its parameters checked. Raises RpcError."""
    method = METHODS.get(name)
    if method is None:
        raise RpcError(METHOD_NOT_FOUND, f"there is no method {name[:100]}; see system.describe")
    problem = method.validator.problem(params)
    if problem:
        raise RpcError(INVALID_PARAMS, problem[:300])
    return method


async def answer_of_group(door: Door, call: Call, caller: Caller) -> Any:
    """A call of any group but system, its parameters checked, to its result. Raises AtlasError."""
    group = call.method.partition(".")[0]
    answer_to = GROUPS_OF_CALLERS.get(group)
    if answer_to is not None:
        return await answer_to(door, call.method, call.params, caller)
    return await GROUPS[group](door, call.method, call.params)


def describe() -> dict[str, Any]:
    """The answer to system.describe."""
    return {
        "methods": [
            {"name": method.name, "about": method.about, "params": method.params}
            for method in METHODS.values()
        ],
        "absent": [],  # methods that the design promises and a later version brings
    }
