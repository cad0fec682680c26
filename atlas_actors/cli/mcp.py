"""atlas mcp: Atlas as an MCP server, and the MCP servers that clients are configured with."""

from typing import Any

from atlas_actors.cli import mcp_serve


def add_to(groups: Any) -> None:
    """Add the command."""
    parser = groups.add_parser("mcp", help="Atlas as an MCP server")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    serve = verbs.add_parser("serve", help="serve Atlas' tools over stdin and stdout")
    mcp_serve.add_arguments(serve)
    serve.set_defaults(run=mcp_serve.run)
