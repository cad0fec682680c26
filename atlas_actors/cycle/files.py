"""The text files of a project: bounded, inside it, and never anything but a regular file."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from atlas_actors.errors import Unavailable, UsageError
from atlas_actors.workspace.files import files_of
from atlas_actors.workspace.git import Git, find

# Of all files of a project together; what comes after is not read.
BYTES_MAX: Final = 200_000_000
DEPTH_MAX: Final = 50
_PROBED_BYTES: Final = 8_192  # a file with a zero byte in here is no text
_SKIPPED: Final = frozenset({"node_modules", "__pycache__", "venv", "build", "dist", "target"})


def texts_of(project: Path, *, files_max: int, file_bytes_max: int) -> Iterator[tuple[str, str]]:
    """(name, text) of the text files of a project. Raises UsageError when it is no directory."""
    if not project.is_absolute() or not project.is_dir():
        raise UsageError(f"{project} is no directory", cure="[detectors] projects: absolute paths")
    left = BYTES_MAX
    for name in _names(project, files_max):
        text = read_text(project / name, min(file_bytes_max, left))
        if text is not None:
            left -= len(text)
            yield name, text


def read_text(path: Path, bytes_max: int) -> str | None:
    """A regular file's text; None for anything else: too long, no text, gone, not ours to read.

    A pipe or a device is not opened: that alone could wait for ever, or do something.
    """
    try:
        before = path.lstat()
        if not stat.S_ISREG(before.st_mode) or before.st_size > bytes_max:
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max or b"\0" in data[:_PROBED_BYTES]:
        return None
    return data.decode("utf-8", "replace")


def _names(project: Path, files_max: int) -> list[str]:
    """What git tracks below a directory; outside git, what is there. No link leads to any."""
    try:
        tracked = find(project) is not None
    except Unavailable:  # there is no git
        tracked = False
    if tracked:
        names = list(dict.fromkeys(Git(at=project).paths("ls-files", "-z", "--cached")))
        inside = files_of(project, names[:files_max])
        return [name for name in names[:files_max] if name in inside]
    return list(_walk(project, files_max))


def _walk(project: Path, files_max: int) -> Iterator[str]:
    """Names of regular files, without hidden ones and what programs make; links are not followed.

    At most ten times `files_max` entries are looked at.
    """
    ahead, found, seen = [(project, 0)], 0, 0
    while ahead:
        folder, depth = ahead.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue  # gone, or not ours to read
        for entry in entries:
            seen += 1
            if seen > 10 * files_max or found >= files_max:
                return
            if entry.name.startswith(".") or entry.name in _SKIPPED:
                continue
            if entry.is_dir(follow_symlinks=False) and depth < DEPTH_MAX:
                ahead.append((Path(entry.path), depth + 1))
            elif entry.is_file(follow_symlinks=False):
                found += 1
                yield str(Path(entry.path).relative_to(project))
