"""Actors that are built and driven by hand: no threads, a fake clock, an outbox to read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from atlas_actors.actor import Actor, Place
from atlas_actors.cell import Directory, Fence
from atlas_actors.messages.supervision import ChildEnded, ChildStarted
from tests.support.clocks import FakeClock


class Stage:
    """One actor on a stage of its own."""

    def __init__(
        self,
        kind: type[Actor],
        path: str = "atlas/work/actor",
        clock: FakeClock | None = None,
        **arguments: Any,
    ):
        self.clock = clock or FakeClock()
        self.directory = Directory()
        self.cell = self.directory.cell(path)
        self.cell.set_state("starting")
        self.reports: list[ChildStarted | ChildEnded] = []
        place = Place(
            cell=self.cell,
            fence=Fence(),
            incarnation=1,
            directory=self.directory,
            clock=self.clock,
            report=self.reports.append,
        )
        self.actor: Any = kind(place, **arguments)

    def start(self) -> list[Any]:
        """Run the start; what it tells."""
        self.actor.set_up()
        self.actor.start_up()
        return self.sent()

    def give(self, *messages: Any) -> list[Any]:
        """Handle messages as one batch would; what they tell."""
        for message in messages:
            self.actor.dispatch(message)
        if hasattr(self.actor, "before_commit"):
            self.actor.before_commit()
            self.actor.on_commit()
        return self.sent()

    def sent(self) -> list[Any]:
        """The messages in the outbox, which is emptied."""
        outbox, self.actor.outbox = self.actor.outbox, []
        for mail in outbox:
            if not mail.path:
                self.actor._deliver(mail)  # its own timers
        return [mail.message for mail in outbox if mail.path]

    def stop(self) -> None:
        self.actor.tear_down()


@contextmanager
def stage(kind: type[Actor], **arguments: Any) -> Iterator[Stage]:
    """A started actor; closed at the end."""
    built = Stage(kind, **arguments)
    built.start()
    try:
        yield built
    finally:
        built.stop()
