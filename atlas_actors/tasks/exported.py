"""Pure: what an exported task holds, and within which bounds it is taken over, as JSON Schemas."""

from typing import Any, Final, get_args

from atlas_actors.json_schema import SchemaValidator, object_schema, or_null
from atlas_actors.messages.execution import End
from atlas_actors.messages.strategy import Check
from atlas_actors.messages.task import STATES

WHOLE_MAX: Final = 2**53  # what every reader of JSON holds exactly
USD_MAX: Final = 1e9
_PLAIN: Final = "^[^\\u0000]*$"  # the system takes no NUL


def _text(least: int = 0, most: int | None = None, pattern: str | None = None) -> dict[str, Any]:
    bounds = {"minLength": least, "maxLength": most, "pattern": pattern}
    return {"type": "string", **{name: bound for name, bound in bounds.items() if bound}}


def _whole(low: int = 0, high: int = WHOLE_MAX) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high}


def _number(high: float) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "maximum": high}


def _list(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}


_TEXT: Final = _text()
_NAME: Final = _text(1, 1_000)
# Of a task's directory and branch, too.
_ID: Final = _text(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")
_FLAG: Final = {"enum": [0, 1]}
_YES_NO: Final = {"type": "boolean"}
_TOKENS: Final = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")
_LINK: Final = object_schema(
    {"provider": _TEXT, "verdict": _TEXT, "why": _TEXT, "breaker": _TEXT},
    "provider", "verdict", "why",
)  # fmt: skip
_GENOME: Final = object_schema(
    {
        "providers": _list(_TEXT, 1_000),
        **dict.fromkeys(("recall", "context_tokens", "attempts"), _whole()),
        "template": _TEXT,
        "plan_first": _YES_NO,
        "check": {"enum": list(get_args(Check))},
        "temperature": or_null(_number(USD_MAX)),
    },
    "providers",
)
_STRATEGY: Final = object_schema(
    {"id": _TEXT, "intent": _TEXT, "genome": _GENOME}, "id", "intent", "genome"
)
_TEXTS: Final = ("id", "intent", "tier", "mode", "reason", "session_rule", "strategy_why")
ROUTE: Final = object_schema(
    {
        **dict.fromkeys(_TEXTS, _TEXT),
        **dict.fromkeys(("rule", "agent", "provider", "keep", "pin"), or_null(_TEXT)),
        **dict.fromkeys(("abstained", "locked", "moved"), _YES_NO),
        **dict.fromkeys(("confidence", "difficulty", "estimated_usd"), _number(USD_MAX)),
        **dict.fromkeys(("complexity", "answer_tokens"), _whole()),
        "layer": or_null(_whole()),
        "needs": _list(_TEXT, 100),
        "chain": _list(_LINK, 1_000),
        "explain": {"type": ["object", "null"]},
        "strategy": or_null(_STRATEGY),
        "choice": or_null(_whole()),
    },
    "id", "layer", "rule", "intent", "confidence", "abstained", "tier", "agent", "complexity",
    "difficulty", "mode", "reason",
)  # fmt: skip

# Of an attempt, what is null left out.
ATTEMPT: Final = {
    "number": _whole(1),
    "epoch": _whole(),
    **dict.fromkeys(("provider", "model", "transport", "error", "check", "fault"), _TEXT),
    "strategy": _TEXT,
    "end": {"enum": [str(end) for end in End]},
    **dict.fromkeys(_TOKENS, _whole()),
    "estimated": _FLAG,
    "infrastructure": _FLAG,
    "cost_usd": _number(USD_MAX),
    "started_ms": _whole(),
    "ended_ms": _whole(),
}
_ATTEMPT: Final = {
    "type": "object",
    "properties": ATTEMPT,
    "required": ["number", "epoch", "provider", "started_ms"],
}

# Of a task, what is null left out. The view inspect_export is held to this by a test; what a
# person may give has the bounds of a submission.
TEXTS: Final = {
    "id": _ID,
    "state": {"enum": list(STATES)},
    "prompt": _text(1),
    "cwd": _text(1, 4096, _PLAIN),
    "match": _text(1, 1_000),
    "if_dead": {"enum": ["fail", "skip", "run"]},
    **dict.fromkeys(("key", "provider", "unique_key", "group_name"), _NAME),
    **dict.fromkeys(("error", "result", "verified_by", "origin", "lane"), _TEXT),
}
NUMBERS: Final = {
    "priority": _whole(0, 3),
    "budget_usd": _number(100_000),
    "attempts_max": _whole(1, 100),
    "maybe_ran": _FLAG,
    "in_place": _FLAG,
    "deadline_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 864_000},
    "spent_usd": _number(USD_MAX),
    **dict.fromkeys(("due_ms", "created_ms", "started_ms", "ended_ms", "deadline_ms"), _whole()),
    **dict.fromkeys(("attempt", "answers_asked", "interruptions"), _whole()),
}
JSON: Final = {
    "files": _list(
        object_schema(
            {
                "name": _text(1, 4096),
                "text": _TEXT,
                "sha256": _text(pattern="^([0-9a-f]{64})?$"),
                "bytes": _whole(),
            },
            "name",
            "text",
        ),
        1_000,
    ),
    "schema": {"type": "object"},
    "command": {
        "type": "array",
        "prefixItems": [_text(1, 10_000, _PLAIN)],
        "items": _text(0, 10_000, _PLAIN),
        "minItems": 1,
        "maxItems": 1_000,
    },
    "route": ROUTE,
    "progress": object_schema(
        {
            "tried": _list(_TEXT, 1_000),
            **dict.fromkeys(("rounds", "retried", "answers"), _whole()),
        },
    ),
    "workspace": {"type": "object"},
}
_TASK: Final = object_schema(
    {
        **TEXTS,
        **NUMBERS,
        **JSON,
        "attempts": _list(_ATTEMPT, 10_000),
        "after": _list(_ID, 1_000),
    },
    "id", "state", "prompt", "priority", "attempts_max", "due_ms", "created_ms",
)  # fmt: skip
VALIDATOR: Final = SchemaValidator(_TASK)
