"""What the orchestrator tells itself, later."""

import attrs


@attrs.frozen(kw_only=True)
class BreakerDue:
    """What we tell ourselves when a breaker's wait is over."""

    provider: str


@attrs.frozen(kw_only=True)
class LeasesDue:
    """What we tell ourselves every few seconds: is every executor with attempts still there?"""


@attrs.frozen(kw_only=True)
class DayBegan:
    """What we tell ourselves at midnight: there is money again."""


@attrs.frozen(kw_only=True)
class MoneyCameBack:
    """What we tell ourselves a moment after a call has ended for which others wait."""


@attrs.frozen(kw_only=True)
class RecallDue:
    """What we tell ourselves a moment after memory was asked for an attempt."""

    task_id: str
    attempt: int


@attrs.frozen(kw_only=True)
class ChoiceDue:
    """What we tell ourselves a moment after strategies were asked about a request."""

    request_id: str
