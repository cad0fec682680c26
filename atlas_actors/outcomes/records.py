"""The SQL of outcomes.db."""

import json
from typing import Final

from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.outcomes.evidence import Seen
from atlas_actors.store import Row, Store

_SEEN: Final = (
    "select id, at_ms, kind, coalesce(now_result, result) as result,"
    " coalesce(now_verified_by, verified_by) as verified_by, infrastructure, context from outcomes"
)
SESSION_ROWS: Final = 100
PROJECT_ROWS: Final = 1_000


def id_of_key(store: Store, key: str) -> str | None:
    """The outcome that was kept with this key."""
    row = store.row("select id from outcomes where key = ?", (key,))
    return None if row is None else row["id"]


def newest_ms(store: Store, now_ms: int) -> int:
    """When the newest outcome was kept, but for those of a clock that was ahead; 0: there is
    none."""
    row = store.row("select max(at_ms) as at_ms from outcomes where at_ms <= ?", (now_ms,))
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


def of_session(store: Store, session: str, until_ms: int) -> list[Seen]:
    """The last outcomes of a client's session until then, newest first."""
    rows = store.rows(
        f"{_SEEN} where json_valid(context) and json_extract(context, '$.session') = ?"
        " and at_ms <= ?"
        " order by at_ms desc, id desc limit ?",
        (session, until_ms, SESSION_ROWS),
    )
    return [_seen(row) for row in rows]


def of_project(store: Store, project: str, since_ms: int, until_ms: int) -> list[Seen]:
    """The outcomes of a project in that time that have changed files, newest first."""
    rows = store.rows(
        f"{_SEEN} where at_ms between ? and ? and json_valid(context)"
        " and json_extract(context, '$.project') = ?"
        " and json_extract(context, '$.files') is not null order by at_ms desc, id desc limit ?",
        (since_ms, until_ms, project, PROJECT_ROWS),
    )
    return [_seen(row) for row in rows]


def prune(store: Store, before_ms: int) -> None:
    """Delete outcomes older than that, with their amendments, and amendments of what never came."""
    store.run("delete from outcomes where at_ms < ?", (before_ms,))
    store.run("delete from amendments where outcome_id is null and at_ms < ?", (before_ms,))


def _seen(row: Row) -> Seen:
    return Seen(
        **{
            **row,
            "infrastructure": bool(row["infrastructure"]),
            "context": json.loads(row["context"]),
        }
    )
