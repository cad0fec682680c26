"""Between whoever wants work done, the queue and the orchestrator."""

from enum import StrEnum

import attrs

from atlas_actors.messages.execution import End, Fault, Progress, Request, Usage
from atlas_actors.messages.routing import Route
from atlas_actors.messages.workspace import Workspace


class TaskState(StrEnum):
    """The states of a task; completed, failed and cancelled are final but for `retry`."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class SubmitTask:
    """Ask tasks: accept this work; the answer, a TaskAccepted, comes after the commit."""

    request: Request
    key: str | None = None  # the same key gives the same task
    priority: str = "normal"  # low, normal, high, urgent
    at_ms: int | None = None
    max_attempts: int | None = None


@attrs.frozen(kw_only=True)
class TaskAccepted:
    """Answer to SubmitTask: committed."""

    id: str
    created: bool


@attrs.frozen(kw_only=True)
class CancelTask:
    """Ask tasks: do not do it (any more); the answer is a TaskChanged."""

    id: str


@attrs.frozen(kw_only=True)
class RetryTask:
    """Ask tasks: try a failed or cancelled task anew; the answer is a TaskChanged."""

    id: str


@attrs.frozen(kw_only=True)
class SettleWorkspace:
    """Ask tasks: a person has decided on what a task did; the answer is a TaskChanged."""

    id: str
    workspace: Workspace


@attrs.frozen(kw_only=True)
class TaskQueued:
    """Fact for the orchestrator: this task has no lane yet."""

    task_id: str
    request: Request
    progress: Progress = attrs.field(factory=Progress)
    spent_usd: float = 0.0


@attrs.frozen(kw_only=True)
class AssignLane:
    """Order to tasks: this pending task waits for this provider (None: for nobody yet)."""

    task_id: str
    lane: str | None
    route: Route
    waits_for: str = ""  # why it cannot start now, for people


@attrs.frozen(kw_only=True)
class OpenLane:
    """Order to tasks: this provider takes `slots` attempts at a time."""

    lane: str
    slots: int


@attrs.frozen(kw_only=True)
class CloseLane:
    """Order to tasks: start nothing on this provider now."""

    lane: str
    reason: str
    reroute: bool  # False: it is expected back at once, who waits for it stays


@attrs.frozen(kw_only=True)
class AttemptOver:
    """Order to tasks: how an attempt ended, and what becomes of the task.

    `next_state` completed, failed or pending; pending waits for `lane` until `at_ms`.
    """

    task_id: str
    attempt: int
    epoch: int
    end: End
    next_state: TaskState
    error: str = ""
    check: str = ""
    answer: str | None = None
    verified_by: str | None = None
    model: str | None = None
    transport: str | None = None
    usage: Usage = attrs.field(factory=Usage)
    cost_usd: float = 0.0
    counted_usd: float = 0.0  # against the task's budget: the worst case where nobody knows
    duration_ms: int | None = None
    provider: str | None = None
    lane: str | None = None
    delay_ms: int = 0
    fault: Fault | None = None
    estimated: bool = False  # the tokens are a guess
    progress: Progress = attrs.field(factory=Progress)
    workspace: Workspace | None = None
    counts: bool = True  # as one of the answers that may be asked for
    interrupted: bool = False  # uses up one of the task's interruptions
    infrastructure: bool = False  # says nothing about the quality of answers


@attrs.frozen(kw_only=True)
class RouteAgain:
    """Order to tasks: those that wait for nobody are to be routed anew."""


@attrs.frozen(kw_only=True)
class TasksStarted:
    """Fact for the orchestrator: tasks is there (again), with these attempts open."""

    open_attempts: tuple[tuple[str, int], ...]


@attrs.frozen(kw_only=True)
class LanesWanted:
    """Order to tasks: forget which lanes are open; they are told anew."""


@attrs.frozen(kw_only=True)
class AttemptLost:
    """Order to tasks: nobody runs this attempt any more; the task is pending again."""

    task_id: str
    attempt: int
    reason: str
    counted_usd: float = 0.0  # against the task's budget: what it may have cost at the most


@attrs.frozen(kw_only=True)
class TaskChanged:
    """Fact for the gateway: a task is in this state now."""

    id: str
    state: TaskState
    waits_for: str = ""


@attrs.frozen(kw_only=True)
class AttemptCancelled:
    """Order to the orchestrator: stop this attempt, its task was cancelled."""

    task_id: str
    attempt: int
    lane: str


@attrs.frozen(kw_only=True)
class TaskDue:
    """What tasks tells itself when a delayed task may start."""
