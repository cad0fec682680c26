"""The SQL of outcomes.db."""

import json

from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.store import Store


def id_of_key(store: Store, key: str) -> str | None:
    """The outcome that was kept with this key."""
    row = store.row("select id from outcomes where key = ?", (key,))
    return None if row is None else row["id"]


def newest_ms(store: Store) -> int:
    """When the newest outcome was kept; 0: there is none."""
    row = store.row("select max(at_ms) as at_ms from outcomes")
    return 0 if row is None or row["at_ms"] is None else int(row["at_ms"])


def add(store: Store, id: str, outcome: RecordOutcome, at_ms: int, seq: int) -> None:
    """Keep an outcome at its place in the feed; intent, provider and model get columns."""
    context = dict(outcome.context)
    usage = outcome.usage
    store.run(
        "insert into outcomes (id, at_ms, action, kind, result, verified_by, infrastructure,"
        " intent, provider, model, context, duration_ms, input, cache_read, cache_write, output,"
        " reasoning, cost_usd, key, seq)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id,
            at_ms,
            outcome.action,
            outcome.kind,
            outcome.result,
            outcome.verified_by,
            int(outcome.infrastructure),
            context.pop("intent", None),
            context.pop("provider", None),
            context.pop("model", None),
            json.dumps(context),
            outcome.duration_ms,
            usage.input,
            usage.cache_read,
            usage.cache_write,
            usage.output,
            usage.reasoning,
            outcome.cost_usd,
            outcome.key,
            seq,
        ),
    )


def prune(store: Store, before_ms: int) -> None:
    """Delete outcomes older than that, with their amendments, and amendments of what never came."""
    store.run("delete from outcomes where at_ms < ?", (before_ms,))
    store.run("delete from amendments where outcome_id is null and at_ms < ?", (before_ms,))
