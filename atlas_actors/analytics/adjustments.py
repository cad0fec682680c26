"""The SQL of adjustments: what was turned, why, and what came of it."""

import json
from typing import Any, Final, Literal

import attrs

from atlas_actors.analytics.parts import Part
from atlas_actors.analytics.rules import Wish
from atlas_actors.analytics.tally import Tally
from atlas_actors.messages.feedback import AdjustmentChanged
from atlas_actors.store import Row, Store

State = Literal["proposed", "applied", "kept", "undone", "rejected", "expired"]
By = Literal["rule", "person", "measured", "settings"]
HOLDING: Final = ("applied", "kept")


@attrs.frozen(kw_only=True)
class Adjustment:
    """One, as it stands."""

    id: int
    knob: str
    scope: Part
    before: float
    after: float
    setting: float
    why: str
    evidence_n: int
    state: State
    by: By
    result: str
    tally_before: Tally
    tally_after: Tally
    made_ms: int
    applied_ms: int | None
    ended_ms: int | None

    @property
    def changed(self) -> AdjustmentChanged:
        """As people are told."""
        return AdjustmentChanged(
            id=self.id, state=self.state, knob=self.knob, before=self.before, after=self.after
        )

    def shown(self) -> dict[str, Any]:
        """As a report has it."""
        return {
            "id": self.id,
            "knob": self.knob,
            "before": self.before,
            "after": self.after,
            "state": self.state,
            "why": self.why,
            "result": self.result,
        }


def add(store: Store, wish: Wish, state: State, seen: Tally, now_ms: int) -> Adjustment:
    """Keep a new one: proposed, or applied at once."""
    row = store.row(
        "insert into adjustments (knob, scope_kind, scope_part, before, after, setting, why,"
        " numbers, evidence_n, state, by, tally_before, tally_after, made_ms, applied_ms)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'rule', ?, ?, ?, ?) returning id",
        (
            wish.knob.name,
            wish.scope.kind,
            wish.scope.name,
            wish.knob.value,
            wish.after,
            wish.knob.default,
            wish.why,
            json.dumps(wish.numbers),
            int(wish.numbers.get("n", 0)),
            state,
            seen.to_json(),
            Tally().to_json(),
            now_ms,
            now_ms if state == "applied" else None,
        ),
    )
    assert row is not None
    found = one(store, row["id"])
    assert found is not None
    return found


def one(store: Store, id: int) -> Adjustment | None:
    """The one with this number."""
    row = store.row("select * from adjustments where id = ?", (id,))
    return None if row is None else _of(row)


def in_state(store: Store, state: State) -> Adjustment | None:
    """The one that is proposed, or that is applied and being measured."""
    row = store.row("select * from adjustments where state = ? order by id desc", (state,))
    return None if row is None else _of(row)


def holding(store: Store) -> dict[str, Adjustment]:
    """The newest that holds of each knob that was turned."""
    rows = store.rows(
        "select * from adjustments where id in (select max(id) from adjustments"
        " where state in ('applied', 'kept') group by knob)"
    )
    return {row["knob"]: _of(row) for row in rows}


def drop(store: Store, knob: str, why: str, now_ms: int) -> None:
    """The settings hold: none of this knob's does any more."""
    store.run(
        "update adjustments set state = 'undone', by = 'settings', ended_ms = ?,"
        " result = result || iif(result = '', '', '; then: ') || ?"
        " where knob = ? and state in ('applied', 'kept')",
        (now_ms, why, knob),
    )


def last_given_up(store: Store, knob: str, *, up: bool) -> Adjustment | None:
    """The last in this direction that was undone or rejected, by a person or by what it did."""
    row = store.row(
        "select * from adjustments where knob = ?1 and (after > before) = ?2"
        " and state in ('undone', 'rejected') and by in ('person', 'measured')"
        " order by id desc limit 1",
        (knob, int(up)),
    )
    return None if row is None else _of(row)


def changed_ms(store: Store, knob: str) -> int:
    """When the knob was last turned; 0: never."""
    row = store.row(
        "select max(max(coalesce(applied_ms, 0), iif(state = 'undone', ended_ms, 0))) as at_ms"
        " from adjustments where knob = ?",
        (knob,),
    )
    return 0 if row is None else int(row["at_ms"] or 0)


def apply(store: Store, id: int, seen: Tally, now_ms: int) -> None:
    """A person has approved it."""
    store.run(
        "update adjustments set state = 'applied', by = 'person', tally_before = ?, applied_ms = ?"
        " where id = ?",
        (seen.to_json(), now_ms, id),
    )


def measure(store: Store, id: int, after: Tally) -> None:
    """What came since it was applied."""
    store.run("update adjustments set tally_after = ? where id = ?", (after.to_json(), id))


def end(
    store: Store,
    id: int,
    state: State,
    by: By,
    result: str,
    now_ms: int,
    numbers: dict[str, Any] | None = None,
) -> None:
    """It is kept, undone, rejected or expired."""
    store.run(
        "update adjustments set state = ?, by = ?, ended_ms = ?,"
        " result = result || iif(result = '', '', '; then: ') || ?,"
        " measured = coalesce(?, measured) where id = ?",
        (state, by, now_ms, result, None if numbers is None else json.dumps(numbers), id),
    )


def _of(row: Row) -> Adjustment:
    names = (
        "id", "knob", "before", "after", "setting", "why", "evidence_n", "state", "by", "result",
        "made_ms", "applied_ms", "ended_ms",
    )  # fmt: skip
    return Adjustment(
        **{name: row[name] for name in names},
        scope=Part(kind=row["scope_kind"], name=row["scope_part"]),
        tally_before=Tally.from_json(row["tally_before"]),
        tally_after=Tally.from_json(row["tally_after"]),
    )
