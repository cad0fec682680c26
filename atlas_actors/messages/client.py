"""Between the gateway, which hears hooks of coding agents, and sessions, which keeps their turns.

An event is the same whatever the client calls it: clients/ turns payloads into events.
"""

from typing import Any, Literal

import attrs

from atlas_actors.messages.context import AccessKind
from atlas_actors.messages.execution import Fault

EventKind = Literal[
    "session_start",
    "prompt",
    "pre_tool",
    "permission",
    "post_tool",
    "tool_failed",
    "stop",
    "stop_failed",
    "subagent_start",
    "subagent_stop",
    "pre_compact",
    "post_compact",
    "session_end",
    "notification",
    "model_switch",
    "interrupt",
    "status",  # a status line is wanted
    "other",  # known or unknown to the adapter: it is only kept
]
ToolKind = Literal["shell", "read", "edit", "search", "mcp", "agent", "other"]


@attrs.frozen(kw_only=True)
class FileTouch:
    """A file that a tool reads, edits, searches or tests; the path is absolute."""

    path: str
    kind: AccessKind


@attrs.frozen(kw_only=True)
class ToolUse:
    """One use of a tool; before it has run, what it came to is not known."""

    name: str  # as the client calls it
    kind: ToolKind
    id: str = ""
    command: str = ""  # of a shell
    files: tuple[FileTouch, ...] = ()
    whole: bool = False  # it reads all of its one file
    test: bool = False  # the command runs tests
    reverts: tuple[str, ...] = ()  # absolute paths that the command puts back
    failed: bool | None = None  # None: not known
    exit_code: int | None = None
    output: str = ""  # the end of what it printed, or its error
    interrupted: bool = False  # by the person: says nothing of the command
    duration_ms: int | None = None


@attrs.frozen(kw_only=True)
class ContextUse:
    """How full the model's window is, and what the session has cost, as its client says."""

    used_tokens: int | None = None
    window_tokens: int | None = None
    used_percent: float | None = None
    cost_usd: float | None = None  # of the whole session so far


@attrs.frozen(kw_only=True)
class ClientEvent:
    """What one hook has told; "" and None: the client did not say."""

    client: str  # claude, codex, gemini
    event: str  # the client's own name of it
    kind: EventKind
    session: str
    turn_id: str = ""  # the client's own: prompt_id, turn_id
    cwd: str = ""
    transcript_path: str = ""
    agent_id: str = ""  # inside a subagent
    agent_type: str = ""
    model: str = ""
    source: str = ""  # of a session's start: startup, resume, clear, compact, fork
    prompt: str = ""
    tool: ToolUse | None = None
    message: str = ""  # the last words of the assistant, or the text of a notification
    error: str = ""  # of stop_failed: the client's word for it
    reason: str = ""  # of a session's end, a notification's type, a compaction's trigger
    to_model: str = ""  # of a switch
    use: ContextUse | None = None
    version: str = ""  # of the client
    unknown: dict[str, Any] = attrs.field(factory=dict)  # fields that the adapter does not know


@attrs.frozen(kw_only=True)
class HookHappened:
    """Ask sessions: keep this event, already redacted; the answer is a HookNoted.

    `project` is the root of the event's cwd, None when it has none.
    """

    event: ClientEvent
    project: str | None = None
    request: str = ""  # a prompt's fingerprint: the same text has the same


@attrs.frozen(kw_only=True)
class FailedCommand:
    """A command that failed in this project before, and what worked instead."""

    command: str
    times: int
    exit_code: int | None
    error: str  # the end of what it printed
    last_ms: int
    instead: str = ""  # "": nothing is known to have worked


@attrs.frozen(kw_only=True)
class LearningDue:
    """A session's transcript that memory has not read to its end."""

    client: str
    session: str
    project: str | None
    transcript_path: str
    event: str  # stop, pre_compact or session_end
    seq: int  # of the event that it came with


@attrs.frozen(kw_only=True)
class HookNoted:
    """Answer to HookHappened, after the commit."""

    turn: int  # of the session, from 1; 0 before the first prompt
    failed_before: tuple[FailedCommand, ...] = ()  # of pre_tool with a command


@attrs.frozen(kw_only=True)
class HookAnswered:
    """Fact for sessions: what a hook was answered, and how long that took."""

    client: str
    event: str
    session: str
    took_us: int  # from the hook's start (else from its line) to the answer's last byte, or to the
    # reading of its line where it has waited for no answer
    answer_bytes: int
    late: tuple[str, ...] = ()  # parts that had not answered by the deadline


@attrs.frozen(kw_only=True)
class ClaimOutline:
    """Ask sessions: may this file's outline stand in for it? Once per file and turn: bool."""

    client: str
    session: str
    path: str


@attrs.frozen(kw_only=True)
class TurnRouted:
    """Fact for sessions: what the router thinks of this turn's prompt."""

    client: str
    session: str
    intent: str
    tier: str
    route_id: str


@attrs.frozen(kw_only=True)
class SessionWanted:
    """Ask sessions what it knows of a session; the answer is a SessionKnown, or None."""

    client: str
    session: str


@attrs.frozen(kw_only=True)
class SessionKnown:
    """Answer to SessionWanted."""

    turn: int
    project: str | None
    intent: str = ""
    tier: str = ""
    model: str = ""


@attrs.frozen(kw_only=True)
class LearningWanted:
    """Ask sessions: what is there to learn from still? Answered by a tuple of LearningDue."""


@attrs.frozen(kw_only=True)
class LearningDone:
    """Ask sessions: memory has read this transcript up to what came with `seq`."""

    client: str
    session: str
    seq: int


@attrs.frozen(kw_only=True)
class ClientMet:
    """Fact for the orchestrator: a client met this fault at the service it uses.

    It counts for the providers that reach the same service in the same way.
    """

    client: str
    fault: Fault
    reason: str
    retry_after_ms: int | None = None
