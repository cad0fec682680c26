"""The supervisor: starts children first to last, hears each ending, restarts, parks, escalates.

It never waits for a child: starts, stops and delays are plans that go one step on with every
message, so it answers while a child hangs. Anchors: OTP's supervisor.erl, Elixir's
DynamicSupervisor; parking is ours.
"""

import random
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from loguru import logger

from atlas_actors.actor import LATER, Actor, Place
from atlas_actors.errors import Conflict, NotFound, Unavailable
from atlas_actors.messages.supervision import ChildEnded, ChildStarted, Ending, RetryChild, Stop
from supervisors.child import INFINITE_S, ChildSpec, SupervisorSpec
from supervisors.incarnation import Child, Plan, kill, launch, note_end, note_start
from supervisors.requests import (
    BackoffOver,
    ChildCounts,
    CountChildren,
    DeleteChild,
    ListChildren,
    RestartChild,
    StartChild,
    StartDeadline,
    StopChild,
    StopDeadline,
    TryParked,
)
from supervisors.restart import RestartWindow, delay_s, restarts, shares_fate

Inbox = (
    StartChild
    | StopChild
    | RestartChild
    | DeleteChild
    | ListChildren
    | CountChildren
    | RetryChild
    | StartDeadline
    | StopDeadline
    | BackoffOver
    | TryParked
)
ALIVE: Final = frozenset({"starting", "running", "stopping"})


class ChildFailedError(Exception):
    """A child that this supervisor cannot do without is lost: ends the supervisor."""


