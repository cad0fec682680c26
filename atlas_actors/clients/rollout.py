"""The exit code of a command that Codex has run, from its own record of the session.

Codex' PostToolUse tells what a command printed and not how it ended. The session's record, a line
of JSON each step, has that before the hook is called (measured with 0.169.0).
"""

import json
import os
import re
import stat
from typing import Any, Final

import attrs

from atlas_actors.clients.commands import read_command
from atlas_actors.messages.client import ClientEvent

END_BYTES: Final = 524_288  # that are looked at
LINES_MAX: Final = 400

# $CODEX_HOME/sessions/YEAR/MONTH/DAY/rollout-TIME-SESSION.jsonl
_RECORD: Final = re.compile(r"/(?:[^\0]*/)?sessions/(?:[^\0]*/)?rollout-[^/\0]*\.jsonl")


def with_exit_code(event: ClientEvent) -> ClientEvent:
    """The event with the exit code that its client has recorded; the same event where that is not
    known. It must be the event as it was told, with its real path. Reads the end of one file."""
    tool = event.tool
    if tool is None or not lacks_exit_code(event):
        return event
    code = exit_code_in(_end_of(event.transcript_path), tool.id)
    if code is None:
        return event
    decides = not tool.test or code != 0 or read_command(tool.command, "").decides
    failed = code != 0 if decides else tool.failed
    return attrs.evolve(event, tool=attrs.evolve(tool, exit_code=code, failed=failed))


def lacks_exit_code(event: ClientEvent) -> bool:
    """Whether with_exit_code() has anything to look for."""
    tool = event.tool
    if event.client != "codex" or event.kind != "post_tool" or tool is None:
        return False
    return tool.kind == "shell" and bool(tool.id) and tool.exit_code is None


def exit_code_in(record: bytes, tool_id: str) -> int | None:
    """How a command ended, by the last lines of a record; None where they do not say."""
    name = tool_id.encode("utf-8", "replace")
    for line in record.split(b"\n")[: -LINES_MAX - 1 : -1]:
        if name in line and b'"CommandExecution"' in line:
            code = _exit_code(line, tool_id)
            if code is not None:
                return code
    return None


def _exit_code(line: bytes, tool_id: str) -> int | None:
    try:
        step = json.loads(line)
    except (ValueError, RecursionError):
        return None  # a line cut in half
    match step:
        case {"payload": {"item": {"type": "CommandExecution", "id": str(id_), "exit_code": code}}}:
            return _code(code) if id_ == tool_id else None
    return None


def _code(value: Any) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
    return value if known else None


def _end_of(path: str) -> bytes:
    """The end of a record; b"" where there is none: the path is the word of a client."""
    if not _RECORD.fullmatch(path) or "/../" in path:
        return b""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (OSError, ValueError):
        return b""
    try:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            return b""
        return os.pread(file, END_BYTES, max(0, facts.st_size - END_BYTES))
    except OSError:
        return b""
    finally:
        os.close(file)
