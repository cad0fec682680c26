"""Who calls: whether the process at the other end runs inside a coding agent or one of our runs.

Read from the kernel's /proc, never from what the caller says. What cannot be read counts as less
trusted. The limit: a program of the same user that detaches itself from the agent that started it,
and takes the agent's variables out of its environment, looks like any other program of that user.
"""

import os
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.messages.memory import Origin
from atlas_actors.providers.cli import MARKER

# What agents put into the environment of what they start (measured with Claude Code 2.1, Codex
# 0.169), and what our executors do.
_MARKERS: Final = {
    os.fsencode(MARKER),
    b"CLAUDECODE",
    b"CLAUDE_CODE_CHILD_SESSION",
    b"CODEX_SANDBOX",
    b"CODEX_SANDBOX_NETWORK_DISABLED",
    b"CODEX_THREAD_ID",
    b"GEMINI_CLI",
    b"CURSOR_AGENT",
    b"OPENCODE",
}
_AGENTS: Final = frozenset(
    {"claude", "codex", "gemini", "opencode", "aider", "cursor-agent", "copilot"}
)
# Programs that run another: their first word says which.
_INTERPRETERS: Final = frozenset({"node", "bun", "deno", "python", "python3", "uv"})
_ANCESTORS_MAX: Final = 64
PROC: Final = Path("/proc")


@attrs.define
class Caller:
    """The process at the other end of a connection; looked at once, and only when asked."""

    uid: int
    pid: int | None = None  # None: the system does not say
    _inside: bool | None = attrs.field(init=False, default=None)
    _looked: bool = attrs.field(init=False, default=False)

    @property
    def inside(self) -> bool | None:
        """Whether it runs inside an agent; None: that cannot be seen. Reads a few small files."""
        if not self._looked:
            self._inside = None if self.pid is None else runs_inside(self.pid, os.getpid())
            self._looked = True
        return self._inside


def origin_of(inside: bool | None, *, own_words: bool) -> Origin:
    """Whose a text is that came in by a call; `own_words`: by a method for people's own."""
    if inside:
        return "agent"
    return "person" if own_words and inside is False else "program"


def runs_inside(pid: int, daemon_pid: int, proc: Path = PROC) -> bool | None:
    """Whether a process or one that it came from is an agent, or the daemon, whose runs and checks
    are its children. None: the process itself cannot be read (it is gone, or there is no /proc)."""
    mine = _environment(proc / str(pid))
    if mine is None:
        return None
    seen = 0
    while pid > 1 and seen < _ANCESTORS_MAX:
        folder = proc / str(pid)
        if pid == daemon_pid or _is_agent(folder) or _names(_environment(folder) or b"") & _MARKERS:
            return True
        parent = _parent(folder)
        if parent is None:  # it has ended meanwhile, or is another user's
            return None if seen == 0 else False
        pid, seen = parent, seen + 1
    return False


def under_executor(pid: int, proc: Path = PROC) -> bool:
    """Whether a process or one that it came from is a run of Atlas' own. A client may start what
    it starts without its own variables, so those above it are looked at too."""
    for _ in range(_ANCESTORS_MAX):
        if os.fsencode(MARKER) in _names(_environment(proc / str(pid)) or b""):
            return True
        parent = _parent(proc / str(pid))
        if parent is None or parent <= 1:
            return False
        pid = parent
    return False


def _names(environment: bytes) -> set[bytes]:
    return {entry.partition(b"=")[0] for entry in environment.split(b"\0")}


def _is_agent(folder: Path) -> bool:
    words = (_read(folder / "cmdline") or b"").split(b"\0")
    names = {os.fsdecode((_read(folder / "comm") or b"").strip()), _name(words[0])}
    try:
        names.add(_name(os.fsencode((folder / "exe").readlink())))
    except OSError:
        names.add("")  # another user's, or gone
    if names & _INTERPRETERS and len(words) > 1:
        names.add(_name(words[1]))
    return not names.isdisjoint(_AGENTS)


def _name(path: bytes) -> str:
    """`/usr/lib/codex.js` is codex."""
    return os.fsdecode(path).rpartition("/")[2].partition(".")[0]


def _environment(folder: Path) -> bytes | None:
    return _read(folder / "environ")


def _parent(folder: Path) -> int | None:
    """Its parent's pid; the name in brackets may hold anything, so what follows the last counts."""
    text = _read(folder / "stat")
    if text is None:
        return None
    return int(text.rpartition(b")")[2].split()[1])


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
