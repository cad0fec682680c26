"""A result as a patch: its text, its size and its application to the person's directory."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.errors import Conflict
from atlas_actors.workspace.files import is_file
from atlas_actors.workspace.git import Git, GitFailed

REASONS_MAX: Final = 3
# No program of the repository's settings takes part, and the form is the one that apply reads.
FORM: Final = ("--no-color", "--no-ext-diff", "--no-textconv", "-M", "--submodule=short")
PREFIXES: Final = ("--src-prefix=a/", "--dst-prefix=b/")


@attrs.frozen(kw_only=True)
class Size:
    """How much changes between two commits; a binary file counts no lines."""

    files: int
    insertions: int
    deletions: int


@contextmanager
def written(store: Git, base: str, head: str) -> Iterator[Path]:
    """A file with the patch from one commit to another; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="atlas-patch-") as folder:
        file = Path(folder) / "patch"
        words = ("-p", "--binary", "--full-index", *FORM, *PREFIXES, f"--output={file}")
        store.run("diff-tree", *words, base, head)
        yield file


def size(store: Git, base: str, head: str) -> Size:
    """How many files and lines differ."""
    said = store.line("diff-tree", "--shortstat", *FORM, base, head)
    counts = [
        int(match[1]) if (match := re.search(rf"(\d+) {word}", said)) else 0
        for word in ("file", "insertion", "deletion")
    ]
    return Size(files=counts[0], insertions=counts[1], deletions=counts[2])


def touched(store: Git, base: str, head: str) -> list[str]:
    """Every file that differs, both names of a renamed one."""
    return store.paths("diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head)


def apply(git: Git, directory: Path, patch: Path, names: list[str], *, cure: str) -> None:
    """Change the files of a directory as the patch says: all of them or none.

    Raises Conflict with the files that do not fit. A patch that is there already is no error.
    """
    try:
        git.run("apply", "--check", "--binary", str(patch))
    except GitFailed as error:
        if git.ask("apply", "--check", "--binary", "--reverse", str(patch)) is not None:
            return
        raise Conflict(
            f"the result does not fit {directory}: {_reasons(error.said)}", cure=cure
        ) from error
    with tempfile.TemporaryDirectory(prefix="atlas-kept-") as kept:
        before = _keep(directory, names, Path(kept))
        try:
            git.run("apply", "--binary", str(patch))
        except BaseException as error:
            _restore(directory, before)
            if isinstance(error, GitFailed):
                raise Conflict(
                    f"{directory} could not be written: {_reasons(error.said)}", cure=cure
                ) from error
            raise


def _reasons(said: str) -> str:
    """The lines of git's complaint that name a file, without their repetition."""
    lines = [line.removeprefix("error: ") for line in said.splitlines()]
    named = [line for line in lines if line and not line.startswith("patch failed:")]
    more = len(named) - REASONS_MAX
    return "; ".join(named[:REASONS_MAX]) + (f"; and {more} more" if more > 0 else "")


def _keep(directory: Path, names: list[str], kept: Path) -> dict[str, Path | None]:
    """Copies of the files that a patch touches; None for one that is not there."""
    before: dict[str, Path | None] = {}
    for number, name in enumerate(names):
        before[name] = None
        if is_file(directory, name):
            before[name] = kept / str(number)
            shutil.copy2(directory / name, kept / str(number), follow_symlinks=False)
    return before


def _restore(directory: Path, before: dict[str, Path | None]) -> None:
    """Put back what a patch that failed halfway has changed."""
    for name in before:
        if is_file(directory, name):
            # What cannot be removed could not be changed either.
            with suppress(PermissionError):
                (directory / name).unlink()
    for name, copy in before.items():
        if copy is not None and not is_file(directory, name):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(copy, directory / name, follow_symlinks=False)
