"""Directories beside git: a bounded copy, a removal that stays inside, and what is a file."""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Final

from atlas_actors.errors import UsageError

FILES_MAX: Final = 50_000
BYTES_MAX: Final = 1_073_741_824


def is_file(root: Path, name: str) -> bool:
    """Whether `name` is a file or a symlink in `root` that no other symlink leads to."""
    return name in files_of(root, [name])


def files_of(root: Path, names: Iterable[str]) -> set[str]:
    """The names that are files or symlinks in `root`, and that no other symlink leads to."""
    real = os.path.realpath(root)
    parents: dict[str, bool] = {}
    found = set()
    for name in names:
        parent = str(PurePath(name).parent)
        if parent not in parents:
            place = PurePath(real, parent)
            parents[parent] = os.path.realpath(place) == str(place)
        if parents[parent] and _is_stored(root / name):
            found.add(name)
    return found


def check_bounds(root: Path, names: Iterable[str], *, what: str, cure: str) -> None:
    """Raise UsageError when these files are more than FILES_MAX or BYTES_MAX."""
    total = 0
    for count, name in enumerate(files_of(root, names), start=1):
        total += (root / name).lstat().st_size
        if count > FILES_MAX or total > BYTES_MAX:
            raise UsageError(f"{what} {_over()}", cure=cure)


def copy_tree(source: Path, target: Path, skip: Path) -> None:
    """Copy a directory without .git, special files and `skip`; symlinks stay symlinks.

    Raises UsageError over the bounds, before anything is copied, and for what cannot be read.
    """
    cure = "use a git repository, or --in-place"
    try:
        entries = _entries(source, skip, cure)
        target.mkdir()
        for entry in entries:
            copy = target / Path(entry.path).relative_to(source)
            if entry.is_dir(follow_symlinks=False):
                copy.mkdir()
            else:
                shutil.copy2(entry.path, copy, follow_symlinks=False)
    except PermissionError as error:
        raise UsageError(f"{error.filename} cannot be read", cure=cure) from error


def remove_tree(path: Path) -> None:
    """Remove a directory, a file or a symlink (not what it leads to), or nothing."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    if not path.exists():
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        _make_writable(path)
        shutil.rmtree(path)


def _entries(source: Path, skip: Path, cure: str) -> list[os.DirEntry[str]]:
    """What is copied, parents first."""
    entries = []
    total = 0
    for entry in _walk(source, skip):
        entries.append(entry)
        total += entry.stat(follow_symlinks=False).st_size
        if len(entries) > FILES_MAX or total > BYTES_MAX:
            raise UsageError(f"{source} has {_over()}", cure=cure)
    return entries


def _walk(source: Path, skip: Path) -> Iterator[os.DirEntry[str]]:
    ahead = [source]
    while ahead:
        with os.scandir(ahead.pop()) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if entry.name.lower() == ".git" or Path(entry.path) == skip:
                continue
            if stat.S_ISDIR(mode):
                ahead.append(Path(entry.path))
            if stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                yield entry


def _is_stored(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _over() -> str:
    return f"more than {FILES_MAX} files or {BYTES_MAX // 1_048_576} MiB"


def _make_writable(root: Path) -> None:
    """Open directories that a task closed, as module caches are."""
    root.chmod(0o700)
    for directory, names, _ in os.walk(root):
        for name in names:
            path = Path(directory, name)
            if not path.is_symlink():
                path.chmod(0o700)
