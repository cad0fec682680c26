"""Pure: what a client's hook has told, as an event that is the same for every client."""

from typing import Any, Final

import attrs

from atlas_actors.clients.bounds import bounded, text
from atlas_actors.clients.table import ANSWERED, CLIENTS, ClientTable, EventTable, table_of
from atlas_actors.clients.tools import tool_use
from atlas_actors.errors import UsageError
from atlas_actors.messages.client import ClientEvent, ContextUse, EventKind

__all__ = ["CLIENTS", "Registered", "event_of", "registered"]

EVENT_CHARS_MAX: Final = 100
PATH_CHARS_MAX: Final = 4_096
WORD_CHARS_MAX: Final = 500
_CHARS_MAX: Final = {
    "prompt": 100_000,
    "message": 20_000,
    "cwd": PATH_CHARS_MAX,
    "transcript_path": PATH_CHARS_MAX,
}
_NUMBERS: Final = ("used_tokens", "window_tokens", "used_percent", "cost_usd")
_TOOL_KINDS: Final[frozenset[EventKind]] = frozenset(
    {"pre_tool", "permission", "post_tool", "tool_failed"}
)
_STRANGER: Final = EventTable(kind="other")


@attrs.frozen(kw_only=True)
class Registered:
    """An event that an installer registers; the matcher "" is every tool, every kind of it."""

    event: str
    matcher: str
    timeout_s: float
    told: bool  # it is never answered, so that its hook waits for nothing (--tell)


def registered(client: str) -> tuple[Registered, ...]:
    """What to register with a client. Raises UsageError for an unknown one."""
    return tuple(
        Registered(event=name, matcher=row.matcher, timeout_s=row.timeout_s, told=_is_told(row))
        for name, row in table_of(client).events.items()
        if row.timeout_s is not None
    )


def event_of(client: str, event: str, payload: Any) -> ClientEvent:
    """A hook's payload (JSON, read) as an event; `event` is its name, "": the payload says it.

    Nothing in a payload makes it fail: what has another type than it should have, and what the
    client's table does not know, goes to `unknown`, as much of it as fits. Raises UsageError for
    an unknown client, and for a payload that is no object.
    """
    table = table_of(client)
    if not isinstance(payload, dict):
        raise UsageError(f"a hook of {client} tells a JSON object, not {type(payload).__name__}")
    name = text(event, EVENT_CHARS_MAX) or _name_in(table, payload)
    row = table.events.get(name) or attrs.evolve(_STRANGER, fields=table.common, take=table.take)
    words, numbers, wrong = _taken(row, payload)
    tool = tool_use(table, row.kind, payload, words.get("cwd", ""))
    unknown = {key: value for key, value in payload.items() if key not in row.fields}
    return ClientEvent(
        client=client,
        event=name,
        kind=row.kind,
        session=words.pop("session", ""),
        **words,
        tool=tool if row.kind in _TOOL_KINDS else None,
        use=ContextUse(**numbers) if numbers else None,
        unknown=bounded(unknown | wrong),
    )


def _is_told(row: EventTable) -> bool:
    """What is only told may be heard in another order, so that its turn has to have an id."""
    return row.kind not in ANSWERED and "turn_id" in row.take


def _name_in(table: ClientTable, payload: dict[str, Any]) -> str:
    told = text(payload.get("hook_event_name"), EVENT_CHARS_MAX)
    if told or "hook_event_name" in payload:
        return told
    marked = (name for name, row in table.events.items() if row.mark and row.mark in payload)
    return next(marked, "")


def _taken(
    row: EventTable, payload: dict[str, Any]
) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
    """Our fields that are texts, our fields that are numbers, and what has a wrong type."""
    words: dict[str, str] = {}
    numbers: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for ours, steps in row.take.items():
        value = _at(payload, steps)
        if value is None:
            continue
        if ours in _NUMBERS:
            number = _number(ours, value)
            if number is not None:
                numbers[ours] = number
                continue
        elif isinstance(value, str):
            words[ours] = text(value, _CHARS_MAX.get(ours, WORD_CHARS_MAX))
            continue
        wrong[".".join(steps)] = value
    return words, numbers, wrong


def _number(ours: str, value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value < 2**53:  # NaN too
        return None
    return int(value) if ours.endswith("tokens") else float(value)


def _at(payload: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if not isinstance(payload, dict):
            return None
        payload = payload.get(step)
    return payload
