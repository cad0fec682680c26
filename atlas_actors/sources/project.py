"""A project on disk: its root, and its files opened so that nothing outside is ever read."""

import os
import stat
from pathlib import Path
from typing import Final

from atlas_actors.sources.names import kept_name

PROBED_BYTES: Final = 8_192  # a file with a zero byte in here is no text
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe would wait for its other end, a terminal could become ours.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotReadableError(Exception):
    """Why a file is not read: missing, huge, binary or refused."""


def root_of(directory: Path) -> Path:
    """The root of the project around a directory: where .git is, else the directory itself."""
    real = Path(os.path.realpath(directory))
    for place in (real, *real.parents):
        if os.path.lexists(place / ".git"):
            return place
    return real


def name_in(root: Path, path: str, directory: Path) -> str | None:
    """A path, absolute or relative to `directory`, as the project keeps it; None: outside.

    Links on the way are followed, so that a file has one name and none leads out.
    """
    if "\0" in path:
        return None
    try:
        real = os.path.realpath(directory / path)
    except (OSError, ValueError):
        return None
    top = os.fspath(root).rstrip("/") + "/"
    return kept_name(real.removeprefix(top)) if real.startswith(top) else None


def open_file(root: Path, name: str) -> int:
    """A descriptor of a regular file below `root`; no part of `name` is a link.

    Raises NotReadableError.
    """
    parts = name.split("/")
    if kept_name(name) != name:
        raise NotReadableError("refused")
    try:
        folder = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = inner
            file = os.open(parts[-1], _FILE, dir_fd=folder)
        finally:
            os.close(folder)
    except FileNotFoundError as error:
        raise NotReadableError("missing") from error
    except (OSError, ValueError) as error:
        raise NotReadableError("refused") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotReadableError("refused")
    return file


def read(root: Path, name: str, bytes_max: int) -> tuple[bytes, os.stat_result]:
    """A text file's bytes, and what the disk says of it. Raises NotReadableError."""
    with os.fdopen(open_file(root, name), "rb") as file:
        about = os.fstat(file.fileno())
        if about.st_size > bytes_max:
            raise NotReadableError("huge")
        try:
            data = file.read(bytes_max + 1)
        except OSError as error:
            raise NotReadableError("refused") from error
    if len(data) > bytes_max:
        raise NotReadableError("huge")
    if b"\0" in data[:PROBED_BYTES]:
        raise NotReadableError("binary")
    return data, about


def size_and_time(root: Path, name: str) -> tuple[int, int] | None:
    """(bytes, time of change in ns) of what is at a name; None when it is no regular file."""
    try:
        about = os.lstat(root / name)
    except (OSError, ValueError):
        return None
    return (about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else None
