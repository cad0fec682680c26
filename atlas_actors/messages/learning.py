"""Between whoever follows sessions and work, and memory, which learns from them."""

from typing import Literal

import attrs

from atlas_actors.messages.memory import ItemKind, Origin

Who = Literal["user", "assistant", "tool"]


@attrs.frozen(kw_only=True)
class Turn:
    """One step of a session: something said, or a tool's run with what came of it."""

    number: int  # within the session
    who: Who
    id: str = ""  # of the client's own record; a resumed session's copy has the same
    at_ms: int | None = None
    said: str = ""
    tool: str = ""  # shell, edit, or the client's name of it
    command: str = ""
    path: str = ""
    output: str = ""
    failed: bool | None = None  # None: unknown


@attrs.frozen(kw_only=True)
class LearnFromTurns:
    """Ask memory: learn from what is new of these turns; the answer is a Learned.

    `channel` is what a turn of the user counts as at most: person only where a person's own
    client wrote them down.
    """

    client: str
    session: str
    project: str | None
    turns: tuple[Turn, ...]
    channel: Origin
    dry_run: bool = False
    spoken_max: int = 0  # characters that the answer's `spoken` may have


@attrs.frozen(kw_only=True)
class LearnFromTranscript:
    """Ask memory: learn from these bytes of a session's transcript, whole lines of it.

    They follow on what was read before, else nothing is learned and the answer's read_to says
    where to go on: the same bytes never count twice. `head` tells one file from another.
    """

    client: str  # claude or codex
    session: str
    project: str | None
    path: str
    head: bytes
    begin: int
    end: int
    lines: bytes
    channel: Origin
    dry_run: bool = False
    carry: str = ""  # of a dry run: what its last answer had
    spoken_max: int = 0  # characters that the answer's `spoken` may have


@attrs.frozen(kw_only=True)
class Lesson:
    """Something learned and what became of it."""

    kind: ItemKind
    text: str
    origin: Origin
    rule: str  # which one found it
    source: str  # session#turn
    rationale: str | None = None
    # known: learned before; full: the session has reached per_session_max; shown: a dry run.
    result: str = "shown"
    id: str = ""


@attrs.frozen(kw_only=True)
class Learned:
    """Answer to the three that ask to learn."""

    lessons: tuple[Lesson, ...]
    turns: int = 0
    read_to: int = 0
    carry: str = ""
    spoken: str = ""  # the end of what was said in these turns, for a model to read


@attrs.frozen(kw_only=True)
class EndedAttempt:
    """One attempt of ended work."""

    number: int
    provider: str
    model: str
    end: str
    check: str  # what the check said
    infrastructure: bool  # not the answer's fault


@attrs.frozen(kw_only=True)
class EndedWork:
    """A task that is over, with its attempts."""

    task_id: str
    state: str
    goal: str
    project: str | None
    by_person: bool
    ended_ms: int
    verified_by: str
    attempts: tuple[EndedAttempt, ...]


@attrs.frozen(kw_only=True)
class LearnFromWork:
    """Ask memory: learn from what has ended until then; the answer is a Learned."""

    ended: tuple[EndedWork, ...]
    until_ms: int


@attrs.frozen(kw_only=True)
class NoteReading:
    """Ask memory: a task of this key will read for it; see readings.py for what."""

    key: str
    project: str | None = None
    client: str = ""
    session: str = ""
    channel: Origin = "agent"  # whose word it is at most
    sources: tuple[str, ...] = ()  # ids of the memories that are read, note 1 first


@attrs.frozen(kw_only=True)
class TakeReading:
    """Ask memory: take over what that task says, once; the answer is a ReadingTaken."""

    key: str
    answer: str | None  # None: there is none and will be none


@attrs.frozen(kw_only=True)
class ReadingTaken:
    """Answer to TakeReading, the same however often it is asked. Not `known`: nobody noted it."""

    known: bool
    entities: int = 0
    relations: int = 0
    lessons: int = 0
    problem: str = ""  # why nothing was taken over
