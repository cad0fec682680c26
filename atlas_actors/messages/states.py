"""The states of a task; apart from its messages, since the CLI needs no more of them."""

from enum import StrEnum
from typing import Final


class TaskState(StrEnum):
    """The states of a task; completed, failed and cancelled are final but for `retry`."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATES: Final = tuple(str(state) for state in TaskState)
UNFINISHED: Final = (str(TaskState.PENDING), str(TaskState.IN_PROGRESS))
ENDED: Final = tuple(state for state in STATES if state not in UNFINISHED)
