"""Looks at the actors of the daemon: how they are, and how often they had to be restarted."""

from atlas_actors.actor import Place
from atlas_actors.analytics import records
from atlas_actors.analytics.findings import RESTARTS
from atlas_actors.analytics.parts import Part
from atlas_actors.analytics.records import HOUR_MS
from atlas_actors.analytics.tally import Tally
from atlas_actors.store import Store

RESTARTS_SEEN = "restarts"


def restarts_seen(store: Store) -> int:
    """Of all actors, ever."""
    return int(records.mark(store, RESTARTS_SEEN) or 0)


def look(store: Store, place: Place, epoch: int) -> set[Part]:
    """Keep how every actor is now; those that were restarted since the last look. `epoch` is the
    daemon's life: each counts anew."""
    known, now_ms, now_s = (
        records.known_actors(store),
        place.clock.now_ms(),
        place.clock.monotonic_s(),
    )
    restarted = set()
    for cell in place.directory:
        name = cell.path.partition("/")[2] or cell.path
        last = known.pop(name, None)
        counted = last["restarts"] if last is not None and last["epoch"] == epoch else 0
        more = max(0, cell.restarts - counted)
        if more:
            part = Part(kind="actor", name=name)
            records.add(store, part, now_ms // HOUR_MS, Tally(faults={RESTARTS: more}))
            records.set_mark(store, RESTARTS_SEEN, restarts_seen(store) + more)
            restarted.add(part)
        since_s = cell.in_hand_since_s
        records.keep_actor(
            store,
            {
                "name": name,
                "epoch": epoch,
                "restarts": cell.restarts,
                "state": cell.state,
                "reason": cell.reason,
                "cure": cell.cure,
                "waiting": len(cell.mailbox),
                "in_hand_ms": 0 if since_s is None else max(0, round((now_s - since_s) * 1000)),
                "at_ms": now_ms,
            },
        )
    for name in known:
        records.forget_actor(store, name)
    return restarted
