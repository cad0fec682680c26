"""Between the orchestrator and the executors: attempts and the state of providers."""

from enum import StrEnum
from typing import Any

import attrs

from atlas_actors.messages.routing import Route


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


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens of one attempt; input excludes what was read from a cache."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


@attrs.frozen(kw_only=True)
class File:
    """A file's text as it was when the request was made."""

    name: str
    text: str


@attrs.frozen(kw_only=True)
class Request:
    """What a person or a task wants done."""

    prompt: str
    files: tuple[File, ...] = ()
    cwd: str | None = None
    schema: dict[str, Any] | None = None  # the answer must be JSON of this schema
    provider: str | None = None  # a person's pin: no other provider is used


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


@attrs.frozen(kw_only=True)
class RunAttempt:
    """Order to an executor: ask the model once; `started` is given back with the end."""

    started: AttemptStarted
    prompt: str


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
    error: str = ""
    answer: str = ""
    finish: str = ""  # stop, length, … as the provider said
    model: str = ""
    transport: str = ""
    usage: Usage = attrs.field(factory=Usage)
    cost_usd: float = 0.0
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
