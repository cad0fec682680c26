"""Has strategies choose how a task is gone about, when its first attempt begins and not before:
what was found out while the task waited counts."""

from typing import Final

import attrs

from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted
from atlas_actors.messages.routing import Route
from atlas_actors.messages.strategy import ChooseStrategy, StrategyChosen
from atlas_actors.messages.task import AttemptPlanned
from atlas_actors.orchestrator.chain import lane_of
from atlas_actors.orchestrator.desk import Desk
from atlas_actors.orchestrator.dues import ChoiceDue
from atlas_actors.orchestrator.flights import Flights
from atlas_actors.orchestrator.prospects import Prospects
from atlas_actors.orchestrator.waits import Waiting, Waits, name_of

WAIT_S: Final = 0.5  # for strategies, here and at routing; then it goes on without them


class Choices:
    """Attempts that wait for strategies."""

    def __init__(self, desk: Desk, prospects: Prospects, flights: Flights) -> None:
        self._desk = desk
        self._prospects = prospects
        self._waits = Waits(flights)

    def ask(self, started: AttemptStarted, same: str | None) -> bool:
        """Whether strategies are asked; then their answer, or the end of the wait, comes as a
        message. Once a choice was made, or an answer asked for, the task stays with it; but one
        that sent the task elsewhere may be outdated when that one has room for it."""
        route = started.route
        chosen = route.choice is not None and not route.moved
        if chosen or started.goes_on or started.answers_asked > 1:
            return False
        name = name_of(started.task_id, started.attempt)
        choose = self._prospects.choice(
            name, route, started.request, started.spent_usd, started.task_id
        )
        if choose is None:
            return False
        self._waits.add(Waiting(started=started, same=same))
        self._desk.request(paths.STRATEGIES, choose)
        self._desk.after(WAIT_S, ChoiceDue(request_id=name))
        return True

    def waits(self, due: ChoiceDue) -> bool:
        """Whether strategies have not answered that yet."""
        return due.request_id in self._waits

    def answered(
        self, answer: StrategyChosen | ChoiceDue | ChooseStrategy
    ) -> tuple[Waiting, bool] | None:
        """Who has waited for this, with its route, and whether it begins here: else its task waits
        for somebody else. A ChooseStrategy is one that strategies did not take, a ChoiceDue the end
        of the wait: it goes on with what was known."""
        found = self._waits.pop(answer.request_id)
        if found is None:
            return None
        if not isinstance(answer, StrategyChosen) or answer.strategy is None:
            return found, True
        started = found.started
        if started.route.moved and answer.choice == started.route.choice:
            return found, True
        route = attrs.evolve(
            started.route,
            strategy=answer.strategy,
            choice=answer.choice,
            strategy_why=answer.why,
        )
        lane = self._lane(started, route)
        route = attrs.evolve(route, provider=lane, moved=lane != started.lane)
        planned = AttemptPlanned(
            task_id=started.task_id,
            attempt=started.attempt,
            epoch=started.epoch,
            lane=lane,
            route=route,
        )
        self._desk.tell(paths.TASKS, planned)
        return attrs.evolve(found, started=attrs.evolve(started, route=route)), lane == started.lane

    def _lane(self, started: AttemptStarted, route: Route) -> str:
        """Who does it now; who was to do it, when nobody can at once."""
        chain = self._prospects.chain(route, started.request, started.spent_usd)
        lane, waits_for = lane_of(chain, started.progress.tried)
        return started.lane if lane is None or waits_for else lane

    def keep(self) -> None:
        """The batch is on disk."""
        self._waits.keep()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again."""
        self._waits.take_back()
