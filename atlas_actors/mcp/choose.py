"""Which of the configured servers are meant; pure."""

from collections.abc import Iterable, Sequence

from atlas_actors.errors import NotFound
from atlas_actors.mcp.servers import Server


def chosen(servers: Sequence[Server], names: Iterable[str]) -> tuple[Server, ...]:
    """All that are switched on, or those of these names, switched off or not. Raises NotFound."""
    wanted = tuple(dict.fromkeys(names))
    if not wanted:
        return tuple(server for server in servers if server.enabled)
    known = {server.name for server in servers}
    for name in wanted:
        if name not in known:
            raise NotFound(
                f"no server {name[:100]!r} is configured",
                cure=f"one of {', '.join(sorted(known))}" if known else "atlas mcp status",
            )
    return tuple(server for server in servers if server.name in wanted)
