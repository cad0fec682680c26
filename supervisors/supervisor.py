"""The supervisor: starts children first to last, hears each ending, restarts, parks, escalates.

It never waits for a child: starts, stops and delays are plans that go on with every message, so
it answers while a child hangs. Anchor: OTP's supervisor.erl; parking is ours.
"""

import random
from collections.abc import Callable
from typing import Any

from atlas_actors.actor import LATER, Actor, Place
from atlas_actors.errors import Busy, Conflict, Ignored, NotFound, Unavailable
from atlas_actors.mailbox import Envelope
from atlas_actors.messages.supervision import ChildEnded, ChildStarted, Ending, RetryChild, Stop
from supervisors import requests
from supervisors.child import INFINITE_S, ChildSpec, SupervisorSpec
from supervisors.incarnation import (
    ALIVE,
    Child,
    count_children,
    kill,
    launch,
    note_end,
    note_park,
    note_start,
)
from supervisors.plans import Plans
from supervisors.restart import RestartWindow, delay_s, restarts, shares_fate, shuts_down

Inbox = (
    requests.StartChild
    | requests.StopChild
    | requests.RestartChild
    | requests.DeleteChild
    | requests.RetireChild
    | requests.ListChildren
    | requests.CountChildren
    | RetryChild
    | requests.StartDeadline
    | requests.StopDeadline
    | requests.BackoffOver
    | requests.TryParked
)


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
        spec: SupervisorSpec | Callable[[], SupervisorSpec],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(place)
        self._spec = spec() if callable(spec) else spec
        self._jitter = jitter
        self._window = RestartWindow(self._spec.budget)
        self._children: dict[str, Child] = {}
        self._plans = Plans()
        self._closing = False

    def on_start(self) -> None:
        """Begin to start the children; ready when the last one is. Raises Ignored."""
        if not self._spec.enabled:
            raise Ignored("disabled")
        for spec in self._spec.children:
            self._add(spec)
        self._begin([], [child for child in self._children.values() if not child.spec.absent])

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case requests.StartChild():
                return self._on_start_child(message.spec)
            case requests.StopChild():
                return self._on_stop_child(self._child(message.id))
            case requests.RestartChild():
                return self._on_restart_child(self._child(message.id))
            case RetryChild():
                return self._on_restart_child(self._child(message.path.rpartition("/")[2]))
            case requests.DeleteChild():
                return self._on_delete_child(self._child(message.id))
            case requests.RetireChild():
                return self._on_retire_child(self._child(message.id), message.successor)
            case requests.ListChildren():
                return [
                    (child.spec.id, child.cell.state, child.cell.incarnation)
                    for child in self._children.values()
                ]
            case requests.CountChildren():
                return count_children(self._children.values())
            case requests.StartDeadline() | requests.StopDeadline():
                return self._on_deadline(message)
            case requests.BackoffOver():
                return self._on_backoff_over(message.plan)
            case requests.TryParked():
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
            self._flush()  # sets the deadlines of the stops that were just begun
            item = self._mailbox.get(self._next_timer_s())
            if item is None:
                self._handle_due()
            elif isinstance(item, ChildStarted | ChildEnded):
                self.on_supervision(item)
            elif isinstance(item, Envelope) and item.reply_to is not None:
                item.reply_to.set_exception(Unavailable(f"{self.path} is stopping"))  # type: ignore[arg-type]
        for child in self._children.values():
            if not child.spec.absent:
                child.cell.set_state("stopped", reason="its supervisor ended")

    # Children by request.

    def _on_start_child(self, spec: ChildSpec) -> Any:
        present = self._children.get(spec.id)
        if present is not None:
            state = present.cell.state
            how = "already running" if state in ALIVE else f"present but {state}"
            raise Conflict(f"{present.cell.path} is {how}")
        if len(self._children) >= self._spec.children_max:
            raise Busy(f"{self.path} has {len(self._children)} children, its limit")
        child = self._add(spec)
        return child.cell.path if spec.absent else self._start_for_asker(child)

    def _on_stop_child(self, child: Child) -> Any:
        self._plans.leave(child)
        if not child.launched:
            child.cell.set_state("stopped")
            self._advance()
            return child.cell.path
        child.waiter = self.reply_to
        self._begin([child], [])
        return LATER

    def _on_restart_child(self, child: Child) -> Any:
        self._refuse_in_pool("restarted")
        if child.launched:
            raise Conflict(f"{child.cell.path} is {child.cell.state}")
        if child.spec.absent:
            raise Unavailable(f"{child.cell.path} is absent: {child.spec.absent}")
        self._plans.leave(child)
        child.window.clear()
        child.was_parked = child.cell.state == "parked"
        return self._start_for_asker(child)

    def _start_for_asker(self, child: Child) -> Any:
        child.waiter = self.reply_to
        self._begin([], [child])
        return LATER

    def _on_delete_child(self, child: Child) -> None:
        self._refuse_in_pool("deleted")
        if child.launched:
            raise Conflict(f"{child.cell.path} is {child.cell.state}: stop it first")
        self._forget(child)

    def _on_retire_child(self, child: Child, successor: ChildSpec | None) -> None:
        child.retired, child.successor = True, successor
        if not child.launched:
            self._plans.leave(child)
            self._replace(child)
            self._advance()

    def _refuse_in_pool(self, done: str) -> None:
        if self._spec.pool:
            raise Conflict(f"{self.path} is a pool: its children are not {done}, start new ones")

    # Plans.

    def _begin(self, stop: list[Child], start: list[Child], *, delay_s: float = 0.0) -> None:
        number = self._plans.add(
            stop, start, waiting=delay_s > 0, at_once=self._spec.pool or len(stop) == 1
        )
        for child in start:
            if not child.launched and child.cell.state != "backing_off":
                child.cell.set_state("starting")
        if delay_s > 0:
            self.after(delay_s, requests.BackoffOver(plan=number))
        self._advance()

    def _advance(self) -> None:
        """Take the next step of every plan."""
        stop, start = self._plans.due()
        for child in stop:
            self._tell_stop(child)
        for child in start:
            self._launch(child)
        if not self._plans and not self._closing:
            self.started()

    def _tell_stop(self, child: Child) -> None:
        child.cell.set_state("stopping")
        within_s = child.spec.shutdown_within_s
        if within_s == 0:  # brutal: no on_stop
            kill(child, "stopped without notice", self._mailbox.put_system)
            return
        child.cell.mailbox.put_system(Stop())
        if within_s != INFINITE_S:
            self.after(
                within_s,
                requests.StopDeadline(id=child.spec.id, incarnation=child.cell.incarnation),
            )

    def _launch(self, child: Child) -> None:
        launch(child, self.place, self._mailbox.put_system)
        if child.spec.start_within_s != INFINITE_S:
            self.after(
                child.spec.start_within_s,
                requests.StartDeadline(id=child.spec.id, incarnation=child.cell.incarnation),
            )

    # What happens to children.

    def _on_child_started(self, child: Child) -> None:
        if child.cell.state != "starting":
            return
        note_start(child, self.place.clock.monotonic_s())
        child.answer(None)
        self._plans.leave(child)
        self._advance()

    def _on_child_ended(self, child: Child, ended: ChildEnded) -> None:
        asked_to_stop = child.cell.state == "stopping"
        note_end(child, ended)
        if asked_to_stop or self._closing:
            self._on_stopped(child)
        elif child.retired:
            self._replace(child)
        elif child.waiter is not None and child.cell.state == "starting":
            self._on_asked_start_failed(child, ended)
        elif ended.ending is Ending.CANNOT_START and child.spec.parks_when_missing:
            self._park(child, ended.error, ended.cure)
        elif restarts(child.spec.restart, ended.ending):
            self._restart_or_give_up(child, ended)
        else:
            self._on_done(child, ended)
        self._advance()

    def _on_stopped(self, child: Child) -> None:
        child.cell.set_state("starting" if self._plans.will_start(child) else "stopped")
        child.answer(None)
        if (child.spec.restart == "temporary" or self._spec.pool) and not self._closing:
            self._plans.leave(child)
            self._forget(child)

    def _on_done(self, child: Child, ended: ChildEnded) -> None:
        """It ended by itself and is not restarted; a significant one may end us (EEP 56)."""
        self._plans.leave(child)
        child.done = True
        child.cell.set_state("stopped", reason=f"ended: {ended.ending}")
        if child.spec.restart == "temporary":
            self._forget(child)
        others = [other.done for other in self._children.values() if other.spec.significant]
        if child.spec.significant and shuts_down(self._spec.auto_shutdown, others):
            self.end()

    def _replace(self, child: Child) -> None:
        """A retired child is over: forget it, or let its successor live at its address."""
        if child.successor is None:
            self._forget(child)
            return
        child.spec, child.successor, child.retired = child.successor, None, False
        self._begin([], [] if self._is_absent(child) else [child])

    def _on_asked_start_failed(self, child: Child, ended: ChildEnded) -> None:
        """S5, S7: the one who asked is told; a child that never ran is not recorded."""
        self._plans.leave(child)
        child.cell.set_state("stopped", reason=ended.error, cure=ended.cure)
        ignored = ended.ending is Ending.IGNORED
        error = Unavailable(f"{child.cell.path} did not start: {ended.error}", cure=ended.cure)
        child.answer(None if ignored else error)
        missing = ended.ending is Ending.CANNOT_START and child.spec.parks_when_missing
        if missing or child.was_parked:
            self._park(child, ended.error, ended.cure)
        elif child.cell.incarnation == 1 and not (ignored and child.spec.restart != "temporary"):
            self._forget(child)

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
            self._park(child, reason, "scripts/inspect failures")
            return
        self._restart(child)

    def _restart(self, child: Child) -> None:
        """Plan a restart of the child and of all who share its fate."""
        order = list(self._children)
        ids = shares_fate(self._spec.strategy, order, child.spec.id)
        group = [self._children[id] for id in ids]
        pending = [other for other in group if self._plans.will_start(other)]
        for other in group:
            self._plans.leave(other)
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
        self._begin([other for other in group if other.launched], comes_back, delay_s=delay)

    def _park(self, child: Child, reason: str, cure: str) -> None:
        self._plans.leave(child)
        retry_s = child.spec.retry_s
        retry_at_ms = None
        if retry_s is not None:
            retry_s *= 0.75 + self._jitter() / 4  # many parked children should not try at once
            retry_at_ms = self.place.clock.now_ms() + int(retry_s * 1000)
            self.after(
                retry_s, requests.TryParked(id=child.spec.id, incarnation=child.cell.incarnation)
            )
        note_park(child, reason, cure, retry_at_ms)

    # Deadlines.

    def _on_deadline(self, message: requests.StartDeadline | requests.StopDeadline) -> None:
        child = self._children.get(message.id)
        if child is None or child.cell.incarnation != message.incarnation or not child.launched:
            return
        expected = "starting" if isinstance(message, requests.StartDeadline) else "stopping"
        if child.cell.state == expected:
            verb = "start" if expected == "starting" else "stop"
            kill(child, f"did not {verb} within its time", self._mailbox.put_system)

    def _on_backoff_over(self, number: int) -> None:
        self._plans.end_wait(number)
        self._advance()

    def _on_try_parked(self, message: requests.TryParked) -> None:
        child = self._children.get(message.id)
        if child is None or self._closing or child.cell.state != "parked":
            return
        if child.cell.incarnation == message.incarnation:
            self._begin([], [child])

    # Small things.

    def _add(self, spec: ChildSpec) -> Child:
        cell = self.place.directory.cell(f"{self.path}/{spec.id}", bound=spec.mailbox_bound)
        window = RestartWindow(spec.budget) if spec.budget else self._window
        child = Child(spec=spec, cell=cell, window=window)
        self._children[spec.id] = child
        if not self._is_absent(child):
            cell.set_state("starting")
        return child

    def _is_absent(self, child: Child) -> bool:
        if child.spec.absent:
            child.cell.set_state("absent", reason=child.spec.absent)
        return bool(child.spec.absent)

    def _child(self, id: str) -> Child:
        if id not in self._children:
            raise NotFound(f"{self.path} has no child {id}")
        return self._children[id]

    def _forget(self, child: Child) -> None:
        self._children.pop(child.spec.id, None)
        self.place.directory.remove(child.cell.path)
