"""Pure: which tool was used on what, and what that came to, from a hook's payload."""

import os.path
import re
import shlex
from typing import Any, Final

import attrs

from atlas_actors.clients.bounds import text
from atlas_actors.clients.table import ClientTable, ToolTable
from atlas_actors.messages.client import EventKind, FileTouch, ToolUse
from atlas_actors.messages.context import AccessKind

NAME_CHARS_MAX: Final = 200
PATH_CHARS_MAX: Final = 4_096
COMMAND_CHARS_MAX: Final = 20_000
OUTPUT_CHARS_MAX: Final = 8_000
FILES_MAX: Final = 50
_DURATION_MS_MAX: Final = 2**53

_OTHER: Final = ToolTable(kind="other")
_ACCESS: Final[dict[str, AccessKind]] = {"read": "read", "edit": "edit", "search": "search"}
_CLAUDE_EXIT: Final = re.compile(r"Exit code (\d{1,3})(?:\n|$)")
_GEMINI_EXIT: Final = re.compile(r"^Exit Code: (\d{1,3})$", re.MULTILINE)


def tool_use(
    table: ClientTable, kind: EventKind, payload: dict[str, Any], cwd: str
) -> ToolUse | None:
    """The tool that an event is about; None when it names none."""
    name = text(payload.get("tool_name"), NAME_CHARS_MAX)
    if not name:
        return None
    row = tool_table(table, name, payload)
    given = payload.get("tool_input")
    given = given if isinstance(given, dict) else {}
    use = ToolUse(name=name, kind=row.kind, id=text(payload.get("tool_use_id"), NAME_CHARS_MAX))
    use = attrs.evolve(use, duration_ms=_duration_ms(payload.get("duration_ms")))
    if row.kind == "shell":
        use = attrs.evolve(use, command=text(command_in(row, given), COMMAND_CHARS_MAX))
    else:
        use = attrs.evolve(use, files=_files(row, given, cwd), whole=_whole(row, given))
    return use


def tool_table(table: ClientTable, name: str, payload: dict[str, Any]) -> ToolTable:
    """What is known of a tool: by its name, or as one of an MCP server."""
    if name in table.tools:
        return table.tools[name]
    if name.startswith("mcp__") or payload.get("mcp_context") or payload.get("mcp_server"):
        return ToolTable(kind="mcp")
    return _OTHER


def command_in(row: ToolTable, given: dict[str, Any]) -> str:
    """A shell's command as it was given, whole; a list of words is put together."""
    command = given.get(row.command)
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return shlex.join(command)
    return command if isinstance(command, str) else ""


def _files(row: ToolTable, given: dict[str, Any], cwd: str) -> tuple[FileTouch, ...]:
    kind = _ACCESS.get(row.kind)
    if kind is None:
        return ()
    for key in row.files:
        path = absolute(given.get(key), cwd)
        if path:
            return (FileTouch(path=path, kind=kind),)
    return ()


def _whole(row: ToolTable, given: dict[str, Any]) -> bool:
    if row.kind != "read" or not row.part:
        return False
    return all(given.get(key) in (None, "") for key in row.part)


def absolute(given: Any, cwd: str) -> str:
    """An absolute path without `..`; "" for no path, or a relative one of an unknown place."""
    path = text(given, PATH_CHARS_MAX)
    if path.startswith("~/"):
        path = os.path.expanduser(path)  # noqa: PTH111 - a word, no file
    if not path or not os.path.isabs(path):  # noqa: PTH117
        if not path or not os.path.isabs(cwd):  # noqa: PTH117
            return ""
        path = f"{cwd}/{path}"
    return os.path.normpath(path)


def _duration_ms(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < _DURATION_MS_MAX else None
