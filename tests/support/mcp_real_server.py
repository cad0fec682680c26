"""A server of the SDK, as a program: mcp_real_server.py [stdio | http]; over HTTP, at /mcp and
for SSE at /sse, it prints its port first."""

import socket
import sys

import anyio
from mcp.server import MCPServer


def main(how: str) -> None:
    made = MCPServer("real", version="1.2")

    @made.tool()
    def add(a: int, b: int) -> int:
        """The sum."""
        return a + b

    if how == "stdio":
        made.run("stdio")
        return
    import uvicorn

    app = made.streamable_http_app()
    app.router.routes.extend(made.sse_app().routes)
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    anyio.run(server.serve, [listening])


if __name__ == "__main__":
    main(sys.argv[1])
