"""The SQL of router.db."""

import json
import struct
import zlib
from collections.abc import Iterable

from atlas_actors.messages.routing import Classify, Pin, Route
from atlas_actors.router.decide import Decision
from atlas_actors.router.sessions import Session
from atlas_actors.router.trust import Lived, Record
from atlas_actors.store import Reader, Row, Store

CORRECTIONS_MAX = 10_000


def packed(features: Iterable[str]) -> bytes:
    """CRC-32 of each feature: enough to train on, too little to read a prompt from."""
    hashes = [zlib.crc32(feature.encode()) for feature in features]
    return struct.pack(f"<{len(hashes)}I", *hashes)


def add(
    store: Store,
    asked: Classify,
    route: Route,
    decision: Decision,
    at_ms: int,
    took_us: int,
) -> None:
    """Keep a decision."""
    store.run(
        "insert into decisions (id, at_ms, task_id, session, client, characters, layer, rule,"
        " intent, confidence, abstained, tier, complexity, difficulty, mode, reason, took_us,"
        " features, session_rule, agent, language, passed_over)"
        " values (?, ?, null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            packed(decision.features),
            route.session_rule or None,
            route.agent,
            decision.ask.language,
            json.dumps(decision.passed_over) if decision.passed_over else None,
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


def decided(store: Store, id: str) -> Row | None:
    """What a correction and an outcome need to know of a decision."""
    return store.row(
        "select id, layer, rule, intent, provider, features, passed_over from decisions"
        " where id = ?",
        (id,),
    )


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


def rule_records(store: Store | Reader) -> dict[str, Lived]:
    """What every rule has lived."""
    return {
        row["rule"]: Lived(
            told=Record(right=row["told_right"], wrong=row["told_wrong"]),
            witnessed=Record(right=row["witnessed_right"], wrong=row["witnessed_wrong"]),
        )
        for row in store.rows("select * from inspect_rules")
    }


def keep_rule(store: Store, rule: str, lived: Lived, at_ms: int) -> None:
    """Keep what a rule has lived."""
    told, seen = lived.told, lived.witnessed
    store.run(
        "insert or replace into rule_records values (?, ?, ?, ?, ?, ?)",
        (rule, told.right, told.wrong, seen.right, seen.wrong, at_ms),
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
    store.run(
        "delete from pins where scope = 'session' and at_ms < ?"
        " and name not in (select session from sessions)",
        (before_ms,),
    )
    store.run(
        "delete from corrections where route_id in"
        " (select route_id from corrections order by at_ms desc limit -1 offset ?)",
        (CORRECTIONS_MAX,),
    )
