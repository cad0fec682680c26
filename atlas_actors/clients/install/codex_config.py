"""Pure: which hooks and projects Codex' config.toml trusts, edited line by line.

Codex' own config/batchWrite drops the file's BOM and turns its CRLF into LF; here every line that
is not ours keeps its bytes. What we add are tables of their own, each with MARK behind its name:

    [hooks.state."/home/me/.codex/hooks.json:pre_tool_use:0:0"] # by atlas hooks install
    trusted_hash = "sha256:..."
"""

import json
import re
import tomllib
from collections.abc import Callable, Container, Mapping
from typing import Any, Final

from atlas_actors.errors import UsageError

MARK: Final = "# by atlas hooks install"
BOM: Final = "\ufeff"
_OURS: Final = ("trusted_hash", "enabled", "trust_level")  # settings of the tables that we write
_SETTING: Final = re.compile(rf"\s*({'|'.join(_OURS)})\s*=")
_QUOTED: Final = re.compile(r"""("[^"\\]*"|'[^']*')""")

Table = tuple[str, ...]  # its name, from the root
IsFile = Callable[[str], bool]  # whether a path in a hook's key is that of one file


def settings_of(data: bytes | None) -> dict[str, Any]:
    """What the file says. Raises UsageError when it is not TOML, as Codex would refuse it."""
    try:
        return tomllib.loads(_text(data))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"it is not valid TOML: {error}") from error


def trusted_hash(settings: Mapping[str, Any], key: str) -> str:
    """What Codex is told to trust for this hook, "" for nothing."""
    found = _at(settings, ("hooks", "state", key, "trusted_hash"))
    return found if isinstance(found, str) else ""


def project_level(settings: Mapping[str, Any], project: str) -> str:
    """Its trust_level: trusted, untrusted, or "" when nothing is said."""
    found = _at(settings, ("projects", project, "trust_level"))
    return found if isinstance(found, str) else ""


def are_hooks_off(settings: Mapping[str, Any]) -> bool:
    """Whether `[features] hooks = false` turns all hooks off."""
    return _at(settings, ("features", "hooks")) is False


def with_hooks(data: bytes | None, hashes: Mapping[str, str]) -> bytes | None:
    """So that these hooks (key to hash) are trusted."""
    for key, value in hashes.items():
        data = _with(data, ("hooks", "state", key), "trusted_hash", value)
    return data


def with_project(data: bytes | None, project: str) -> bytes:
    """So that Codex trusts what stands in this directory's .codex."""
    return _with(data, ("projects", project), "trust_level", "trusted")


def without_hooks(
    data: bytes | None, is_of_file: IsFile, *, keep: Container[str] = ()
) -> bytes | None:
    """Without our tables for hooks of this file, but for the keys to keep."""

    def is_stale(table: Table) -> bool:
        is_hook = len(table) == 3 and table[:2] == ("hooks", "state")
        return is_hook and table[2] not in keep and is_of_file(file_of(table[2]))

    return _without(data, is_stale)


def without_project(data: bytes | None, project: str) -> bytes | None:
    """Without our table that trusts this directory."""
    return _without(data, lambda table: table == ("projects", project))


def without_any(data: bytes | None) -> bytes | None:
    """Without all tables of ours."""
    return _without(data, lambda _: True)


def is_any_ours(data: bytes | None) -> bool:
    """Whether a table of ours is in it."""
    return without_any(data) != data


def renamed(data: bytes | None, keys: Mapping[str, str]) -> bytes | None:
    """The user's own trust follows their hooks to other places in the file (old key to new)."""
    settings, lines = settings_of(data), _lines(data)
    found: dict[str, Any] = {}
    for number, line in enumerate(lines):
        table = _table(line)
        if table is not None and table[:2] == ("hooks", "state") and table[-1] in keys:
            lines[number] = line.replace(table[-1], keys[table[-1]], 1)
            found[keys[table[-1]]] = settings["hooks"]["state"].pop(table[-1])
    if not found:
        return data
    settings["hooks"]["state"] |= found
    return _checked("".join(lines), data, settings)


def keys_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The hooks that something is said of."""
    state = _at(settings, ("hooks", "state"))
    return tuple(state) if isinstance(state, dict) else ()


def end_of_key(event: str, group: int, place: int) -> str:
    """What follows the file in a hook's key; the event as pre_tool_use."""
    return f"{event}:{group}:{place}"


def file_of(key: str) -> str:
    """The file in a hook's key, which ends in event, group and place."""
    return key.rsplit(":", 3)[0]


