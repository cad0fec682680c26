"""What a person can do about a server that does not work: from the way it failed, pure."""

from typing import Final

import attrs

from atlas_actors.mcp.servers import Server
from atlas_actors.messages.mcp import Stage

# Programs that fetch what they run, and where each comes from.
FETCHERS: Final = {
    "npx": "Node.js brings npx: https://nodejs.org",
    "npm": "Node.js brings npm: https://nodejs.org",
    "node": "install Node.js: https://nodejs.org",
    "bunx": "Bun brings bunx: https://bun.sh",
    "uvx": "uv brings uvx: https://docs.astral.sh/uv",
    "uv": "install uv: https://docs.astral.sh/uv",
    "pipx": "install pipx: https://pipx.pypa.io",
    "docker": "install Docker, or start it",
}


@attrs.frozen(kw_only=True)
class Failure:
    """How a look at a server failed, as the host tells it."""

    stage: Stage
    # not_found, denied, no_folder, ended, garbage, flood, refused, late, protocol, status
    kind: str = ""
    status: int | None = None  # of HTTP


def cure(server: Server, failure: Failure, timeout_s: float) -> str:
    """One line, or nothing where nothing helpful is known."""
    if failure.stage == "config":
        names = " and ".join(server.missing)
        return f"set {names} where the daemon is started, then start it again"
    if failure.stage == "host":
        return "try again; scripts/serve installs what is missing"
    if failure.status is not None and failure.status >= 400:
        return _cure_of_status(server, failure.status)
    return _cure_of_kind(server, failure, timeout_s)


def _cure_of_status(server: Server, status: int) -> str:
    names = ", ".join(server.variables)
    if status in (401, 403):
        if names:
            return f"check {names}: the server does not take it"
        if server.headers:
            return f"check its header {', '.join(server.headers)}: the server does not take it"
        return (
            "it wants a sign-in; Atlas does not share the client's: sign in there (/mcp in Claude"
            f" Code, codex mcp login {server.name}), or configure a header with a token"
        )
    if status in (404, 405):
        return "check its URL, and its type: http or sse"
    if status == 429:
        return "it limits how often it is asked; try later"
    return "the server has a fault of its own; try later" if status >= 500 else ""


def _cure_of_kind(server: Server, failure: Failure, timeout_s: float) -> str:
    match failure.kind:
        case "not_found":
            known = FETCHERS.get(server.target)
            path = "or give its absolute path: the daemon's PATH is that of who started it"
            return f"{known}, {path}" if known else f"install {server.target}, {path}"
        case "denied":
            return "make it executable: chmod +x"
        case "no_folder":
            return "the directory in which it is started does not exist"
        case "ended":
            return "run its command in a terminal to see why"
        case "garbage" | "flood":
            return "a stdio server prints its messages and nothing else; its logs go to stderr"
        case "refused":
            return "start the server, or check its URL"
        case "late":
            if server.target in FETCHERS and failure.stage in ("start", "initialize"):
                return f"it may be fetched still: atlas mcp warmup {server.name}"
            return f"give it more than {timeout_s:g} s: --timeout 60 once, [mcp] timeout_s for good"
        case _:
            return ""
