"""Every method of the socket as data: what it does and the JSON Schema of its parameters.

The schema that `system.describe` shows is the one that calls are held to.
"""

from typing import Any, Final

import attrs

from atlas_actors.errors import Unavailable
from atlas_actors.gateway.rpc import INVALID_PARAMS, METHOD_NOT_FOUND, RpcError
from atlas_actors.json_schema import SchemaValidator
from atlas_actors.messages import paths

_ID: Final = {"type": "string", "minLength": 1, "maxLength": 100}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 200}
_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "integer", "minimum": 0, "maximum": 2**53}
_PATH: Final = {"type": "string", "minLength": 1, "maxLength": 4096}
_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": 2**53}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


@attrs.frozen(kw_only=True)
class Method:
    """One method; `validator` is made from `params`."""

    name: str
    about: str
    params: dict[str, Any]
    validator: SchemaValidator = attrs.field(eq=False, repr=False)


def _method(name: str, about: str, params: dict[str, Any]) -> Method:
    return Method(name=name, about=about, params=params, validator=SchemaValidator(params))


METHODS: Final = {
    method.name: method
    for method in (
        _method("system.ping", "Is the daemon there? → {pid, version, epoch}", _object({})),
        _method("system.status", "The daemon's state in one object.", _object({})),
        _method("system.tree", "The actor tree.", _object({})),
        _method("system.describe", "These methods and their parameters.", _object({})),
        _method(
            "system.retry",
            "Try a parked part again now → {part, state}.",
            _object({"part": _NAME}, "part"),
        ),
        _method(
            "route.decide",
            "Who would do this text, and why; nothing is executed.",
            _object(
                {
                    "text": _TEXT,
                    "cwd": _PATH,
                    "session": _NAME,
                    "client": _NAME,
                    "provider": _NAME,
                    "tool_loop": {"type": "boolean"},
                    "explain": {"type": "boolean"},
                },
                "text",
            ),
        ),
        _method(
            "route.correct",
            "Say what a decision should have been → {id, said, intent, rule, lower_bound, …}.",
            _object({"id": _ID, "intent": _NAME}, "id", "intent"),
        ),
        _method(
            "route.list",
            "Decisions, newest first → {routes}.",
            _object({"limit": {"type": "integer", "minimum": 1, "maximum": 200}}),
        ),
        _method(
            "route.stats",
            "Coverage, precision and cost by layer and intent → {layers, intents, rules, cost}.",
            _object({}),
        ),
        _method(
            "route.pin",
            "Pin a session, a project or everything to a provider; null unpins; without one,"
            " only the list → {pins}.",
            _object(
                {
                    "provider": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
                    "session": _NAME,
                    "cwd": _PATH,
                }
            ),
        ),
        _method(
            "task.submit",
            "Accept work durably → {id, created}; the same key gives the same task.",
            _object(
                {
                    "prompt": {"type": "string", "minLength": 1},
                    "files": {
                        "type": "array",
                        "maxItems": 100,
                        "items": _object({"name": _PATH, "text": _TEXT}, "name", "text"),
                    },
                    "key": _NAME,
                    "cwd": _PATH,
                    "priority": {"enum": ["low", "normal", "high", "urgent"]},
                    "schema": {"type": "object"},
                    "provider": _NAME,
                    "at_ms": _TIME,
                    "max_attempts": {"type": "integer", "minimum": 1, "maximum": 100},
                    "check": {
                        "anyOf": [
                            {"type": "string", "minLength": 1, "maxLength": 10_000},
                            {
                                "type": "array",
                                "items": {"type": "string", "maxLength": 10_000},
                                "minItems": 1,
                                "maxItems": 1_000,
                            },
                        ]
                    },
                    "match": {"type": "string", "minLength": 1, "maxLength": 1_000},
                    "in_place": {"type": "boolean"},
                    "budget_usd": {"type": "number", "minimum": 0, "maximum": 100_000},
                    "deadline_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 864_000},
                },
                "prompt",
            ),
        ),
        _method("task.get", "One task with its attempts.", _object({"id": _ID}, "id")),
        _method(
            "task.list",
            "Tasks, newest first → {tasks}; prompts are cut to 200 characters.",
            _object(
                {
                    "state": {
                        "enum": ["pending", "in_progress", "completed", "failed", "cancelled"]
                    },
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "before": _ID,
                }
            ),
        ),
        _method(
            "task.wait",
            "A task once it has ended, or as it is after the timeout.",
            _object(
                {"id": _ID, "timeout_ms": {"type": "integer", "minimum": 0, "maximum": 3_600_000}},
                "id",
            ),
        ),
        _method(
            "task.follow",
            "As task.wait, with task.text and task.state notifications until then.",
            _object(
                {"id": _ID, "timeout_ms": {"type": "integer", "minimum": 0, "maximum": 3_600_000}},
                "id",
            ),
        ),
        _method(
            "task.cancel", "Do not do it (any more) → {id, state}.", _object({"id": _ID}, "id")
        ),
        _method(
            "task.retry",
            "Try a failed or cancelled task anew → {id, state}.",
            _object({"id": _ID}, "id"),
        ),
        _method(
            "task.diff",
            "What a task changed in its workspace → {id, summary, diff, workspace}.",
            _object({"id": _ID}, "id"),
        ),
        _method(
            "task.apply",
            "Bring a task's changes into its directory → {id, summary, workspace}.",
            _object({"id": _ID}, "id"),
        ),
        _method(
            "task.discard",
            "Throw a task's changes away → {id, summary, workspace}.",
            _object({"id": _ID}, "id"),
        ),
        _method(
            "cost.stats",
            "What attempts cost, summed by one thing, and an estimate of what the best tier would"
            " have cost → {by, rows, total, quality_model, prices_of}.",
            _object(
                {
                    "by": {"enum": ["day", "provider", "intent", "strategy", "project"]},
                    "since_ms": _TIME,
                }
            ),
        ),
        _method(
            "outcome.record",
            "Keep what an action came to → {id}.",
            _object(
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
                        "properties": {"intent": _NAME, "provider": _NAME, "model": _NAME},
                    },
                    "verified_by": _NAME,
                    "duration_ms": _COUNT,
                    "tokens": _object(
                        {
                            "input": _COUNT,
                            "cache_read": _COUNT,
                            "cache_write": _COUNT,
                            "output": _COUNT,
                            "reasoning": _COUNT,
                        }
                    ),
                    "cost_usd": {"type": "number", "minimum": 0, "maximum": 1e9},
                },
                "action",
                "kind",
                "result",
            ),
        ),
        _method("outcome.stats", "Counts by kind, intent and provider → {rates}.", _object({})),
    )
}
# Methods that the design promises and later versions bring, with the part that will answer.
ABSENT: Final = {
    "memory.": paths.MEMORY,
    "context.": paths.CONTEXT,
    "strategy.": paths.STRATEGIES,
    "handoff.": paths.HANDOFFS,
    "schedule.": paths.SCHEDULER,
    "hook.": paths.GATEWAY,
}


def method_for(name: str, params: dict[str, Any]) -> Method:
    """The method, its parameters checked. Raises RpcError or Unavailable."""
    method = METHODS.get(name)
    if method is None:
        for prefix, part in ABSENT.items():
            if name.startswith(prefix):
                raise Unavailable(f"{name} is not built yet in this version", part=part)
        raise RpcError(METHOD_NOT_FOUND, f"there is no method {name[:100]}; see system.describe")
    problem = method.validator.problem(params)
    if problem:
        raise RpcError(INVALID_PARAMS, problem[:300])
    return method


def describe() -> dict[str, Any]:
    """The answer to system.describe."""
    return {
        "methods": [
            {"name": method.name, "about": method.about, "params": method.params}
            for method in METHODS.values()
        ],
        "absent": [f"{prefix}*" for prefix in ABSENT],
    }
