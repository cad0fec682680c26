"""Between executors, the queue and people: the directory in which a task worked."""

import attrs


@attrs.frozen(kw_only=True)
class Workspace:
    """Where a task works and what came of it; `diff` is everything from `base` to `head`."""

    kind: str  # worktree, copy, in_place
    source: str  # the person's directory: the repository's root, or the directory itself
    root: str  # the top of the checkout or copy
    cwd: str  # where the work runs, in root
    branch: str = ""  # atlas/<task>; empty in place
    base: str = ""  # commit before the work
    head: str = ""  # commit after it; empty while it runs
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    state: str = "open"  # open, applied, discarded
    settled_at_ms: int | None = None  # when a person decided on it
