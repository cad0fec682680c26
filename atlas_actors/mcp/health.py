"""What the host says of a server, as a health that may be stored and shown; pure."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from atlas_actors.mcp.conceal import Concealer
from atlas_actors.mcp.cures import Failure, cure
from atlas_actors.mcp.servers import Server
from atlas_actors.messages.mcp import ServerHealth, Stage, Why
from atlas_actors.redaction import Redactor

TOOLS_NAMED: Final = 100
NAME_CHARACTERS: Final = 80


@attrs.frozen(kw_only=True)
class Looker:
    """Who has servers looked at: what each of their healths has in common."""

    redactor: Redactor
    why: Why
    at_ms: int
    timeout_s: float

    def said(self, server: Server, said: Mapping[str, Any]) -> ServerHealth:
        """Of what the host says; every text comes from a stranger's program."""
        concealer = Concealer(server, self.redactor)

        def short(key: str) -> str:
            return concealer.text(str(said.get(key, "")), NAME_CHARACTERS)

        failure = Failure(
            stage=said["stage"], kind=str(said.get("kind", "")), status=said.get("status")
        )
        names = tuple(
            concealer.text(str(name), NAME_CHARACTERS)
            for name in said.get("tool_names", ())[:TOOLS_NAMED]
        )
        ok = bool(said["ok"])
        return attrs.evolve(
            self._health(server),
            ok=ok,
            stage=failure.stage,
            error="" if ok else concealer.text(str(said.get("error", ""))),
            cure="" if ok else cure(server, failure, self.timeout_s),
            protocol_version=short("protocol_version"),
            server_name=short("server_name"),
            server_version=short("server_version"),
            tools=said.get("tools"),
            tool_names=names,
            initialize_ms=said.get("initialize_ms"),
            tools_ms=said.get("tools_ms"),
            ping_ms=said.get("ping_ms"),
            took_ms=said.get("took_ms"),
        )

    def unset(self, server: Server) -> ServerHealth:
        """Of a server that is not tried, since variables that its settings need are not set."""
        names = ", ".join(server.missing)
        return self._failed(server, "config", f"not set in the daemon's environment: {names}")

    def host_ended(self, server: Server, error: str) -> ServerHealth:
        """Of a server that could not be looked at, through no fault of its own."""
        return self._failed(server, "host", f"the process that speaks with it: {error}")

    def _failed(self, server: Server, stage: Stage, error: str) -> ServerHealth:
        failure = Failure(stage=stage)
        return attrs.evolve(
            self._health(server),
            stage=stage,
            error=self.redactor.text(error),
            cure=cure(server, failure, self.timeout_s),
        )

    def _health(self, server: Server) -> ServerHealth:
        return ServerHealth(
            name=self.redactor.text(server.name),
            sources=server.sources,
            transport=server.transport,
            target=self.redactor.text(server.target),
            at_ms=self.at_ms,
            why=self.why,
            ok=False,
            stage="start",
        )