class Supervisor(Actor):
    """Keeps its children running as `spec` says."""

    inbox = Inbox
    starts_later = True

    def __init__(
        self,
        place: Place,
        *,
        spec: SupervisorSpec,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(place)
        self._spec = spec
        self._jitter = jitter
        self._window = RestartWindow(spec.budget)
        self._children: dict[str, Child] = {}
        self._plans: list[Plan] = []
        self._plan_numbers = count()
        self._closing = False

    def on_start(self) -> None:
        """Begin to start the children; ready when the last one is."""
        for spec in self._spec.children:
            self._add(spec)
        self._begin([], [child for child in self._children.values() if not child.spec.absent])

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case StartChild():
                return self._on_start_child(message.spec)
            case StopChild():
                return self._on_stop_child(self._child(message.id))
            case RestartChild():
                return self._on_restart_child(self._child(message.id))
            case RetryChild():
                return self._on_restart_child(self._child(message.path.rpartition("/")[2]))
            case DeleteChild():
                return self._on_delete_child(self._child(message.id))
            case ListChildren():
                return [
                    (child.spec.id, child.cell.state, child.cell.incarnation)
                    for child in self._children.values()
                ]
            case CountChildren():
                return self._on_count_children()
            case StartDeadline() | StopDeadline():
                return self._on_deadline(message)
            case BackoffOver():
                return self._on_backoff_over(message.plan)
            case TryParked():
                return self._on_try_parked(message)

    def on_supervision(self, message: Any) -> None:
        """A child started or ended."""
        if not isinstance(message, ChildStarted | ChildEnded):
            return
        child = self._children.get(message.path.rpartition("/")[2])
        if child is None or child.cell.incarnation != message.incarnation or not child.launched:
            return  # of an incarnation that was given up
        match message:
            case ChildStarted():
                self._on_child_started(child)
            case ChildEnded():
                child.launched = False
                self._on_child_ended(child, message)

    def tear_down(self) -> None:
        """Stop every child that is left, last first, whatever ended this supervisor."""
        self._closing = True
        self._plans.clear()
        self._begin([child for child in self._children.values() if child.launched], [])
        while self._plans:
            item = self._mailbox.get(self._next_timer_s())
            if item is None:
                self._handle_due()
            elif isinstance(item, ChildStarted | ChildEnded):
                self.on_supervision(item)
            elif not isinstance(item, Stop):
                self._refuse(item)
        for child in self._children.values():
            if not child.spec.absent:
                child.cell.set_state("stopped", reason="its supervisor ended")

    # Children by request.

    def _on_start_child(self, spec: ChildSpec) -> Any:
        present = self._children.get(spec.id)
        if present is not None:
            alive = present.cell.state in ALIVE
            raise Conflict(
                f"{present.cell.path} is already running"
                if alive
                else f"{present.cell.path} is present but {present.cell.state}"
            )
        child = self._add(spec)
        child.waiter = self.reply_to
        self._begin([], [child])
        return LATER

    def _on_stop_child(self, child: Child) -> Any:
        self._leave_plans(child)
        if not child.launched:
            child.cell.set_state("stopped")
            self._advance()
            return child.cell.path
        child.waiter = self.reply_to
        self._begin([child], [])
        return LATER

    def _on_restart_child(self, child: Child) -> Any:
        if child.launched:
            raise Conflict(f"{child.cell.path} is {child.cell.state}")
        if child.spec.absent:
            raise Unavailable(f"{child.cell.path} is absent: {child.spec.absent}")
        self._leave_plans(child)
        child.window.clear()
        child.waiter = self.reply_to
        self._begin([], [child])
        return LATER

    def _on_delete_child(self, child: Child) -> None:
        if child.launched:
            raise Conflict(f"{child.cell.path} is {child.cell.state}: stop it first")
        self._forget(child)

    def _on_count_children(self) -> ChildCounts:
        children = list(self._children.values())
        supervisors = sum(child.spec.is_supervisor for child in children)
        return ChildCounts(
            specs=len(children),
            active=sum(child.cell.state in ALIVE for child in children),
            supervisors=supervisors,
            workers=len(children) - supervisors,
        )

    # Plans.

    def _begin(self, stop: list[Child], start: list[Child], *, delay: float = 0.0) -> None:
        plan = Plan(number=next(self._plan_numbers), stop=stop, start=start, waiting=delay > 0)
        self._plans.append(plan)
        for child in start:
            if not child.launched and child.cell.state != "backing_off":
                child.cell.set_state("starting")
        if plan.waiting:
            self.after(delay, BackoffOver(plan=plan.number))
        self._advance()

    def _advance(self) -> None:
        """Take the next step of every plan; a plan has one step under way at a time."""
        for plan in list(self._plans):
            while plan.stop and not plan.stop[-1].launched:
                plan.stop.pop()
            if plan.stop:
                if plan.stop[-1].cell.state != "stopping":
                    self._tell_stop(plan.stop[-1])
            elif plan.start and not plan.waiting:
                if not plan.start[0].launched:
                    self._launch(plan.start[0])
            elif not plan.start:
                self._plans.remove(plan)
        if not self._plans and not self._closing:
            self.started()

    def _leave_plans(self, child: Child) -> None:
        """Whatever was planned for this child is off."""
        for plan in self._plans:
            plan.start = [other for other in plan.start if other is not child]
            plan.stop = [other for other in plan.stop if other is not child]

    def _tell_stop(self, child: Child) -> None:
        child.cell.set_state("stopping")
        within_s = child.spec.shutdown_within_s
        if within_s == 0:  # brutal: no on_stop
            kill(child, "stopped without notice", self._mailbox.put_system)
            return
        child.cell.mailbox.put_system(Stop())
        if within_s != INFINITE_S:
            self.after(within_s, StopDeadline(id=child.spec.id, incarnation=child.cell.incarnation))

    def _launch(self, child: Child) -> None:
        launch(child, self.place, self._mailbox.put_system)
        if child.spec.start_within_s != INFINITE_S:
            self.after(
                child.spec.start_within_s,
                StartDeadline(id=child.spec.id, incarnation=child.cell.incarnation),
            )

    # What happens to children.

    def _on_child_started(self, child: Child) -> None:
        if child.cell.state != "starting":
            return
        note_start(child, self.place.clock.monotonic_s())
        child.answer(None)
        for plan in self._plans:
            plan.start = [other for other in plan.start if other is not child]
        self._advance()

    def _on_child_ended(self, child: Child, ended: ChildEnded) -> None:
        asked_to_stop = child.cell.state == "stopping"
        note_end(child, ended)
        if asked_to_stop or self._closing:
            self._on_stopped(child)
        elif child.waiter is not None and child.cell.state == "starting":
            self._on_asked_start_failed(child, ended)
        elif ended.ending is Ending.CANNOT_START and child.spec.on_exhausted == "park":
            self._park(child, ended.error, ended.cure)
        elif restarts(child.spec.restart, ended.ending):
            self._restart_or_give_up(child, ended)
        else:
            self._leave_plans(child)
            child.cell.set_state("stopped", reason=f"ended: {ended.ending}")
            if child.spec.restart == "temporary":
                self._forget(child)
        self._advance()

    def _on_stopped(self, child: Child) -> None:
        replanned = any(child in plan.start for plan in self._plans)
        child.cell.set_state("starting" if replanned else "stopped")
        child.answer(None)
        if child.spec.restart == "temporary" and not self._closing:
            self._leave_plans(child)
            self._forget(child)

    def _on_asked_start_failed(self, child: Child, ended: ChildEnded) -> None:
        """S5, S7: the one who asked is told; a child that never ran is not recorded."""
        self._leave_plans(child)
        child.cell.set_state("stopped", reason=ended.error, cure=ended.cure)
        ignored = ended.ending is Ending.IGNORED
        error = Unavailable(f"{child.cell.path} did not start: {ended.error}", cure=ended.cure)
        child.answer(None if ignored else error)
        if child.cell.incarnation == 1 and not (ignored and child.spec.restart != "temporary"):
            self._forget(child)
        elif ended.ending is Ending.CANNOT_START:
            self._park(child, ended.error, ended.cure)

    def _restart_or_give_up(self, child: Child, ended: ChildEnded) -> None:
        now_s = self.place.clock.monotonic_s()
        period_s = (child.spec.budget or self._spec.budget).period_s
        born_s = child.cell.started_at_s
        child.failures = 1 if born_s and now_s - born_s > period_s else child.failures + 1
        first_start = not self._ready and child.cell.state == "starting"
        spent = child.window.failed(now_s)
        reason = ended.error or f"it ended: {ended.ending}"
        if child.spec.on_exhausted == "escalate" and (spent or first_start):
            raise ChildFailedError(f"{child.cell.path}: {reason}")
        if spent:
            self._park(child, reason, "atlas inspect failures")
            return
        self._restart(child)

    def _restart(self, child: Child) -> None:
        """Plan a restart of the child and of all who share its fate."""
        order = list(self._children)
        ids = shares_fate(self._spec.strategy, order, child.spec.id)
        group = [self._children[id] for id in ids]
        pending = [other for plan in self._plans for other in plan.start]
        for other in group:
            self._leave_plans(other)
        comes_back = [
            other
            for other in group
            if other is child
            or (other.spec.restart != "temporary" and (other.launched or other in pending))
        ]
        delay = delay_s(child.spec.backoff, child.failures, self._jitter())
        if delay > 0:
            retry_at_ms = self.place.clock.now_ms() + int(delay * 1000)
            child.cell.set_state(
                "backing_off", reason=child.cell.last_failure, retry_at_ms=retry_at_ms
            )
        self._begin([other for other in group if other.launched], comes_back, delay=delay)

    def _park(self, child: Child, reason: str, cure: str) -> None:
        self._leave_plans(child)
        retry_s = child.spec.retry_s
        retry_at_ms = None
        if retry_s is not None:
            retry_s *= 0.75 + self._jitter() / 4  # many parked children should not try at once
            retry_at_ms = self.place.clock.now_ms() + int(retry_s * 1000)
            self.after(retry_s, TryParked(id=child.spec.id, incarnation=child.cell.incarnation))
        child.cell.set_state("parked", reason=reason, cure=cure, retry_at_ms=retry_at_ms)
        logger.warning("actor.parked", path=child.cell.path, reason=reason)

    # Deadlines.

    def _on_deadline(self, message: StartDeadline | StopDeadline) -> None:
        child = self._children.get(message.id)
        if child is None or child.cell.incarnation != message.incarnation or not child.launched:
            return
        expected = "starting" if isinstance(message, StartDeadline) else "stopping"
        if child.cell.state == expected:
            verb = "start" if expected == "starting" else "stop"
            kill(child, f"did not {verb} within its time", self._mailbox.put_system)

    def _on_backoff_over(self, number: int) -> None:
        for plan in self._plans:
            if plan.number == number:
                plan.waiting = False
        self._advance()

    def _on_try_parked(self, message: TryParked) -> None:
        child = self._children.get(message.id)
        if (
            child is not None
            and child.cell.state == "parked"
            and child.cell.incarnation == message.incarnation
        ):
            self._begin([], [child])

    # Small things.

    def _add(self, spec: ChildSpec) -> Child:
        cell = self.place.directory.cell(f"{self.path}/{spec.id}", bound=spec.mailbox_bound)
        window = RestartWindow(spec.budget) if spec.budget else self._window
        child = Child(spec=spec, cell=cell, window=window)
        self._children[spec.id] = child
        if spec.absent:
            cell.set_state("absent", reason=spec.absent)
        else:
            cell.set_state("starting")
        return child

    def _child(self, id: str) -> Child:
        if id not in self._children:
            raise NotFound(f"{self.path} has no child {id}")
        return self._children[id]

    def _forget(self, child: Child) -> None:
        self._children.pop(child.spec.id, None)
        self.place.directory.remove(child.cell.path)

    def _refuse(self, envelope: Any) -> None:
        reply_to = getattr(envelope, "reply_to", None)
        if reply_to is not None:
            reply_to.set_exception(Unavailable(f"{self.path} is stopping", part=self.path))
