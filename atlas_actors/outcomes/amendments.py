"""The SQL of amendments: what was found of an outcome later, and what stands."""

from atlas_actors.messages.outcome import AmendOutcome
from atlas_actors.outcomes import feed
from atlas_actors.outcomes.standing import Finding, strongest
from atlas_actors.store import Row, Store


def find(store: Store, *, id: str | None, key: str | None) -> Row | None:
    """The outcome with this id, or with this key: id, infrastructure, result, verified_by as they
    stand."""
    return store.row(
        "select id, infrastructure, coalesce(now_result, result) as result,"
        " coalesce(now_verified_by, verified_by) as verified_by"
        " from outcomes where id = coalesce(?1, (select id from outcomes where key = ?2))",
        (id, key),
    )


def add(store: Store, outcome_id: str, amendment: AmendOutcome, at_ms: int) -> bool:
    """Keep an amendment once; whether another result or proof stands now."""
    _insert(store, outcome_id, None, amendment, at_ms)
    return settle(store, outcome_id)


def hold(store: Store, amendment: AmendOutcome, at_ms: int) -> None:
    """Keep an amendment for the outcome that will be recorded with its key."""
    _insert(store, None, amendment.key, amendment, at_ms)


def take_held(store: Store, outcome_id: str, key: str) -> bool:
    """Give an outcome that has just been recorded what was found of it before; as `add`."""
    taken = store.run(
        "update amendments set outcome_id = ?, key = null where key = ?", (outcome_id, key)
    )
    return bool(taken) and settle(store, outcome_id)


def drop_held(store: Store, key: str) -> None:
    """Forget what was held for an outcome that nothing amends."""
    store.run("delete from amendments where key = ?", (key,))


def settle(store: Store, outcome_id: str) -> bool:
    """Let the strongest finding stand; whether that is another result or proof than before."""
    (outcome,) = store.rows(
        "select result, verified_by, at_ms, coalesce(now_result, result) as stood,"
        " coalesce(now_verified_by, verified_by) as stood_by from outcomes where id = ?",
        (outcome_id,),
    )
    first = Finding(
        result=outcome["result"],
        verified_by=outcome["verified_by"],
        reason="",
        at_ms=outcome["at_ms"],
    )
    rows = store.rows(
        "select result, verified_by, reason, at_ms, number from amendments where outcome_id = ?",
        (outcome_id,),
    )
    best = strongest([first, *(Finding(**row) for row in rows)])
    if (best.result, best.verified_by) == (outcome["stood"], outcome["stood_by"]):
        return False
    store.run(
        "update amendments set seq = ?, before = ? where number = ?",
        (feed.advance(store), outcome["stood"], best.number),
    )
    store.run(
        "update outcomes set now_result = ?, now_verified_by = ? where id = ?",
        (best.result, best.verified_by, outcome_id),
    )
    return True


def _insert(
    store: Store, outcome_id: str | None, key: str | None, amendment: AmendOutcome, at_ms: int
) -> None:
    store.run(
        "insert or ignore into amendments (outcome_id, key, at_ms, result, verified_by, reason)"
        " values (?, ?, ?, ?, ?, ?)",
        (outcome_id, key, at_ms, amendment.result, amendment.verified_by, amendment.reason),
    )
