"""What git says of a project's files: which it ignores, and what became of paths since a commit."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.sources.ignore import Patterns
from atlas_actors.sources.project import NotReadableError, read
from atlas_actors.workspace.git import Git, GitFailed

IGNORE_BYTES_MAX: Final = 200_000
COMMITS_MAX: Final = 500  # followed one by one; what is further back is compared at once
_CHANGES: Final = (
    "--name-status",
    "-z",
    "-M",
    "--diff-filter=ADR",
    "--no-ext-diff",
    "--no-textconv",
)


@attrs.frozen(kw_only=True)
class Moves:
    """What became of paths up to `head`; renames in the order in which they happened."""

    head: str
    renamed: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


def ignored(root: Path, names: Sequence[str]) -> set[str]:
    """Those that .gitignore (unless tracked) or .atlasignore leave out. Raises Unavailable."""
    if not names:
        return set()
    patterns = Patterns(_lines(root, ".atlasignore"))
    found = {name for name in names if patterns.matches(name)}
    if not os.path.lexists(root / ".git"):
        plain = Patterns(_lines(root, ".gitignore"))
        return found | {name for name in names if plain.matches(name)}
    text = b"".join(os.fsencode(name) + b"\0" for name in names)
    try:
        said = Git(at=root).run("check-ignore", "--stdin", "-z", stdin=text)
    except GitFailed as error:
        if error.said:
            raise
        return found  # it exits 1 when it ignores none of them
    return found | {os.fsdecode(name) for name in said.split(b"\0") if name}


def moves(root: Path, since: str | None) -> Moves | None:
    """What became of paths since the commit `since`; None when nothing did, or there is no git.

    Raises Unavailable when git fails otherwise.
    """
    git = Git(at=root)
    if not os.path.lexists(root / ".git"):
        return None
    head = git.commit("HEAD")
    if head is None or head == since:
        return None
    if since is None or git.commit(since) is None:  # nothing to compare with
        return Moves(head=head)
    if git.contains(head, since) and _distance(git, since, head) <= COMMITS_MAX:
        said = git.run("log", "--reverse", "--format=", *_CHANGES, f"{since}..{head}", "--")
    else:
        said = git.run("diff", *_CHANGES, since, head, "--")
    return _told(head, said)


def _distance(git: Git, since: str, head: str) -> int:
    return int(git.line("rev-list", "--count", f"{since}..{head}"))


def _told(head: str, said: bytes) -> Moves:
    """The changes of several commits, oldest first, as what they come to."""
    renamed: list[tuple[str, str]] = []
    state: dict[str, str] = {}
    fields = iter(os.fsdecode(field) for field in said.split(b"\0") if field)
    for kind, names in _changes(fields):
        if kind == "R":
            renamed.append((names[0], names[1]))
            state.pop(names[0], None)
            state[names[1]] = "A"
        else:
            state[names[0]] = kind
    return Moves(
        head=head,
        renamed=tuple(renamed),
        gone=tuple(name for name, kind in state.items() if kind == "D"),
        back=tuple(name for name, kind in state.items() if kind == "A"),
    )


def _changes(fields: Iterator[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for field in fields:
        kind = field.strip()[:1]
        if kind == "R":
            yield kind, (next(fields), next(fields))
        else:
            yield kind, (next(fields),)


def _lines(root: Path, name: str) -> list[str]:
    """The lines of a file of patterns; none when there is no such file or it is not readable."""
    try:
        data, _ = read(root, name, IGNORE_BYTES_MAX)
    except NotReadableError:
        return []
    return data.decode("utf-8", "replace").splitlines()
