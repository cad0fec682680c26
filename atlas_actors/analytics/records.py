"""The SQL of analytics.db but for adjustments."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from atlas_actors.analytics.findings import ActorHealth, Health
from atlas_actors.analytics.parts import Part
from atlas_actors.analytics.tally import WAITED_S, Tally, total
from atlas_actors.store import Row, Store

HOUR_MS: Final = 3_600_000
PARTS_MAX: Final = 200  # of one kind; what comes then is counted together
OTHERS: Final = "(others)"


def mark(store: Store, name: str) -> str | None:
    """A value that is kept."""
    row = store.row("select value from marks where name = ?", (name,))
    return None if row is None else str(row["value"])


def set_mark(store: Store, name: str, value: object) -> None:
    """Keep a value."""
    store.run(
        "insert into marks (name, value) values (?, ?)"
        " on conflict (name) do update set value = excluded.value",
        (name, str(value)),
    )


def counted_as(store: Store, part: Part) -> Part:
    """The part that it is counted for: a kind has room for so many."""
    known = store.row(
        "select 1 from hours where kind = ? and part = ? limit 1", (part.kind, part.name)
    )
    if known is None:
        row = store.row("select count(distinct part) as n from hours where kind = ?", (part.kind,))
        if row is not None and row["n"] >= PARTS_MAX:
            return Part(kind=part.kind, name=OTHERS)
    return part


def add(store: Store, part: Part, hour: int, more: Tally) -> None:
    """Count more in an hour of a part."""
    key = (part.kind, part.name, hour)
    row = store.row("select tally from hours where kind = ? and part = ? and hour = ?", key)
    tally = Tally() if row is None else Tally.from_json(row["tally"])
    store.run(
        "insert into hours (kind, part, hour, tally) values (?, ?, ?, ?)"
        " on conflict (kind, part, hour) do update set tally = excluded.tally",
        (*key, tally.add(more).to_json()),
    )


def seen(store: Store, part: Part, from_ms: int, to_ms: int | None = None) -> Tally:
    """What was counted for a part in the hours that began at `from_ms` or later, and before
    `to_ms`."""
    rows = store.rows(
        "select tally from hours where kind = ?1 and part = ?2 and hour >= ?3"
        " and (?4 is null or hour < ?4)",
        (part.kind, part.name, _first_hour(from_ms), _first_hour(to_ms)),
    )
    return total(Tally.from_json(row["tally"]) for row in rows)


def healths(store: Store, now_ms: int, window_ms: int) -> list[Health]:
    """Every part that anything is known of in the last two windows."""
    begin, middle = _first_hour(now_ms - 2 * window_ms), _first_hour(now_ms - window_ms)
    found: dict[tuple[str, str], tuple[Tally, Tally]] = {}
    for row in store.rows(
        "select kind, part, hour, tally from hours where hour >= ? order by kind, part", (begin,)
    ):
        now, before = found.setdefault((row["kind"], row["part"]), (Tally(), Tally()))
        (now if row["hour"] >= (middle or 0) else before).add(Tally.from_json(row["tally"]))
    return [
        Health(part=Part(kind=kind, name=name), now=now, before=before)  # type: ignore[arg-type]
        for (kind, name), (now, before) in found.items()
    ]


def health_of(store: Store, part: Part, now_ms: int, window_ms: int) -> Health:
    """One part, now and before."""
    middle_ms = now_ms - window_ms
    return Health(
        part=part,
        now=seen(store, part, middle_ms),
        before=seen(store, part, middle_ms - window_ms, middle_ms),
    )


def publish(store: Store, health: Health, now_ms: int) -> None:
    """Show a part as it is now."""
    now, before = health.now, health.before
    low, high = now.interval
    values = {
        "kind": health.part.kind,
        "part": health.part.name,
        "n": now.n,
        "success": now.good,
        "judged": now.judged,
        "low": low,
        "high": high,
        "infrastructure": now.infrastructure,
        "faults": json.dumps(_shown(now.faults), sort_keys=True),
        "p50_ms": now.percentile_ms(0.5),
        "p90_ms": now.percentile_ms(0.9),
        "p99_ms": now.percentile_ms(0.99),
        "cost_usd": now.cost_usd,
        "before_success": before.good,
        "before_judged": before.judged,
        "before_p90_ms": before.percentile_ms(0.9),
        "at_ms": now_ms,
    }
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    store.run(f"insert or replace into health ({names}) values ({marks})", values)  # noqa: S608


def unpublish_older(store: Store, at_ms: int) -> None:
    """What was not shown anew has no outcome in two windows."""
    store.run("delete from health where at_ms < ?", (at_ms,))


# Hiccups.


def hiccup_before(store: Store, task: str, attempt: int) -> str | None:
    """The provider at which the attempt before had a hiccup; it is told once."""
    key = (task, attempt - 1)
    row = store.row("select provider from hiccups where task = ? and attempt = ?", key)
    if row is not None:
        store.run("delete from hiccups where task = ? and attempt = ?", key)
    return None if row is None else str(row["provider"])


def add_hiccup(store: Store, task: str, attempt: int, provider: str, at_ms: int) -> None:
    """An attempt had one."""
    store.run(
        "insert or replace into hiccups (task, attempt, provider, at_ms) values (?, ?, ?, ?)",
        (task, attempt, provider, at_ms),
    )


# Actors.


def known_actors(store: Store) -> dict[str, Row]:
    """What was last seen of each."""
    rows = store.rows("select name, epoch, restarts, state, reason, cure from actors")
    return {row["name"]: row for row in rows}


def keep_actor(store: Store, values: Mapping[str, Any]) -> None:
    """What is seen of one now: name, epoch, restarts, state, reason, cure, waiting, in_hand_ms,
    at_ms."""
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    store.run(f"insert or replace into actors ({names}) values ({marks})", values)  # noqa: S608


def forget_actor(store: Store, name: str) -> None:
    """It is not there any more."""
    store.run("delete from actors where name = ?", (name,))


def actor_healths(store: Store) -> list[ActorHealth]:
    """What was last seen of each."""
    return [
        ActorHealth(name=name, state=row["state"], reason=row["reason"], cure=row["cure"])
        for name, row in known_actors(store).items()
    ]


# Looks.


def add_look(store: Store, at_ms: int, evidence: str, report: Mapping[str, Any]) -> int:
    """Keep what a look has found; its number."""
    row = store.row(
        "insert into looks (at_ms, seen, report) values (?, ?, ?) returning id",
        (at_ms, evidence, json.dumps(report, ensure_ascii=False)),
    )
    assert row is not None
    return int(row["id"])


def newest_look(store: Store) -> Row | None:
    """The last one that found new evidence: id, at_ms, seen, report."""
    return store.row("select id, at_ms, seen, report from looks order by id desc limit 1")


# What was told.


def told(store: Store, what: str) -> set[str]:
    """The marks of what others have heard already."""
    return {row["mark"] for row in store.rows("select mark from told where what = ?", (what,))}


def keep_told(store: Store, what: str, mark: str, now_ms: int) -> None:
    """They have heard it."""
    store.run(
        "insert or ignore into told (what, mark, at_ms) values (?, ?, ?)", (what, mark, now_ms)
    )


def forget_told(store: Store, what: str, mark: str) -> None:
    """When it is so again, it is news."""
    store.run("delete from told where what = ? and mark = ?", (what, mark))


def prune(store: Store, before_ms: int, rows: int) -> int:
    """Delete what is older than that, at most so many rows of each; the most that were deleted."""
    return max(_prune(store, before_ms, rows))


def _prune(store: Store, before_ms: int, rows: int) -> Iterator[int]:
    yield store.run(
        "delete from hours where (kind, part, hour) in"
        " (select kind, part, hour from hours where hour < ? limit ?)",
        (before_ms // HOUR_MS, rows),
    )
    yield store.run(
        "delete from hiccups where (task, attempt) in"
        " (select task, attempt from hiccups where at_ms < ? limit ?)",
        (before_ms, rows),
    )
    yield store.run(
        "delete from looks where id in (select id from looks where at_ms < ? limit ?)",
        (before_ms, rows),
    )
    # The newest that was kept of a knob holds, however old it is.
    yield store.run(
        "delete from adjustments where id in (select id from adjustments as one"
        " where ended_ms < ? and (state <> 'kept' or exists (select 1 from adjustments"
        " where knob = one.knob and id > one.id and state in ('applied', 'kept'))) limit ?)",
        (before_ms, rows),
    )


def _shown(faults: Mapping[str, int]) -> dict[str, int]:
    return {fault: times for fault, times in faults.items() if fault != WAITED_S and times > 0}


def _first_hour(at_ms: int | None) -> int | None:
    return None if at_ms is None else -(-at_ms // HOUR_MS)
