"""What a task left in its directory, as one commit on its branch."""

import re
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.workspace import snapshot, worktree
from atlas_actors.workspace.files import files_of
from atlas_actors.workspace.git import Git
from atlas_actors.workspace.snapshot import Snapshot

NOTED_MAX: Final = 5
NOTE: Final = "Not included: "


@attrs.frozen(kw_only=True)
class Lineage:
    """Where the result's commit belongs: after `line`, and after `left` if the task left one."""

    tree: str
    line: str
    left: str = ""


def collect(store: Git, private: Path | None, root: Path, base: str, *, ignored: bool) -> str:
    """Point the task's branch at everything in `root`; gives that commit, `base` for no change.

    `private` is where git keeps the checkout's HEAD and index: the task may have moved both.
    """
    branch = f"refs/heads/{worktree.branch_of(root.name)}"
    worktree.drop_stale_lock(store, worktree.branch_of(root.name))
    taken = _take(store, private, root, base, ignored=ignored)
    work = Git(at=private, git_dir=private).commit("HEAD") if private else None
    lineage = _lineage(store, taken.tree, base=base, tip=store.commit(branch), work=work)
    head = _commit(store, lineage, base, _missing(store, root, base, taken, lineage))
    store.run("update-ref", branch, head)
    if private:
        # For who looks into the directory; a lock of a killed git may forbid it, which is no harm.
        checkout = Git(at=private, git_dir=private)
        checkout.ask("symbolic-ref", "HEAD", branch)
        checkout.ask("read-tree", head)
    return head


def note(store: Git, head: str) -> str:
    """What the commit of a result says that it does not include, or nothing."""
    found = re.search(rf"^{NOTE}.*$", store.ask("log", "-1", "--format=%B", head) or "", re.M)
    return found[0] if found else ""


def _take(store: Git, private: Path | None, root: Path, base: str, *, ignored: bool) -> Snapshot:
    with snapshot.scratch_index() as index:
        git = Git(at=root, git_dir=store.git_dir, tree=root, index=index)
        git.run("read-tree", base)
        added = snapshot.untracked(git, root, ignored=ignored, nested=True)
        cure = "list them in a .gitignore there, or discard the result"
        snapshot.bounded(root, added, cure=cure)
        tracked = files_of(root, _tracked(private))
        return snapshot.take(git, root, [*snapshot.changed(git), *added, *tracked])


def _tracked(private: Path | None) -> list[str]:
    """What the task itself told git to track, among it files that are ignored otherwise."""
    if private is None:
        return []
    listed = Git(at=private, git_dir=private).ask("ls-files", "-z") or ""
    return [name for name in listed.split("\0") if name]


def _lineage(store: Git, tree: str, *, base: str, tip: str | None, work: str | None) -> Lineage:
    """The files in the directory are the result, whatever branch the task ended on.

    Except when it committed to its branch and then only looked at something older: those commits.
    """
    line = work if work and store.contains(work, base) else base
    if not tip or not store.contains(tip, base) or store.contains(line, tip):
        return Lineage(tree=tree, line=line)
    if work and tree == store.tree_of(work) and store.contains(tip, line):
        return Lineage(tree=store.tree_of(tip), line=tip)
    return Lineage(tree=tree, line=line, left=tip)


def _missing(store: Git, root: Path, base: str, taken: Snapshot, lineage: Lineage) -> list[str]:
    """What people should know that the result does not have."""
    missing = [f"{_printable(name)} (git cannot store it)" for name in taken.omitted]
    for name in snapshot.submodules(store, base):
        inside = root / name
        if inside.is_dir() and not inside.is_symlink() and any(inside.iterdir()):
            missing.append(f"{_printable(name)} (work inside a submodule)")
    if lineage.left:
        missing.append(f"commit {lineage.left[:12]} (the task left it for another branch)")
    return missing


def _commit(store: Git, lineage: Lineage, base: str, missing: list[str]) -> str:
    if not missing and lineage.tree == store.tree_of(base):
        return base
    if not missing and lineage.line != base and lineage.tree == store.tree_of(lineage.line):
        return lineage.line
    message = "result of the task"
    if missing:
        more = [f"and {len(missing) - NOTED_MAX} more"] if len(missing) > NOTED_MAX else []
        message += f"\n\n{NOTE}{'; '.join([*missing[:NOTED_MAX], *more])}"
    parents = [lineage.line, lineage.left] if lineage.left else [lineage.line]
    return store.commit_tree(lineage.tree, parents, message)


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)
