"""What the router is being asked for; a batch that the disk refuses can be taken back."""

from typing import Any

from atlas_actors.messages.routing import DecideRoute
from atlas_actors.messages.task import TaskQueued

Asked = TaskQueued | DecideRoute


class Questions:
    """Questions by their request id, each with who waits for the answer (None: a task does)."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Asked, Any]] = {}
        self._new: list[str] = []
        self._answered: dict[str, tuple[Asked, Any]] = {}

    def __contains__(self, id: object) -> bool:
        return id in self._open

    def add(self, id: str, asked: Asked, reply: Any = None) -> None:
        """A question is on its way."""
        self._open[id] = (asked, reply)
        self._new.append(id)

    def pop(self, id: str) -> tuple[Asked, Any] | None:
        """It is answered; None: nobody has asked it."""
        found = self._open.pop(id, None)
        if found is not None and id not in self._new:
            self._answered[id] = found
        return found

    def keep(self) -> None:
        """The batch is on disk."""
        self._new.clear()
        self._answered.clear()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again; what was asked before is asked still."""
        for id in self._new:
            self._open.pop(id, None)
        self._open.update(self._answered)
        self.keep()
