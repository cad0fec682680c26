"""The SQL of router.db."""

from atlas_actors.messages.routing import Classify, Route
from atlas_actors.store import Store


def add(store: Store, asked: Classify, route: Route, at_ms: int, took_us: int) -> None:
    """Keep a decision."""
    store.run(
        "insert into decisions (id, at_ms, task_id, session, client, characters, layer, rule,"
        " intent, confidence, abstained, tier, complexity, difficulty, mode, reason, took_us)"
        " values (?, ?, null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            route.id,
            at_ms,
            asked.session,
            asked.client,
            len(asked.text),
            route.layer,
            route.rule,
            route.intent,
            route.confidence,
            int(route.abstained),
            route.tier,
            route.complexity,
            route.difficulty,
            route.mode,
            route.reason,
            took_us,
        ),
    )


def choose(store: Store, id: str, provider: str | None, task_id: str | None) -> None:
    """Note what a decision led to."""
    store.run(
        "update decisions set provider = ?, task_id = coalesce(?, task_id) where id = ?",
        (provider, task_id, id),
    )


def prune(store: Store, before_ms: int) -> None:
    """Delete decisions older than that."""
    store.run("delete from decisions where at_ms < ?", (before_ms,))
