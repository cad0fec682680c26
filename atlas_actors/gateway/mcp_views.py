"""Reads what looks at MCP servers came to, from the views of mcp_health.db."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.store import Reader, Row

FILE: Final = "mcp_health.db"
_NOTHING: Final = {
    "checks": 0, "successes": 0, "uptime": None, "consecutive_failures": 0, "last_ok_ms": None,
    "p50_initialize_ms": None, "last": None,
}  # fmt: skip
_LAST: Final = (
    "at_ms", "ok", "stage", "error", "cure", "protocol_version", "server_name", "server_version",
    "tools", "tool_names", "initialize_ms", "ping_ms",
)  # fmt: skip


def servers(state: Path) -> list[Row]:
    """One row a server that was ever looked at."""
    rows = Reader(state / FILE).rows("select * from inspect_mcp_servers")
    return [_plain(row) for row in rows]


def history(state: Path, name: str | None, limit: int) -> list[Row]:
    """What looks came to, newest first."""
    rows = Reader(state / FILE).rows(
        "select * from inspect_mcp_checks where ?1 is null or server = ?1 order by seq desc"
        " limit ?2",
        (name, limit),
    )
    return [_plain(row) for row in rows]


def joined(known: Iterable[dict[str, Any]], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What is configured now with what is known of it; then what is configured no more, or in a
    project that is looked at only when it is named."""
    by_key = {(row["server"], tuple(row["sources"])): row for row in rows}
    found = []
    for server in known:
        row = by_key.pop((server["name"], tuple(server["sources"])), None)
        found.append({**server, "configured": True, **(_NOTHING if row is None else _of(row))})
    for (name, sources), row in by_key.items():
        about = {"name": name, "sources": list(sources), "configured": False, "enabled": False}
        kind = {"transport": row["transport"], "target": row["target"]}
        warm = {"warm": None, "since_ms": None, "error": ""}
        found.append({**about, **kind, **warm, **_of(row)})
    return found


def _of(row: Row) -> dict[str, Any]:
    return {
        "checks": row["checks"],
        "successes": row["successes"],
        "uptime": row["successes"] / row["checks"],
        "consecutive_failures": row["consecutive_failures"],
        "last_ok_ms": row["last_ok_ms"],
        "p50_initialize_ms": row["p50_initialize_ms"],
        "last": {name: row[name] for name in _LAST},
    }


def _plain(row: Row) -> Row:
    return {
        **row,
        "ok": bool(row["ok"]),
        "sources": json.loads(row["sources"]),
        "tool_names": json.loads(row["tool_names"]),
    }
