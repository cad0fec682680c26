"""Pure: what outcomes and the orchestrator hear of an event."""

from typing import Any, Final

import attrs

from atlas_actors.messages.client import ClientEvent, ClientMet, ToolUse
from atlas_actors.messages.execution import Fault
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.sessions.session import Session
from atlas_actors.sessions.texts import first_words, plain, whole
from atlas_actors.sessions.turns import Turn, edits, has_failed, reverts, verdict

COMMAND_CHARACTERS: Final = 80
ACTION_CHARACTERS: Final = 200
# What a client's word for a failure says of the service that it uses.
_FAULTS: Final[dict[str, Fault]] = {
    "rate_limit": Fault.RATE,
    "overloaded": Fault.SERVER,
    "server_error": Fault.SERVER,
    "billing_error": Fault.QUOTA,
}


@attrs.frozen(kw_only=True)
class Happened:
    """An event at its place: the session after it, and its turn before and after it."""

    event: ClientEvent
    session: Session
    was_ended: bool  # the session, before it
    before: Turn | None
    turn: Turn | None
    seq: int
    at_ms: int


def outcomes_of(happened: Happened) -> list[RecordOutcome]:
    """What this event says that something came to."""
    event = happened.event
    match event.kind:
        case "post_tool" | "tool_failed" if event.tool is not None:
            return _of_tool(happened, event.tool)
        case "stop" if not event.agent_id:
            return _of_stop(happened)
        case "stop_failed":
            context = {"failure": first_words(event.error or "unknown", COMMAND_CHARACTERS)}
            return [_told(happened, "StopFailure", "failure", context, infrastructure=True)]
        case "subagent_stop" if event.agent_type:
            name = plain(event.agent_type, ACTION_CHARACTERS)
            return [_told(happened, name, "success", {}, kind="agent")]
        case "session_end" if not happened.was_ended:
            return [_told(happened, "SessionEnd", "success", {"ended": True})]
    return []


def met(event: ClientEvent) -> ClientMet | None:
    """What a client's failure says of the service that it uses; None: nothing, as far as known."""
    fault = _FAULTS.get(event.error) if event.kind == "stop_failed" else None
    if fault is None:
        return None
    return ClientMet(client=event.client, fault=fault, reason=f"{event.client} met {event.error}")


def _of_tool(happened: Happened, tool: ToolUse) -> list[RecordOutcome]:
    """Commands and edits; of what nobody knows how it ended nothing is said."""
    failed = has_failed(happened.event, tool)
    root = happened.session.project
    changed = edits(tool, root) if failed is False else ()
    if failed is None or not (changed or tool.kind in ("shell", "edit")):
        return []
    context: dict[str, Any] = {"files": list(changed)} if changed else {}
    verified_by = None
    if tool.kind == "shell":
        context["command"] = first_words(tool.command, COMMAND_CHARACTERS)
        if tool.exit_code is not None:
            context["exit_code"] = whole(tool.exit_code)
        if tool.test:
            context["test"], verified_by = True, "test"
        if not failed and (back := reverts(tool, root)):
            context["reverts"] = list(back)
    result = "failure" if failed else "success"
    told = _told(happened, plain(tool.name, ACTION_CHARACTERS), result, context)
    return [attrs.evolve(told, verified_by=verified_by, duration_ms=whole(tool.duration_ms))]


def _of_stop(happened: Happened) -> list[RecordOutcome]:
    """The turn's; a Stop that says again what was said already is none."""
    before, turn = happened.before, happened.turn
    if turn is None or (before is not None and before.result in ("success", "failure")):
        return []
    result, verified_by = verdict(turn)
    says = {
        "request": turn.request,
        "files": list(turn.files),
        "intent": turn.intent,
        "tier": turn.tier,
        "route": turn.route_id,
    }
    context = {name: value for name, value in says.items() if value}
    told = _told(happened, "Stop", result, context)
    took_ms = max(0, happened.at_ms - turn.began_ms)
    return [attrs.evolve(told, verified_by=verified_by, duration_ms=took_ms)]


def _told(
    happened: Happened,
    action: str,
    result: str,
    context: dict[str, Any],
    *,
    kind: str = "hook",
    infrastructure: bool = False,
) -> RecordOutcome:
    session, turn = happened.session, happened.turn
    where: dict[str, Any] = {"session": session.label, "client": session.client}
    if session.project:
        where["project"] = session.project
    if turn is not None:
        where["turn"] = turn.number
    return RecordOutcome(
        action=action,
        kind=kind,
        result=result,
        infrastructure=infrastructure,
        context={**where, **context},
        at_ms=happened.at_ms,
        key=f"sessions {session.began_ms} {happened.seq}",
    )
