"""The queue: accepts work durably, starts it on open lanes, records how each attempt ended."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from loguru import logger

from atlas_actors import attachments, failpoints
from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.mailbox import Envelope
from atlas_actors.messages import paths
from atlas_actors.messages.execution import End
from atlas_actors.messages.handoff import WorkEnded
from atlas_actors.messages.outcome import OutcomesWanted
from atlas_actors.messages.task import (
    UNFINISHED,
    AssignLane,
    AttemptLost,
    AttemptOver,
    AttemptPlanned,
    CancelTask,
    CloseLane,
    ImportTasks,
    LanesWanted,
    LookAtTasks,
    OpenLane,
    PruneTasks,
    RetryTask,
    RouteAgain,
    SettleWorkspace,
    SubmitTask,
    SubmitTasks,
    TaskChanged,
    TaskDue,
    TasksLooked,
    TasksPruned,
    TasksStarted,
    TaskState,
)
from atlas_actors.settings import GroupSettings, TaskSettings
from atlas_actors.store import Row
from atlas_actors.store_actor import TELL_AGAIN_S, StoreActor
from atlas_actors.tasks import again, claims, records, settled
from atlas_actors.tasks.clock_gap import ClockGap
from atlas_actors.tasks.endings import Endings, said_of_end
from atlas_actors.tasks.groups import Groups
from atlas_actors.tasks.intake import Intake
from atlas_actors.tasks.lanes import Lanes
from atlas_actors.tasks.limits import Limits
from atlas_actors.tasks.offers import Offers
from atlas_actors.tasks.outcome import outcomes_of

Inbox = (
    SubmitTask
    | SubmitTasks
    | ImportTasks
    | CancelTask
    | RetryTask
    | PruneTasks
    | LookAtTasks
    | AssignLane
    | AttemptPlanned
    | OpenLane
    | CloseLane
    | LanesWanted
    | RouteAgain
    | SettleWorkspace
    | AttemptOver
    | AttemptLost
    | OutcomesWanted
    | TaskDue
)
PRUNE_ROWS: Final = 1_000
LOOK_S: Final = 300.0  # a timer does not run while the machine sleeps
AFTER_ATTEMPT: Final = (TaskState.COMPLETED, TaskState.FAILED, TaskState.PENDING)


class Tasks(StoreActor):
    """Owns tasks.db. A lane is a provider; an open one has slots, each filled with one attempt.

    Which lane a task waits for is the orchestrator's decision; which task starts next is ours.
    """

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    committed_point = "tasks.committed"
    durable: ClassVar[frozenset[type]] = frozenset(
        {SubmitTask, SubmitTasks, ImportTasks, CancelTask, RetryTask, SettleWorkspace}
    )

    def __init__(
        self,
        place: Place,
        *,
        database: Path,
        settings: TaskSettings,
        epoch: int,
        groups: Mapping[str, GroupSettings] | None = None,
        files: Path | None = None,
    ) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._files = files
        self._epoch = epoch
        self._limits = Limits(self)
        self._groups = Groups(self, self._limits, groups or {}, ageing_s=settings.ageing_s)
        self._lanes = Lanes(
            self,
            self._limits,
            epoch=epoch,
            ageing_s=settings.ageing_s,
            on_start=self._begun,
        )
        self._offers = Offers(self, self._lanes.is_open)
        self._endings = Endings(
            self,
            self._lanes,
            self._groups,
            self._offers,
            interruptions_max=settings.interruptions_max,
        )
        self._intake = Intake(
            self,
            settings,
            Ids(place.clock),
            groups=self._groups,
            endings=self._endings,
            offers=self._offers,
        )
        self._wake_at_s = math.inf
        self._clock_gap = ClockGap(place.clock)

    def on_start(self) -> None:
        """Rescue what an older life of the daemon left in progress, then offer what waits."""
        now_ms = self.place.clock.now_ms()
        for row in claims.running(self.store):
            if row["epoch"] != self._epoch:
                reason = "the daemon died during this attempt"
                self._endings.interrupt(row["id"], row["attempt"], End.UNREACHABLE, reason)
        claims.forget_routes(self.store)
        records.clamp_delays(self.store, now_ms)
        self._lanes.count_running()
        self._report_started()
        self._groups.touch_all()
        self._groups.release_ready()
        self._offers.offer()

    def on_stop(self) -> None:
        """What runs now will not be ended by us: it is pending again."""
        for row in claims.running(self.store):
            reason = "the daemon was stopped during this attempt"
            self._endings.interrupt(row["id"], row["attempt"], End.CANCELLED, reason)

    def on_rollback(self) -> None:
        """Count anew what the refused batch had counted."""
        self._clock_gap.take_back()
        self._wake_at_s = math.inf
        self._endings.deadlines_changed()
        self._offers.forget()
        self._offers.count()
        self._limits.forget()
        self._lanes.begun = 0
        self._intake.forget_count()
        self._lanes.touch_all()
        self._lanes.count_running()
        self._groups.touch_all()

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case SubmitTask():
                return self._intake.accept(message)
            case SubmitTasks():
                return self._intake.accept_all(message.orders)
            case ImportTasks():
                return self._intake.take_over(message.tasks)
            case CancelTask():
                return self._endings.cancel(self._find(message.id))
            case RetryTask():
                return self._intake.retry(self._find(message.id), message.handoff_id)
            case PruneTasks(before_ms=before_ms, states=states):
                count = records.prune(self.store, before_ms, PRUNE_ROWS, states)
                return TasksPruned(count=count, more=count >= PRUNE_ROWS)
            case LookAtTasks():
                return self._on_look()
            case AssignLane():
                return self._on_assign_lane(message)
            case AttemptPlanned():
                return self._on_attempt_planned(message)
            case OpenLane() | CloseLane():
                return self._lanes.order(message)
            case LanesWanted():  # the orchestrator is new: it knows neither lanes nor offers
                self._lanes.forget()
                self._offers.forget()
                return self._report_started()
            case RouteAgain():
                return self._lanes.route_again(message.intent)
            case SettleWorkspace():
                return self._on_settle_workspace(message)
            case AttemptOver():
                return self._on_attempt_over(message)
            case AttemptLost():
                return self._endings.interrupt(
                    message.task_id,
                    message.attempt,
                    End.UNREACHABLE,
                    message.reason,
                    message.counted_usd,
                )
            case OutcomesWanted():
                return again.tell_again(self, message)
            case TaskDue():
                return self._touch_all()

    def is_durable(self, message: Any) -> bool:
        """A failed attempt that is followed by another is a claim; the end of the task is work."""
        if isinstance(message, AttemptOver):
            return message.next_state is not TaskState.PENDING
        return super().is_durable(message)

    def before_commit(self) -> None:
        """Fill free slots and offer what has no lane, once for all mail of a batch."""
        self._notice_clock()
        if self._lanes.forget_closed():
            self._offers.count()
        self._go_on()
        if self._endings.count >= PRUNE_ROWS:
            self._endings.count = 0
            records.prune_beyond(self.store, self._settings.kept_max, 2 * PRUNE_ROWS)

    def on_commit(self) -> None:
        """What memory held back for the case that the disk refuses."""
        if self._lanes.begun:
            failpoints.passing("tasks.claimed")
        self._clock_gap.keep()
        self._lanes.keep()
        self._groups.keep()
        self._intake.forget_count()

    def _tell_again(self, mail: Envelope[Any]) -> None:
        """An order about a lane is kept in memory: told again, it would undo a later one."""
        if isinstance(mail.message, OpenLane | CloseLane):
            self._lanes.hold(mail.message)
            return self.after(TELL_AGAIN_S, TaskDue())
        return super()._tell_again(mail)

    def prune(self, before_ms: int) -> bool:
        """Delete tasks that ended before then, with their attempts, and files of no task."""
        if records.prune(self.store, before_ms, PRUNE_ROWS):
            return True  # their files go once it is on disk that they are gone
        if self._files is not None:
            attachments.prune(self._files, lambda hashes: records.hashes_in_use(self.store, hashes))
        return False

    # What the parts of this room use.

    def wake(self, delay_s: float) -> None:
        """Look again then, or earlier if that was wanted."""
        at_s = self.place.clock.monotonic_s() + min(delay_s, LOOK_S)
        if at_s < self._wake_at_s:
            self._wake_at_s = at_s
            self.after(min(delay_s, LOOK_S), TaskDue())

    def changed(self, row: Row, state: TaskState, before: str, waits_for: str = "") -> TaskChanged:
        """Tell of a task that has come from `before` into a state; `row` is of before."""
        fact = TaskChanged(
            id=row["id"],
            state=state,
            waits_for=waits_for,
            before=before,
            spent_ms=max(0, row.get("waited_ms", self.place.clock.now_ms() - row["since_ms"])),
            lane=row.get("lane"),
            attempt=row.get("attempt") or 0,
        )
        self.tell(paths.GATEWAY, fact)
        return fact

    # Orders of people.

    def _on_settle_workspace(self, order: SettleWorkspace) -> TaskChanged:
        row = self._find(order.id)
        if row["state"] in UNFINISHED:
            raise Conflict(f"task {order.id} is {row['state']}: its work is not over")
        settled.settle(self, order, row)
        if order.workspace.state == "discarded":
            self.tell(paths.HANDOFFS, WorkEnded(task_id=order.id))
        return TaskChanged(id=order.id, state=TaskState(row["state"]))

    def _on_look(self) -> TasksLooked:
        """What an event may have missed: everything is looked at."""
        self._touch_all()
        self._offers.count()
        expired, started, offered = self._go_on()
        return TasksLooked(
            pending=records.count_of(self.store, "pending"),
            in_progress=records.count_of(self.store, "in_progress"),
            offered=offered,
            started=started,
            expired=expired,
        )

    # Orders of the orchestrator.

    def _report_started(self) -> None:
        open_attempts = tuple((row["id"], row["attempt"]) for row in claims.running(self.store))
        self.tell(paths.ORCHESTRATOR, TasksStarted(open_attempts=open_attempts))

    def _on_assign_lane(self, order: AssignLane) -> None:
        if not self._offers.answered(order.task_id):
            return
        self._lanes.touch(order.lane)
        id, waits_for = order.task_id, order.waits_for
        before = claims.assign_lane(self.store, id, order.lane, order.route, waits_for)
        if before is not None:
            self._offers.left(before)
            self._offers.entered(order.lane)
            fact = TaskChanged(id=id, state=TaskState.PENDING, waits_for=waits_for, lane=order.lane)
            self.tell(paths.GATEWAY, fact)

    def _on_attempt_planned(self, plan: AttemptPlanned) -> None:
        if self._lanes.plan(plan):
            self._offers.entered(plan.lane)
            self._endings.deadlines_changed()  # it waits again, and for how long

    def _on_attempt_over(self, over: AttemptOver) -> None:
        if over.next_state not in AFTER_ATTEMPT:
            raise UsageError(
                f"an attempt leaves its task completed, failed or pending, not {over.next_state}"
            )
        now_ms = self.place.clock.now_ms()
        before = claims.running_one(self.store, over.task_id)
        if before is None or not claims.end_attempt(self.store, over, now_ms):
            logger.warning(
                "task.late_end_refused", task_id=over.task_id, attempt=over.attempt, end=over.end
            )
            return
        self._lanes.freed(before["lane"])
        self._lanes.touch(over.lane)
        if before["deadline_ms"] is not None:
            self._endings.deadlines_changed()  # it may wait again, and for how long
        attempts = claims.attempts_of(self.store, before["id"], before["fresh_from"])
        for outcome in outcomes_of(before, over, now_ms, attempts):
            self.tell(paths.OUTCOMES, outcome)
        logger.info(
            "task.attempt_over",
            task_id=over.task_id,
            attempt=over.attempt,
            end=str(over.end),
            next_state=str(over.next_state),
        )
        self.changed(before, over.next_state, "in_progress", said_of_end(over))
        if over.next_state is TaskState.PENDING:
            if over.lane is not None:
                self._offers.entered(over.lane)
        else:
            self._endings.settle(before, over.next_state)

    # What follows from all of it.

    def _go_on(self) -> tuple[int, int, int]:
        """Everything that may go on does; how many were too late, started and offered."""
        expired = self._endings.expire()
        self._groups.release_ready()
        return expired, self._lanes.start_ready(), self._offers.offer()

    def _touch_all(self) -> None:
        self._wake_at_s = math.inf
        self._endings.deadlines_changed()
        self._lanes.touch_all()
        self._groups.touch_all()

    def _begun(self, row: Row) -> None:
        self._offers.left(row)

    def _notice_clock(self) -> None:
        """The wall clock was set, or the machine slept: what is left of a time is left still."""
        jump_ms = self._clock_gap.jump_ms()
        if not jump_ms:
            return
        logger.warning("tasks.clock_jumped", by_ms=jump_ms)
        records.shift_deadlines(self.store, jump_ms)
        records.clamp_delays(self.store, self.place.clock.now_ms())
        self._touch_all()

    def _find(self, id: str) -> Row:
        row = records.find(self.store, id)
        if row is None:
            raise NotFound(f"there is no task {id}", cure="atlas tasks lists them")
        return row
