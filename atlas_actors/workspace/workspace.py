"""A task's own directory: prepare it, collect what came of it, then apply or discard that.

    prepare ──▶ the task works in `cwd` ──▶ collect ──▶ diff, summary ──▶ apply
       ▲                                       │                      └─▶ discard
       └──────────── the next attempt ─────────┘

The next attempt begins anew; only one that goes on with an interrupted one keeps what is there.
A worktree in a git repository, a copy elsewhere, or the directory itself (in place). Only apply
changes the person's files, and nothing here changes their index, their HEAD or their stash.
"""

import os
import re
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.messages.workspace import Workspace
from atlas_actors.workspace import duplicate, patch, result, worktree
from atlas_actors.workspace.git import Git, Repository, find, one_at_a_time, store

DIFF_BYTES_MAX: Final = 8 * 1_048_576
TASK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def prepare(
    folder: Path, task_id: str, cwd: str, *, in_place: bool, keep: bool = False
) -> Workspace:
    """A directory for a task that works in `cwd`; another attempt gets it as it was at first, or
    with `keep` as the one before it has left it.

    `folder` ($ATLAS_HOME/workspaces) is made if need be. Raises UsageError for a directory that
    cannot be used, Conflict when the task's branch is in use, Unavailable without git.
    """
    where = Path(cwd)
    if not where.is_dir():
        raise UsageError(f"{cwd} is not a directory", cure="name one that exists")
    if in_place:
        return Workspace(kind="in_place", source=cwd, root=cwd, cwd=cwd)
    if not TASK_ID.fullmatch(task_id):
        raise UsageError(f"{task_id!r} cannot name a directory and a branch")
    where = where.resolve()
    folder.mkdir(0o700, parents=True, exist_ok=True)
    folder = folder.resolve()
    repository = _repository_of(where)
    source = repository.top if repository else where
    head = repository.head() if repository else None
    if repository and head:
        kind, base = "worktree", worktree.make(repository, head, folder, task_id, keep=keep)
    else:
        kind, base = "copy", duplicate.make(source, folder, task_id, keep=keep)
    root = folder / task_id
    return Workspace(
        kind=kind,
        source=str(source),
        root=str(root),
        cwd=str(_inside(root, where.relative_to(source))),
        branch=worktree.branch_of(task_id),
        base=base,
    )


def is_left(folder: Path, task_id: str, cwd: str) -> bool:
    """Whether the directory of an earlier attempt is there, whole, to go on in.

    Raises UsageError for a directory that cannot be used, Unavailable without git.
    """
    if not TASK_ID.fullmatch(task_id) or not Path(cwd).is_dir():
        return False
    repository = _repository_of(Path(cwd).resolve())
    root = folder.resolve() / task_id
    if repository and repository.head():
        return worktree.is_whole(repository.store, root)
    return duplicate.is_whole(root)


def collect(workspace: Workspace) -> Workspace:
    """Commit everything that changed since the base to the task's branch, and count it.

    What git ignores stays out, except in a copy. In place: the same workspace. Raises NotFound
    when the directory is gone, Conflict when it was applied or discarded before.
    """
    if workspace.kind == "in_place":
        return workspace
    _check_open(workspace)
    git, root, source = _store(workspace), _root(workspace), Path(workspace.source)
    if root.is_symlink() or not root.is_dir():
        raise NotFound(f"{root} is gone, and the work in it", cure="discard the result")
    copied = workspace.kind == "copy"
    with one_at_a_time(source if copied else git.at):
        private: Path | None = git.at
        if not copied:
            worktree.check_branch(git, workspace.branch, root)
            private = worktree.private_git_dir(git.at, root)
        head = result.collect(git, private, root, workspace.base, ignored=copied)
    size = patch.size(git, workspace.base, head)
    return attrs.evolve(
        workspace,
        head=head,
        files=size.files,
        insertions=size.insertions,
        deletions=size.deletions,
    )


def diff(workspace: Workspace) -> str:
    """The result as a patch, empty in place; bytes that are no UTF-8 are replaced.

    Raises UsageError over DIFF_BYTES_MAX, Conflict before there is a result.
    """
    if workspace.kind == "in_place":
        return ""
    _check_collected(workspace)
    with patch.written(_store(workspace), workspace.base, workspace.head) as file:
        if file.stat().st_size > DIFF_BYTES_MAX:
            place = workspace.root if workspace.kind == "copy" else workspace.source
            raise UsageError(
                f"the diff of {workspace.branch} is over {DIFF_BYTES_MAX // 1_048_576} MiB",
                cure=f"git -C {place} diff {workspace.base[:12]} {workspace.branch}",
            )
        return file.read_bytes().decode("utf-8", "replace")


def summary(workspace: Workspace) -> str:
    """What came of the work, in one line; also what the result could not include."""
    if workspace.kind == "in_place":
        return "worked in the directory itself"
    if not workspace.head:
        return "discarded" if workspace.state == "discarded" else "no result yet"
    if workspace.files == 0:
        text = "nothing changed"
    else:
        counted = (
            f"{_count(workspace.files, 'file')} changed",
            _count(workspace.insertions, "insertion"),
            _count(workspace.deletions, "deletion"),
        )
        text = ", ".join(counted)
        text += f" on branch {workspace.branch}" if workspace.state == "open" else ""
    if workspace.state != "open":
        return f"{text}, {workspace.state}"
    git = _find_store(workspace)
    said = result.note(git, workspace.head) if git else ""
    return f"{text}; {said[0].lower()}{said[1:]}" if said else text


