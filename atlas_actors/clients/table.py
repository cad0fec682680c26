"""The tables of the clients, NAME.toml beside this file, read and checked once."""

import functools
import tomllib
import typing
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from atlas_actors.errors import SettingsError, UsageError
from atlas_actors.messages.client import ClientEvent, ContextUse, EventKind, ToolKind

CLIENTS: Final = ("claude", "codex", "gemini")
KINDS: Final = frozenset(typing.get_args(EventKind))
TOOL_KINDS: Final = frozenset(typing.get_args(ToolKind))
FOLDER: Final = Path(__file__).parent

DenyBy = Literal["", "permission", "behavior", "decision"]
# What an answer of each kind needs: keys beside hookSpecificOutput, keys inside of it.
NEEDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "additional": (("hookSpecificOutput",), ("hookEventName", "additionalContext")),
    "permission": (
        ("hookSpecificOutput",),
        ("hookEventName", "permissionDecision", "permissionDecisionReason"),
    ),
    "behavior": (("hookSpecificOutput",), ("hookEventName", "decision")),
    "decision": (("decision", "reason"), ()),
}
# Fields of ours that a payload can fill.
_TAKEN: Final = (
    frozenset(field.name for field in attrs.fields(ClientEvent))
    - {"client", "event", "kind", "tool", "use", "unknown"}
) | frozenset(field.name for field in attrs.fields(ContextUse))


# Only to events of these kinds there is ever anything to say.
ANSWERED: Final = frozenset[EventKind](
    {"session_start", "prompt", "pre_tool", "permission", "status"}
)


@attrs.frozen(kw_only=True)
class EventTable:
    """What is known of one event of one client."""

    kind: EventKind
    fields: frozenset[str] = frozenset()  # all that it is known to hold
    take: dict[str, tuple[str, ...]] = attrs.field(factory=dict)  # ours from theirs, step by step
    answer_top: frozenset[str] = frozenset()
    answer: frozenset[str] = frozenset()  # inside hookSpecificOutput
    context: Literal["", "additional"] = ""
    deny: DenyBy = ""
    line: bool = False
    mark: str = ""  # a payload that does not name its event and has this field is this event's
    matcher: str = ""
    timeout_s: float | None = None  # None: no installer registers it


@attrs.frozen(kw_only=True)
class ToolTable:
    """What is known of one tool: which of its input's fields hold what."""

    kind: ToolKind
    command: str = ""
    folder: tuple[str, ...] = ()  # where the command is run
    later: str = ""  # true: the command runs on after the answer
    files: tuple[str, ...] = ()
    part: tuple[str, ...] = ()  # any of these: not the whole file is read
    patch: tuple[str, ...] = ()  # a patch that names its files
    found: str = ""  # of the response: names of files


@attrs.frozen(kw_only=True)
class ClientTable:
    """What is known of one client."""

    client: str
    name: str
    version: str  # that it was written for
    basis: Literal["measured", "documented"]
    common: frozenset[str]
    take: dict[str, tuple[str, ...]]
    events: dict[str, EventTable]
    tools: dict[str, ToolTable]


@functools.cache
def table_of(client: str) -> ClientTable:
    """A client's table. Raises UsageError for a client that Atlas does not know."""
    if client not in CLIENTS:
        raise UsageError(f"no such client: {client[:50]}", cure=f"one of {', '.join(CLIENTS)}")
    return parsed(client, (FOLDER / f"{client}.toml").read_text("utf-8"))


def parsed(client: str, text: str) -> ClientTable:
    """A table from its TOML. Raises SettingsError that says what in it is wrong."""
    rows = tomllib.loads(text)
    try:
        common = frozenset(rows["common"])
        take = _steps(rows["take"])
        top = rows["answer_top"]
        return ClientTable(
            client=client,
            name=rows["name"],
            version=rows["version"],
            basis=_one_of(rows["basis"], ("measured", "documented"), "basis"),
            common=common,
            take=take,
            events={
                name: _event(name, row, common, take, top) for name, row in rows["events"].items()
            },
            tools={name: _tool(name, row) for name, row in rows["tools"].items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"clients/{client}.toml: {error}") from error


def _event(
    name: str, row: dict[str, Any], common: frozenset[str], take: dict[str, Any], top: list[str]
) -> EventTable:
    told = {key: row[key] for key in ("context", "deny", "line", "mark", "matcher", "timeout_s")
            if key in row}  # fmt: skip
    answer = frozenset(row.get("answer", ()))
    table = EventTable(
        kind=_one_of(row["kind"], KINDS, f"{name}: kind"),
        fields=common | frozenset(row.get("fields", ())),
        take=take | _steps(row.get("take", {})),
        answer_top=frozenset(row.get("answer_top", top)),
        answer=answer,
        **told,
    )
    strange = set(row) - {"kind", "fields", "take", "answer", "answer_top", *told}
    if strange:
        raise ValueError(f"{name}: nothing is called {sorted(strange)}")
    for ours, steps in table.take.items():
        if ours not in _TAKEN:
            raise ValueError(f"{name}: an event of ours has no {ours}")
        if ours in row.get("take", {}) and steps[0] not in table.fields:
            raise ValueError(f"{name}: {steps[0]} is taken, but it is not one of its fields")
    for way in filter(None, (table.context, table.deny)):
        outside, inside = NEEDS[_one_of(way, NEEDS, f"{name}: context or deny")]
        if not (table.answer_top.issuperset(outside) and table.answer.issuperset(inside)):
            raise ValueError(f"{name}: an answer by {way} has keys that it does not take")
    return table


def _tool(name: str, row: dict[str, Any]) -> ToolTable:
    _one_of(row["kind"], TOOL_KINDS, f"{name}: kind")
    told: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    return ToolTable(**told)


def _steps(row: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {ours: tuple(theirs.split(".")) for ours, theirs in row.items()}


def _one_of(value: Any, allowed: Any, what: str) -> Any:
    if value not in allowed:
        raise ValueError(f"{what} is {value!r}, not one of {', '.join(sorted(allowed))}")
    return value