def _with(data: bytes | None, table: Table, name: str, value: str) -> bytes:
    """With one setting; in a table of ours when there is none yet."""
    settings = settings_of(data)
    if _at(settings, (*table, name)) == value:
        return data or b""
    is_there = isinstance(_at(settings, table), dict)
    _put(settings, (*table, name), value)
    text = (_replaced if is_there else _appended)(_lines(data), table, f"{name} = {_string(value)}")
    return _checked(text, data, settings)


def _appended(lines: list[str], table: Table, setting: str) -> str:
    line_end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    added = f"[{_name(table)}] {MARK}{line_end}{setting}"
    text = "".join(lines)
    if not text:
        return added + line_end
    if text.endswith("\n"):
        return text + line_end + added + line_end
    return text + line_end * 2 + added  # so that what is left without it has no line end either


def _replaced(lines: list[str], table: Table, setting: str) -> str:
    name = setting.partition(" ")[0]
    for first, line in enumerate(lines):
        if _table(line) != table:
            continue
        number = first + 1
        while number < len(lines) and not lines[number].lstrip().startswith("["):
            if re.match(rf"\s*{name}\s*=", lines[number]):
                rest = _QUOTED.sub("", lines[number].partition("=")[2], count=1)
                lines[number] = setting + (rest if rest.strip() else rest.lstrip(" \t"))
                return "".join(lines)
            number += 1
        line_end = "\r\n" if line.endswith("\r\n") else "\n"
        lines[first] = line.rstrip("\r\n") + line_end + setting + line_end
        break
    return "".join(lines)


def _without(data: bytes | None, is_meant: Callable[[Table], bool]) -> bytes | None:
    """Without those of our tables that are meant."""
    if data is None:
        return None
    settings, lines = settings_of(data), _lines(data)
    found, number = False, len(lines)
    while number > 0:
        number = min(number, len(lines)) - 1
        table = _table(lines[number]) if MARK in lines[number] else None
        if table is not None and _at(settings, table) is not None and is_meant(table):
            found = True
            del _at(settings, table[:-1])[table[-1]]
            _cut(lines, number)
    return _checked("".join(lines), data, settings) if found else data


def _cut(lines: list[str], first: int) -> None:
    """The table that begins here, and the empty line that we put before it."""
    last = first + 1
    while last < len(lines) and _SETTING.match(lines[last]):
        last += 1
    if first and not lines[first - 1].strip():
        first -= 1
    ends_open = last == len(lines) and not lines[-1].endswith("\n")
    del lines[first:last]
    if ends_open and lines:
        lines[-1] = lines[-1].removesuffix("\n").removesuffix("\r")


def _checked(text: str, data: bytes | None, wanted: Mapping[str, Any]) -> bytes:
    """What was edited as lines must say what it is to say, and nothing else may say less."""
    try:
        said: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        said = None
    if said is None or _full(said) != _full(wanted):
        raise UsageError(
            "its [hooks] or [projects] is not written as tables, and cannot be changed without"
            " writing it anew",
            cure="trust the hooks in Codex: /hooks",
        )
    mark = BOM if (data or b"").startswith(BOM.encode()) else ""
    return (mark + text).encode("utf-8")


def _full(settings: Any) -> Any:
    """Without empty tables: whether [hooks] is there while nothing is in it makes no difference."""
    if not isinstance(settings, dict):
        return settings
    full = {name: _full(value) for name, value in settings.items()}
    return {name: value for name, value in full.items() if value != {}}


def _table(line: str) -> Table | None:
    """The name that a line gives to the table that begins with it."""
    if not line.lstrip().startswith("[") or line.lstrip().startswith("[["):
        return None
    try:
        value: Any = tomllib.loads(line)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None  # a line of an array
    names: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        name, value = next(iter(value.items()))
        names.append(name)
    return tuple(names)


def _name(table: Table) -> str:
    return ".".join((*table[:-1], _string(table[-1])))


def _string(value: str) -> str:
    """A basic string; JSON's is one, but for the character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _at(settings: Any, path: Table) -> Any:
    for name in path:
        settings = settings.get(name) if isinstance(settings, dict) else None
    return settings


def _put(settings: dict[str, Any], path: Table, value: str) -> None:
    for name in path[:-1]:
        settings = settings.setdefault(name, {})
    settings[path[-1]] = value


def _lines(data: bytes | None) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", _text(data))


def _text(data: bytes | None) -> str:
    try:
        return (data or b"").decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as error:
        raise UsageError(f"it is not UTF-8: {error}") from error
