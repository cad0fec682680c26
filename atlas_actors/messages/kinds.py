"""The kinds of memories and the trust in each channel; apart from their messages, for the CLI."""

from typing import Final, Literal

KINDS: Final = ("learning", "decision", "rule", "preference", "episode")
# Rules and preferences govern work whatever the question is: pinned, not retrieved.
PINNED_KINDS: Final = ("rule", "preference")

# Where a text came in, set by the daemon from the channel and never read from the text.
# person: typed by the user (atlas remember, a prompt) or approved; agent: written by a coding
# agent or a model; program: sent to the socket by another program; tool: our own tests and git;
# file: a file of the project; external: the web, MCP, issue threads.
Origin = Literal["person", "agent", "program", "tool", "file", "external"]
TRUST: Final[dict[Origin, int]] = {
    "person": 3,
    "agent": 2,
    "program": 2,
    "tool": 2,
    "file": 1,
    "external": 0,
}
