"""Between the orchestrator and the executors: attempts and the state of providers."""

from enum import StrEnum
from typing import Any

import attrs

from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.messages.routing import Route
from atlas_actors.messages.workspace import Workspace


class End(StrEnum):
    """How an attempt ends; nothing else is possible."""

    ANSWERED = "answered"
    REFUSED = "refused"  # the provider will not or can not do this request
    BUSY = "busy"  # it may later
    UNREACHABLE = "unreachable"  # no connection, or it was lost
    TIMED_OUT = "timed_out"
    OVER_BUDGET = "over_budget"
    REJECTED = "rejected"  # answered, and the check failed
    CANCELLED = "cancelled"


class Fault(StrEnum):
    """Why an attempt was not answered, as far as the next step depends on it."""

    RATE = "rate"  # too many requests, overloaded, loading: later
    QUOTA = "quota"  # paid for, and used up: much later
    KEY = "key"  # no key, or not accepted: once a person has acted
    CONTEXT = "context"  # longer than it takes
    REQUEST = "request"  # it will not do this request
    SERVER = "server"  # it failed, or does not speak the protocol
    NETWORK = "network"  # no way to it
    BUDGET = "budget"  # ours: it would have cost more than is left
    TASK = "task"  # the work itself cannot be begun, whoever does it


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens of one attempt; input excludes what was read from a cache."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0  # of cache_write, what is kept for an hour
    output: int = 0
    reasoning: int = 0  # of output


@attrs.frozen(kw_only=True)
class File:
    """A file's text as it was when the request was made; a long one is kept aside by its hash."""

    name: str
    text: str
    sha256: str = ""  # then `text` is empty and the content is a file of this name
    bytes: int = 0


@attrs.frozen(kw_only=True)
class Request:
    """What a person or a task wants done."""

    prompt: str
    files: tuple[File, ...] = ()
    cwd: str | None = None
    schema: dict[str, Any] | None = None  # the answer must be JSON of this schema
    match: str | None = None  # the answer must match this RE2 pattern
    check: tuple[str, ...] | None = None  # this command must exit 0; the answer is its input
    provider: str | None = None  # a person's pin: no other provider is used
    in_place: bool = False  # a person's choice: work in `cwd` itself, not in a copy
    budget_usd: float | None = None  # of all attempts together
    deadline_s: float | None = None  # of all attempts and waits together


@attrs.frozen(kw_only=True)
class Progress:
    """How far the cascade of a task has come; made by the orchestrator, kept by tasks."""

    tried: tuple[str, ...] = ()  # failed in this round, by no fault of the request
    rounds: int = 0  # how often all had failed
    retried: int = 0  # times in a row on the provider of the last attempt
    answers: int = 0  # of that provider that failed their check


@attrs.frozen(kw_only=True)
class CheckRun:
    """What became of a check's command: its exit code (None: it did not run or end), its output."""

    code: int | None
    output: str


@attrs.frozen(kw_only=True)
class AttemptStarted:
    """Fact for the orchestrator: journalled; run it."""

    task_id: str
    attempt: int
    epoch: int
    lane: str
    request: Request
    route: Route
    answers_asked: int  # attempts that count against `attempts_max`, with this one
    attempts_max: int
    interruptions: int
    last_error: str = ""  # of the attempt before
    progress: Progress = attrs.field(factory=Progress)
    created_ms: int = 0  # of the task
    deadline_ms: int | None = None  # when the time for all attempts is over
    spent_usd: float = 0.0  # by the attempts before
    goes_on: bool = False  # with what an interrupted attempt has left
    handoff_id: str | None = None  # of the handoff that the task was made for
    fresh_from: int = 0  # attempts up to this one were of other work


@attrs.frozen(kw_only=True)
class RunAttempt:
    """Order to an executor: ask the model once; `started` is given back with the end."""

    started: AttemptStarted
    prompt: str
    deadline_s: float
    writes: bool = False  # it may change files: it gets a workspace
    budget_usd: float | None = None  # what it may cost; for clients that can hold themselves to it
    handoff: Checkpoint | None = None  # how far an earlier attempt had come that was cut off
    temperature: float | None = None  # None: what the provider does by itself
    plan_first: bool = False  # ask for a plan first; it is then part of the prompt
    context_tokens: int = 0  # of the project's likely files before the prompt; 0: none


@attrs.frozen(kw_only=True)
class CancelAttempt:
    """Order to an executor: stop this attempt."""

    task_id: str
    attempt: int


@attrs.frozen(kw_only=True)
class AttemptAccepted:
    """Fact for the orchestrator: this incarnation of the executor has the attempt."""

    task_id: str
    attempt: int
    provider: str
    incarnation: int


@attrs.frozen(kw_only=True)
class AnswerGrew:
    """Fact for the gateway: more of an answer has come."""

    task_id: str
    attempt: int
    text: str


@attrs.frozen(kw_only=True)
class AttemptEnded:
    """Fact for the orchestrator: the attempt is over."""

    started: AttemptStarted
    provider: str
    end: End
    fault: Fault | None = None
    error: str = ""
    answer: str = ""
    finish: str = ""  # stop, length, refusal, denied, tool, or the provider's own word
    check: CheckRun | None = None
    workspace: Workspace | None = None
    model: str = ""
    transport: str = ""
    usage: Usage = attrs.field(factory=Usage)
    estimated: bool = False  # the tokens are a guess: it broke off before it had said
    cost_usd: float | None = None  # as the provider states it; None: by the table of prices
    retry_after_ms: int | None = None
    duration_ms: int = 0


@attrs.frozen(kw_only=True)
class ReportExecutor:
    """Order to an executor: say how you are."""


@attrs.frozen(kw_only=True)
class RetireExecutor:
    """Order to an executor: finish what you have, then end."""


@attrs.frozen(kw_only=True)
class ProvidersChanged:
    """Order to who knows the providers: from now on these; each is a [providers.NAME] table."""

    providers: tuple[dict[str, Any], ...]


@attrs.frozen(kw_only=True)
class ExecutorReported:
    """Fact for the orchestrator: the state of one provider now.

    state is ready, loading (takes work, the first answer takes longer) or starting (takes none).
    """

    provider: str
    incarnation: int
    state: str
    transport: str
    model: str
    slots: int
    in_flight: tuple[tuple[str, int], ...] = ()
    note: str = ""


@attrs.frozen(kw_only=True)
class BreakerChanged:
    """Fact for the gateway: whether a provider is asked at all; state closed, open, half_open."""

    provider: str
    state: str
    reason: str = ""
    until_ms: int | None = None  # open until then


@attrs.frozen(kw_only=True)
class ResetBreaker:
    """Order to the orchestrator: a person says that this provider works again."""

    provider: str
