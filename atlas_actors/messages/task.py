"""Between whoever wants work done, the queue and the orchestrator."""

from typing import Any, Final

import attrs

from atlas_actors.messages import states
from atlas_actors.messages.execution import End, Fault, Progress, Request, Usage
from atlas_actors.messages.routing import Route
from atlas_actors.messages.strategy import Strategy
from atlas_actors.messages.workspace import Workspace

TaskState = states.TaskState
STATES: Final = states.STATES
UNFINISHED: Final = states.UNFINISHED
ENDED: Final = states.ENDED


@attrs.frozen(kw_only=True)
class Unique:
    """One task at a time for a key: among those in `states`, made within `period_s`."""

    key: str
    states: tuple[str, ...] = UNFINISHED
    period_s: float | None = None  # None: whenever it was made
    replace: bool = False  # a pending one gets the new request, priority and due time


@attrs.frozen(kw_only=True)
class SubmitTask:
    """Ask tasks: accept this work; the answer, a TaskAccepted, comes after the commit."""

    request: Request
    key: str | None = None  # the same key gives the same task
    priority: str = "normal"  # low, normal, high, urgent
    at_ms: int | None = None
    max_attempts: int | None = None
    unique: Unique | None = None
    after: tuple[str, ...] = ()  # ids or keys of tasks that end before it begins
    if_dead: str = "fail"  # when one of those fails or is cancelled: fail, skip, run
    group: str | None = None  # shares the limits of [groups.NAME]
    origin: str = "person"  # person, schedule, generated, handoff, import
    handoff_id: str | None = None  # of the handoff that it goes on with


@attrs.frozen(kw_only=True)
class TaskAccepted:
    """Answer to SubmitTask: committed. Not `created`: the key is of a task that was there."""

    id: str
    created: bool
    replaced: bool = False
    key: str | None = None  # of the order, for who has sent several


@attrs.frozen(kw_only=True)
class SubmitTasks:
    """Ask tasks: accept all of these, each for itself; the answer is a TasksAccepted.

    They may come `after` one another by key, in any order.
    """

    orders: tuple[SubmitTask, ...]


@attrs.frozen(kw_only=True)
class TaskRefused:
    """Within a TasksAccepted: why one of the orders was not accepted."""

    error: str


@attrs.frozen(kw_only=True)
class TasksAccepted:
    """Answer to SubmitTasks, one result for each order, in their order."""

    results: tuple[TaskAccepted | TaskRefused, ...]


@attrs.frozen(kw_only=True)
class ImportTasks:
    """Ask tasks: take over tasks as `task.export` gives them; known ids are left as they are.

    The answer is a TasksImported.
    """

    tasks: tuple[dict[str, Any], ...]


@attrs.frozen(kw_only=True)
class TasksImported:
    """Answer to ImportTasks: how many were new."""

    count: int


@attrs.frozen(kw_only=True)
class PruneTasks:
    """Ask tasks: delete some of those that ended before `before_ms`; answered by TasksPruned."""

    before_ms: int
    states: tuple[str, ...] = ENDED


@attrs.frozen(kw_only=True)
class TasksPruned:
    """Answer to PruneTasks; there may be more."""

    count: int
    more: bool


@attrs.frozen(kw_only=True)
class LookAtTasks:
    """Ask tasks: look for what an event has missed; the answer is a TasksLooked."""


@attrs.frozen(kw_only=True)
class TasksLooked:
    """Answer to LookAtTasks: what there is, and what that look has begun."""

    pending: int
    in_progress: int
    offered: int
    started: int
    expired: int


@attrs.frozen(kw_only=True)
class CancelTask:
    """Ask tasks: do not do it (any more); the answer is a TaskChanged."""

    id: str


@attrs.frozen(kw_only=True)
class RetryTask:
    """Ask tasks: try a failed or cancelled task anew; the answer is a TaskChanged."""

    id: str
    handoff_id: str | None = None  # of what an attempt of it has left, to go on with


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
    strategy: Strategy | None = None  # of its last route
    choice: int | None = None  # of that strategy
    answered: bool = False  # by that strategy, not well enough


@attrs.frozen(kw_only=True)
class AssignLane:
    """Order to tasks: this pending task waits for this provider (None: for nobody yet)."""

    task_id: str
    lane: str | None
    route: Route
    waits_for: str = ""  # why it cannot start now, for people


@attrs.frozen(kw_only=True)
class AttemptPlanned:
    """Order to tasks: just before this attempt begins it was chosen how it is gone about.

    `lane` is another than the one that it was started for: it does not begin, and the task waits
    for that one, as if it had not been started.
    """

    task_id: str
    attempt: int
    epoch: int
    lane: str
    route: Route


@attrs.frozen(kw_only=True)
class OpenLane:
    """Order to tasks: this provider takes `slots` attempts at a time."""

    lane: str
    slots: int
    per_minute: int = 0  # attempts that may begin in a minute; 0: any number


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
    maybe_ran: bool = False  # it broke off after it had begun, and may have had effects


@attrs.frozen(kw_only=True)
class RouteAgain:
    """Order to tasks: those that wait for nobody are to be routed anew; with an intent, all of it
    that nobody has begun and nothing was chosen for: somebody else is the best known now."""

    intent: str | None = None


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
    """Fact for the gateway: a task is in this state now.

    `before` is the state that it left, `spent_ms` the time that it was in it.
    """

    id: str
    state: TaskState
    waits_for: str = ""
    before: str = ""
    spent_ms: int = 0
    lane: str | None = None
    attempt: int = 0


@attrs.frozen(kw_only=True)
class AttemptCancelled:
    """Order to the orchestrator: stop this attempt, its task was cancelled."""

    task_id: str
    attempt: int
    lane: str


@attrs.frozen(kw_only=True)
class TaskDue:
    """What tasks tells itself when a delayed task may start."""
