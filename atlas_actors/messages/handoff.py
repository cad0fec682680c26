"""Between executors, clients, the orchestrator and handoffs: work that stopped half-way."""

import attrs


@attrs.frozen(kw_only=True)
class Session:
    """A session of a client program that can be gone on with, in the folder that it began in."""

    provider: str
    id: str
    folder: str


@attrs.frozen(kw_only=True)
class Checkpoint:
    """How far a piece of work has come; each list is oldest first."""

    goal: str = ""
    done: tuple[str, ...] = ()  # steps taken, each a line
    next_steps: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # paths that were changed
    sessions: tuple[Session, ...] = ()
    last_output: str = ""  # the end of what was said last


@attrs.frozen(kw_only=True)
class SaveCheckpoint:
    """Order to handoffs: this attempt has come this far; the newest counts."""

    task_id: str
    attempt: int
    provider: str
    cwd: str | None
    checkpoint: Checkpoint


@attrs.frozen(kw_only=True)
class TakeHandoff:
    """Ask handoffs: what an earlier attempt of this task, or the handoff that the task was made
    for, has left; the answer is a HandoffTaken. The same attempt gets the same answer again."""

    task_id: str
    attempt: int
    handoff_id: str | None = None
    after_attempt: int = 0  # earlier ones were of other work


@attrs.frozen(kw_only=True)
class HandoffTaken:
    """Answer to TakeHandoff; None: there is nothing to go on with."""

    task_id: str
    attempt: int
    checkpoint: Checkpoint | None = None


@attrs.frozen(kw_only=True)
class WorkEnded:
    """Fact for handoffs: this task was completed, and leaves nothing to go on with. One that
    failed or was cancelled keeps what it has left: a person may try it again."""

    task_id: str


@attrs.frozen(kw_only=True)
class SaveHandoff:
    """Ask handoffs: keep what a client's session has left; the answer is a HandoffSaved.

    The same (client, session) replaces what was open of it.
    """

    client: str
    session: str
    cwd: str | None
    checkpoint: Checkpoint


@attrs.frozen(kw_only=True)
class HandoffSaved:
    """Answer to SaveHandoff, with its client and session, and to DropHandoff: committed."""

    id: str
    client: str = ""
    session: str = ""


@attrs.frozen(kw_only=True)
class DropHandoff:
    """Ask handoffs: nobody will go on with it; the answer is a HandoffSaved with its id."""

    id: str


@attrs.frozen(kw_only=True)
class ReviewHandoffs:
    """Ask handoffs: let those that are too old go; the answer is a HandoffsReviewed."""


@attrs.frozen(kw_only=True)
class StaleHandoff:
    """Work that nobody has gone on with for long."""

    id: str
    goal: str
    cwd: str | None
    updated_ms: int
    task_id: str | None


@attrs.frozen(kw_only=True)
class HandoffsReviewed:
    """Answer to ReviewHandoffs: how many are open, how many have just expired, which are stale."""

    open: int
    expired: int
    stale: tuple[StaleHandoff, ...] = ()
