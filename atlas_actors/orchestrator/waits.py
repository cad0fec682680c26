"""Attempts that wait for somebody's answer before they begin; a refused batch is taken back."""

import attrs

from atlas_actors.messages.execution import AttemptStarted
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.orchestrator.flights import Flights


@attrs.frozen(kw_only=True)
class Waiting:
    """An attempt that begins once somebody has answered."""

    started: AttemptStarted
    same: str | None
    handoff: Checkpoint | None = None


class Waits:
    """Those who wait, by the name under which the question was asked."""

    def __init__(self, flights: Flights) -> None:
        self._flights = flights
        self._waiting: dict[str, Waiting] = {}
        self._new: list[str] = []
        self._answered: dict[str, Waiting] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._waiting

    def add(self, waiting: Waiting) -> str:
        """The name to ask under."""
        name = name_of(waiting.started.task_id, waiting.started.attempt)
        self._waiting[name] = waiting
        self._new.append(name)
        return name

    def pop(self, name: str) -> Waiting | None:
        """Who has waited for this; None: nobody does (any more), it may have been cancelled."""
        found = self._waiting.pop(name, None)
        if found is None:
            return None
        if name not in self._new:
            self._answered[name] = found
        key = (found.started.task_id, found.started.attempt)
        if key not in self._flights:
            self._flights.not_elsewhere(key)
            return None
        return found

    def keep(self) -> None:
        """The batch is on disk."""
        self._new.clear()
        self._answered.clear()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again; who waited before waits still."""
        for name in self._new:
            self._waiting.pop(name, None)
        self._waiting.update(self._answered)
        self.keep()


def name_of(task_id: str, attempt: int) -> str:
    """Of an attempt."""
    return f"{task_id}/{attempt}"
