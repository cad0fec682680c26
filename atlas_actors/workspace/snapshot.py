"""What is in a directory as a git tree, through an index of our own: the directory is only read."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.workspace.files import check_bounds, files_of
from atlas_actors.workspace.git import Git

# Names that git refuses to store, as some file system takes them for .git.
UNSTORABLE: Final = re.compile(r"(\.git|git~1)[ .]*(:.*)?", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Snapshot:
    """The tree of a directory, and the names of what could not be put in it."""

    tree: str
    omitted: tuple[str, ...] = ()


@contextmanager
def scratch_index(like: Path | None = None) -> Iterator[Path]:
    """An index file of our own, at first a copy of `like`; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="atlas-index-") as folder:
        index = Path(folder) / "index"
        if like is not None and like.exists():
            shutil.copyfile(like, index)
        yield index


def take(git: Git, top: Path, names: Iterable[str]) -> Snapshot:
    """The tree of git's index with these files as they are in `top` now, or without them."""
    wanted = set(names)
    present = files_of(top, wanted)
    stored = {name for name in present if _storable(top, name)}
    git.run("update-index", "-z", "--force-remove", "--stdin", stdin=_listed(wanted - present))
    git.run(
        "update-index", "-z", "--add", "--remove", "--replace", "--stdin", stdin=_listed(stored)
    )
    return Snapshot(tree=git.line("write-tree"), omitted=tuple(sorted(present - stored)))


def changed(git: Git) -> list[str]:
    """Files of the index that may differ from the directory's; submodules are left out."""
    return git.paths("diff-files", "-z", "--name-only", "--no-renames", "--ignore-submodules=all")


def untracked(git: Git, top: Path, *, ignored: bool, nested: bool) -> list[str]:
    """Files that are not in the index: with the ignored ones, with those of repositories inside."""
    words = [] if ignored else ["--exclude-standard"]
    files = []
    for name in git.paths("ls-files", "-z", "--others", *words):
        if not name.endswith("/"):
            files.append(name)
        elif nested:
            inner = top / name
            with scratch_index() as index:
                inside = attrs.evolve(git, at=inner, tree=inner, index=index)
                found = untracked(inside, inner, ignored=ignored, nested=True)
            files.extend(name + file for file in found)
    return files


def bounded(top: Path, names: list[str], *, cure: str) -> list[str]:
    """The same names. Raises UsageError when they are too many or too large."""
    check_bounds(top, names, what=f"the files in {top} that git does not know are", cure=cure)
    return names


def submodules(git: Git, commit: str) -> list[str]:
    """Where other repositories belong in the tree of a commit."""
    entries = git.paths("ls-tree", "-r", "-z", commit)
    return [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]


def _storable(top: Path, name: str) -> bool:
    path = top / name
    if any(UNSTORABLE.fullmatch(part) for part in name.split("/")):
        return False
    return path.is_symlink() or os.access(path, os.R_OK)


def _listed(names: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(name) + b"\0" for name in sorted(names))
