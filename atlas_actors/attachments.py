"""Long texts of tasks, kept aside as files that are named by the hash of their content."""

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.errors import NotFound, UsageError
from atlas_actors.messages.execution import File, Request

BYTES_MAX: Final = 16 * 1_048_576
INLINE_BYTES_MAX: Final = 16_384  # a shorter text stays in the task's row
YOUNG_S: Final = 86_400.0  # what was kept a moment ago may be of a task that is not committed yet
LOOKED_AT_MAX: Final = 100_000
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def file_at(folder: Path, name: str, path: str) -> File:
    """The text of a file on disk, as it is now. Raises UsageError for what is no such thing."""
    try:
        # Whatever waits for a writer (a pipe) must not hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is not a regular file")
    with os.fdopen(descriptor, "rb") as opened:
        data = opened.read(BYTES_MAX + 1)
    return file_of(folder, name, data)


def file_of(folder: Path, name: str, data: bytes) -> File:
    """A text that goes with a request; a long one is on disk before this returns."""
    if len(data) > BYTES_MAX:
        raise UsageError(f"{name} is longer than {BYTES_MAX} bytes, the limit of one file")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text") from error
    if len(data) <= INLINE_BYTES_MAX:
        return File(name=name, text=text)
    return File(name=name, text="", sha256=_keep(folder, data), bytes=len(data))


def text_of(folder: Path, file: File) -> str:
    """The text of a file. Raises NotFound when it is gone or is not what it was."""
    if not file.sha256:
        return file.text
    if not _HASH.fullmatch(file.sha256):
        raise NotFound(f"{file.sha256[:100]!r} is no hash of a file")
    try:
        data = (folder / file.sha256).read_bytes()
    except OSError as error:
        raise NotFound(f"the file {file.name} of the task is gone: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise NotFound(f"the file {file.name} of the task is not what it was")
    return data.decode("utf-8")


def filled(folder: Path, request: Request) -> Request:
    """The request with all its texts. Raises NotFound."""
    if not any(file.sha256 for file in request.files):
        return request
    files = tuple(File(name=file.name, text=text_of(folder, file)) for file in request.files)
    return attrs.evolve(request, files=files)


def prune(folder: Path, in_use: Callable[[Sequence[str]], set[str]]) -> int:
    """Delete what no task refers to, except what is young; how many."""
    if not folder.is_dir():
        return 0
    oldest_s, old = time.time() - YOUNG_S, []
    with os.scandir(folder) as entries:
        for _, entry in zip(range(LOOKED_AT_MAX), entries, strict=False):
            if entry.stat(follow_symlinks=False).st_mtime < oldest_s:
                old.append(entry.name)
    unused = set(old) - in_use(old) if old else set()
    for name in unused:
        (folder / name).unlink(missing_ok=True)
    return len(unused)


def _keep(folder: Path, data: bytes) -> str:
    """Written and synced under its hash; the same content is kept once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = hashlib.sha256(data).hexdigest()
    path = folder / name
    if path.exists():
        os.utime(path)  # it is young again
        return name
    part = folder / f"{name}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)  # noqa: PTH105
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"a file cannot be kept in {folder}: {error.strerror}") from error
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return name
