"""The queue: accepts work durably, starts it on open lanes, records how each attempt ended."""

import math
from pathlib import Path
from typing import Any, ClassVar, Final

from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.errors import Busy, Conflict, NotFound
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted, End
from atlas_actors.messages.task import (
    AssignLane,
    AttemptCancelled,
    AttemptLost,
    AttemptOver,
    CancelTask,
    CloseLane,
    LanesWanted,
    OpenLane,
    RetryTask,
    RouteAgain,
    SettleWorkspace,
    SubmitTask,
    TaskAccepted,
    TaskChanged,
    TaskDue,
    TaskQueued,
    TasksStarted,
    TaskState,
)
from atlas_actors.settings import TaskSettings
from atlas_actors.store_actor import StoreActor
from atlas_actors.tasks import records
from atlas_actors.tasks.outcome import outcomes_of

Inbox = (
    SubmitTask
    | CancelTask
    | RetryTask
    | AssignLane
    | OpenLane
    | CloseLane
    | LanesWanted
    | RouteAgain
    | SettleWorkspace
    | AttemptOver
    | AttemptLost
    | TaskDue
)
# Tasks without a lane that the orchestrator is told of at a time; each of its restarts has them
# told again, so few of them keep a storm of restarts from becoming a storm of mail.
OFFERED_MAX: Final = 64
PRUNE_ROWS: Final = 1_000
LOOK_S: Final = 300.0  # a timer does not run while the machine sleeps


