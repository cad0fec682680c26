"""Pure: what a session leaves for whoever goes on with it, and when nobody needs to."""

from typing import Final, Literal

from atlas_actors.messages.client import ClientEvent
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.sessions.turns import Turn

UNKNOWN_GOAL: Final = "a turn whose prompt is not known"

Step = Literal["save", "drop"]


def step_after(event: ClientEvent, before: Turn | None) -> Step | None:
    """What an event asks for of a session's handoff; `before`: its turn as it was until then."""
    if event.agent_id:
        return None
    is_open = before is not None and before.is_open
    match event.kind:
        case "stop":
            return "drop"
        case "pre_compact" | "stop_failed" | "interrupt":
            return "save" if is_open else None
        case "session_end":
            if is_open:
                return "save"
            return "drop" if before is not None and before.result != "interrupted" else None
    return None


def checkpoint_of(turn: Turn) -> Checkpoint | None:
    """How far a turn has come; None: there is nothing to go on with."""
    if not (turn.goal.strip() or turn.done or turn.files):
        return None
    return Checkpoint(
        goal=turn.goal if turn.goal.strip() else UNKNOWN_GOAL,
        done=turn.done,
        files=turn.files,
        last_output=turn.words,
    )
