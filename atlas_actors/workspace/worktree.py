"""A task's checkout of the person's repository, on a branch of its own."""

from pathlib import Path

from atlas_actors.errors import Conflict
from atlas_actors.workspace import snapshot
from atlas_actors.workspace.files import remove_tree
from atlas_actors.workspace.git import Git, Repository, checkouts, one_at_a_time

BASE_MESSAGE = "state of the directory before the task"


def branch_of(task_id: str) -> str:
    """The branch of a task."""
    return f"atlas/{task_id}"


def base_ref(task_id: str) -> str:
    """Where a repository notes from which commit a task starts, for its next attempts.

    Not refs/atlas/<task>: git would find that first where people write atlas/<task>.
    """
    return f"refs/atlas-base/{task_id}"


def make(repository: Repository, head: str, folder: Path, task_id: str, *, keep: bool) -> str:
    """Make folder/<task> anew and give its base, the same one at every attempt. With `keep`, a
    checkout that is there stays as it is."""
    root, branch, store = folder / task_id, branch_of(task_id), repository.store
    with one_at_a_time(repository.common):
        check_branch(store, branch, root)
        base = store.commit(base_ref(task_id))
        if keep and base is not None and is_whole(store, root):
            _drop_stale_index_lock(store, root)
            return base
        if base is None:
            base = _save(repository, head, folder)
            store.run("update-ref", base_ref(task_id), base)
        _clear(store, root)
        drop_stale_lock(store, branch)
        store.run("worktree", "add", "--force", "--quiet", "-B", branch, str(root), base)
    return base


def is_whole(store: Git, root: Path) -> bool:
    """Whether the task's checkout is there, and was made to its end."""
    if root.is_symlink() or not (root / ".git").exists() or not store.commit(base_ref(root.name)):
        return False
    private = private_git_dir(store.at, root)
    if private is None:
        return False
    lock = private / "locked"  # git holds it, with this word, while it fills a checkout
    return not (lock.is_file() and lock.read_bytes().strip() == b"initializing")


def remove(store: Git, root: Path) -> None:
    """Remove checkout, branch and notes; a branch that the person has checked out stays."""
    branch = branch_of(root.name)
    with one_at_a_time(store.at):
        _clear(store, root)
        store.run("update-ref", "-d", base_ref(root.name))
        drop_stale_lock(store, branch)
        if branch not in checkouts(store).values() and store.commit(f"refs/heads/{branch}"):
            store.run("branch", "--quiet", "-D", branch)


def check_branch(store: Git, branch: str, root: Path) -> None:
    """Raise Conflict when this branch may not be moved: in use elsewhere, or its name taken."""
    for path, checked_out in checkouts(store).items():
        if checked_out == branch and path != str(root):
            raise Conflict(
                f"the branch {branch} is checked out in {path}",
                cure="git switch to another branch there, then try again",
            )
    parent = branch.partition("/")[0]
    if store.commit(f"refs/heads/{parent}"):
        raise Conflict(
            f"a branch named {parent} leaves no room for {branch}",
            cure=f"git branch -m {parent} another-name",
        )


def private_git_dir(common: Path, root: Path) -> Path | None:
    """Where git keeps HEAD and index of the checkout in `root`, if it still does."""
    for pointer in common.glob("worktrees/*/gitdir"):
        target = pointer.parent / pointer.read_text("utf-8", "surrogateescape").removesuffix("\n")
        if target.parent.resolve() == root:
            return pointer.parent
    return None


def drop_stale_lock(store: Git, branch: str) -> None:
    """Remove the lock that a killed task left on its own branch."""
    (store.at / "refs" / "heads" / f"{branch}.lock").unlink(missing_ok=True)


def _drop_stale_index_lock(store: Git, root: Path) -> None:
    """Remove the lock of a git that was killed: the work could not use git any more."""
    private = private_git_dir(store.at, root)
    if private is not None:
        (private / "index.lock").unlink(missing_ok=True)


def _clear(store: Git, root: Path) -> None:
    """Remove a checkout, or what a crash left of it; no other one, as `worktree prune` would."""
    remove_tree(root)
    if str(root) in checkouts(store):
        # Forced twice: the task may have locked it.
        store.run("worktree", "remove", "--force", "--force", str(root))


def _save(repository: Repository, head: str, folder: Path) -> str:
    """A commit of the person's directory as it is, unsaved work included; `head` if it is clean."""
    top, store = repository.top, repository.store
    with snapshot.scratch_index(like=repository.git_dir / "index") as index:
        git = Git(at=top, git_dir=repository.git_dir, tree=top, index=index)
        found = snapshot.untracked(git, top, ignored=False, nested=False)
        added = [name for name in found if not (top / name).is_relative_to(folder)]
        snapshot.bounded(top, added, cure="list them in .gitignore, or use --in-place")
        taken = snapshot.take(git, top, snapshot.changed(git) + added)
    if taken.tree == store.tree_of(head):
        return head
    return store.commit_tree(taken.tree, [head], BASE_MESSAGE)
