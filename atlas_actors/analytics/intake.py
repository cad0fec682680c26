"""Counts outcomes for their parts: each once, with the number of the last in the same commit."""

from collections.abc import Sequence
from typing import Final

from atlas_actors.analytics import adjustments, records
from atlas_actors.analytics.parts import Part, parts_of, timed_for
from atlas_actors.analytics.records import HOUR_MS
from atlas_actors.analytics.tally import (
    FULL,
    RETRIED,
    RETRY_HELPED,
    TIMED_OUT,
    Tally,
    fault_of,
)
from atlas_actors.messages.outcome import TOLD_BY, KeptOutcome, OutcomeBatch
from atlas_actors.store import Store

SEQ: Final = "seq"
_HICCUPS: Final = frozenset({"network", "server"})


def seq(store: Store) -> int:
    """The number of the last outcome that is counted."""
    return int(records.mark(store, SEQ) or 0)


def take(store: Store, batch: OutcomeBatch) -> set[Part]:
    """Count what is new in it; the parts that it is about."""
    counted = seq(store)
    new = [outcome for outcome in batch.outcomes if outcome.seq > counted]
    tallies: dict[tuple[Part, int], Tally] = {}
    for outcome in new:
        notes = _notes(store, outcome)
        for part in parts_of(outcome):
            tally = tallies.setdefault((part, outcome.at_ms // HOUR_MS), Tally())
            tally.count(timed_for(part, outcome))
            for note in notes:
                tally.note(note)
    touched = set()
    for (part, hour), tally in tallies.items():
        place = records.counted_as(store, part)
        records.add(store, place, hour, tally)
        touched.add(place)
    _measure(store, new)
    records.set_mark(store, SEQ, max(counted, batch.upto))
    return touched


def _notes(store: Store, outcome: KeptOutcome) -> list[str]:
    """What else an outcome says: whether trying again helped, whether a budget was full."""
    if outcome.before is not None or TOLD_BY in outcome.context:
        return []
    if outcome.kind == "recall":
        return [FULL] if outcome.context.get("full") else []
    task, _, number = outcome.action.rpartition("/")
    provider = outcome.context.get("provider")
    if outcome.kind != "attempt" or not number.isdecimal() or not isinstance(provider, str):
        return []
    attempt, fault, notes = int(number), fault_of(outcome), []
    if records.hiccup_before(store, task, attempt) == provider:
        helped = fault not in _HICCUPS and fault != TIMED_OUT
        notes = [RETRIED, RETRY_HELPED] if helped else [RETRIED]
    if fault in _HICCUPS:
        records.add_hiccup(store, task, attempt, provider, outcome.at_ms)
    return notes


def _measure(store: Store, new: Sequence[KeptOutcome]) -> None:
    """What began after an adjustment was applied tells what it does."""
    applied = adjustments.in_state(store, "applied")
    if applied is None or applied.applied_ms is None:
        return
    tally, counted = applied.tally_after, 0
    for outcome in new:
        began_ms = outcome.at_ms - (outcome.duration_ms or 0)
        later = began_ms >= applied.applied_ms and outcome.before is None
        if later and applied.scope in parts_of(outcome):
            tally.count(timed_for(applied.scope, outcome))
            counted += 1
    if counted:
        adjustments.measure(store, applied.id, tally)
