"""The proposal.* and cycle.* methods: what Atlas proposes, and one look at every part."""

import hashlib
from typing import Any, Final

import attrs

from atlas_actors.gateway import proposals
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import ID, NAME, PATH, TEXT, method
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.cycle import RunCycle
from atlas_actors.messages.proposal import ApproveProposal, Propose, RejectProposal

LIST_ROWS: Final = 50
# Eight steps at the longest that [cycle] step_s may be; the cycle itself keeps to them.
CYCLE_S: Final = 4_900.0
KIND: Final = {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,39}$"}

METHODS: Final = (
    method(
        "proposal.list",
        "Proposals, newest first → {proposals}; prompts are cut to 200 characters.",
        object_schema(
            {
                "state": {
                    "enum": ["proposed", "approved", "submitted", "rejected", "expired", "done"]
                },
                "kind": KIND,
                "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
            }
        ),
    ),
    method("proposal.get", "One proposal, whole.", object_schema({"id": ID}, "id")),
    method(
        "proposal.approve",
        "Have it done: it becomes a task → {id, state}.",
        object_schema({"id": ID}, "id"),
    ),
    method(
        "proposal.reject",
        "Never propose this again → {id, state}.",
        object_schema({"id": ID, "reason": TEXT}, "id"),
    ),
    method(
        "proposal.add",
        "Propose work; from_task is the task that its evidence comes from, if any, and what was"
        " generated does not generate → {id, state, why}; without an id nothing was made.",
        object_schema(
            {
                "kind": KIND,
                "title": {"type": "string", "minLength": 1, "maxLength": 1_000},
                "prompt": {"type": "string", "minLength": 1},
                "cwd": PATH,
                "evidence": {"type": "object", "maxProperties": 50},
                "fingerprint": NAME,
                "from_task": ID,
            },
            "kind",
            "title",
            "prompt",
        ),
    ),
    method(
        "cycle.run",
        "Run the cycle now, or wait for the one that runs → {started_at_ms, took_ms, steps}.",
        object_schema({}),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "proposal.list":
            state, kind = params.get("state"), params.get("kind")
            limit = params.get("limit", LIST_ROWS)
            return {"proposals": await door.read(proposals.newest, state, kind, limit)}
        case "proposal.get":
            return await door.read(proposals.one, params["id"])
        case "proposal.approve":
            order = ApproveProposal(id=params["id"])
            return attrs.asdict(await door.call(paths.PROPOSALS, order))
        case "proposal.reject":
            return attrs.asdict(await door.call(paths.PROPOSALS, RejectProposal(**params)))
        case "proposal.add":
            return await _add(door, params)
        case "cycle.run":
            return attrs.asdict(await door.ask(paths.CYCLE, RunCycle(), CYCLE_S))
    raise AssertionError(f"{name} is described but not answered")


async def _add(door: Door, params: dict[str, Any]) -> dict[str, Any]:
    from_task = params.get("from_task")
    origin = None if from_task is None else await door.read(proposals.origin_of, from_task)
    mark = params.get("fingerprint") or _fingerprint_of(params)
    proposal = Propose(**{**params, "fingerprint": mark, "from_origin": origin})
    proposed = await door.call(paths.PROPOSALS, proposal)
    return {"id": proposed.id, "state": proposed.state, "why": proposed.why}


def _fingerprint_of(params: dict[str, Any]) -> str:
    whole = "\0".join(str(params.get(name)) for name in ("kind", "title", "prompt", "cwd"))
    return f"added:{hashlib.sha256(whole.encode()).hexdigest()[:40]}"
