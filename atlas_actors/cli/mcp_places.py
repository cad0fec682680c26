"""Pure: which directories an MCP client works in, and whether a task may work in a given one.

A model may only send work to where its client works already: the roots that the client names, else
the directory that it started us in. A home directory or the root of the disk is no such place:
programs that are no coding agents start their servers there.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from atlas_actors.errors import UsageError

ROOTS_MAX: Final = 50
SHOWN: Final = 5


def places(roots: Iterable[str], started_in: Path, home: Path) -> tuple[Path, ...]:
    """The directories of a client, without symlinks: of its file:// roots, else where we started.
    The first is the one that it is about."""
    named = [_directory(uri) for uri in list(roots)[:ROOTS_MAX]]
    found = [path.resolve() for path in named if path is not None] or [started_in.resolve()]
    home = home.resolve()
    return tuple(path for path in dict.fromkeys(found) if path not in (home, path.parent))


def directory_of(given: str, allowed: tuple[Path, ...]) -> str:
    """The directory that a task may work in: of a relative path below the first place, or of an
    absolute one. Raises UsageError where it is in none of the places, or is none."""
    if not allowed:
        raise UsageError(
            "this session works in no directory that tasks may work in",
            cure="start the client in a project, or leave `directory` out",
        )
    if "\0" in given:
        raise UsageError("directory: a path has no null byte")
    path = (allowed[0] / given).resolve()
    if not any(path.is_relative_to(place) for place in allowed):
        shown = ", ".join(str(place) for place in allowed[:SHOWN])
        told = f"directory: {given[:200]} is not below where this session works"
        raise UsageError(told, cure=f"it works in {shown}")
    if not path.is_dir():
        raise UsageError(f"directory: {given[:200]} is no directory")
    return str(path)


def _directory(uri: str) -> Path | None:
    """Of a file:// address on this machine."""
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or "\0" in path:
        return None
    return Path(path) if path.startswith("/") else None
