"""Between whoever wants work done at its time, and the scheduler."""

from typing import Any, Literal

import attrs


@attrs.frozen(kw_only=True)
class AddSchedule:
    """Ask the scheduler: submit this task at these times; the answer is a ScheduleAdded.

    `spec` has the fields of its kind: once_ms | every_s, start_ms? | daily "09:00" |
    weekly {days: ["mon"], time: "09:00"} | cron. `task` holds parameters of task.submit that the
    door has checked, with its check's command as a list.
    """

    name: str
    kind: Literal["once", "every", "daily", "weekly", "cron"]
    spec: dict[str, Any]
    task: dict[str, Any]
    timezone: str | None = None  # an IANA name; None: the machine's own
    missed: Literal["skip", "once", "all"] = "once"
    jitter_s: int = 0


@attrs.frozen(kw_only=True)
class ScheduleAdded:
    """Answer to AddSchedule: committed. created is false when just this schedule was there."""

    id: str
    name: str
    timezone: str
    next_ms: tuple[int, ...]  # when it is due next
    created: bool


@attrs.frozen(kw_only=True)
class RemoveSchedule:
    """Ask the scheduler: forget this schedule; the answer is a ScheduleChanged."""

    name: str  # or its id


@attrs.frozen(kw_only=True)
class PauseSchedule:
    """Ask the scheduler: submit nothing of it until it is resumed; answered ScheduleChanged."""

    name: str  # or its id


@attrs.frozen(kw_only=True)
class ResumeSchedule:
    """Ask the scheduler: go on from now, without what was paused; answered ScheduleChanged."""

    name: str  # or its id


@attrs.frozen(kw_only=True)
class ScheduleChanged:
    """Answer: committed."""

    id: str
    name: str
    state: Literal["active", "paused", "removed"]
    next_ms: tuple[int, ...] = ()


@attrs.frozen(kw_only=True)
class LookAtSchedules:
    """Ask the scheduler: look now at what is due; the answer is a SchedulesLooked."""


@attrs.frozen(kw_only=True)
class SchedulesLooked:
    """Answer to LookAtSchedules: how many ticks were made, each of which becomes a task. When a
    look has no time for all that is due, the rest is made right after it, and not counted here."""

    ticks: int


@attrs.frozen(kw_only=True)
class ScheduleDue:
    """What the scheduler tells itself when it is to look."""
