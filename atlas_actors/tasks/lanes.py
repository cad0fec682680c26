"""Lanes: each is a provider with slots; fills them with the tasks that are ready."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from loguru import logger

from atlas_actors import failpoints
from atlas_actors.actor import Place
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted
from atlas_actors.messages.task import AttemptPlanned, CloseLane, OpenLane, TaskState
from atlas_actors.store import Row, Store
from atlas_actors.tasks import claims, rows
from atlas_actors.tasks.limits import Limits
from atlas_actors.tasks.order import first_of

CLAIMS_MAX: Final = 256  # of one lane in one batch


class Desk(Protocol):
    """What of the actor is needed here."""

    store: Store
    place: Place

    def tell(self, path: str, message: Any) -> None: ...

    def wake(self, delay_s: float) -> None: ...

    def changed(self, row: Row, state: TaskState, before: str, waits_for: str = "") -> Any: ...


class Lanes:
    """What is open and how much runs there; rebuilt from the orchestrator's orders."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        *,
        epoch: int,
        ageing_s: float,
        on_start: Callable[[Row], None],
    ) -> None:
        self._desk = desk
        self._limits = limits
        self._epoch = epoch
        self._ageing_ms = ageing_s * 1000
        self._on_start = on_start
        self._orders: dict[str, OpenLane | CloseLane] = {}
        self._running: dict[str, int] = {}
        self._stale: set[str] = set()  # in which something may be ready to start
        self._changed = False
        self._orders_changed = False
        self.begun = 0  # since the last commit
        self._planned = 0  # since the last commit
        self._said: list[OpenLane | CloseLane] = []  # since the last commit

    def count_running(self) -> None:
        """Count anew what the rows say."""
        self._running.clear()
        for row in claims.running(self._desk.store):
            self._running[row["lane"]] = self._running.get(row["lane"], 0) + 1

    def forget(self) -> None:
        """The orchestrator is new: it says again what is open."""
        self._orders.clear()

    def order(self, order: OpenLane | CloseLane) -> None:
        """A lane opened or closed: whoever waits elsewhere may be better off now."""
        self._said.append(order)
        self._orders_changed = True
        before = self._orders.get(order.lane)
        self._orders[order.lane] = order
        self._stale.add(order.lane)
        if isinstance(order, CloseLane) and not order.reroute:
            return
        self._changed = self._changed or _said(before) != _said(order)

    def hold(self, order: OpenLane | CloseLane) -> None:
        """The disk has refused the batch with this order: it holds all the same."""
        if not any(said is order for said in self._said):
            self.order(order)

    def route_again(self, intent: str | None) -> None:
        """Those who wait for nobody, or all of an intent, are to be routed anew."""
        self._changed = True
        if intent is not None:
            claims.forget_intent(self._desk.store, intent)

    def freed(self, lane: str | None) -> None:
        """An attempt of this lane is over."""
        if lane is not None:
            self._running[lane] = self._running.get(lane, 1) - 1
            self._stale.add(lane)

    def touch(self, lane: str | None) -> None:
        """Something may be ready to start there."""
        if lane is not None:
            self._stale.add(lane)

    def touch_all(self) -> None:
        """Something may be ready anywhere."""
        self._stale.update(self._orders)

    def forget_closed(self) -> bool:
        """Who waits for a lane that has closed is to be routed anew; whether any lane changed."""
        if self._changed:
            open_lanes = [lane for lane in self._orders if self._slots(lane)]
            claims.forget_lanes(self._desk.store, open_lanes)
        changed, self._orders_changed = self._changed or self._orders_changed, False
        return changed

    def plan(self, order: AttemptPlanned) -> bool:
        """An attempt is given its route; whether it goes back to wait for another lane."""
        before = claims.running_one(self._desk.store, order.task_id)
        now_ms = self._desk.place.clock.now_ms()
        if before is None or not claims.plan_attempt(self._desk.store, order, now_ms):
            logger.warning("task.late_plan_refused", task_id=order.task_id, attempt=order.attempt)
            return False
        self._planned += 1
        if order.lane == before["lane"]:
            return False
        self.freed(before["lane"])
        self._give_back(before["lane"])
        self.touch(order.lane)
        self._changed = self._changed or self._is_gone(order.lane)
        moves = f"goes to {order.lane} instead of {before['lane']}: {order.route.strategy_why}"
        self._desk.changed(before, TaskState.PENDING, "in_progress", moves)
        return True

    def is_open(self, lane: str | None) -> bool:
        """Whether attempts may begin there."""
        return lane is not None and self._slots(lane) > 0

    def keep(self) -> None:
        """The batch is on disk."""
        if self._planned:
            failpoints.passing("tasks.planned")
        self._planned = 0
        self._changed = False
        self._stale.clear()
        self.begun = 0
        self._said.clear()

    def start_ready(self) -> int:
        """Fill the free slots of the lanes in which something may be ready; how many."""
        return sum(self._fill(lane) for lane in sorted(self._stale & self._orders.keys()))

    def _slots(self, lane: str) -> int:
        order = self._orders.get(lane)
        return order.slots if isinstance(order, OpenLane) else 0

    def _fill(self, lane: str) -> int:
        order = self._orders[lane]
        if not isinstance(order, OpenLane):
            return 0
        count, now_ms = 0, self._desk.place.clock.now_ms()
        name, per_minute = f"lane {lane}", order.per_minute
        while True:
            free = min(CLAIMS_MAX, order.slots - self._running.get(lane, 0))
            room = self._limits.room(name, per_minute)
            if free <= 0:
                break
            heads = claims.heads(self._desk.store, lane, free, now_ms)
            if room < 1:
                if heads:
                    self._desk.wake(self._limits.wait_s(name, per_minute))
                break
            chosen = first_of(heads, int(min(free, room)), now_ms, self._ageing_ms)
            for head in chosen:
                self._start(head["id"], lane, now_ms)
            self._limits.take(name, per_minute, len(chosen))
            count += len(chosen)
            if not chosen:
                break
        self._wake_when_due(lane, now_ms)
        return count

    def _start(self, id: str, lane: str, now_ms: int) -> None:
        row = claims.start_attempt(self._desk.store, id, lane, self._epoch, now_ms)
        self._running[lane] = self._running.get(lane, 0) + 1
        self.begun += 1
        self._on_start({"routed": 1, "lane": lane})
        self._desk.tell(paths.ORCHESTRATOR, self._started(row, lane))
        self._desk.changed(row, TaskState.IN_PROGRESS, "pending")

    def _started(self, row: Row, lane: str) -> AttemptStarted:
        number = row["attempt"]
        fresh = number == row["fresh_from"] + 1
        cut_off = not fresh and claims.was_cut_off(self._desk.store, row["id"], row["fresh_from"])
        return AttemptStarted(
            task_id=row["id"],
            attempt=number,
            epoch=self._epoch,
            lane=lane,
            request=rows.request_of(row),
            route=rows.route_of(row),
            answers_asked=row["answers_asked"] + 1,
            attempts_max=row["attempts_max"],
            interruptions=row["interruptions"],
            last_error=row["error"] or "",
            progress=rows.progress_of(row),
            created_ms=row["created_ms"],
            deadline_ms=row["deadline_ms"],
            spent_usd=row["spent_usd"],
            goes_on=cut_off or (fresh and row["handoff_id"] is not None),
            handoff_id=row["handoff_id"],
            fresh_from=row["fresh_from"],
        )

    def _give_back(self, lane: str) -> None:
        """What was counted as begun there has not."""
        order = self._orders.get(lane)
        if isinstance(order, OpenLane):
            self._limits.take(f"lane {lane}", order.per_minute, -1)

    def _is_gone(self, lane: str) -> bool:
        """Whether nobody is to wait for it: it is not said anew when it stays closed."""
        order = self._orders.get(lane)
        return isinstance(order, CloseLane) and order.reroute

    def _wake_when_due(self, lane: str, now_ms: int) -> None:
        due_ms = claims.next_due_ms(self._desk.store, lane, now_ms)
        if due_ms is not None:
            self._desk.wake((due_ms - now_ms) / 1000)


def _said(order: OpenLane | CloseLane | None) -> tuple[bool, str]:
    """What of an order matters to those who wait elsewhere."""
    match order:
        case OpenLane(slots=slots):
            return bool(slots), ""
        case CloseLane(reason=reason):
            return False, reason
    return False, ""
