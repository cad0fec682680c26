"""Pure: a checkpoint within its limits, to and from JSON."""

import json
from typing import Any, Final

import attrs

from atlas_actors.messages.handoff import Checkpoint, Session

TEXT_CHARACTERS: Final = 10_000  # of the goal and of the last output
LINE_CHARACTERS: Final = 500
LINES_MAX: Final = 200
SESSIONS_MAX: Final = 10


def bounded(checkpoint: Checkpoint) -> Checkpoint:
    """The beginning of the goal, the newest of everything else."""
    return Checkpoint(
        goal=checkpoint.goal[:TEXT_CHARACTERS],
        done=_lines(checkpoint.done),
        next_steps=_lines(checkpoint.next_steps),
        files=_lines(checkpoint.files),
        sessions=checkpoint.sessions[-SESSIONS_MAX:],
        last_output=checkpoint.last_output[-TEXT_CHARACTERS:],
    )


def after(earlier: Checkpoint, later: Checkpoint) -> Checkpoint:
    """What an attempt has left that went on with `earlier`: nothing done before is forgotten."""
    sessions = {session.provider: session for session in (*earlier.sessions, *later.sessions)}
    return Checkpoint(
        goal=later.goal or earlier.goal,
        done=_joined(earlier.done, later.done),
        next_steps=later.next_steps or earlier.next_steps,
        files=_joined(earlier.files, later.files),
        sessions=tuple(sessions.values()),
        last_output=later.last_output or earlier.last_output,
    )


def to_json(checkpoint: Checkpoint) -> str:
    """As a column holds it."""
    return json.dumps(attrs.asdict(bounded(checkpoint)), ensure_ascii=False)


def from_json(text: str) -> Checkpoint:
    """As it was written by to_json."""
    fields: dict[str, Any] = json.loads(text)
    return Checkpoint(
        goal=fields["goal"],
        done=tuple(fields["done"]),
        next_steps=tuple(fields["next_steps"]),
        files=tuple(fields["files"]),
        sessions=tuple(Session(**session) for session in fields["sessions"]),
        last_output=fields["last_output"],
    )


def _lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line[:LINE_CHARACTERS] for line in lines[-LINES_MAX:])


def _joined(earlier: tuple[str, ...], later: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*earlier, *later)))
