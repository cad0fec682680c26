"""The SQL of orchestrator.db."""

import json

import attrs

from atlas_actors.messages.routing import Route
from atlas_actors.store import Store


def add_plan(
    store: Store, id: str, task_id: str | None, route: Route, waits_for: str, at_ms: int
) -> None:
    """Keep how a request was classified and planned."""
    store.run(
        "insert into plans values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id,
            at_ms,
            task_id,
            route.id,
            route.intent,
            route.layer,
            route.confidence,
            route.tier,
            route.provider,
            waits_for,
            json.dumps([attrs.asdict(link) for link in route.chain]),
        ),
    )


def prune(store: Store, before_ms: int) -> None:
    """Delete plans older than that."""
    store.run("delete from plans where at_ms < ?", (before_ms,))
