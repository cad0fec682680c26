"""Between whoever wants a cycle run, and the cycle."""

from typing import Literal

import attrs

StepResult = Literal["ok", "late", "degraded", "absent"]


@attrs.frozen(kw_only=True)
class RunCycle:
    """Ask the cycle: run now, or share the one that runs; the answer is a CycleEnded."""


@attrs.frozen(kw_only=True)
class StepEnded:
    """Within a CycleEnded: what one step did.

    late: not done in its time; degraded: its part does not work now; absent: there is no such
    part in this version.
    """

    number: int
    name: str
    part: str  # the address of who did it
    result: StepResult
    did: str  # for people
    took_ms: int


@attrs.frozen(kw_only=True)
class CycleEnded:
    """Answer to RunCycle, and fact for the gateway: a cycle is over."""

    started_at_ms: int
    took_ms: int
    steps: tuple[StepEnded, ...]


@attrs.frozen(kw_only=True)
class CycleDue:
    """What the cycle tells itself when its interval is over."""
