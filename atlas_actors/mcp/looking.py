"""Looks at servers once, through a host of its own: what one of them does ends no other check."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import anyio

from atlas_actors.mcp import hosts
from atlas_actors.mcp.health import Looker
from atlas_actors.mcp.servers import Server
from atlas_actors.messages.mcp import ServerHealth

HOST_S: Final = 60.0  # to start a host on a busy machine
SERVER_END_S: Final = 10.0  # to end a server that will not
TIMEOUT_MAX_S: Final = 600.0


async def look(
    servers: Sequence[Server],
    looker: Looker,
    told: Callable[[ServerHealth], None],
    *,
    home: str,
    scratch: str,
    parallel: int,
    program: Sequence[str],
) -> None:
    """Tell the health of each server as soon as it is known; each is told once."""
    ahead: dict[str, Server] = {}
    for number, server in enumerate(servers):
        if server.missing:
            told(looker.unset(server))
        else:
            ahead[str(number)] = server
    if not ahead:
        return
    longest_s = max(timeout_s(server, looker.timeout_s) for server in ahead.values())
    limit_s = HOST_S + math.ceil(len(ahead) / parallel) * (longest_s + SERVER_END_S)
    error = f"it did not do so in {limit_s:g} s"
    try:
        with anyio.move_on_after(limit_s):
            async with hosts.running(scratch, parallel, program) as host:
                await _ask(host, ahead, looker, home)
                async for said in host.said():
                    told(looker.said(ahead.pop(said["id"]), said))
                    if not ahead:
                        break
    except (hosts.HostEndedError, OSError) as ended:
        error = str(ended)
    for server in ahead.values():
        told(looker.host_ended(server, error))


def timeout_s(server: Server, least_s: float) -> float:
    """What a server may take: at least as long as its client would wait for it."""
    return min(TIMEOUT_MAX_S, max(least_s, server.startup_s or 0.0))


async def _ask(host: hosts.Host, ahead: dict[str, Server], looker: Looker, home: str) -> None:
    for id, server in ahead.items():
        await host.send(
            {
                "do": "look",
                "id": id,
                "server": hosts.job_of(server, home),
                "timeout_s": timeout_s(server, looker.timeout_s),
            }
        )
