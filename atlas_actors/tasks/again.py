"""Tells again what outcomes may have missed."""

from typing import Any, Final, Protocol

from atlas_actors.actor import Place
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import OutcomesWanted
from atlas_actors.store import Store
from atlas_actors.tasks import claims, settled
from atlas_actors.tasks.outcome import outcomes_again

PAGE: Final = 200  # attempts at a time: other mail does not wait for all of them


class Desk(Protocol):
    """What of the actor is needed here."""

    place: Place
    store: Store

    def tell(self, path: str, message: Any) -> None: ...

    def after(self, delay_s: float, message: Any) -> None: ...


def tell_again(desk: Desk, wanted: OutcomesWanted) -> None:
    """A page of what attempts and tasks came to since then, and the order to go on after it; with
    the first what people have decided on their changes."""
    rows = claims.ended_since(desk.store, wanted.since_ms, wanted.after, PAGE)
    for row in rows:
        attempts = claims.attempts_of(desk.store, row["id"], row["fresh_from"])
        for outcome in outcomes_again(row, attempts):
            desk.tell(paths.OUTCOMES, outcome)
    if len(rows) == PAGE:
        last = rows[-1]
        after = (last["id"], last["number"])
        desk.after(0.0, OutcomesWanted(since_ms=last["ended_ms"], after=after))
    if wanted.after == ("", 0):
        settled.tell_again(desk, wanted.since_ms)
