"""A task's copy of a directory outside git, compared through a repository beside the copy."""

from pathlib import Path
from typing import Final

from atlas_actors.workspace import snapshot
from atlas_actors.workspace.files import copy_tree, remove_tree
from atlas_actors.workspace.git import Git, one_at_a_time, store
from atlas_actors.workspace.worktree import BASE_MESSAGE, base_ref, branch_of

# Every byte counts: no line ends are changed, no filter runs, whatever .gitattributes say.
ATTRIBUTES: Final = "* -text !eol !filter !ident !working-tree-encoding !diff !merge\n"


def git_dir_of(root: Path) -> Path:
    """The repository of a copy: beside it, so that what a task deletes is not the record of it."""
    return root.with_name(f"{root.name}.git")


def make(source: Path, folder: Path, task_id: str, *, keep: bool) -> str:
    """Make folder/<task> anew and give its base, the same one at every attempt. With `keep`, a copy
    that is there stays as it is."""
    root = folder / task_id
    git_dir = git_dir_of(root)
    with one_at_a_time(source):
        base = store(git_dir).commit(base_ref(task_id)) if git_dir.is_dir() else None
        if keep and base is not None and is_whole(root):
            (git_dir / "index.lock").unlink(missing_ok=True)  # of a git that was killed
            return base
        remove_tree(root)
        if base is None:
            remove_tree(git_dir)
            copy_tree(source, root, folder)
            return _start(root, git_dir)
        _restore(root, git_dir, base)
        return base


def is_whole(root: Path) -> bool:
    """Whether the task's copy is there, and was made to its end."""
    if root.is_symlink() or not (root / ".git").exists():
        return False
    git_dir = git_dir_of(root)
    return git_dir.is_dir() and store(git_dir).commit(base_ref(root.name)) is not None


def remove(root: Path) -> None:
    """Remove the copy and its repository."""
    remove_tree(root)
    remove_tree(git_dir_of(root))


def _start(root: Path, git_dir: Path) -> str:
    """The repository of a fresh copy; its base is noted last, so that half of one is made anew."""
    git = Git(at=root, git_dir=git_dir, tree=root)
    Git(at=root).run("init", "--quiet", "--template=", "--separate-git-dir", str(git_dir))
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text(ATTRIBUTES, "utf-8")
    files = snapshot.untracked(git, root, ignored=True, nested=False)
    base = git.commit_tree(snapshot.take(git, root, files).tree, [], BASE_MESSAGE)
    branch = f"refs/heads/{branch_of(root.name)}"
    git.run("update-ref", branch, base)
    git.run("symbolic-ref", "HEAD", branch)
    git.run("update-ref", base_ref(root.name), base)
    return base


def _restore(root: Path, git_dir: Path, base: str) -> None:
    """The files of the base; empty directories are not among them."""
    for stale in [git_dir / "index", *git_dir.glob("*.lock"), *git_dir.glob("refs/**/*.lock")]:
        stale.unlink(missing_ok=True)
    root.mkdir()
    git = Git(at=root, git_dir=git_dir, tree=root)
    branch = f"refs/heads/{branch_of(root.name)}"
    git.run("update-ref", branch, base)
    git.run("symbolic-ref", "HEAD", branch)
    git.run("read-tree", base)
    git.run("checkout-index", "--all", "--force")
    # Last: without it the copy is not whole.
    (root / ".git").write_text(f"gitdir: {git_dir}\n", "utf-8", "surrogateescape")
