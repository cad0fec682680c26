"""The SQL of strategies.db; every function is named for what it means."""

import json
import zlib
from collections.abc import Iterator
from typing import Final

from atlas_actors.clock import DAY_MS
from atlas_actors.messages.strategy import ChooseStrategy
from atlas_actors.store import Row, Store
from atlas_actors.strategies.events import (
    Amended,
    Asked,
    Chosen,
    Ended,
    Event,
    from_json,
    kind_of,
    to_json,
)
from atlas_actors.strategies.trials import Choice

PAGE: Final = 500
LOG_ROWS: Final = 5_000  # deleted at a time
# What tells how a strategy came and went stays with it; the rest of the story has its time.
_LASTING: Final = "('seeded', 'born', 'promoted', 'culled', 'retired', 'pinned', 'unpinned')"


def last_seq(store: Store) -> int:
    """The number of the newest event that was ever logged; 0: none was."""
    row = store.row("select seq from sqlite_sequence where name = 'log'")
    return 0 if row is None else int(row["seq"])


def append(store: Store, event: Event, chosen: Chosen | None, now_ms: int) -> None:
    """Log an event, and what was chosen if it asked."""
    store.run(
        "insert into log (at_ms, kind, event, choice, chosen) values (?, ?, ?, ?, ?)",
        (
            now_ms,
            kind_of(event),
            json.dumps(to_json(event), separators=(",", ":")),
            event.number if isinstance(event, Asked) else None,
            None if chosen is None or chosen.strategy is None else chosen.strategy.id,
        ),
    )


def events_after(store: Store, seq: int) -> Iterator[Event]:
    """The log after an event, oldest first, a page at a time."""
    while True:
        rows = log_after(store, seq, PAGE)
        for row in rows:
            yield event_of(row)
        if len(rows) < PAGE:
            return
        seq = rows[-1]["seq"]


def log_after(store: Store, seq: int, limit: int) -> list[Row]:
    """Rows of the log after an event, oldest first."""
    return store.rows("select * from log where seq > ? order by seq limit ?", (seq, limit))


def event_of(row: Row) -> Event:
    """The event in a row of the log."""
    return from_json(row["kind"], json.loads(row["event"]))


def keep_snapshot(store: Store, at_ms: int, version: int, state: str) -> None:
    """The engine as it is after the newest event; of a day the first and the newest are kept."""
    seq = last_seq(store)
    day_ms = at_ms - at_ms % DAY_MS
    first = store.row(
        "select min(seq) as seq from snapshots where at_ms >= ? and version = ?", (day_ms, version)
    )
    store.run(
        "delete from snapshots where at_ms >= ? and version = ? and seq <> ?",
        (day_ms, version, -1 if first is None or first["seq"] is None else first["seq"]),
    )
    blob = zlib.compress(state.encode(), 1)
    store.run(
        "insert or replace into snapshots (seq, at_ms, version, state) values (?, ?, ?, ?)",
        (seq, at_ms, version, blob),
    )


def newest_snapshot(store: Store) -> Row | None:
    """Where a start begins: seq, at_ms, version, and state as the engine gave it."""
    return _opened(store.row("select * from snapshots order by seq desc limit 1"))


def replay_start(store: Store, version: int, choice: int) -> Row | None:
    """The newest snapshot of these rules that was made before a choice, else their oldest."""
    before = store.row(
        "select * from snapshots where version = ? and seq < (select seq from log where choice >= ?"
        " order by choice limit 1) order by seq desc limit 1",
        (version, choice),
    )
    oldest = "select * from snapshots where version = ? order by seq limit 1"
    return _opened(before or store.row(oldest, (version,)))


def newest_choice(store: Store) -> int:
    """The number of the newest choice in the log; 0: there is none."""
    row = store.row("select max(choice) as choice from log where choice is not null")
    return 0 if row is None or row["choice"] is None else int(row["choice"])


def cursor(store: Store) -> int:
    """How far the feed of outcomes was read."""
    row = store.row("select seq from cursors where feed = 'outcomes'")
    return 0 if row is None else int(row["seq"])