def apply(workspace: Workspace) -> Workspace:
    """Bring the result to the person's directory, uncommitted, then remove the task's own.

    All or nothing: raises Conflict with the files that do not fit, or when there is nothing to do.
    """
    if workspace.kind == "in_place":
        raise Conflict("the task worked in the directory itself: there is nothing to apply")
    _check_open(workspace)
    _check_collected(workspace)
    if workspace.files == 0:
        raise Conflict("the task changed nothing", cure="discard the result")
    git, source = _store(workspace), Path(workspace.source)
    if not source.is_dir():
        raise NotFound(f"{source} is gone", cure="put it back, or discard the result")
    copied = workspace.kind == "copy"
    with (
        one_at_a_time(source if copied else git.at),
        patch.written(git, workspace.base, workspace.head) as file,
    ):
        names = patch.touched(git, workspace.base, workspace.head)
        there = Git(at=source, git_dir=git.at, tree=source) if copied else Git(at=source)
        patch.apply(there, source, file, names, cure=_conflict_cure(workspace))
    _remove(workspace)
    return attrs.evolve(workspace, state="applied")


def discard(workspace: Workspace) -> Workspace:
    """Remove the task's directory and branch; nothing happens when they are gone already.

    Raises Conflict for a result that was applied, and for work in place: it cannot be undone here.
    """
    if workspace.kind == "in_place":
        raise Conflict("the task worked in the directory itself: there is nothing to discard")
    if workspace.state != "discarded":
        _check_open(workspace)
    _remove(workspace)
    return attrs.evolve(workspace, state="discarded")


def check_own(workspace: Workspace, folder: Path, task_id: str) -> None:
    """Raises UsageError unless it is the directory that prepare has made in `folder` for the task,
    so that what a row claims never has another directory removed."""
    if workspace.kind == "in_place":
        return
    own = folder.resolve() / task_id
    if not TASK_ID.fullmatch(task_id) or Path(workspace.root) != own:
        raise UsageError(
            f"{workspace.root} is not {own}, the directory of task {task_id}",
            cure="nothing was touched; remove it by hand if you do not need it",
        )


def _repository_of(where: Path) -> Repository | None:
    """The repository that a directory belongs to."""
    repository = find(where)
    return None if repository and _is_ignored(repository, where) else repository


def _is_ignored(repository: Repository, where: Path) -> bool:
    """Whether a repository around this directory does not care for it, as one of a whole home."""
    git = Git(at=repository.top)
    if where == repository.top or git.ask("check-ignore", "--quiet", "--", str(where)) is None:
        return False
    return not git.run("ls-files", "-z", "--", f":(literal){where}")


def _inside(root: Path, relative: Path) -> Path:
    """The same place in root as in the source; root itself when a symlink would lead out."""
    cwd = root / relative
    if not Path(os.path.realpath(cwd)).is_relative_to(root):
        return root
    cwd.mkdir(parents=True, exist_ok=True)
    return cwd


def _root(workspace: Workspace) -> Path:
    """The directory that is the task's own, so that nothing else is ever written or removed."""
    root, source = Path(workspace.root), Path(workspace.source)
    if workspace.branch != worktree.branch_of(root.name) or source.is_relative_to(root):
        raise UsageError(f"{root} is not the directory of a task")
    return root


def _store(workspace: Workspace) -> Git:
    """The repository with base and result. Raises NotFound when it does not have them."""
    git = _find_store(workspace)
    if git is None or any(
        git.commit(name) is None for name in (workspace.base, workspace.head) if name
    ):
        raise NotFound(f"the result of {workspace.branch} is gone", cure="discard it")
    return git


def _find_store(workspace: Workspace) -> Git | None:
    if workspace.kind == "copy":
        git_dir = duplicate.git_dir_of(_root(workspace))
        return store(git_dir) if git_dir.is_dir() else None
    source = Path(workspace.source)
    repository = find(source) if source.is_dir() else None
    return repository.store if repository else None


def _remove(workspace: Workspace) -> None:
    root = _root(workspace)
    git = _find_store(workspace)
    if workspace.kind == "worktree" and git is not None:
        worktree.remove(git, root)
    else:
        duplicate.remove(root)


def _check_open(workspace: Workspace) -> None:
    if workspace.state != "open":
        raise Conflict(f"the result of {workspace.branch} was {workspace.state} already")


def _check_collected(workspace: Workspace) -> None:
    if not workspace.head:
        raise Conflict(f"{workspace.branch} has no result yet", cure="wait for the task to end")


def _conflict_cure(workspace: Workspace) -> str:
    if workspace.kind == "copy":
        return "put the named files back as they were before the task, or discard the result"
    return f"commit your own changes, then git merge {workspace.branch}; or discard the result"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
