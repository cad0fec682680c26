"""The outcome.* and cost.* methods: what actions came to, and what they cost."""

import json
from typing import Any, Final

import attrs

from atlas_actors.errors import Conflict, UsageError
from atlas_actors.gateway import costs, outcome_rates, outcome_reading
from atlas_actors.gateway.caller import Caller, origin_of
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import COUNT, ID, NAME, PATH, TIME, method
from atlas_actors.gateway.requests import outcome_of
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.memory import Origin
from atlas_actors.messages.outcome import TOLD_BY, AmendOutcome, RecordOutcome
from atlas_actors.messages.outcome_kinds import KINDS, RESULTS

PERSON: Final = "person"
LIST_ROWS: Final = 50
LIST_ROWS_MAX: Final = 1_000
CONTEXT_CHARACTERS_MAX: Final = 100_000
_KIND: Final = {"enum": list(KINDS)}
_RESULT: Final = {"enum": list(RESULTS)}
_FILES: Final = {"type": "array", "items": PATH, "maxItems": 1_000}
_FILTERS: Final = {
    "kind": _KIND,
    "result": _RESULT,
    "intent": NAME,
    "provider": NAME,
    "project": PATH,
    "strategy": NAME,
    "since_ms": TIME,
}
# What is known by name of a context; others may be there too.
_CONTEXT: Final = {
    "type": "object",
    "maxProperties": 50,
    "properties": {
        **dict.fromkeys(("intent", "provider", "model", "rule", "strategy"), NAME),
        "project": PATH,
        "session": NAME,
        "turn": COUNT,
        "request": NAME,
        "files": _FILES,
        "reverts": _FILES,
        "test": {"type": "boolean"},
        "ended": {"type": "boolean"},  # so has the session
    },
}

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
                "kind": _KIND,
                "result": _RESULT,
                "context": _CONTEXT,
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
    method(
        "outcome.amend",
        "Later evidence says otherwise; what was recorded stays beside it → {id, before, changed}."
        " verified_by is for people; of others it is their own word.",
        object_schema(
            {"id": ID, "result": _RESULT, "verified_by": NAME, "reason": NAME},
            "id",
            "result",
            "reason",
        ),
    ),
    method(
        "outcome.list",
        "Outcomes as they stand, newest first, with what amended them → {outcomes}.",
        object_schema(
            {**_FILTERS, "limit": {"type": "integer", "minimum": 1, "maximum": LIST_ROWS_MAX}}
        ),
    ),
    method(
        "outcome.stats",
        "Rates of success with their 95 % intervals, for each kind by one thing (else by intent"
        " and provider), 2,000 at the most; faults of the way are counted apart → {rates}.",
        object_schema(
            {
                "by": {"enum": ["kind", *outcome_rates.DIMENSIONS]},
                "since_ms": TIME,
                "kind": _KIND,
            }
        ),
    ),
    method(
        "outcome.patterns",
        "Pairs of context values that do better or worse than the others of their kind, with the"
        " intervals apart → {patterns}.",
        object_schema({"since_ms": TIME, "kind": _KIND}),
    ),
    method(
        "outcome.recommend",
        "Which provider, strategy and rule to prefer, with the evidence → {recommendations}.",
        object_schema({"intent": NAME, "project": PATH, "kind": _KIND, "since_ms": TIME}),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any], caller: Caller) -> Any:
    """One call of outcome.* to its result. Raises AtlasError."""
    match name:
        case "outcome.record":
            order = _told_by(await _origin(door, caller), _not_ours(outcome_of(params)))
            return {"id": (await door.call(paths.OUTCOMES, order)).id}
        case "outcome.amend":
            return await _amend(door, params, caller)
        case "outcome.list":
            limit = params.get("limit", LIST_ROWS)
            return {"outcomes": await door.read(outcome_reading.outcomes, params, limit)}
        case "outcome.stats":
            named = params.get("by")
            by = {None: ("intent", "provider"), "kind": ()}.get(named, (str(named),))
            counted = await door.read(outcome_reading.counted_by, params, by)
            return {"rates": await door.on_thread(lambda: outcome_rates.rates(counted, by))}
        case "outcome.patterns":
            counted = await door.read(outcome_reading.counted, params)
            return {"patterns": await door.on_thread(lambda: outcome_rates.patterns(counted))}
        case "outcome.recommend":
            wanted = {key: value for key, value in params.items() if key != "kind"}
            counted = await door.read(outcome_reading.counted, wanted)
            found = outcome_rates.recommend(counted, params.get("kind"))
            return {"recommendations": found}
    raise AssertionError(f"{name} is described but not answered")


async def answer_cost(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call of cost.* to its result. Raises AtlasError."""
    if name == "cost.stats":
        best = costs.best_of(door.providers, door.tiers, door.prices)
        by, since_ms = params.get("by", "day"), params.get("since_ms", 0)
        return await door.read(costs.stats, by, since_ms, best, door.prices.date)
    raise AssertionError(f"{name} is described but not answered")


def _not_ours(outcome: RecordOutcome) -> RecordOutcome:
    """Raises Conflict for what would end a choice of strategies: its task's own outcome does."""
    if outcome.kind == "task" and "choice" in outcome.context:
        raise Conflict(
            "context.choice is Atlas' own: how a choice ended is told by its task",
            cure="leave it out; outcome.amend says what is known later",
        )
    return outcome


def _told_by(origin: Origin, outcome: RecordOutcome) -> RecordOutcome:
    """With the word of who is no person on it: what Atlas' own parts have done is told by them.
    Raises UsageError for a context that is too long."""
    if len(json.dumps(outcome.context)) > CONTEXT_CHARACTERS_MAX:
        raise UsageError(
            f"a context has {CONTEXT_CHARACTERS_MAX:,} characters at the most",
            cure="name in it what the outcome is about, not what was said",
        )
    plain = {name: value for name, value in outcome.context.items() if name != TOLD_BY}
    mark = {} if origin == PERSON else {TOLD_BY: origin}
    return attrs.evolve(outcome, context=plain | mark)


async def _amend(door: Door, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Whose word it is decides what it is above: that of who is no person stays a word, whatever
    proof it names."""
    origin = await _origin(door, caller)
    verified_by = params.get("verified_by", origin)
    if verified_by == PERSON and origin != PERSON:
        raise Conflict(
            "a person's word is a person's to give, and this call comes from inside a coding agent"
            " or from where that cannot be seen",
            cure="call it from a terminal of your own, or leave out verified_by",
        )
    reason = params["reason"]
    if origin not in (PERSON, verified_by):
        verified_by, reason = origin, f"{reason} (it names as proof: {verified_by})"
    order = AmendOutcome(**{**params, "verified_by": verified_by, "reason": reason})
    return attrs.asdict(await door.call(paths.OUTCOMES, order))


async def _origin(door: Door, caller: Caller) -> Origin:
    return origin_of(await door.on_thread(lambda: caller.inside), own_words=True)
