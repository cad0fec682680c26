"""Keeps servers started through one host that lives as long as any of them is wanted."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import anyio
from loguru import logger

from atlas_actors.async_actor import AsyncActor
from atlas_actors.errors import AtlasError
from atlas_actors.mcp import hosts
from atlas_actors.mcp.health import Looker
from atlas_actors.mcp.looking import timeout_s
from atlas_actors.mcp.servers import Server
from atlas_actors.mcp.warmth import Warmth
from atlas_actors.messages.mcp import ServerHealth, WarmDue

START_S: Final = 120.0  # a server may be fetched first
PING_EVERY_S: Final = 60.0
SERVERS_MAX: Final = 50


class Keeper:
    """Runs on its actor's loop. `spec_of` finds how a server is configured now."""

    def __init__(
        self,
        actor: AsyncActor,
        *,
        looker: Callable[[float], Looker],
        spec_of: Callable[[str], Awaitable[Server]],
        told: Callable[[Warmth, ServerHealth], None],
        home: str,
        scratch: str,
        program: Sequence[str],
        ping_every_s: float = PING_EVERY_S,
    ) -> None:
        self.warm: dict[str, Warmth] = {}
        self._actor = actor
        self._looker = looker
        self._spec_of = spec_of
        self._told = told
        self._home = home
        self._scratch = scratch
        self._program = program
        self._ping_every_s = ping_every_s
        self._servers: dict[str, Server] = {}  # that the host has been told of
        self._starting: set[str] = set()
        self._host: hosts.Host | None = None
        self._host_is_up: anyio.Event | None = None

    def want(self, name: str, *, stays: bool) -> None:
        """Keep this one started from now on, unless it fails at once and does not `stay`; one
        that is down is tried now."""
        if name not in self.warm:
            now_ms, now_s = self._now()
            self.warm[name] = Warmth(name=name, stays=stays, since_ms=now_ms, since_s=now_s)
        self.try_again(name)

    def try_again(self, name: str) -> None:
        """Have it started, unless it is up or about to be."""
        if name in self.warm and name not in self._servers and name not in self._starting:
            self._starting.add(name)
            self._actor.spawn(self._start, name)

    async def _start(self, name: str) -> None:
        try:
            await self._start_it(name)
        finally:
            self._starting.discard(name)

    async def _start_it(self, name: str) -> None:
        try:
            server = self._servers[name] = await self._spec_of(name)
        except AtlasError as error:
            self._fails(name, Server(name=name, sources=(), transport="stdio"), str(error))
            return
        if server.missing:
            del self._servers[name]
            self._is_down(name, self._looker(START_S).unset(server))
            return
        try:
            host = await self._running_host()
            await host.send(
                {
                    "do": "stay",
                    "id": name,
                    "server": hosts.job_of(server, self._home),
                    "timeout_s": timeout_s(server, START_S),
                    "every_s": self._ping_every_s,
                }
            )
        except (hosts.HostEndedError, OSError) as error:
            if self._servers.pop(name, None) is not None:
                self._fails(name, server, str(error))

    async def _running_host(self) -> hosts.Host:
        """The host, started if need be. Raises HostEndedError."""
        if self._host_is_up is None:
            self._host_is_up = anyio.Event()
            self._actor.spawn(self._serve, self._host_is_up)
        await self._host_is_up.wait()
        if self._host is None:
            raise hosts.HostEndedError("it does not start")
        return self._host

    async def _serve(self, is_up: anyio.Event) -> None:
        """The life of one host; what it kept is down when it ends."""
        error = ""
        try:
            async with hosts.running(self._scratch, SERVERS_MAX, self._program) as host:
                self._host = host
                is_up.set()
                async for said in host.said():
                    self._hear(said)
        except (hosts.HostEndedError, OSError) as ended:
            error = str(ended)
        logger.warning("mcp.host_ended", error=self._looker(0).redactor.text(error))
        self._host = self._host_is_up = None
        is_up.set()
        servers, self._servers = self._servers, {}
        for name, server in servers.items():
            self._fails(name, server, error)

    def _hear(self, said: dict[str, Any]) -> None:
        name = said["id"]
        server = self._servers.get(name)
        if server is None:
            return
        health = self._looker(timeout_s(server, START_S)).said(server, said)
        if said["what"] == "up":
            one = self.warm[name]
            one.came_up(health, *self._now())
            self._told(one, health)
        else:
            del self._servers[name]
            self._is_down(name, health)

    def _fails(self, name: str, server: Server, error: str) -> None:
        self._is_down(name, self._looker(START_S).host_ended(server, error))

    def _is_down(self, name: str, health: ServerHealth) -> None:
        one = self.warm[name]
        again_s = one.went_down(health, *self._now())
        if again_s is None:
            del self.warm[name]
        else:
            self._actor.after(again_s, WarmDue(name=name))
        self._told(one, health)

    def _now(self) -> tuple[int, float]:
        clock = self._actor.place.clock
        return clock.now_ms(), clock.monotonic_s()
