"""The rare half of scripts/hook: what a hook does when Atlas gave it no valid answer.

A use of a tool is denied where the user's rules say so; a daemon is started where the installation
says so.
"""

import posix
import sys

CLOSED_BYTES_MAX = 1_048_576
BLANKS = b" \t\r\n"
OF_MCP = (b'"mcp_context":{', b'"mcp_server":{', b'"mcp_server":"')  # what tells an MCP tool
# All that a daemon started from here gets of the client's environment, with LC_*.
KEPT = b"PATH HOME USER LANG TZ TMPDIR XDG_RUNTIME_DIR".split()


def end(call, home, closed, read_file):
    """The exit code: 2 where the use of a tool is denied; the reason is then on stderr."""
    client, word = call.client.encode(), call.event.encode()
    events = {word} if word else named(call.payload, b"hook_event_name")
    # Without an event nobody knows what it is: it may be what a rule is about.
    guarded = b"BeforeTool" if client == b"gemini" else b"PreToolUse"
    if not events or guarded in events or any(b"\\" in event for event in events):
        try:
            lines = read_file(closed, CLOSED_BYTES_MAX).split(b"\n")
        except OSError:
            lines = []  # there are no such rules
        reason = refusal(client, call.payload, lines)
        if reason:
            posix.write(2, reason + b" (Atlas could not be asked)\n")
            return 2
    if call.autostart and call.refused and events == {b"SessionStart"} and not is_held(home):
        start_daemon(home)
    return 0


def refusal(client, payload, lines):
    """Why this use of a tool is denied unasked, b"" if it is not.

    Lines: client TAB tool,tool... TAB reason, with * for any letters. What is no such line says
    nothing.
    """
    tools = named(payload, b"tool_name")
    unreadable = not tools or any(b"\\" in tool for tool in tools)
    if any(mark in payload.translate(None, BLANKS) for mark in OF_MCP):
        tools.add(b"mcp__")  # gemini calls such tools as it likes
    for line in lines:
        of, _, rest = line.partition(b"\t")
        wanted, _, reason = rest.partition(b"\t")
        if of == client and wanted and reason.strip():
            names = [name.split(b"*") for name in wanted.split(b",")]
            if unreadable or any(fits(tool, name) for tool in tools for name in names):
                return reason.strip()
    return b""


def fits(tool, parts):
    """Whether a tool has this name; between its parts there may be anything."""
    first, *rest = parts
    if not rest or not tool.startswith(first):
        return tool == first
    at, last = len(first), rest.pop()
    for part in rest:
        at = tool.find(part, at) + len(part)
        if at < len(part):
            return False
    return tool.endswith(last) and len(tool) - len(last) >= at


def named(payload, key):
    """All texts under that key, wherever they are: one too many denies too much, not too little."""
    packed = payload.translate(None, BLANKS)
    return {bytes(part.partition(b'"')[0]) for part in packed.split(b'"%b":"' % key)[1:]}


def is_held(home):
    """Whether a daemon is there without a door: it is starting, or stopping as it was told to."""
    import fcntl

    try:
        lock = posix.open(home + b"/atlas.lock", posix.O_RDONLY | posix.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        posix.close(lock)
    return False


def start_daemon(home):
    """Start `run.py serve` by itself, told nothing of the client, and wait for nothing."""
    root = __file__.rpartition("/")[0] + "/.."
    if not root.startswith("/"):
        root = posix.getcwd() + "/" + root
    python = root + "/.venv/bin/python"
    if not posix.access(python, posix.X_OK):
        python = sys.executable
    known = {
        name: value
        for name, value in posix.environ.items()
        if name in KEPT or name.startswith(b"LC_")
    }
    known[b"ATLAS_HOME"] = home  # which --home may have said; absolute, for it runs elsewhere
    if posix.fork():
        return
    posix.setsid()
    if posix.fork():
        posix._exit(0)
    null = posix.open("/dev/null", posix.O_RDWR)
    for stream in (0, 1, 2):
        posix.dup2(null, stream)
    posix.closerange(3, 65_536)  # a client waits until nobody holds its pipes
    posix.chdir("/")
    posix.execve(python, (python, root + "/run.py", "serve"), known)
