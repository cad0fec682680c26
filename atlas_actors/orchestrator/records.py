"""The SQL of orchestrator.db."""

import json

import attrs

from atlas_actors.messages.routing import Route
from atlas_actors.store import Row, Store


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
    store.run("delete from recalled where at_ms < ?", (before_ms,))


def spent_on(store: Store, day: str) -> list[Row]:
    """Each provider's sums of a local day."""
    return store.rows("select provider, usd, tokens from spent where day = ?", (day,))


def add_spent(store: Store, day: str, provider: str, usd: float, tokens: int) -> None:
    """Add to a provider's sums of a day."""
    store.run(
        "insert into spent values (?, ?, ?, ?) on conflict (day, provider) do update"
        " set usd = usd + excluded.usd, tokens = tokens + excluded.tokens",
        (day, provider, usd, tokens),
    )


def reserve(
    store: Store, attempt: tuple[str, int], provider: str, usd: float, tokens: int, at_ms: int
) -> None:
    """Set the worst case of a call aside."""
    store.run(
        "insert or replace into reservations values (?, ?, ?, ?, ?, ?)",
        (*attempt, provider, usd, tokens, at_ms),
    )


def release(store: Store, attempt: tuple[str, int]) -> None:
    """A call is over."""
    store.run("delete from reservations where task_id = ? and attempt = ?", attempt)


def reservations(store: Store) -> list[Row]:
    """The calls under way."""
    return store.rows("select task_id, attempt, provider, usd, tokens from reservations")


def keep_answer(store: Store, key: str, answer: str, verified_by: str, until_ms: int) -> None:
    """An answer that may be given again until then."""
    store.run(
        "insert or replace into answers values (?, ?, ?, ?)", (key, answer, verified_by, until_ms)
    )


def kept_answer(store: Store, key: str, now_ms: int) -> Row | None:
    """The answer of an exact request, if it may still be given."""
    return store.row(
        "select answer, verified_by from answers where key = ? and until_ms > ?", (key, now_ms)
    )


def prune_answers(store: Store, now_ms: int) -> None:
    """Delete answers whose time is over."""
    store.run("delete from answers where until_ms <= ?", (now_ms,))


def keep_recalled(store: Store, task_id: str, attempt: int, ids: list[str], at_ms: int) -> None:
    """Which memories were put before an attempt's prompt."""
    store.run(
        "insert or replace into recalled values (?, ?, ?, ?)",
        (task_id, attempt, json.dumps(ids), at_ms),
    )


def recalled_ids(store: Store, task_id: str, attempt: int) -> list[str]:
    """The memories that an attempt was given."""
    row = store.row(
        "select ids from recalled where task_id = ? and attempt = ?", (task_id, attempt)
    )
    return [] if row is None else list(json.loads(row["ids"]))
