"""What the router and strategies are being asked for; a refused batch can be taken back."""

from typing import Any

import attrs

from atlas_actors.messages.execution import Request
from atlas_actors.messages.routing import DecideRoute, Route
from atlas_actors.messages.task import TaskQueued


@attrs.frozen(kw_only=True)
class Question:
    """A request on its way; `reply` is who waits for the answer (None: a task does). Once the
    router has answered there is a `route`: then strategies are being asked."""

    asked: TaskQueued | DecideRoute
    reply: Any = None
    route: Route | None = None

    @property
    def task_id(self) -> str | None:
        """The task's, if it is one."""
        return self.asked.task_id if isinstance(self.asked, TaskQueued) else None

    @property
    def request(self) -> Request:
        """What is wanted."""
        if isinstance(self.asked, TaskQueued):
            return self.asked.request
        return Request(prompt=self.asked.text, cwd=self.asked.cwd, provider=self.asked.provider)

    @property
    def spent_usd(self) -> float:
        """By the task so far."""
        return self.asked.spent_usd if isinstance(self.asked, TaskQueued) else 0.0

    @property
    def tried(self) -> tuple[str, ...]:
        """Who has failed already."""
        return self.asked.progress.tried if isinstance(self.asked, TaskQueued) else ()


class Questions:
    """Questions by their id."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._before: dict[str, Question | None] = {}  # as they were at the last commit

    def __contains__(self, id: object) -> bool:
        return id in self._open

    def get(self, id: str) -> Question | None:
        """As it stands; None: nobody has asked it."""
        return self._open.get(id)

    def put(self, id: str, question: Question) -> None:
        """It is on its way, or has come further."""
        self._before.setdefault(id, self._open.get(id))
        self._open[id] = question

    def pop(self, id: str) -> Question | None:
        """It is answered; None: nobody has asked it."""
        if id in self._open:
            self._before.setdefault(id, self._open[id])
        return self._open.pop(id, None)

    def keep(self) -> None:
        """The batch is on disk."""
        self._before.clear()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again; what was asked before is asked still."""
        for id, question in self._before.items():
            self._open.pop(id, None)
            if question is not None:
                self._open[id] = question
        self.keep()
