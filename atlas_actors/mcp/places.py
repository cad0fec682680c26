"""Finds and reads the files in which clients' MCP servers are configured; a bad one costs no other.

Waits on the disk, so it runs on a thread.
"""

import json
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.mcp.servers import (
    Found,
    of_claude_json,
    of_codex_toml,
    of_mcp_json,
    switched_off,
    together,
)
from atlas_actors.messages.mcp import ConfigProblem
from atlas_actors.projects import project_of

FILE_BYTES_MAX: Final = 64 * 1_048_576  # Claude keeps more than settings in ~/.claude.json


class _UnreadableError(Exception):
    """A file is there and cannot be used; str: why."""


def find(environment: Mapping[str, str], projects: tuple[str, ...]) -> Found:
    """Every server of the person and of these projects; `environment` is where variables that
    the files refer to are looked up, and HOME, CLAUDE_CONFIG_DIR and CODEX_HOME."""
    home = Path(environment.get("HOME") or Path.home())
    found: list[Found] = []
    roots = _roots(projects, found)
    claude = Path(environment.get("CLAUDE_CONFIG_DIR") or home, ".claude.json")
    value = _read(claude, found, home)
    if value is not None:
        found.append(of_claude_json(value, _shown(claude, home), environment, roots))
    codex = Path(environment.get("CODEX_HOME") or home / ".codex", "config.toml")
    _codex(codex, found, environment, home)
    for root in roots:
        file = Path(root, ".mcp.json")
        own = _read(file, found, home)
        if own is not None:
            made = of_mcp_json(own, _shown(file, home), environment, root)
            off = switched_off(value, root)
            servers = tuple(
                attrs.evolve(one, enabled=one.enabled and one.name not in off)
                for one in made.servers
            )
            found.append(attrs.evolve(made, servers=servers))
        if Path(root) != home:  # else it is the person's own
            _codex(Path(root, ".codex", "config.toml"), found, environment, home, root)
    return together(found)


def _roots(projects: tuple[str, ...], found: list[Found]) -> tuple[str, ...]:
    roots = []
    for project in projects:
        try:
            roots.append(project_of(project))
        except (OSError, RuntimeError, ValueError) as error:
            found.append(_problem(project, f"it is no project: {_why(error)}"))
    return tuple(dict.fromkeys(roots))


def _codex(
    file: Path, found: list[Found], environment: Mapping[str, str], home: Path, root: str = ""
) -> None:
    value = _read(file, found, home)
    if value is not None:
        found.append(of_codex_toml(value, _shown(file, home), environment, root))


def _read(file: Path, found: list[Found], home: Path) -> Any:
    """The file's value; None when there is none, or, with a problem told, none that can be used."""
    try:
        data = _bytes(file)
        if data is None:
            return None
        text = data.decode("utf-8-sig")
        return tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except (_UnreadableError, OSError, ValueError, RecursionError) as error:
        found.append(_problem(_shown(file, home), _why(error)))
        return None


def _bytes(file: Path) -> bytes | None:
    """Nothing but a regular file of bounded size: opening a pipe would wait for ever."""
    try:
        number = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(number, "rb") as opened:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise _UnreadableError("it is no regular file")
        data = opened.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise _UnreadableError(f"it is longer than {FILE_BYTES_MAX // 1_048_576} MB")
    return data


def _why(error: Exception) -> str:
    """Without what the file holds, which parsers like to quote."""
    match error:
        case json.JSONDecodeError():
            return f"it is no JSON: {error.msg} in line {error.lineno}"
        case tomllib.TOMLDecodeError():
            return f"it is no TOML: {str(error).rpartition('(')[2].rstrip(')')}"
        case UnicodeDecodeError():
            return "it is no UTF-8"
        case OSError():
            return f"it cannot be read: {error.strerror or type(error).__name__}"
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return str(error)


def _problem(source: str, error: str) -> Found:
    return Found(problems=(ConfigProblem(source=source, error=error),))


def _shown(file: Path, home: Path) -> str:
    return f"~/{file.relative_to(home)}" if file.is_relative_to(home) else str(file)
