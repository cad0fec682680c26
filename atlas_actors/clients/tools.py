"""Pure: which tool was used on what, from a hook's payload."""

import shlex
from typing import Any, Final

import attrs

from atlas_actors.clients.bounds import text
from atlas_actors.clients.commands import FILES_MAX, absolute, read_command
from atlas_actors.clients.programs import patched
from atlas_actors.clients.results import result_of
from atlas_actors.clients.table import ClientTable, ToolTable
from atlas_actors.messages.client import EventKind, FileTouch, ToolUse
from atlas_actors.messages.context import AccessKind

NAME_CHARS_MAX: Final = 200
COMMAND_CHARS_MAX: Final = 20_000
PATCH_CHARS_MAX: Final = 1_000_000

_OTHER: Final = ToolTable(kind="other")
_MCP: Final = ToolTable(kind="mcp")
_ACCESS: Final[dict[str, AccessKind]] = {"read": "read", "edit": "edit", "search": "search"}


def tool_use(
    table: ClientTable,
    kind: EventKind,
    payload: dict[str, Any],
    cwd: str,
    files_max: int = FILES_MAX,
) -> ToolUse | None:
    """The tool that an event is about; None when it names none."""
    name = text(payload.get("tool_name"), NAME_CHARS_MAX)
    if not name:
        return None
    row = tool_table(table, name, payload)
    given = _object(payload.get("tool_input"))
    use = ToolUse(name=name, kind=row.kind, id=text(payload.get("tool_use_id"), NAME_CHARS_MAX))
    decides = True
    if row.kind == "shell":
        command = command_in(row, given)
        reading = read_command(command, _folder(row, given, cwd), files_max)
        decides = reading.decides or not reading.test
        use = attrs.evolve(
            use,
            command=text(command, COMMAND_CHARS_MAX),
            files=_stored(reading.files),
            whole=reading.whole,
            test=reading.test,
            reverts=tuple(text(path, len(path)) for path in reading.reverts),
        )
    else:
        files = (*_given_files(row, given, cwd), *_found_files(row, payload, cwd))
        use = attrs.evolve(use, files=_stored(files[:files_max]), whole=_whole(row, given))
    later = bool(row.later) and given.get(row.later) is True
    return result_of(use, table.client, kind, payload, decides=decides, later=later)


def tool_table(table: ClientTable, name: str, payload: dict[str, Any]) -> ToolTable:
    """What is known of a tool: by its name, or as one of an MCP server."""
    if name in table.tools:
        return table.tools[name]
    is_mcp = name.startswith("mcp__") or payload.get("mcp_context") or payload.get("mcp_server")
    return _MCP if is_mcp else _OTHER


def command_in(row: ToolTable, given: dict[str, Any]) -> str:
    """A shell's command as it was given, whole; a list of words is put together."""
    command = given.get(row.command)
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return shlex.join(command)
    return command if isinstance(command, str) else ""


def _folder(row: ToolTable, given: dict[str, Any], cwd: str) -> str:
    """Where a command is run."""
    for key in row.folder:
        folder = given.get(key)
        if isinstance(folder, str) and folder:
            return absolute(folder, cwd)
    return cwd


def _given_files(row: ToolTable, given: dict[str, Any], cwd: str) -> tuple[FileTouch, ...]:
    kind = _ACCESS.get(row.kind)
    if kind is None:
        return ()
    for key in row.files:
        path = _absolute(given.get(key), cwd)
        if path:
            return (FileTouch(path=path, kind=kind),)
    for key in row.patch:
        patch = given.get(key)
        if isinstance(patch, str):
            named = (touched.word.text for touched in patched(patch[:PATCH_CHARS_MAX]))
            paths = filter(None, (_absolute(path, cwd) for path in named))
            return tuple(FileTouch(path=path, kind=kind) for path in dict.fromkeys(paths))
    return ()


def _found_files(row: ToolTable, payload: dict[str, Any], cwd: str) -> tuple[FileTouch, ...]:
    """What a search has found, as far as its answer names files."""
    found = _object(payload.get("tool_response")).get(row.found) if row.found else None
    if not isinstance(found, list):
        return ()
    paths = filter(None, (_absolute(path, cwd) for path in found[:FILES_MAX]))
    return tuple(FileTouch(path=path, kind="search") for path in paths)


def _absolute(given: Any, cwd: str) -> str:
    return absolute(given, cwd) if isinstance(given, str) and given and "\0" not in given else ""


def _stored(files: tuple[FileTouch, ...]) -> tuple[FileTouch, ...]:
    """Paths as they can be stored."""
    return tuple(attrs.evolve(file, path=text(file.path, len(file.path))) for file in files)


def _whole(row: ToolTable, given: dict[str, Any]) -> bool:
    if row.kind != "read" or not row.part or not row.files:
        return False
    named = any(given.get(key) for key in row.files)
    return named and all(given.get(key) in (None, "") for key in row.part)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
