"""Pure: what is to be stopped and started, in which order, one step of each plan at a time."""

from itertools import count

import attrs

from supervisors.incarnation import Child


@attrs.define(eq=False)
class Plan:
    """Stop these, last first (or all at once); then wait; then start these, first to last."""

    number: int
    stop: list[Child]
    start: list[Child]
    waiting: bool
    at_once: bool


class Plans:
    """The plans under way; plans of different children go on beside each other."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []
        self._numbers = count()

    def __bool__(self) -> bool:
        return bool(self._plans)

    def add(
        self, stop: list[Child], start: list[Child], *, waiting: bool = False, at_once: bool = False
    ) -> int:
        """Begin a plan; its number. A waiting one starts nothing until `end_wait`."""
        number = next(self._numbers)
        self._plans.append(
            Plan(number=number, stop=stop, start=start, waiting=waiting, at_once=at_once)
        )
        return number

    def end_wait(self, number: int) -> None:
        """The delay of a plan is over."""
        for plan in self._plans:
            if plan.number == number:
                plan.waiting = False

    def leave(self, child: Child) -> None:
        """Whatever was planned for this child is off, or done."""
        for plan in self._plans:
            plan.start = [other for other in plan.start if other is not child]
            plan.stop = [other for other in plan.stop if other is not child]

    def will_start(self, child: Child) -> bool:
        """Whether a plan starts this child later."""
        return any(child in plan.start for plan in self._plans)

    def clear(self) -> None:
        """Nothing is planned any more."""
        self._plans.clear()

    def due(self) -> tuple[list[Child], list[Child]]:
        """(to be told to stop, to be launched) now; finished plans are dropped."""
        stop: list[Child] = []
        launch: list[Child] = []
        for plan in list(self._plans):
            plan.stop = [child for child in plan.stop if child.launched]
            if plan.stop:
                turn = plan.stop if plan.at_once else plan.stop[-1:]
                stop += [child for child in turn if child.cell.state != "stopping"]
            elif not plan.start:
                self._plans.remove(plan)
            elif not plan.waiting and not plan.start[0].launched:
                launch.append(plan.start[0])
        return stop, launch
