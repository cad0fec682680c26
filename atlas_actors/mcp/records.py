"""The SQL of mcp_health.db; every function is named for what it means."""

import json
from typing import Final

import attrs

from atlas_actors.messages.mcp import ServerHealth
from atlas_actors.store import Store

# Of all servers; whoever has them checked every second keeps no more.
ROWS_MAX: Final = 100_000


def keep(store: Store, health: ServerHealth) -> None:
    """Keep what a look came to."""
    row = attrs.asdict(health)
    row["server"] = row.pop("name")
    row["ok"] = int(health.ok)
    row["sources"] = json.dumps(health.sources)
    row["tool_names"] = json.dumps(health.tool_names)
    store.run(
        "insert into checks (at_ms, server, sources, transport, target, why, ok, stage, error,"
        " cure, protocol_version, server_name, server_version, tools, tool_names, initialize_ms,"
        " tools_ms, ping_ms, took_ms) values (:at_ms, :server, :sources, :transport, :target,"
        " :why, :ok, :stage, :error, :cure, :protocol_version, :server_name, :server_version,"
        " :tools, :tool_names, :initialize_ms, :tools_ms, :ping_ms, :took_ms)",
        row,
    )


def prune(store: Store, before_ms: int) -> int:
    """Forget what is older than that, and the oldest of what is too much; how many."""
    return store.run(
        "delete from checks where at_ms < ? or seq <= (select max(seq) from checks) - ?",
        (before_ms, ROWS_MAX),
    )
