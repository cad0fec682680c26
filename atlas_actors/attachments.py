"""Long texts of tasks, kept aside as files that are named by the hash of their content."""

import hashlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import attrs
from loguru import logger

from atlas_actors.errors import NotFound, UsageError
from atlas_actors.messages.execution import File, Request

BYTES_MAX: Final = 16 * 1_048_576
INLINE_BYTES_MAX: Final = 16_384  # a shorter text stays in the task's row
YOUNG_S: Final = 86_400.0  # what was kept a moment ago may be of a task that is not committed yet
LOOKED_AT_MAX: Final = 100_000
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_OURS: Final = re.compile(r"[0-9a-f]{64}(\.\d+\.\d+)?")  # a text, or a part of one
# Between the look at a file's age and what is done about it, nobody makes it young again.
_AGES: Final = threading.Lock()


def open_regular(path: str) -> BinaryIO:
    """A file that somebody named, for reading. Raises UsageError for what is no regular file."""
    try:
        # Whatever waits for a writer (a pipe) must not hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # a NUL, or half of a surrogate pair
        raise UsageError(f"{path!r} is no path: {error}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is not a regular file")
    return os.fdopen(descriptor, "rb")


def file_at(folder: Path, name: str, path: str, redact: Callable[[str], str] = str) -> File:
    """The text of a file on disk, as it is now, without its secrets. Raises UsageError for what
    is no such thing."""
    try:
        with open_regular(path) as opened:
            data = opened.read(BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) <= BYTES_MAX:
        try:
            data = redact(data.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(f"{name} is not UTF-8 text") from error
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
    """Delete what no task refers to, except what is young or not ours; how many."""
    if not folder.is_dir():
        return 0
    oldest_s = time.time() - YOUNG_S
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(LOOKED_AT_MAX), entries, strict=False)]
    except OSError as error:
        logger.warning("files.not_pruned", folder=str(folder), error=str(error))
        return 0
    old = [name for name in names if _OURS.fullmatch(name) and _is_old(folder / name, oldest_s)]
    unused = sorted(set(old) - in_use(old)) if old else []
    return sum(_delete_old(folder / name, oldest_s) for name in unused)


def _is_old(path: Path, oldest_s: float) -> bool:
    """Whether it is a file that nobody has wanted for long; what has just gone is not."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_mtime < oldest_s


def _delete_old(path: Path, oldest_s: float) -> bool:
    """Delete it if nobody has wanted it since its age was looked at."""
    with _AGES:
        if not _is_old(path, oldest_s):
            return False
        try:
            path.unlink()
        except OSError as error:  # it is tried again an hour later
            logger.warning("files.not_deleted", path=str(path), error=str(error))
            return False
    return True


def _make_young(path: Path) -> bool:
    """Whether the file is there; then it is young again."""
    with _AGES:
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
    return True


def _keep(folder: Path, data: bytes) -> str:
    """Written and synced under its hash; the same content is kept once."""
    name = hashlib.sha256(data).hexdigest()
    path = folder / name
    part = folder / f"{name}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _make_young(path):
            return name
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)  # noqa: PTH105
    except OSError as error:
        if part.exists():
            part.unlink()
        raise UsageError(f"a file cannot be kept in {folder}: {error.strerror}") from error
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return name
