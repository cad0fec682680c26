"""MCP servers for tests: real ones of the SDK in programs of their own, and hostile ones in a few
lines of plain Python."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atlas_actors.mcp.servers import Server

REAL = Path(__file__).with_name("mcp_real_server.py")
PRELUDE = """
import json, os, signal, sys
def line(value):
    sys.stdout.write(json.dumps(value) + "\\n")
    sys.stdout.flush()
def answer(**more):
    asked = json.loads(sys.stdin.readline())
    line({"jsonrpc": "2.0", "id": asked.get("id"), **more})
def hello(**capabilities):
    answer(result={"protocolVersion": "2025-06-18", "capabilities": capabilities,
                   "serverInfo": {"name": "plain", "version": "1"}})
    sys.stdin.readline()  # notifications/initialized
"""


def plain(body: str, **more: Any) -> Server:
    """A server that is a few lines of Python."""
    return server(args=("-I", "-S", "-c", PRELUDE + body), **more)


def real(**more: Any) -> Server:
    """One of the SDK, over stdio."""
    return server(args=("-I", str(REAL), "stdio"), **more)


@contextmanager
def real_over_http() -> Iterator[str]:
    """The address below which a real one is while the block lasts: /mcp, and /sse."""
    process = subprocess.Popen(
        [sys.executable, "-I", str(REAL), "http"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


def server(**more: Any) -> Server:
    """A server of this interpreter, with what the test wants otherwise."""
    fields = {"name": "one", "sources": ("a file",), "transport": "stdio", **more}
    if fields["transport"] == "stdio":
        fields.setdefault("command", sys.executable)
    return Server(**fields)


def settings_of(*servers: Server) -> Mapping[str, Any]:
    """What a client is configured with to have these."""
    return {
        "mcpServers": {
            one.name: {"command": one.command, "args": list(one.args), "env": one.env}
            if one.transport == "stdio"
            else {"type": one.transport, "url": one.url, "headers": one.headers}
            for one in servers
        }
    }


def configure(home: Path, *servers: Server) -> None:
    """Make them the user's own servers in Claude Code."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ".claude.json").write_text(json.dumps(settings_of(*servers)))
