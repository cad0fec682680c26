"""One child as its supervisor holds it: how an incarnation is launched, given up and recorded."""

from collections.abc import Callable, Iterable
from typing import Final

import attrs
from loguru import logger

from atlas_actors.actor import Place, one_line
from atlas_actors.cell import Cell, Fence
from atlas_actors.mailbox import Reply
from atlas_actors.messages.supervision import (
    ActorDown,
    ActorStarted,
    ChildEnded,
    ChildStarted,
    Ending,
)
from supervisors.child import ChildSpec
from supervisors.requests import ChildCounts
from supervisors.restart import RestartWindow

# What a person should look into; something missing outside has its own reason and cure.
ALIVE: Final = frozenset({"starting", "running", "stopping"})
FAILURES: Final = frozenset({Ending.CRASHED, Ending.KILLED})
Report = Callable[[ChildStarted | ChildEnded], None]


@attrs.define(eq=False)
class Child:
    """What the supervisor knows of one child."""

    spec: ChildSpec
    cell: Cell
    window: RestartWindow
    launched: bool = False  # a thread of the current incarnation may be running
    failures: int = 0  # in a row; none once it has lived for a period
    waiter: Reply | None = None  # who asked for this start or stop
    successor: ChildSpec | None = None  # takes the place when this one has ended
    retired: bool = False
    was_parked: bool = False  # before the start that somebody asked for
    done: bool = False  # it has ended by itself and does not come back

    def answer(self, error: Exception | None) -> None:
        """Tell whoever asked for the start or stop how it went."""
        waiter, self.waiter = self.waiter, None
        if waiter is None:
            return
        if error is None:
            waiter.set(self.cell.path)
        else:
            waiter.set_exception(error)


def launch(child: Child, parent: Place, report: Report) -> None:
    """Start the next incarnation; its start or end comes as a report, never from here."""
    cell = child.cell
    cell.mailbox.forget_system()
    cell.fence = Fence()
    cell.incarnation += 1
    cell.set_state("starting")
    child.launched = True
    place = Place(
        cell=cell,
        fence=cell.fence,
        incarnation=cell.incarnation,
        directory=parent.directory,
        clock=parent.clock,
        report=report,
    )
    try:
        child.spec.actor.start(place, **child.spec.arguments)
    except Exception as error:  # its constructor failed, or no thread could be made
        report(_ended(child, Ending.CRASHED, one_line(error)))


def kill(child: Child, why: str, report: Report) -> None:
    """Fence the incarnation off: its thread may live on, and can do nothing any more."""
    child.cell.fence.drop()
    child.cell.mailbox.wake()
    report(_ended(child, Ending.KILLED, why))


def note_start(child: Child, now_s: float) -> None:
    """Record that the child runs, and tell its monitors."""
    cell = child.cell
    cell.started_at_s = now_s
    cell.restarts += cell.incarnation > 1
    # What the actor said of itself while it started (a database set aside) stays.
    cell.set_state("running", reason=cell.reason, cure=cell.cure)
    cell.announce(ActorStarted(path=cell.path, incarnation=cell.incarnation))


def note_end(child: Child, ended: ChildEnded) -> None:
    """Record how the child ended, and tell its monitors."""
    cell = child.cell
    brutally_stopped = cell.state == "stopping" and child.spec.shutdown_within_s == 0
    if ended.ending in FAILURES and not brutally_stopped:
        cell.remember_failure(ended)
        logger.error(
            "actor.failed",
            path=ended.path,
            incarnation=ended.incarnation,
            ending=str(ended.ending),
            error=ended.error,
        )
    elif ended.ending is Ending.CANNOT_START:
        cell.report_failure(ended)
    cell.announce(
        ActorDown(
            path=ended.path,
            incarnation=ended.incarnation,
            ending=ended.ending,
            error=ended.error,
            cure=ended.cure,
        )
    )


def note_park(child: Child, reason: str, cure: str, retry_at_ms: int | None) -> None:
    """Record that the child does not run for now, and tell its monitors why."""
    cell = child.cell
    cell.set_state("parked", reason=reason, cure=cure, retry_at_ms=retry_at_ms)
    logger.warning("actor.parked", path=cell.path, reason=reason)
    cell.announce(
        ActorDown(
            path=cell.path,
            incarnation=cell.incarnation,
            ending=Ending.CANNOT_START,
            error=reason,
            cure=cure,
        )
    )


def count_children(children: Iterable[Child]) -> ChildCounts:
    """OTP's count_children: listed, alive, and how many of the listed are supervisors."""
    listed = list(children)
    supervisors = sum(child.spec.is_supervisor for child in listed)
    return ChildCounts(
        specs=len(listed),
        active=sum(child.cell.state in ALIVE for child in listed),
        supervisors=supervisors,
        workers=len(listed) - supervisors,
    )


def _ended(child: Child, ending: Ending, error: str) -> ChildEnded:
    return ChildEnded(
        path=child.cell.path, incarnation=child.cell.incarnation, ending=ending, error=error
    )
