"""Offers tasks without a lane to the orchestrator, the most urgent first, a bounded number."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from atlas_actors.actor import Place
from atlas_actors.messages import paths
from atlas_actors.messages.task import TaskQueued
from atlas_actors.store import Row, Store
from atlas_actors.tasks import claims, rows
from atlas_actors.tasks.order import PRIORITIES

# Tasks that the orchestrator is told of at a time; each of its restarts has them told again, so
# few of them keep a storm of restarts from becoming a storm of mail.
OFFERED_MAX: Final = 64
# So many wait with a route, and so many more for a lane that is closed or for nobody; the others
# are routed when these have begun. A change of lanes, which has those who may go elsewhere routed
# anew, costs the same however long the queue is.
ROUTED_MAX: Final = 10_000
CLOSED_MAX: Final = 50_000


class Desk(Protocol):
    """What of the actor is needed here."""

    store: Store
    place: Place

    def tell(self, path: str, message: Any) -> None: ...

    def wake(self, delay_s: float) -> None: ...


class Offers:
    """Which tasks the orchestrator has been told of, and how many have a route."""

    def __init__(self, desk: Desk, is_open: Callable[[str | None], bool]) -> None:
        self._desk = desk
        self._is_open = is_open
        self._offered: set[str] = set()
        self._outdated: set[str] = set()  # of those, whose request was replaced meanwhile
        # Pending tasks with a route, by whether their lane is open.
        self._routed = {True: 0, False: 0}

    def forget(self) -> None:
        """The orchestrator is new: it has heard of nothing."""
        self._offered.clear()
        self._outdated.clear()

    def count(self) -> None:
        """Count anew what the rows say."""
        self._routed = {True: 0, False: 0}
        for lane, count in claims.routed_counts(self._desk.store).items():
            self._routed[self._is_open(lane)] += count

    def answered(self, id: str) -> bool:
        """It has said where this one goes; False: it was asked about a request that is replaced."""
        self._offered.discard(id)
        current = id not in self._outdated
        self._outdated.discard(id)
        return current

    def replaced(self, row: Row) -> None:
        """A pending task (id, routed, lane) has another request: it has no route."""
        self.left(row)
        if row["id"] in self._offered:
            self._outdated.add(row["id"])

    def entered(self, lane: str | None) -> None:
        """One more pending task has a route, to this lane or (None) to nobody yet."""
        self._routed[self._is_open(lane)] += 1

    def left(self, row: Row) -> None:
        """A pending task (routed, lane) has begun, or is not pending any more."""
        if row["routed"]:
            self._routed[self._is_open(row["lane"])] -= 1

    def offer(self) -> int:
        """Tell of those that are due and have no lane; how many."""
        if len(self._offered) >= OFFERED_MAX:
            return 0
        before, now_ms = len(self._offered), self._desk.place.clock.now_ms()
        for head in claims.unrouted(self._desk.store, OFFERED_MAX, now_ms):
            if head["id"] in self._offered:
                continue
            full = self._routed[True] >= ROUTED_MAX or self._routed[False] >= CLOSED_MAX
            if full and head["priority"] < PRIORITIES["high"]:
                break  # the more urgent come first, and are always routed
            self._offered.add(head["id"])
            row = claims.to_offer(self._desk.store, head["id"])
            route = rows.route_of(row) if row["route"] is not None else None
            queued = TaskQueued(
                task_id=row["id"],
                request=rows.request_of(row),
                progress=rows.progress_of(row),
                spent_usd=row["spent_usd"],
                strategy=route.strategy if route else None,
                choice=route.choice if route else None,
                answered=row["answers_asked"] > 0,
            )
            self._desk.tell(paths.ORCHESTRATOR, queued)
        due_ms = claims.next_due_ms(self._desk.store, None, now_ms)
        if due_ms is not None:
            self._desk.wake((due_ms - now_ms) / 1000)
        return len(self._offered) - before
