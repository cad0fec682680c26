"""Tells what has become of an attempt: tasks, the router, and handoffs."""

from collections.abc import Callable
from typing import Any, Protocol

from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptEnded, AttemptStarted, End
from atlas_actors.messages.handoff import WorkEnded
from atlas_actors.messages.routing import RouteSpent
from atlas_actors.messages.task import TaskState
from atlas_actors.orchestrator.answers import Given, ended_by
from atlas_actors.orchestrator.check import Verdict
from atlas_actors.orchestrator.steps import Next, over_of


class Desk(Protocol):
    """What of the actor is needed here."""

    def tell(self, path: str, message: Any) -> None: ...


class Overs:
    """`is_client` says of a provider whether it is a program, whose work can be gone on with."""

    def __init__(self, desk: Desk, is_client: Callable[[str], bool]) -> None:
        self._desk = desk
        self._is_client = is_client

    def tell(
        self,
        ended: AttemptEnded,
        verdict: Verdict | None,
        step: Next,
        cost_usd: float,
        counted_usd: float = 0.0,
    ) -> None:
        """How an attempt ended, and what follows."""
        started = ended.started
        over = over_of(ended, verdict, step, cost_usd, counted_usd)
        self._desk.tell(paths.TASKS, over)
        done = step.state is not TaskState.PENDING
        completed = step.state is TaskState.COMPLETED
        if completed and (self._is_client(ended.provider) or started.goes_on):
            self._desk.tell(paths.HANDOFFS, WorkEnded(task_id=started.task_id))
        spent = RouteSpent(
            route_id=started.route.id,
            cost_usd=cost_usd,
            duration_ms=ended.duration_ms,
            success=completed if done else None,
            infrastructure=over.infrastructure,
        )
        self._desk.tell(paths.ROUTER, spent)

    def share(self, started: AttemptStarted, given: Given) -> None:
        """The answer of another attempt is this one's too."""
        self.without_call(
            started, given, provider=given.provider, transport=f"shared with {given.task_id}"
        )

    def without_call(
        self, started: AttemptStarted, given: Given, *, provider: str, transport: str
    ) -> None:
        """An answer that was there already."""
        ended = ended_by(given, started, provider, transport)
        verdict = Verdict(
            passed=True, how=given.verified_by, detail="as it was first given", answer=given.answer
        )
        done = Next(state=TaskState.COMPLETED, end=End.ANSWERED, lane=started.lane)
        self.tell(ended, verdict, done, 0.0)
