"""Turns each tick of each schedule into exactly one task.

A tick is recorded with the look that decided it; then the task is requested under a key that
names schedule and tick; then the task's id is recorded with the tick. Whoever dies in between,
the next life requests again what has no task yet, and the key gives the same task.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.errors import Busy, Conflict, NotFound, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.schedule import (
    AddSchedule,
    LookAtSchedules,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    ScheduleAdded,
    ScheduleChanged,
    ScheduleDue,
    SchedulesLooked,
)
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import SubmitTask, TaskAccepted
from atlas_actors.scheduler import outcome, records
from atlas_actors.scheduler.machine_zone import machine_zone
from atlas_actors.scheduler.sending import Sending
from atlas_actors.scheduler.spec import check, key_of, order_of, plan_of, tick_of
from atlas_actors.scheduler.when import Plan, Seen, due, jitter_ms, upcoming
from atlas_actors.settings import SchedulerSettings
from atlas_actors.store import Row
from atlas_actors.store_actor import StoreActor

Inbox = (
    AddSchedule
    | RemoveSchedule
    | PauseSchedule
    | ResumeSchedule
    | LookAtSchedules
    | ScheduleDue
    | TaskAccepted
    | RequestFailed
)
LOOK_S: Final = 30.0  # a timer does not run while the machine sleeps, nor know of a new wall clock
SCHEDULES_MAX: Final = 1_000
# Of one look, which is one transaction; the rest at once after it.
LOOKED_AT_MAX: Final = 100
LOOK_TIME_S: Final = 0.5
OPEN_MAX: Final = 1_000  # ticks of one schedule that wait to be accepted; then it waits too
SHOWN: Final = 5
PRUNE_ROWS: Final = 1_000


class Scheduler(StoreActor):
    """Owns scheduler.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    # Looks need not survive a power cut: what is lost is decided again, under the same keys.
    durable: ClassVar[frozenset[type]] = frozenset(
        {AddSchedule, RemoveSchedule, PauseSchedule, ResumeSchedule}
    )

    def __init__(
        self,
        place: Place,
        *,
        database: Path,
        settings: SchedulerSettings,
        zone: Callable[[], str] = machine_zone,
    ) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._zone = zone
        self._ids = Ids(place.clock)
        self._sending = Sending()
        self._timer_s: float | None = None  # when the first of our timers goes off; monotonic
        self._is_behind = False  # the last look had no time for all

    def on_start(self) -> None:
        """Look as soon as we have started: what came due while nobody looked is missed, or just
        on time, which may take longer to decide than a start may."""
        self._is_behind = True
        self._set_timer(self.place.clock.monotonic_s())

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case AddSchedule():
                return self._on_add(message)
            case RemoveSchedule():
                return self._on_remove(message)
            case PauseSchedule():
                return self._on_pause(message)
            case ResumeSchedule():
                return self._on_resume(message)
            case LookAtSchedules():
                return SchedulesLooked(ticks=self._look())
            case ScheduleDue():
                now_s = self.place.clock.monotonic_s()
                if self._timer_s is not None and self._timer_s <= now_s:
                    self._timer_s = None
                self._look()
                return None
            case TaskAccepted():
                return self._on_accepted(message)
            case RequestFailed():
                return self._on_request_failed(message)

    def before_commit(self) -> None:
        """Submit what is open, and be woken for what comes next, once for all mail of a batch."""
        now_s = self.place.clock.monotonic_s()
        room = self._sending.room(now_s)
        if room:
            for row in records.open_ticks(self.store, room + len(self._sending)):
                key = key_of(row["schedule_id"], row["tick_ms"])
                if self._sending.begin(key, now_s):
                    self.request(paths.TASKS, order_of(json.loads(row["task"]), key))
        self._set_timer(now_s)

    def on_rollback(self) -> None:
        """The disk refused the batch, and with it went its mail and its timer."""
        self._sending.forget()
        self._timer_s = None

    def prune(self, before_ms: int) -> bool:
        """Delete ticks older than that; the newest of each schedule are kept."""
        return records.prune(self.store, before_ms, PRUNE_ROWS)

    def _on_add(self, order: AddSchedule) -> ScheduleAdded:
        now_ms = self.place.clock.now_ms()
        timezone = order.timezone or self._zone_for(order.kind)
        known = records.find(self.store, order.name)
        if known is not None:
            if not _same(known, order, timezone):
                raise Conflict(
                    f"there is a schedule {order.name} already, and it is another",
                    cure=f"take another name, or: atlas schedules remove {order.name}",
                )
            id = known["id"]
        else:
            self._refuse_too_many()
            id = self._ids.new()
            records.add(self.store, id, order, timezone, now_ms)
            row = self._find(id)
            plan = _plan(row)
            check(plan, now_ms)
            self._set_next(plan, row["seen_ms"])
            logger.info("schedule.added", schedule_id=id, kind=order.kind, timezone=timezone)
        return ScheduleAdded(
            id=id,
            name=order.name,
            timezone=timezone,
            next_ms=self._next_of(id),
            created=known is None,
        )

    def _on_remove(self, order: RemoveSchedule) -> ScheduleChanged:
        row = self._find(order.name)
        records.remove(self.store, row["id"])
        logger.info("schedule.removed", schedule_id=row["id"])
        return ScheduleChanged(id=row["id"], name=row["name"], state="removed")

    def _on_pause(self, order: PauseSchedule) -> ScheduleChanged:
        row, now_ms = self._find(order.name), self.place.clock.now_ms()
        if row["paused_ms"] is None and row["problem"] is None:
            self._look_at(row, now_ms)  # what was due until now is not paused yet
        records.pause(self.store, row["id"], now_ms)
        logger.info("schedule.paused", schedule_id=row["id"])
        return ScheduleChanged(id=row["id"], name=row["name"], state="paused")

    def _on_resume(self, order: ResumeSchedule) -> ScheduleChanged:
        row = self._find(order.name)
        if row["paused_ms"] is not None or row["problem"] is not None:
            now_ms = self.place.clock.now_ms()
            plan = _plan(row)
            records.resume(self.store, row["id"], now_ms)
            self._set_next(plan, now_ms)
            logger.info("schedule.resumed", schedule_id=row["id"])
        return ScheduleChanged(
            id=row["id"], name=row["name"], state="active", next_ms=self._next_of(row["id"])
        )

    def _on_accepted(self, fact: TaskAccepted) -> None:
        assert fact.key is not None  # all our requests have one
        self._sending.accepted(fact.key)
        id, tick_ms = tick_of(fact.key)
        now_ms = self.place.clock.now_ms()
        if records.accepted(self.store, id, tick_ms, fact.id, now_ms):
            logger.info("schedule.submitted", schedule_id=id, tick_ms=tick_ms, task_id=fact.id)
            self.tell(paths.OUTCOMES, outcome.of_task(id, tick_ms, fact.id))

    def _on_request_failed(self, fact: RequestFailed) -> None:
        assert isinstance(fact.request, SubmitTask)
        assert fact.request.key is not None
        wait_s = self._sending.failed(fact.request.key, self.place.clock.monotonic_s())
        id, tick_ms = tick_of(fact.request.key)
        if records.refused(self.store, id, tick_ms, fact.error):
            self.tell(paths.OUTCOMES, outcome.of_refusal(id, tick_ms))
        if wait_s is not None:
            logger.warning(
                "schedule.refused", schedule_id=id, tick_ms=tick_ms, error=fact.error, wait_s=wait_s
            )

    def _look(self) -> int:
        """Decide what is due now, as far as there is time; how many ticks are new."""
        clock = self.place.clock
        now_ms, until_s = clock.now_ms(), clock.monotonic_s() + LOOK_TIME_S
        rows = records.to_look_at(self.store, now_ms, open_max=OPEN_MAX, limit=LOOKED_AT_MAX)
        made = looked_at = 0
        for row in rows:
            made += self._look_at(row, now_ms)
            looked_at += 1
            if clock.monotonic_s() >= until_s:
                break
        self._is_behind = looked_at < len(rows) or looked_at == LOOKED_AT_MAX
        return made

    def _look_at(self, row: Row, now_ms: int) -> int:
        id = row["id"]
        try:
            plan = _plan(row)
        except UsageError as error:  # its zone is gone from the machine, say
            records.set_problem(self.store, id, error.message)
            logger.error("schedule.broken", schedule_id=id, error=error.message)
            return 0
        found = due(plan, _seen(row), now_ms)
        if found.went_back:
            logger.warning(
                "schedule.clock_went_back", schedule_id=id, by_ms=row["seen_ms"] - now_ms
            )
        made = 0
        for tick_ms in found.ticks:
            due_ms = tick_ms + jitter_ms(plan, tick_ms)
            if records.make_tick(self.store, id, tick_ms, due_ms, now_ms):
                made += 1
                logger.info("schedule.tick", schedule_id=id, tick_ms=tick_ms)
        if found.skipped:
            logger.warning(
                "schedule.skipped", schedule_id=id, missed=plan.missed, ticks=found.skipped
            )
            self.tell(paths.OUTCOMES, outcome.of_skipped(id, found))
        records.decided(self.store, id, found, made)
        self._set_next(plan, found.seen.seen_ms)
        return made

    def _set_next(self, plan: Plan, seen_ms: int) -> None:
        records.set_next(self.store, plan.seed, upcoming(plan, seen_ms, SHOWN))

    def _set_timer(self, now_s: float) -> None:
        wait_s = LOOK_S
        due_ms = records.next_due_ms(self.store, open_max=OPEN_MAX)
        if due_ms is not None:
            wait_s = min(wait_s, (due_ms - self.place.clock.now_ms()) / 1000)
        again_s = self._sending.again_s(now_s)
        if again_s is not None:
            wait_s = min(wait_s, again_s)
        wait_s = 0.0 if self._is_behind else max(wait_s, 0.0)
        if self._timer_s is None or now_s + wait_s < self._timer_s:
            self._timer_s = now_s + wait_s
            self.after(wait_s, ScheduleDue())

    def _zone_for(self, kind: str) -> str:
        """The machine's zone; an instant and a period need none."""
        return "UTC" if kind in ("once", "every") else self._zone()

    def _refuse_too_many(self) -> None:
        if records.count(self.store) >= SCHEDULES_MAX:
            raise Busy(
                f"there are {SCHEDULES_MAX} schedules, the limit",
                cure="remove some: atlas schedules remove NAME",
            )

    def _next_of(self, id: str) -> tuple[int, ...]:
        return tuple(json.loads(self._find(id)["upcoming"]))

    def _find(self, name: str) -> Row:
        row = records.find(self.store, name)
        if row is None:
            raise NotFound(f"there is no schedule {name}", cure="atlas schedules lists them")
        return row


def _plan(row: Row) -> Plan:
    return plan_of(
        id=row["id"],
        kind=row["kind"],
        spec=json.loads(row["spec"]),
        timezone=row["timezone"],
        missed=row["missed"],
        jitter_s=row["jitter_s"],
        created_ms=row["created_ms"],
    )


def _seen(row: Row) -> Seen:
    return Seen(seen_ms=row["seen_ms"], decided_ms=row["decided_ms"])


def _same(row: Row, order: AddSchedule, timezone: str) -> bool:
    """Whether an order asks for the very schedule that a row holds: it was sent twice."""
    return (
        row["name"] == order.name
        and row["kind"] == order.kind
        and json.loads(row["spec"]) == order.spec
        and json.loads(row["task"]) == order.task
        and (row["timezone"], row["missed"], row["jitter_s"])
        == (timezone, order.missed, order.jitter_s)
    )
