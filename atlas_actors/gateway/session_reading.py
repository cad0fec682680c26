"""A model reads what was said in a session, if the user wants that: one ordinary task, bounded.

It may cost nothing unless a budget is given with the call; `[memory] learn_with` never gives one.
"""

import hashlib
from typing import Any, Final

import attrs

from atlas_actors import readings
from atlas_actors.errors import UsageError
from atlas_actors.gateway.door import Door
from atlas_actors.messages import paths
from atlas_actors.messages.execution import Request
from atlas_actors.messages.learning import Learned, NoteReading
from atlas_actors.messages.memory import Origin
from atlas_actors.messages.task import SubmitTask, TaskAccepted

# What clients say when a session, or what will be left of it, ends.
EVENTS: Final = frozenset({"stop", "pre_compact", "session_end"})


@attrs.frozen(kw_only=True)
class SessionReader:
    """Who reads, how much at once, for how much."""

    provider: str
    spoken_max: int
    budget_usd: float


def reader_of(door: Door, params: dict[str, Any]) -> SessionReader | None:
    """None: only rules read. Raises UsageError for a provider that is none or would cost."""
    if params.get("dry_run"):
        return None
    name = params.get("with")
    event = params.get("event", "").replace("-", "_").lower()
    budget_usd = float(params.get("budget_usd", 0.0)) if name else 0.0
    if name is None and event in EVENTS:
        name = door.learn_with
    if not name:
        return None
    settings = door.providers.get(name)
    if settings is None:
        known = ", ".join(door.providers)
        raise UsageError(f"there is no provider {name} to learn with", cure=f"one of {known}")
    if not budget_usd and door.prices.costs(settings):
        raise UsageError(
            f"learning with {name} would cost money",
            cure="take a local provider, or atlas learn FILE --with PROVIDER --budget USD",
        )
    most = readings.spoken_max(settings.context_tokens, settings.answer_tokens_max)
    return SessionReader(provider=name, spoken_max=most, budget_usd=budget_usd)


async def submit(
    door: Door, params: dict[str, Any], reader: SessionReader, learned: Learned, channel: Origin
) -> str | None:
    """The id of the task that reads these turns; None: too little was said."""
    if len(learned.spoken) < readings.SPOKEN_LEAST:
        return None
    where = (params["client"], params["session"], str(learned.read_to), learned.spoken)
    digest = hashlib.sha256("\0".join(where).encode("utf-8", "replace")).hexdigest()
    key = readings.SESSION + digest
    await door.call(
        paths.MEMORY,
        NoteReading(
            key=key,
            project=params.get("project") or None,
            client=params["client"],
            session=params["session"],
            channel=channel,
        ),
    )
    request = Request(
        prompt=readings.session_prompt(learned.spoken),
        schema=readings.SESSION_ANSWER,
        provider=reader.provider,
        budget_usd=reader.budget_usd,
    )
    order = SubmitTask(request=request, key=key, origin="generated", priority="low")
    accepted: TaskAccepted = await door.call(paths.TASKS, order)
    return accepted.id
