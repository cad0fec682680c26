"""The SQL of what the engine says has changed: rows that others may read."""

import json
from collections.abc import Sequence
from typing import Any

from atlas_actors.store import Store
from atlas_actors.strategies.events import Changed, Effect, Noted


def project(store: Store, effects: Sequence[Effect], at_ms: int) -> None:
    """Keep the rows and the story of what follows of one event."""
    for effect in effects:
        match effect:
            case Changed():
                _change(store, effect, at_ms)
            case Noted() if effect.what != "nothing":
                _note(store, effect)


def _note(store: Store, note: Noted) -> None:
    store.run(
        "insert into lineage (at_ms, intent, strategy, what, why, numbers)"
        " values (?, ?, ?, ?, ?, ?)",
        (note.at_ms, note.intent, note.strategy, note.what, note.why, json.dumps(note.numbers)),
    )


def _change(store: Store, change: Changed, at_ms: int) -> None:
    match change.table, change.row:
        case "strategies", dict() as row:
            (id,) = change.key
            _strategy(store, id, row, at_ms)
        case "cells", dict() as row:
            _cell(store, change.key, row)
        case "pairs", dict() as row:
            (child,) = change.key
            _pair(store, child, row)
        case "pareto", row:
            intent, strategy = change.key
            _front(store, intent, strategy, row)
        case table, row:
            raise AssertionError(f"there is no projection {table} of {row}")


def _strategy(store: Store, id: str, row: dict[str, Any], at_ms: int) -> None:
    store.run(
        "insert into strategies (id, intent, genome, lead, state, pinned, operator, parents, why,"
        " numbers, born_ms, changed_ms) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " on conflict (id) do update set state = excluded.state, pinned = excluded.pinned,"
        " changed_ms = excluded.changed_ms",
        (
            id,
            row["intent"],
            json.dumps(row["genome"]),
            row["lead"],
            row["state"],
            int(row["pinned"]),
            row["operator"],
            json.dumps(row["parents"]),
            row["why"],
            json.dumps(row["numbers"]),
            row["born_at_ms"],
            at_ms,
        ),
    )


def _cell(store: Store, key: tuple[str, ...], row: dict[str, Any]) -> None:
    intent, band, strategy = key
    store.run(
        "insert or replace into cells (strategy, band, intent, successes, failures, mean, cost_usd,"
        " latency_ms, drifts, drift_ms) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            strategy,
            band,
            intent,
            row["successes"],
            row["failures"],
            row["mean"],
            row["cost_usd"],
            row["latency_ms"],
            row["drifts"],
            row["drift_at_ms"],
        ),
    )


def _pair(store: Store, child: str, row: dict[str, Any]) -> None:
    store.run(
        "insert or replace into pairs (child, parent, intent, pairs, child_only, parent_only,"
        " evalue, against) values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            child,
            row["parent"],
            row["intent"],
            row["pairs"],
            row["child_only"],
            row["parent_only"],
            row["e_value"],
            row["e_worse"],
        ),
    )


def _front(store: Store, intent: str, strategy: str, row: dict[str, Any] | None) -> None:
    store.run("delete from pareto where intent = ? and strategy = ?", (intent, strategy))
    if row is not None:
        store.run(
            "insert into pareto (intent, strategy, numbers) values (?, ?, ?)",
            (intent, strategy, json.dumps(row)),
        )
