"""Ends tasks other than by an answer: cancelled, interrupted, too late, after one that failed."""

import math
from typing import Any, Protocol

from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.errors import Conflict
from atlas_actors.messages import paths
from atlas_actors.messages.execution import End
from atlas_actors.messages.task import (
    UNFINISHED,
    AttemptCancelled,
    AttemptOver,
    TaskChanged,
    TaskState,
)
from atlas_actors.store import Row, Store
from atlas_actors.tasks import claims, dependencies, records
from atlas_actors.tasks.groups import Groups
from atlas_actors.tasks.lanes import Lanes
from atlas_actors.tasks.offers import Offers


class Desk(Protocol):
    """What of the actor is needed here."""

    store: Store
    place: Place

    def tell(self, path: str, message: Any) -> None: ...

    def wake(self, delay_s: float) -> None: ...

    def changed(
        self, row: Row, state: TaskState, before: str, waits_for: str = ""
    ) -> TaskChanged: ...


class Endings:
    """What follows for others when a task is over."""

    def __init__(
        self, desk: Desk, lanes: Lanes, groups: Groups, offers: Offers, *, interruptions_max: int
    ) -> None:
        self._desk = desk
        self._lanes = lanes
        self._groups = groups
        self._offers = offers
        self._interruptions_max = interruptions_max
        self._first_deadline_ms: float | None = None  # of those that wait; None: not known
        self.count = 0  # since somebody has looked whether too many are kept

    def deadlines_changed(self) -> None:
        """Another deadline may be the first."""
        self._first_deadline_ms = None

    def settle(self, row: Row, state: TaskState) -> None:
        """A task has ended: its group has room, and what comes after it begins or will not."""
        self._groups.touch(row["group_name"])
        store, now_ms = self._desk.store, self._desk.place.clock.now_ms()
        ended = [(row["id"], state)]
        while ended:
            id, state = ended.pop()
            self.count += 1
            if state is not TaskState.COMPLETED:
                for doomed in dependencies.doomed_by(store, id):
                    skipped = doomed["if_dead"] == "skip"
                    follows = TaskState.CANCELLED if skipped else TaskState.FAILED
                    reason = f"it comes after {id}, which was not completed: {state}"
                    dependencies.end_unrun(store, doomed["id"], str(follows), reason, now_ms)
                    self._desk.changed(doomed, follows, "pending", reason)
                    self._groups.touch(doomed["group_name"])
                    ended.append((doomed["id"], follows))
            for group in dependencies.recount(store, id):
                self._groups.touch(group)

    def cancel(self, row: Row) -> TaskChanged:
        """A person does not want it. Raises Conflict when it is over."""
        id = row["id"]
        if row["state"] not in UNFINISHED:
            raise Conflict(f"task {id} is {row['state']} already")
        records.cancel(self._desk.store, id, self._desk.place.clock.now_ms())
        if row["state"] == "in_progress":
            self._lanes.freed(row["lane"])
            order = AttemptCancelled(task_id=id, attempt=row["attempt"], lane=row["lane"])
            self._desk.tell(paths.ORCHESTRATOR, order)
        else:
            self._offers.left(row)
        self.settle(row, TaskState.CANCELLED)
        return self._desk.changed(row, TaskState.CANCELLED, row["state"])

    def interrupt(
        self, id: str, attempt: int, end: End, reason: str, counted_usd: float = 0.0
    ) -> None:
        """An attempt was lost; the task waits again, flagged, or has failed."""
        before = claims.running_one(self._desk.store, id)
        state = claims.interrupt(
            self._desk.store,
            id,
            attempt,
            end,
            reason,
            counted_usd=counted_usd,
            most=self._interruptions_max,
            now_ms=self._desk.place.clock.now_ms(),
        )
        if state is None or before is None:
            return
        self._lanes.freed(before["lane"])
        self._lanes.touch_all()
        self.deadlines_changed()
        logger.warning("task.interrupted", task_id=id, attempt=attempt, reason=reason)
        self._desk.changed(before, state, "in_progress", reason)
        if state is TaskState.FAILED:
            self.settle(before, state)

    def expire(self) -> int:
        """Fail what has waited past its deadline, and look again when the next one is."""
        now_ms = self._desk.place.clock.now_ms()
        if self._first_deadline_ms is not None and now_ms < self._first_deadline_ms:
            return 0
        expired = records.expire(self._desk.store, now_ms)
        for row in expired:
            self._offers.left(row)
            self._desk.changed(row, TaskState.FAILED, "pending", "its deadline is over")
            self.settle(row, TaskState.FAILED)
        next_ms = records.next_deadline_ms(self._desk.store)
        self._first_deadline_ms = math.inf if next_ms is None else next_ms
        if next_ms is not None:
            self._desk.wake((next_ms - now_ms) / 1000)
        return len(expired)


def said_of_end(over: AttemptOver) -> str:
    """What a person who waits is told of an attempt's end: who failed, and who is next."""
    if over.next_state is not TaskState.PENDING or over.lane is None or not over.error:
        return over.error
    named = f"{over.provider}: " if over.provider else ""
    again = " again" if over.lane == over.provider else ""
    return f"{named}{over.error}; next is {over.lane}{again}"