def move_cursor(store: Store, seq: int) -> None:
    """It was read up to there."""
    store.run("insert or replace into cursors (feed, seq) values ('outcomes', ?)", (seq,))


def add_choice(store: Store, asked: ChooseStrategy, band: str, chosen: Chosen, at_ms: int) -> None:
    """A choice was made."""
    store.run(
        "insert into choices (choice, at_ms, intent, band, strategy, role, why, task_id, verifies)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            chosen.number,
            at_ms,
            asked.intent,
            band,
            None if chosen.strategy is None else chosen.strategy.id,
            chosen.role,
            chosen.why,
            asked.task_id,
            int(asked.verifies),
        ),
    )


def choice(store: Store, number: int) -> Choice | None:
    """One choice and what it counts for by now."""
    row = store.row(
        "select choice as number, strategy, task_id, ended_ms is not null as ended, lead, result,"
        " x, weight from choices where choice = ?",
        (number,),
    )
    return None if row is None else Choice(**{**row, "ended": bool(row["ended"])})


def end_choice(store: Store, event: Ended, lead: str, result: str, verified_by: str | None) -> None:
    """What came of it."""
    store.run(
        "update choices set ended_ms = ?, lead = ?, result = ?, x = ?, weight = ?, cost_usd = ?,"
        " latency_ms = ?, verified_by = ? where choice = ?",
        (
            event.at_ms,
            lead,
            result,
            event.x,
            0.0 if event.x is None else event.weight,
            event.cost_usd,
            event.latency_ms,
            verified_by,
            event.choice,
        ),
    )


def amend_choice(store: Store, event: Amended, verified_by: str | None) -> None:
    """Later evidence said otherwise."""
    store.run(
        "update choices set x = ?, weight = ?, verified_by = ? where choice = ?",
        (event.x, event.weight, verified_by, event.choice),
    )


def add_evidence(store: Store, number: int) -> None:
    """One more verified trial of that choice's intent."""
    store.run(
        "insert into evidence (intent, verified) select intent, 1 from choices where choice = ?"
        " on conflict (intent) do update set verified = verified + 1",
        (number,),
    )


def ripe_intents(store: Store, least: int) -> list[str]:
    """Intents with at least so many verified trials since they last evolved."""
    rows = store.rows(
        "select intent from evidence where verified - evolved >= ? order by intent", (least,)
    )
    return [row["intent"] for row in rows]


def evidence_used(store: Store, intent: str) -> None:
    """It has evolved over what there is."""
    store.run("update evidence set evolved = verified where intent = ?", (intent,))


def is_news(store: Store, event: Event) -> bool:
    """Whether the newest event of its kind, if the log goes back so far, says anything else."""
    row = store.row(
        "select event from log where kind = ? order by seq desc limit 1", (kind_of(event),)
    )
    said = json.loads(json.dumps(to_json(event)))
    return row is None or json.loads(row["event"]) | {"at_ms": event.at_ms} != said


def find_strategy(store: Store, id: str) -> Row | None:
    """One strategy."""
    return store.row("select * from strategies where id = ?", (id,))


def prune(store: Store, before_ms: int) -> bool:
    """Delete what is older, of the log only what a later snapshot holds; True: more is left."""
    bound = store.row("select max(seq) as seq from snapshots where at_ms < ?", (before_ms,))
    deleted = 0
    if bound is not None and bound["seq"] is not None:
        deleted = store.run(
            "delete from log where seq in (select seq from log where seq <= ? limit ?)",
            (bound["seq"], LOG_ROWS),
        )
        store.run("delete from snapshots where seq < ?", (bound["seq"],))
    gone = store.run(
        "delete from choices where choice in (select choice from choices where at_ms < ? limit ?)",
        (before_ms, LOG_ROWS),
    )
    told = store.run(
        "delete from lineage where id in (select id from lineage where at_ms < ?"  # noqa: S608
        f" and what not in {_LASTING} limit ?)",
        (before_ms, LOG_ROWS),
    )
    return max(deleted, gone, told) >= LOG_ROWS


def _opened(row: Row | None) -> Row | None:
    return None if row is None else {**row, "state": zlib.decompress(row["state"]).decode()}
