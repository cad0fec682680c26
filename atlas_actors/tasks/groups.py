"""Groups: tasks that share a limit; each is held back until its group has room."""

from collections.abc import Mapping
from typing import Final, Protocol

from atlas_actors.actor import Place
from atlas_actors.settings import GroupSettings
from atlas_actors.store import Store
from atlas_actors.tasks import dependencies
from atlas_actors.tasks.limits import Limits
from atlas_actors.tasks.order import first_of

RELEASED_MAX: Final = 256  # of one group in one batch


class Desk(Protocol):
    """What of the actor is needed here."""

    store: Store
    place: Place

    def wake(self, delay_s: float) -> None: ...


class Groups:
    """[groups.NAME]; one without a section runs one task at a time."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        settings: Mapping[str, GroupSettings],
        *,
        ageing_s: float,
    ) -> None:
        self._desk = desk
        self._limits = limits
        self._settings = settings
        self._ageing_ms = ageing_s * 1000
        self._stale: set[str] = set()

    def touch(self, group: str | None) -> None:
        """It may have room now, or something to run."""
        if group is not None:
            self._stale.add(group)

    def touch_all(self) -> None:
        """Any of those that hold tasks may have room."""
        self._stale.update(dependencies.groups_waiting(self._desk.store))

    def keep(self) -> None:
        """The batch is on disk."""
        self._stale.clear()

    def release_ready(self) -> int:
        """Let tasks of groups with room go on to their lanes; how many."""
        count = sum(self._release(group) for group in sorted(self._stale))
        if self._stale:
            now_ms = self._desk.place.clock.now_ms()
            due_ms = dependencies.next_held_due_ms(self._desk.store, now_ms)
            if due_ms is not None:
                self._desk.wake((due_ms - now_ms) / 1000)
        return count

    def _release(self, group: str) -> int:
        settings = self._settings.get(group) or GroupSettings(name=group)
        name, per_minute = f"group {group}", settings.per_minute
        now_ms = self._desk.place.clock.now_ms()
        free = settings.slots - dependencies.released_count(self._desk.store, group)
        released = 0
        while released < min(free, RELEASED_MAX):
            heads = dependencies.held_heads(self._desk.store, group, now_ms)
            if not heads:
                break
            if self._limits.room(name, per_minute) < 1:
                self._desk.wake(self._limits.wait_s(name, per_minute))
                break
            (first,) = first_of(heads, 1, now_ms, self._ageing_ms)
            dependencies.release(self._desk.store, [first["id"]])
            self._limits.take(name, per_minute, 1)
            released += 1
        if released >= RELEASED_MAX:
            self._desk.wake(0.0)
        return released
