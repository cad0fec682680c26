"""What the queue should hold: a plain model of its promises, to compare the real one with."""

from collections import Counter
from typing import Any

import attrs

from atlas_actors.messages.task import (
    AssignLane,
    AttemptLost,
    AttemptOver,
    AttemptPlanned,
    CancelTask,
    CloseLane,
    LanesWanted,
    OpenLane,
    RetryTask,
    SubmitTask,
    TaskState,
)

UNFINISHED = ("pending", "in_progress")
DEAD = ("failed", "cancelled")
PRIORITIES = ("low", "normal", "high", "urgent")


@attrs.define(kw_only=True)
class Task:
    """One accepted task."""

    id: str
    order: SubmitTask
    state: str
    since_ms: int
    due_ms: int
    deadline_ms: int | None
    waiting: set[str]  # needs that have not ended since it waits
    held: bool
    lane: str | None = None
    routed: bool = False
    attempt: int = 0
    interruptions: int = 0

    @property
    def needs(self) -> tuple[str, ...]:
        return self.order.after

    def ready(self, now_ms: int) -> bool:
        """Whether nothing but a lane keeps it."""
        return (
            self.state == "pending" and not self.waiting and not self.held and self.due_ms <= now_ms
        )


class Model:
    """Tasks, lanes as they were said, and a ledger of changes."""

    def __init__(self, *, interruptions_max: int, groups: dict[str, int]) -> None:
        self.tasks: dict[str, Task] = {}
        self.aliases: dict[str, str] = {}  # keys of submissions that a unique task stood for
        self.lanes: dict[str, int] = {}  # open ones: their slots
        self.groups = groups
        self.offered: set[str] = set()
        self.outdated: set[str] = set()
        self.changes: Counter[tuple[str, str]] = Counter()
        self.spent_ms: Counter[tuple[str, str]] = Counter()
        self._interruptions_max = interruptions_max

    # Orders, as their answers say that they were done.

    def apply(self, message: Any, answer: Any, epoch: int, now_ms: int) -> None:
        """What a handled message has changed."""
        match message:
            case SubmitTask():
                self._submit(message, answer, now_ms)
            case CancelTask():
                task = self.tasks[message.id]
                if task.state in UNFINISHED:
                    self._go(task, "cancelled", now_ms)
            case RetryTask():
                self._retry(self.tasks[message.id], now_ms)
            case AssignLane():
                self._assign(message)
            case AttemptPlanned():
                self._plan(message, epoch, now_ms)
            case AttemptOver():
                self._over(message, epoch, now_ms)
            case AttemptLost():
                task = self.tasks[message.task_id]
                if task.state == "in_progress" and task.attempt == message.attempt:
                    self.interrupt(task, now_ms)
            case LanesWanted():
                self.offered.clear()
                self.outdated.clear()

    def say(self, message: Any) -> None:
        """What holds as soon as it was said, also when the disk refuses what comes with it."""
        if isinstance(message, OpenLane):
            self.lanes[message.lane] = message.slots
        elif isinstance(message, CloseLane):
            self.lanes.pop(message.lane, None)

    def known(self, order: SubmitTask) -> Task | None:
        """The task that an order means, if there is one."""
        if (same := self.keyed(order.key)) is not None:
            return same
        unique = order.unique
        same = [
            task
            for task in self.tasks.values()
            if unique and task.order.unique and task.order.unique.key == unique.key
            and task.state in unique.states
        ]  # fmt: skip
        return same[-1] if same else None

    def keyed(self, key: str | None) -> Task | None:
        """The task that a key means."""
        if key in self.aliases:
            return self.tasks[self.aliases[key]]
        keyed = [task for task in self.tasks.values() if key is not None and task.order.key == key]
        return keyed[0] if keyed else None

    def doubles(self, task: Task) -> bool:
        """Whether another of its unique key is not over."""
        unique = task.order.unique
        return unique is not None and any(
            other is not task and other.order.unique is not None
            and other.order.unique.key == unique.key and other.state in UNFINISHED
            for other in self.tasks.values()
        )  # fmt: skip

    def interrupt(self, task: Task, now_ms: int) -> None:
        """Its attempt was lost."""
        task.interruptions += 1
        task.lane, task.routed, task.due_ms = None, False, now_ms
        too_often = task.interruptions > self._interruptions_max
        self._go(task, "failed" if too_often else "pending", now_ms)

    def expire(self, now_ms: int) -> None:
        """Deadlines are over."""
        late = [
            task
            for task in self.tasks.values()
            if task.state == "pending" and task.deadline_ms is not None
            and task.deadline_ms <= now_ms
        ]  # fmt: skip
        for task in late:
            self._change(task, "failed", now_ms)
        for task in late:
            self._settle(task, now_ms)

    def start(self, id: str, lane: str, now_ms: int) -> None:
        """The queue has started a task: it must be one that may start."""
        task = self.tasks[id]
        assert task.ready(now_ms), task
        assert task.routed, task
        assert task.lane == lane, task
        assert self.running(lane) < self.lanes.get(lane, 0), (lane, self.lanes)
        task.attempt += 1
        task.routed = False
        self._change(task, "in_progress", now_ms)

    def release(self, id: str, now_ms: int) -> None:
        """The queue has let a task of a group go on: it must be one that may."""
        task = self.tasks[id]
        assert not task.waiting, task
        assert task.due_ms <= now_ms, task
        task.held = False
        group = task.order.group
        assert group is not None
        assert self.released(group) <= self.groups[group], group

    # What is so.

    def running(self, lane: str) -> int:
        return sum(t.state == "in_progress" and t.lane == lane for t in self.tasks.values())

    def released(self, group: str) -> int:
        return sum(
            task.order.group == group and task.state in UNFINISHED and not task.held
            for task in self.tasks.values()
        )

    # What follows from what.

    def _submit(self, order: SubmitTask, answer: Any, now_ms: int) -> None:
        known = self.known(order)
        assert answer.created == (known is None), (order, answer)
        if known is not None:
            by_key = self.keyed(order.key) is not None
            replaces = not by_key and order.unique is not None and order.unique.replace
            assert answer.id == known.id
            assert answer.replaced == bool(replaces and known.state == "pending")
            if not by_key and order.key is not None:
                self.aliases[order.key] = known.id
            if answer.replaced:
                self._replace(known, order, now_ms)
            return
        due_ms = max(now_ms, order.at_ms or now_ms)
        states = {id: self.tasks[id].state for id in order.after}
        task = Task(
            id=answer.id,
            order=order,
            state="pending",
            since_ms=now_ms,
            due_ms=due_ms,
            deadline_ms=_deadline_ms(order, due_ms),
            waiting={id for id, state in states.items() if state in UNFINISHED},
            held=order.group is not None,
        )
        assert answer.id not in self.tasks
        self.tasks[answer.id] = task
        self.changes["new", "pending"] += 1
        if order.if_dead != "run" and any(state in DEAD for state in states.values()):
            self._go(task, "cancelled" if order.if_dead == "skip" else "failed", now_ms)

    def _replace(self, task: Task, order: SubmitTask, now_ms: int) -> None:
        task.due_ms = max(now_ms, order.at_ms or now_ms)
        task.deadline_ms = _deadline_ms(order, task.due_ms)
        task.order = attrs.evolve(task.order, request=order.request, priority=order.priority)
        task.lane, task.routed, task.interruptions = None, False, 0
        task.held = task.order.group is not None
        if task.id in self.offered:
            self.outdated.add(task.id)

    def _retry(self, task: Task, now_ms: int) -> None:
        dead = any(self.tasks[id].state in DEAD for id in task.needs)
        if task.state not in DEAD or (dead and task.order.if_dead != "run") or self.doubles(task):
            return
        task.lane, task.routed, task.due_ms = None, False, now_ms
        task.interruptions = 0
        task.held = task.order.group is not None
        task.deadline_ms = _deadline_ms(task.order, now_ms)
        task.waiting = {id for id in task.needs if self.tasks[id].state in UNFINISHED}
        self._change(task, "pending", now_ms)
        for other in self.tasks.values():
            if other.state == "pending" and other.waiting and task.id in other.needs:
                other.waiting.add(task.id)

    def _assign(self, order: AssignLane) -> None:
        task = self.tasks[order.task_id]
        self.offered.discard(task.id)
        if task.id in self.outdated:
            self.outdated.discard(task.id)
        elif task.state == "pending" and not task.waiting and not task.held:
            task.lane, task.routed = order.lane, True

    def _plan(self, plan: AttemptPlanned, epoch: int, now_ms: int) -> None:
        task = self.tasks[plan.task_id]
        current = (task.state, task.attempt, epoch) == ("in_progress", plan.attempt, plan.epoch)
        if not current or plan.lane == task.lane:
            return
        task.lane, task.routed, task.attempt = plan.lane, True, task.attempt - 1
        task.due_ms = min(task.due_ms, now_ms)
        self._change(task, "pending", now_ms)

    def _over(self, over: AttemptOver, epoch: int, now_ms: int) -> None:
        task = self.tasks[over.task_id]
        current = (task.state, task.attempt, epoch) == ("in_progress", over.attempt, over.epoch)
        if not current:
            return
        task.lane, task.due_ms = over.lane, now_ms + over.delay_ms
        task.interruptions += int(over.interrupted)
        task.routed = over.next_state is TaskState.PENDING and over.lane is not None
        self._go(task, str(over.next_state), now_ms)

    def _go(self, task: Task, state: str, now_ms: int) -> None:
        self._change(task, state, now_ms)
        if state not in UNFINISHED:
            self._settle(task, now_ms)

    def _settle(self, ended: Task, now_ms: int) -> None:
        for task in list(self.tasks.values()):
            if task.state != "pending" or ended.id not in task.needs:
                continue
            if ended.state != "completed" and task.order.if_dead != "run":
                skipped = task.order.if_dead == "skip"
                self._go(task, "cancelled" if skipped else "failed", now_ms)
            else:
                task.waiting.discard(ended.id)

    def _change(self, task: Task, state: str, now_ms: int) -> None:
        change = (task.state, state)
        self.changes[change] += 1
        self.spent_ms[change] += now_ms - task.since_ms
        task.state, task.since_ms = state, now_ms


def _deadline_ms(order: SubmitTask, from_ms: int) -> int | None:
    deadline_s = order.request.deadline_s
    return None if deadline_s is None else from_ms + int(deadline_s * 1000)
