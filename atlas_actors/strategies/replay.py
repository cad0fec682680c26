"""Makes the choices of the log again, a page at a time, and compares."""

from typing import Final

from atlas_actors.mailbox import Reply
from atlas_actors.messages.strategy import StrategiesReplayed
from atlas_actors.store import Store
from atlas_actors.strategies import records
from atlas_actors.strategies.engine import Engine
from atlas_actors.strategies.events import Chosen

PAGE: Final = 50  # events between which other mail is handled
DIFFERENT_MAX: Final = 100


class Replay:
    """An engine of its own, from a snapshot over the log; of choices after `until`, nothing."""

    def __init__(self, store: Store, version: int, limit: int | None) -> None:
        self._store = store
        self._until = records.newest_choice(store)
        first = 1 if limit is None else max(1, self._until - limit + 1)
        start = records.replay_start(store, version, first)
        self._engine = Engine(None if start is None else start["state"])
        self._seq = 0 if start is None else start["seq"]
        self._first = max(first, self._engine.asked + 1)
        self._choices = self._same = 0
        self._different: list[tuple[int, str | None, str | None]] = []

    def step(self) -> StrategiesReplayed | None:
        """One page; what was found, once that was the last."""
        rows = records.log_after(self._store, self._seq, PAGE)
        for row in rows:
            self._seq = row["seq"]
            effects = self._engine.apply(records.event_of(row))
            if row["choice"] is not None and row["choice"] >= self._first:
                now = next(one for one in effects if isinstance(one, Chosen)).strategy
                self._compare(row["choice"], row["chosen"], None if now is None else now.id)
            if row["choice"] is not None and row["choice"] >= self._until:
                return self._done()
        return None if len(rows) == PAGE else self._done()

    def _compare(self, choice: int, then: str | None, now: str | None) -> None:
        self._choices += 1
        if then == now:
            self._same += 1
        elif len(self._different) < DIFFERENT_MAX:
            self._different.append((choice, then, now))

    def _done(self) -> StrategiesReplayed:
        return StrategiesReplayed(
            choices=self._choices,
            same=self._same,
            different=tuple(self._different),
            from_choice=self._first,
        )


class Replays:
    """Those that are under way, one after the other, and who waits for each."""

    def __init__(self) -> None:
        self._queue: list[tuple[Reply, Replay]] = []

    @property
    def waiting(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self._queue)

    def begin(self, reply: Reply, replay: Replay) -> None:
        """Let it go on once those before it are over."""
        self._queue.append((reply, replay))

    def go_on(self) -> None:
        """One page; who waits for it is answered after its last."""
        if self._queue:
            reply, replay = self._queue[0]
            found = replay.step()
            if found is not None:
                del self._queue[0]
                reply.set(found)
