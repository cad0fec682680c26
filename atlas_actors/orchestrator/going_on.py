"""Asks handoffs what an attempt can go on with, for a while also when it does not answer."""

from typing import Any, Final, Protocol

from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted
from atlas_actors.messages.handoff import TakeHandoff
from atlas_actors.orchestrator.flights import Flight, Flights

ASKED_MAX: Final = 12
AGAIN_S: Final = 5.0


class Desk(Protocol):
    """What of the actor is needed here."""

    def request(self, path: str, message: Any) -> None: ...

    def after(self, delay_s: float, message: Any) -> None: ...


class GoingOn:
    """Attempts wait as flights until handoffs has said what there is."""

    def __init__(self, desk: Desk, flights: Flights) -> None:
        self._desk = desk
        self._flights = flights

    def ask(self, started: AttemptStarted, same: str | None) -> None:
        """What has an earlier attempt of it left?"""
        key = (started.task_id, started.attempt)
        self._flights.add(key, Flight(started=started, same=same, asks_handoff=True))
        question = TakeHandoff(
            task_id=started.task_id,
            attempt=started.attempt,
            handoff_id=started.handoff_id,
            after_attempt=started.fresh_from,
        )
        self._desk.request(paths.HANDOFFS, question)

    def again(self, question: TakeHandoff) -> bool:
        """It does not answer now: whether it is asked again, for the work's sake."""
        flight = self._flights.get((question.task_id, question.attempt))
        if flight is None or flight.handoff_asked >= ASKED_MAX:
            return False
        flight.handoff_asked += 1
        self._desk.after(AGAIN_S, question)
        return True
