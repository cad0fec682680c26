"""Tells again what outcomes may have missed."""

from typing import Any, Final, Protocol

from atlas_actors.actor import Place
from atlas_actors.messages import paths
from atlas_actors.store import Store
from atlas_actors.tasks import claims, settled
from atlas_actors.tasks.outcome import outcomes_again

OUTCOMES_MAX: Final = 10_000


class Desk(Protocol):
    """What of the actor is needed here."""

    place: Place
    store: Store

    def tell(self, path: str, message: Any) -> None: ...


def tell_again(desk: Desk, since_ms: int) -> None:
    """What attempts and tasks came to since then, and what people have decided on their changes."""
    for row in claims.ended_since(desk.store, since_ms, OUTCOMES_MAX):
        attempts = claims.attempts_of(desk.store, row["id"], row["fresh_from"])
        for outcome in outcomes_again(row, attempts):
            desk.tell(paths.OUTCOMES, outcome)
    settled.tell_again(desk, since_ms)
