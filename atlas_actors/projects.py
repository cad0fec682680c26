"""Which project a directory belongs to: the top of its git repository, else the directory."""

from pathlib import Path
from typing import Final

_UP_MAX: Final = 100
_FILE_BYTES_MAX: Final = 4096


def project_of(directory: str | Path) -> str:
    """The root of a directory's project, without symlinks. A git worktree belongs to the project
    of its repository, so that what is learned in one is known in the others. Starts no program;
    may wait on a slow disk."""
    start = Path(directory).expanduser().resolve()
    for folder in (start, *start.parents[:_UP_MAX]):
        mark = folder / ".git"
        if mark.is_dir():
            return str(folder)
        if mark.is_file():
            return str(_repository_of(mark) or folder)
    return str(start)


def _repository_of(mark: Path) -> Path | None:
    """The main checkout of a worktree: its .git file says `gitdir: MAIN/.git/worktrees/NAME`."""
    with mark.open("rb") as file:
        text = file.read(_FILE_BYTES_MAX).decode("utf-8", "surrogateescape")
    place = Path(mark.parent, text.partition("gitdir:")[2].strip())
    if place.parent.name != "worktrees" or place.parent.parent.name != ".git":
        return None  # a submodule, or a bare repository
    return place.parent.parent.parent.resolve()
