"""Which attempts are under way, and who waits for the same answer."""

import attrs

from atlas_actors.messages.execution import AttemptStarted

Key = tuple[str, int]


@attrs.define
class Flight:
    """An attempt that an executor has or will have, or that waits for one like it."""

    started: AttemptStarted
    same: str | None = None  # the hash that identical requests share
    accepted_by: int | None = None  # the executor's incarnation
    followers: list[AttemptStarted] = attrs.field(factory=list)
    follows: Key | None = None
    missed: int = 0  # looks since its executor last said that it has it
    handoff_asked: int = 0  # times
    asks_handoff: bool = False  # it begins once handoffs has said what there is to go on with


class Flights:
    """Flights by task and attempt. A batch that the disk refuses can be taken back."""

    def __init__(self) -> None:
        self._flights: dict[Key, Flight] = {}
        # Attempts of which only their executor knows: an earlier incarnation of ours sent them, or
        # their task was cancelled.
        self.elsewhere: dict[Key, str] = {}
        self._gone: dict[Key, str] = {}  # from there, since the last commit
        # Attempts whose order came in a batch that the disk refused: it comes again.
        self._coming: set[Key] = set()
        self._arrived: list[Key] = []
        self._begun: list[Key] = []
        self._ended: dict[Key, Flight] = {}
        self._answered: list[Flight] = []

    def __contains__(self, key: object) -> bool:
        return key in self._flights

    def get(self, key: Key) -> Flight | None:
        """The flight of an attempt."""
        return self._flights.get(key)

    def accepted(self, name: str | None = None) -> list[Flight]:
        """Those that an executor (this one) has in hand."""
        return [
            flight
            for flight in self._flights.values()
            if flight.accepted_by is not None and name in (None, flight.started.lane)
        ]

    def known(self, key: Key) -> bool:
        """Whether somebody will say how it ended."""
        return key in self._flights or key in self.elsewhere or key in self._coming

    def arrived(self, key: Key) -> None:
        """The order to begin it is in hand."""
        self._arrived.append(key)

    def not_elsewhere(self, key: Key) -> bool:
        """What somebody else had is over; False: nobody had it."""
        provider = self.elsewhere.pop(key, None)
        if provider is not None:
            self._gone[key] = provider
        return provider is not None

    def add(self, key: Key, flight: Flight) -> None:
        """An attempt is under way."""
        self._flights[key] = flight
        self._begun.append(key)

    def begin(self, started: AttemptStarted, same: str | None) -> Key:
        """An attempt is under way, if it was not before; its key."""
        key = (started.task_id, started.attempt)
        if key not in self._flights:
            self.add(key, Flight(started=started, same=same))
        return key

    def planned(self, key: Key, started: AttemptStarted) -> None:
        """It was chosen how an attempt is gone about."""
        flight = self._flights.get(key)
        if flight is not None:
            flight.started = started

    def follow(self, flight: Flight, started: AttemptStarted, leader: Key | None) -> None:
        """An attempt waits for the answer of another."""
        if started not in flight.followers:  # told again after a refused batch
            flight.followers.append(started)
        self.add((started.task_id, started.attempt), Flight(started=started, follows=leader))

    def unfollow(self, flight: Flight) -> None:
        """An attempt does not wait for the answer of another any more."""
        leader = None if flight.follows is None else self._flights.get(flight.follows)
        if leader is not None and flight.started in leader.followers:
            leader.followers.remove(flight.started)

    def pop(self, key: Key) -> Flight | None:
        """It is over."""
        flight = self._flights.pop(key, None)
        if flight is not None and key not in self._begun:
            self._ended[key] = flight
        return flight

    def handoff_answered(self, key: Key) -> Flight | None:
        """The flight that has waited for this; None: nobody does (any more)."""
        flight = self._flights.get(key)
        if flight is None or not flight.asks_handoff:
            return None
        flight.asks_handoff = False
        self._answered.append(flight)
        return flight

    def keep(self) -> None:
        """The batch is on disk."""
        self._answered.clear()
        self._gone.clear()
        self._coming.difference_update(self._arrived)
        self._arrived.clear()
        self._begun.clear()
        self._ended.clear()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again."""
        for key in self._begun:
            self._flights.pop(key, None)
        self._flights.update(self._ended)
        for flight in self._answered:
            flight.asks_handoff = True
        self.elsewhere.update(self._gone)
        coming = self._coming | set(self._arrived)
        self.keep()
        self._coming = coming