class Tasks(StoreActor):
    """Owns tasks.db. A lane is a provider; an open one has slots, each filled with one attempt.

    Which lane a task waits for is the orchestrator's decision; which task starts next is ours.
    """

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset(
        {SubmitTask, CancelTask, RetryTask, SettleWorkspace}
    )

    def __init__(self, place: Place, *, database: Path, settings: TaskSettings, epoch: int) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._epoch = epoch
        self._ids = Ids(place.clock)
        self._slots: dict[str, int] = {}
        self._reasons: dict[str, str] = {}  # why a lane is closed
        self._running: dict[str, int] = {}
        self._offered: set[str] = set()
        self._due_ms: int | None = None
        self._deadline_ms: float | None = None  # the first of those that wait; None: not known
        self._lanes_changed = False
        self._stale: set[str] = set()  # lanes in which something may be ready to start

    def on_start(self) -> None:
        """Rescue what an older life of the daemon left in progress, then offer what waits."""
        for row in records.running(self.store):
            if row["epoch"] != self._epoch:
                self._interrupt(
                    row["id"],
                    row["attempt"],
                    End.UNREACHABLE,
                    "the daemon died during this attempt",
                )
        records.forget_routes(self.store)
        self._count_running()
        self._report_started()
        self._offer()

    def on_stop(self) -> None:
        """What runs now will not be ended by us: it is pending again."""
        for row in records.running(self.store):
            self._interrupt(
                row["id"],
                row["attempt"],
                End.CANCELLED,
                "the daemon was stopped during this attempt",
            )

    def on_rollback(self) -> None:
        """Count anew what the refused batch had counted."""
        self._offered.clear()
        self._due_ms = self._deadline_ms = None
        self._stale.update(self._slots)
        self._count_running()

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case SubmitTask():
                return self._on_submit(message)
            case CancelTask():
                return self._on_cancel(message.id)
            case RetryTask():
                return self._on_retry(message.id)
            case AssignLane():
                return self._on_assign_lane(message)
            case OpenLane():
                return self._on_lane(message.lane, message.slots, "", reroute=True)
            case CloseLane():
                return self._on_lane(message.lane, 0, message.reason, reroute=message.reroute)
            case LanesWanted():  # the orchestrator is new: it knows neither lanes nor offers
                self._slots.clear()
                self._offered.clear()
                return self._report_started()
            case RouteAgain():
                self._lanes_changed = True
                return None
            case SettleWorkspace():
                return self._on_settle_workspace(message)
            case AttemptOver():
                return self._on_attempt_over(message)
            case AttemptLost():
                self._interrupt(
                    message.task_id,
                    message.attempt,
                    End.UNREACHABLE,
                    message.reason,
                    message.counted_usd,
                )
                return self._count_running()
            case TaskDue():
                self._due_ms = self._deadline_ms = None
                self._stale.update(self._slots)  # before_commit looks for what may start
                return None

    def is_durable(self, message: Any) -> bool:
        """A failed attempt that is followed by another is a claim; the end of the task is work."""
        if isinstance(message, AttemptOver):
            return message.next_state is not TaskState.PENDING
        return super().is_durable(message)

    def before_commit(self) -> None:
        """Fill free slots and offer what has no lane, once for all mail of a batch."""
        if self._lanes_changed:
            open_lanes = [name for name, count in self._slots.items() if count]
            records.forget_lanes(self.store, open_lanes)
        self._expire()
        for lane in self._stale & self._slots.keys():
            self._start_ready(lane)
        self._offer()

    def on_commit(self) -> None:
        """What memory held back for the case that the disk refuses."""
        self._lanes_changed = False
        self._stale.clear()

    def _report_started(self) -> None:
        open_attempts = tuple((row["id"], row["attempt"]) for row in records.running(self.store))
        self.tell(paths.ORCHESTRATOR, TasksStarted(open_attempts=open_attempts))

    def _on_submit(self, order: SubmitTask) -> TaskAccepted:
        if order.key is not None:
            known = records.id_of_key(self.store, order.key)
            if known is not None:
                return TaskAccepted(id=known, created=False)
        pending = records.pending_count(self.store)
        if pending >= self._settings.pending_max:
            raise Busy(
                f"{pending} tasks are pending, the limit",
                retry_after_ms=5_000,
                cure="wait, cancel some, or raise [tasks] pending_max",
            )
        id = self._ids.new()
        now_ms = self.place.clock.now_ms()
        if order.request.deadline_s is not None:
            self._deadline_ms = None  # it may be the first
        records.add(self.store, id, order, self._settings.attempts_max, now_ms)
        return TaskAccepted(id=id, created=True)

    def _on_cancel(self, id: str) -> TaskChanged:
        row = self._find(id)
        if row["state"] not in ("pending", "in_progress"):
            raise Conflict(f"task {id} is {row['state']} already")
        records.cancel(self.store, id, self.place.clock.now_ms())
        if row["state"] == "in_progress":
            self._running[row["lane"]] -= 1
            self._stale.add(row["lane"])
            self.tell(
                paths.ORCHESTRATOR,
                AttemptCancelled(task_id=id, attempt=row["attempt"], lane=row["lane"]),
            )
        return self._changed(id, TaskState.CANCELLED)

    def _on_retry(self, id: str) -> TaskChanged:
        row = self._find(id)
        if row["state"] not in ("failed", "cancelled"):
            raise Conflict(
                f"task {id} is {row['state']}; only failed or cancelled ones are retried"
            )
        self._deadline_ms = None
        records.retry(self.store, id, self.place.clock.now_ms())
        return self._changed(id, TaskState.PENDING)

    def _on_settle_workspace(self, order: SettleWorkspace) -> TaskChanged:
        row = self._find(order.id)
        if row["state"] in ("pending", "in_progress"):
            raise Conflict(f"task {order.id} is {row['state']}: its work is not over")
        records.set_workspace(self.store, order.id, order.workspace)
        return TaskChanged(id=order.id, state=TaskState(row["state"]))

    def _on_assign_lane(self, order: AssignLane) -> None:
        self._offered.discard(order.task_id)
        if order.lane is not None:
            self._stale.add(order.lane)
        if records.assign_lane(self.store, order.task_id, order.lane, order.route, order.waits_for):
            self._changed(order.task_id, TaskState.PENDING, order.waits_for)

    def _on_lane(self, lane: str, slots: int, reason: str, *, reroute: bool) -> None:
        """A lane opened or closed: whoever waits elsewhere may be better off now."""
        before = (bool(self._slots.get(lane, 0)), self._reasons.get(lane, ""))
        self._slots[lane], self._reasons[lane] = slots, reason
        self._stale.add(lane)
        changed = before != (bool(slots), reason)
        self._lanes_changed = self._lanes_changed or (reroute and changed)

    def _on_attempt_over(self, over: AttemptOver) -> None:
        now_ms = self.place.clock.now_ms()
        before = records.find(self.store, over.task_id)
        if before is None or not records.end_attempt(self.store, over, now_ms):
            logger.warning(
                "task.late_end_refused", task_id=over.task_id, attempt=over.attempt, end=over.end
            )
            return
        self._running[before["lane"]] -= 1
        self._stale |= {lane for lane in (before["lane"], over.lane) if lane is not None}
        if before["deadline_ms"] is not None:
            self._deadline_ms = None  # it may wait again, and for how long
        for outcome in outcomes_of(before, over, now_ms):
            self.tell(paths.OUTCOMES, outcome)
        logger.info(
            "task.attempt_over",
            task_id=over.task_id,
            attempt=over.attempt,
            end=str(over.end),
            next_state=str(over.next_state),
        )
        self._changed(over.task_id, over.next_state, over.error)

    def prune(self, before_ms: int) -> bool:
        """Delete tasks that ended before then, with their attempts."""
        return records.prune(self.store, before_ms, PRUNE_ROWS) >= PRUNE_ROWS

    def _start_ready(self, lane: str) -> None:
        now_ms = self.place.clock.now_ms()
        while self._running.get(lane, 0) < self._slots[lane]:
            row = records.next_ready(self.store, lane, now_ms)
            if row is None:
                self._wake_when_due(lane, now_ms)
                return
            records.start_attempt(self.store, row["id"], lane, self._epoch, now_ms)
            self._running[lane] = self._running.get(lane, 0) + 1
            self.tell(
                paths.ORCHESTRATOR,
                AttemptStarted(
                    task_id=row["id"],
                    attempt=row["attempt"] + 1,
                    epoch=self._epoch,
                    lane=lane,
                    request=records.request_of(row),
                    route=records.route_of(row),
                    answers_asked=row["answers_asked"] + 1,
                    attempts_max=row["attempts_max"],
                    interruptions=row["interruptions"],
                    last_error=row["error"] or "",
                    progress=records.progress_of(row),
                    created_ms=row["created_ms"],
                    deadline_ms=row["deadline_ms"],
                    spent_usd=row["spent_usd"],
                ),
            )
            self._changed(row["id"], TaskState.IN_PROGRESS)

    def _expire(self) -> None:
        """Fail what has waited past its deadline, and look again when the next one is."""
        now_ms = self.place.clock.now_ms()
        if self._deadline_ms is not None and now_ms < self._deadline_ms:
            return
        for id in records.expire(self.store, now_ms):
            self._changed(id, TaskState.FAILED, "its deadline is over")
        next_ms = records.next_deadline_ms(self.store)
        self._deadline_ms = math.inf if next_ms is None else next_ms
        if next_ms is not None:
            self.after(min((next_ms - now_ms) / 1000, LOOK_S), TaskDue())

    def _wake_when_due(self, lane: str, now_ms: int) -> None:
        due_ms = records.next_due_ms(self.store, lane, now_ms)
        if due_ms is not None and (self._due_ms is None or due_ms < self._due_ms):
            self._due_ms = due_ms
            self.after(min((due_ms - now_ms) / 1000, LOOK_S), TaskDue())

    def _offer(self) -> None:
        """Tell the orchestrator of tasks without a lane, a bounded number at a time."""
        if len(self._offered) >= OFFERED_MAX:
            return
        for id in records.unrouted(self.store, OFFERED_MAX):
            if id not in self._offered:
                self._offered.add(id)
                row = self._find(id)
                queued = TaskQueued(
                    task_id=id,
                    request=records.request_of(row),
                    progress=records.progress_of(row),
                    spent_usd=row["spent_usd"],
                )
                self.tell(paths.ORCHESTRATOR, queued)

    def _interrupt(
        self, id: str, attempt: int, end: End, reason: str, counted_usd: float = 0.0
    ) -> None:
        state = records.interrupt(
            self.store,
            id,
            attempt,
            end,
            reason,
            counted_usd=counted_usd,
            most=self._settings.interruptions_max,
            now_ms=self.place.clock.now_ms(),
        )
        self._stale.update(self._slots)
        self._deadline_ms = None
        if state is not None:
            logger.warning("task.interrupted", task_id=id, attempt=attempt, reason=reason)
            self._changed(id, state, reason)

    def _changed(self, id: str, state: TaskState, waits_for: str = "") -> TaskChanged:
        fact = TaskChanged(id=id, state=state, waits_for=waits_for)
        self.tell(paths.GATEWAY, fact)
        return fact

    def _count_running(self) -> None:
        self._running.clear()
        for row in records.running(self.store):
            self._running[row["lane"]] = self._running.get(row["lane"], 0) + 1

    def _find(self, id: str) -> dict[str, Any]:
        row = records.find(self.store, id)
        if row is None:
            raise NotFound(f"there is no task {id}", cure="atlas tasks lists them")
        return row
