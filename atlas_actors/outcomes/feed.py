"""The SQL of the feed: what was recorded and amended, numbered in the order of coming."""

import json
from typing import Any

from atlas_actors.messages.outcome import KeptOutcome, OutcomeBatch
from atlas_actors.store import Row, Store

_ENTRIES = """
select id, at_ms, action, kind, infrastructure, intent, provider, model, context, duration_ms,
       input + cache_read + cache_write + output as tokens, cost_usd,
       seq, result, verified_by, null as before
from outcomes where seq > ?1
union all
select outcomes.id, outcomes.at_ms, action, kind, infrastructure, intent, provider, model, context,
       duration_ms, input + cache_read + cache_write + output, cost_usd,
       amendments.seq, amendments.result, amendments.verified_by, amendments.before
from amendments join outcomes on outcomes.id = amendments.outcome_id
where amendments.seq > ?1
order by seq limit ?2
"""


def newest(store: Store) -> int:
    """The last number given."""
    row = store.row("select upto from feed")
    return 0 if row is None else int(row["upto"])


def advance(store: Store) -> int:
    """Give a number."""
    (row,) = store.rows("update feed set upto = upto + 1 returning upto")
    return int(row["upto"])


def skip_to(store: Store, seq: int) -> None:
    """Give no number up to this one any more: somebody has read that far in an older file."""
    if not store.run("update feed set upto = max(upto, ?)", (seq,)):
        store.run("insert into feed values (?)", (seq,))


def entries_after(store: Store, seq: int, limit: int) -> OutcomeBatch:
    """What has come after this number, oldest first."""
    rows = store.rows(_ENTRIES, (seq, limit + 1))
    kept = tuple(_kept(row) for row in rows[:limit])
    more = len(rows) > limit
    upto = kept[-1].seq if more else max(seq, newest(store))
    return OutcomeBatch(outcomes=kept, upto=upto, more=more)


def context_of(row: Row) -> dict[str, Any]:
    """The whole context of an outcome's row: part of it has columns."""
    columns = {name: row[name] for name in ("intent", "provider", "model") if row[name] is not None}
    return {**json.loads(row["context"]), **columns}


def _kept(row: Row) -> KeptOutcome:
    plain = {
        name: row[name]
        for name in row
        if name not in ("intent", "provider", "model", "context", "infrastructure")
    }
    infrastructure = bool(row["infrastructure"])
    return KeptOutcome(**plain, infrastructure=infrastructure, context=context_of(row))
