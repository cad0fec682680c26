"""Calls of the git program that run no hook, ask nothing and end in time."""

import os
import re
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.errors import Unavailable, UsageError

GIT_S: Final = 120
SAID_CHARS_MAX: Final = 600
INHERITED: Final = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR")
FIXED: Final = {
    "LANG": "C.UTF-8",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    # A replaced object would make a diff show something else than what is applied.
    "GIT_NO_REPLACE_OBJECTS": "1",
}
# What a repository's settings may not decide here: programs to run, and forms of a patch.
# Filters (git lfs) stay: they are the person's own, and without them the files are not there.
SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.sparseCheckout=false",
    "index.sparse=false",
    "core.safecrlf=false",
    "core.quotePath=false",
    "core.filesRefLockTimeout=10000",
    "core.packedRefsTimeout=10000",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "protocol.allow=never",
    "apply.whitespace=nowarn",
    "apply.ignoreWhitespace=no",
    "user.name=Atlas",
    "user.email=atlas@localhost",
)

_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
_locks_guard = threading.Lock()


class GitFailed(Unavailable):
    """Git ended with an error; `said` is what it wrote, shortened."""

    def __init__(self, words: tuple[str, ...], said: str) -> None:
        self.said = said[-SAID_CHARS_MAX:].strip()
        super().__init__(f"git {words[0]} failed: {self.said or 'no reason given'}")


@attrs.frozen(kw_only=True)
class Git:
    """One way to call git: from where, on which repository, with which files and index."""

    at: Path
    git_dir: Path | None = None  # None: found from `at`
    tree: Path | None = None
    index: Path | None = None

    def run(self, *words: str, stdin: bytes = b"") -> bytes:
        """What git prints. Raises GitFailed, or Unavailable without git or after GIT_S."""
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        command = ["git", "--no-pager", "-C", str(self.at), *settings, *words]
        try:
            done = subprocess.run(  # noqa: S603 - a list of ours, no shell, paths come by stdin
                command,
                input=stdin,
                capture_output=True,
                env=self._environment(),
                timeout=GIT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise Unavailable(
                "git is not installed", cure="install git, or use --in-place"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(
                f"git {words[0]} took longer than {GIT_S} s", cure="use --in-place"
            ) from error
        if done.returncode != 0:
            raise GitFailed(words, done.stderr.decode("utf-8", "replace"))
        return done.stdout

    def line(self, *words: str, stdin: bytes = b"") -> str:
        """What git prints, as one value."""
        return os.fsdecode(self.run(*words, stdin=stdin)).removesuffix("\n")

    def ask(self, *words: str) -> str | None:
        """What git prints, or None when git says no."""
        try:
            return self.line(*words)
        except GitFailed:
            return None

    def paths(self, *words: str) -> list[str]:
        """The names that git prints with -z."""
        return [os.fsdecode(name) for name in self.run(*words).split(b"\0") if name]

    def commit(self, name: str) -> str | None:
        """The commit of this name, or None."""
        return self.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def tree_of(self, commit: str) -> str:
        """The tree of a commit."""
        return self.line("rev-parse", "--verify", f"{commit}^{{tree}}")

    def contains(self, late: str, early: str) -> bool:
        """Whether `early` is `late` or one of its ancestors."""
        return self.ask("merge-base", "--is-ancestor", early, late) is not None

    def commit_tree(self, tree: str, parents: list[str], message: str) -> str:
        """A new commit of a tree; no branch points at it yet."""
        words = [word for parent in dict.fromkeys(parents) for word in ("-p", parent)]
        return self.line("commit-tree", tree, *words, stdin=os.fsencode(message))

    def _environment(self) -> dict[str, str]:
        known = {name: os.environ[name] for name in INHERITED if name in os.environ}
        named = {"GIT_DIR": self.git_dir, "GIT_WORK_TREE": self.tree, "GIT_INDEX_FILE": self.index}
        return known | FIXED | {name: str(path) for name, path in named.items() if path}


@attrs.frozen(kw_only=True)
class Repository:
    """The repository around a directory of the person's."""

    top: Path
    git_dir: Path  # of this checkout: its HEAD and index
    common: Path  # shared by all checkouts: objects and branches

    @property
    def store(self) -> Git:
        """Calls on objects and branches, without files."""
        return store(self.common)

    def head(self) -> str | None:
        """The commit that is checked out, None before the first one."""
        return Git(at=self.top).commit("HEAD")


def store(git_dir: Path) -> Git:
    """Calls on the objects and branches of a repository, without files."""
    return Git(at=git_dir, git_dir=git_dir)


def find(directory: Path) -> Repository | None:
    """The repository around a directory, None outside git. Raises UsageError without files."""
    git = Git(at=directory)
    try:
        inside = git.line("rev-parse", "--is-inside-work-tree")
    except GitFailed as error:
        if "not a git repository" in error.said:
            return None
        raise UsageError(f"git refuses {directory}: {error.said}", cure="use --in-place") from error
    if inside != "true":
        raise UsageError(
            f"{directory} is inside a bare repository or a .git directory",
            cure="name a directory with checked-out files",
        )
    words = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
    places = git.line("rev-parse", *words).split("\n")
    if len(places) != len(words):
        raise UsageError(f"{str(directory)!r}: a line break in the name", cure="use --in-place")
    top, git_dir, common = map(Path, places)
    return Repository(top=top, git_dir=git_dir, common=(directory / common).resolve())


def checkouts(git: Git) -> dict[str, str]:
    """Every checkout of a repository by its path, with its branch (empty for none)."""
    found: dict[str, str] = {}
    path = ""
    for line in os.fsdecode(git.run("worktree", "list", "--porcelain")).splitlines():
        if match := re.match(r"worktree (.+)", line):
            path = match[1]
            found[path] = ""
        elif match := re.match(r"branch refs/heads/(.+)", line):
            found[path] = match[1]
    return found


@contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """Serialise what threads of this process change in one repository."""
    with _locks_guard:
        lock = _locks[str(directory)]
    with lock:
        yield
