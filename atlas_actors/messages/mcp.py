"""Between the gateway and mcp, which knows how the MCP servers of the clients are."""

from typing import Literal

import attrs

# How far a look at a server came; what it failed at, or "done".
Stage = Literal["config", "start", "initialize", "tools", "ping", "host", "done"]
Transport = Literal["stdio", "http", "sse"]
# Why it was looked at.
Why = Literal["asked", "scheduled", "warm"]
WarmState = Literal["starting", "up", "down"]


@attrs.frozen(kw_only=True)
class ServerHealth:
    """What a look at one server came to. Redacted: nothing of its settings but the name, where it
    is configured, and its program's or host's name."""

    name: str
    sources: tuple[str, ...]  # the files that configure it so
    transport: Transport
    target: str
    at_ms: int
    why: Why
    ok: bool
    stage: Stage
    error: str = ""
    cure: str = ""
    protocol_version: str = ""
    server_name: str = ""
    server_version: str = ""
    tools: int | None = None
    tool_names: tuple[str, ...] = ()  # the first of them
    initialize_ms: float | None = None  # from its start or connection
    tools_ms: float | None = None
    ping_ms: float | None = None  # None with ok: its protocol has no ping
    took_ms: float | None = None


@attrs.frozen(kw_only=True)
class ConfigProblem:
    """A file with servers that cannot be read, or a part of it; its others are looked at."""

    source: str
    error: str


@attrs.frozen(kw_only=True)
class KnownServer:
    """A configured server, and what is known of it now."""

    name: str
    sources: tuple[str, ...]
    transport: Transport
    target: str
    enabled: bool  # its client has not switched it off
    warm: WarmState | None = None  # None: it is not kept started
    since_ms: int | None = None  # that `warm` has been so
    error: str = ""  # of a warm one that is down


@attrs.frozen(kw_only=True)
class CheckServers:
    """Ask mcp: look at these servers, or at all that are switched on.

    The answer is a ServersChecked, or with `follow` at once a CheckBegun. Servers of a project
    are commands that a repository brings: `projects` are named by a person only.
    """

    names: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    timeout_s: float | None = None
    follow: bool = False


@attrs.frozen(kw_only=True)
class ServersChecked:
    """Answer to CheckServers."""

    results: tuple[ServerHealth, ...]
    problems: tuple[ConfigProblem, ...] = ()


@attrs.frozen(kw_only=True)
class CheckBegun:
    """Answer to CheckServers with `follow`."""

    id: str


@attrs.frozen(kw_only=True)
class FollowCheck:
    """Ask mcp: what has a check come to, once there are more than `seen` results or it is over."""

    id: str
    seen: int = 0


@attrs.frozen(kw_only=True)
class CheckSeen:
    """Answer to FollowCheck."""

    names: tuple[str, ...]  # all that it looks at; none before it knows
    results: tuple[ServerHealth, ...]  # from `seen` on
    problems: tuple[ConfigProblem, ...]
    done: bool


@attrs.frozen(kw_only=True)
class WarmServers:
    """Ask mcp: keep these started too, or have those of the settings up now.

    The answer is a tuple of ServerHealth, once each has come up or failed.
    """

    names: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()  # whose own servers are meant too, by a person


@attrs.frozen(kw_only=True)
class ServersWanted:
    """Ask mcp: which servers are configured? The answer is a ServersKnown."""

    projects: tuple[str, ...] = ()  # whose own are listed too; none of them is run


@attrs.frozen(kw_only=True)
class ServersKnown:
    """Answer to ServersWanted."""

    servers: tuple[KnownServer, ...]
    problems: tuple[ConfigProblem, ...]


@attrs.frozen(kw_only=True)
class CheckDue:
    """What mcp tells itself when all are to be looked at again."""


@attrs.frozen(kw_only=True)
class WarmDue:
    """What mcp tells itself when a server that it keeps warm may be started again."""

    name: str


@attrs.frozen(kw_only=True)
class RowsDue:
    """What mcp tells itself when old rows may go."""
