"""The SQL of router.db."""

import struct
import zlib
from collections.abc import Iterable

from atlas_actors.messages.routing import Classify, Pin, Route
from atlas_actors.router.sessions import Session
from atlas_actors.router.trust import Record
from atlas_actors.store import Row, Store

CORRECTIONS_MAX = 10_000


def packed(features: Iterable[str]) -> bytes:
    """CRC-32 of each feature: enough to train on, too little to read a prompt from."""
    hashes = [zlib.crc32(feature.encode()) for feature in features]
    return struct.pack(f"<{len(hashes)}I", *hashes)


def add(
    store: Store,
    asked: Classify,
    route: Route,
    features: Iterable[str],
    language: str,
    at_ms: int,
    took_us: int,
) -> None:
    """Keep a decision."""
    store.run(
        "insert into decisions (id, at_ms, task_id, session, client, characters, layer, rule,"
        " intent, confidence, abstained, tier, complexity, difficulty, mode, reason, took_us,"
        " features, session_rule, agent, language)"
        " values (?, ?, null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            packed(features),
            route.session_rule or None,
            route.agent,
            language,
        ),
    )


def choose(
    store: Store, id: str, provider: str | None, estimated_usd: float, task_id: str | None
) -> None:
    """Note what a decision led to; its session goes on with that provider."""
    store.run(
        "update decisions set provider = ?, estimated_usd = ?, task_id = coalesce(?, task_id)"
        " where id = ?",
        (provider, estimated_usd, task_id, id),
    )
    if provider is not None:
        store.run(
            "update sessions set provider = ?"
            " where session = (select session from decisions where id = ?)",
            (provider, id),
        )


def spend(store: Store, id: str, cost_usd: float, duration_ms: int, success: bool | None) -> None:
    """Note what the routed work cost so far, and its outcome once it is over."""
    outcome = None if success is None else "success" if success else "failure"
    store.run(
        "update decisions set cost_usd = coalesce(cost_usd, 0) + ?,"
        " duration_ms = coalesce(duration_ms, 0) + ?, outcome = coalesce(?, outcome) where id = ?",
        (cost_usd, duration_ms, outcome, id),
    )


def session(store: Store, id: str) -> Session | None:
    """What is known of a session."""
    row = store.row(
        "select intent, tier, provider, at_ms, characters from sessions where session = ?", (id,)
    )
    return None if row is None else Session(**row)


def keep_session(store: Store, id: str, known: Session) -> None:
    """Note a session's turn."""
    store.run(
        "insert into sessions (session, at_ms, intent, tier, provider, characters)"
        " values (?, ?, ?, ?, ?, ?) on conflict (session) do update set at_ms = excluded.at_ms,"
        " intent = excluded.intent, tier = excluded.tier, provider = excluded.provider,"
        " characters = excluded.characters",
        (id, known.at_ms, known.intent, known.tier, known.provider, known.characters),
    )


def decision(store: Store, id: str) -> Row | None:
    """What a correction needs to know of a decision."""
    return store.row("select id, layer, rule, intent, features from decisions where id = ?", (id,))


def correction(store: Store, id: str) -> str | None:
    """The intent that a person gave to a decision before."""
    row = store.row("select intent from corrections where route_id = ?", (id,))
    return None if row is None else str(row["intent"])


def correct(store: Store, known: Row, intent: str, at_ms: int) -> None:
    """Keep what a decision should have been; a second word on it replaces the first."""
    store.run(
        "insert or replace into corrections (route_id, at_ms, layer, rule, said, intent, features)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (
            known["id"],
            at_ms,
            known["layer"],
            known["rule"],
            known["intent"],
            intent,
            known["features"] or b"",
        ),
    )


def rule_records(store: Store) -> dict[str, Record]:
    """Every rule's lived record."""
    rows = store.rows("select rule, right_count, wrong_count from rule_records")
    return {row["rule"]: Record(right=row["right_count"], wrong=row["wrong_count"]) for row in rows}


def learn(store: Store, rule: str, evidence: Record, at_ms: int) -> None:
    """Add to a rule's lived record."""
    store.run(
        "insert into rule_records values (?1, ?2, ?3, ?4) on conflict (rule) do update set"
        " right_count = max(0, right_count + ?2), wrong_count = max(0, wrong_count + ?3),"
        " at_ms = ?4",
        (rule, evidence.right, evidence.wrong, at_ms),
    )


def pins(store: Store) -> tuple[Pin, ...]:
    """All pins."""
    return tuple(
        Pin(**row) for row in store.rows("select scope, name, provider from pins order by 1, 2")
    )


def pin(store: Store, scope: str, name: str, provider: str | None, at_ms: int) -> None:
    """Pin a scope to a provider; None takes the pin away."""
    if provider is None:
        store.run("delete from pins where scope = ? and name = ?", (scope, name))
    else:
        store.run("insert or replace into pins values (?, ?, ?, ?)", (scope, name, provider, at_ms))


def prune(store: Store, before_ms: int) -> None:
    """Delete decisions and sessions older than that; of corrections the newest are kept."""
    store.run("delete from decisions where at_ms < ?", (before_ms,))
    store.run("delete from sessions where at_ms < ?", (before_ms,))
    store.run("delete from pins where scope = 'session' and at_ms < ?", (before_ms,))
    store.run(
        "delete from corrections where route_id in"
        " (select route_id from corrections order by at_ms desc limit -1 offset ?)",
        (CORRECTIONS_MAX,),
    )
