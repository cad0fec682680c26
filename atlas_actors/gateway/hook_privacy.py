"""What a hook tells, without secrets: its payload is redacted whole, and only then cut.

Hooks carry prompts, files and outputs, so this is a door of redaction of its own, which
gateway/privacy.py leaves hook.event to. Nothing but the rules and the opening of files sees a
payload as it came.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from atlas_actors.clients.adapter import event_of
from atlas_actors.errors import UsageError
from atlas_actors.messages.client import ClientEvent
from atlas_actors.redaction import DEPTH_MAX, Redactor

LONG_CHARACTERS: Final = 20_000  # a longer payload is worked on on a thread
_VALUES_MAX: Final = 2_000
# Of one text; far more than an adapter keeps of its ends, so that no cut of ours is ever shown.
HEAD_CHARACTERS: Final = 150_000
TAIL_CHARACTERS: Final = 50_000


def is_long(payload: Any) -> bool:
    """Whether work on it would hold others up; looks at no more than it has to."""
    ahead, characters, values = [payload], 0, 0
    while ahead:
        one = ahead.pop()
        values += 1
        if isinstance(one, str):
            characters += len(one)
        elif isinstance(one, dict):
            values += len(one)
            if values > _VALUES_MAX:
                return True
            characters += sum(map(len, one))
            ahead += one.values()
        elif isinstance(one, list):
            if values + len(one) > _VALUES_MAX:
                return True
            ahead += one
        if characters > LONG_CHARACTERS or values > _VALUES_MAX:
            return True
    return False


def clean_event(
    redactor: Redactor, raw: ClientEvent, name: str, payload: Any, fields: Mapping[str, str]
) -> ClientEvent:
    """The same event without what is secret or private; `raw` is what the payload says as it is.

    Of a payload that is nested too deeply to be redacted, only what tells events apart is kept.
    """
    try:
        clean = redactor.value(_shortened(payload, DEPTH_MAX))
    except UsageError:
        return _bare(redactor, raw)
    clean_name = redactor.text(name)
    clean_fields = {key: redactor.text(value) for key, value in fields.items()}
    if (clean, clean_name, clean_fields) == (payload, name, fields):
        return raw
    return with_fields(event_of(raw.client, clean_name, clean), clean_fields)


def with_fields(event: ClientEvent, fields: Mapping[str, str]) -> ClientEvent:
    """What the payload did not say and the hook's environment does."""
    if event.cwd and event.session:
        return event
    cwd = fields.get("CLAUDE_PROJECT_DIR") or fields.get("GEMINI_PROJECT_DIR", "")
    session = fields.get("CLAUDE_CODE_SESSION_ID") or fields.get("GEMINI_SESSION_ID", "")
    return attrs.evolve(event, cwd=event.cwd or cwd, session=event.session or session[:200])


def _bare(redactor: Redactor, event: ClientEvent) -> ClientEvent:
    return ClientEvent(
        client=event.client,
        event=redactor.text(event.event),
        kind=event.kind,
        session=redactor.text(event.session),
        turn_id=redactor.text(event.turn_id),
    )


def _shortened(value: Any, depth: int) -> Any:
    """Texts of megabytes by their ends alone: redaction would take longer than a hook waits."""
    if depth == 0:
        raise UsageError(f"nested deeper than {DEPTH_MAX} levels")
    if isinstance(value, str):
        if len(value) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
            return value
        return value[:HEAD_CHARACTERS] + value[-TAIL_CHARACTERS:]
    if isinstance(value, dict):
        return {key: _shortened(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_shortened(one, depth - 1) for one in value]
    return value
