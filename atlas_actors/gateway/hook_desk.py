"""What the gateway keeps between hooks: the user's rules, limits, and the work for afterwards."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import attrs

from atlas_actors.clients.rules import RuleBook
from atlas_actors.gateway.hook_places import Places
from atlas_actors.messages.client import FileTouch, HookAnswered
from atlas_actors.settings import ContextSettings, HookSettings

AT_ONCE: Final = 4  # pieces of work in one round of the loop, so that others have their turn
LONG_AT_ONCE: Final = 2  # each may hold the interpreter for long: JSON of a megabyte, 20 ms
RULED_AT_ONCE: Final = 8
AFTERWARDS_MAX: Final = 2_000


@attrs.frozen(kw_only=True)
class Touched:
    """Files that a tool has touched, for context."""

    root: str
    session: str
    turn: int
    files: tuple[FileTouch, ...]


@attrs.frozen(kw_only=True)
class TurnOver:
    """A turn of this session has ended."""

    root: str
    session: str


Later = Touched | TurnOver | HookAnswered


class Afterwards:
    """What is done when hooks have their answers; what there is no room for is counted."""

    def __init__(self, most: int = AFTERWARDS_MAX) -> None:
        self._items: deque[Later] = deque()
        self._most = most
        self._woken = anyio.Event()
        self.dropped = 0

    def add(self, item: Later) -> None:
        """Accesses go first when there is too much: they are only a habit's traces."""
        if len(self._items) >= self._most:
            self.dropped += 1
            if isinstance(item, Touched):
                return
            self._items.remove(
                next((one for one in self._items if isinstance(one, Touched)), self._items[0])
            )
        self._items.append(item)
        self._woken.set()

    async def some(self) -> None:
        """Wait until there is something."""
        await self._woken.wait()

    def take(self) -> list[Later]:
        """All there is, in its order."""
        self._woken = anyio.Event()
        items = list(self._items)
        self._items.clear()
        return items


class InOrder:
    """What a session's hooks only tell is worked on in the order in which it came."""

    def __init__(self) -> None:
        self._last: dict[str, anyio.Event] = {}

    @asynccontextmanager
    async def after_earlier(self, session: str) -> AsyncIterator[None]:
        """Once all of this session that came before is done."""
        before, done = self._last.get(session), anyio.Event()
        self._last[session] = done
        try:
            if before is not None:
                await before.wait()
            yield
        finally:
            done.set()
            if self._last.get(session) is done:
                del self._last[session]


class Wish:
    """That somebody looks again; wished many times, it is fulfilled once."""

    def __init__(self) -> None:
        self._wished = anyio.Event()

    def wish(self) -> None:
        """From the loop."""
        self._wished.set()

    async def wished(self) -> None:
        """Wait for it."""
        await self._wished.wait()
        self._wished = anyio.Event()


@attrs.define(kw_only=True)
class HookDesk:
    """Of one gateway; made on its loop's thread."""

    settings: HookSettings
    context: ContextSettings
    budget_usd: float = 0.0
    degraded: Callable[[], Sequence[str]] = tuple  # "memory parked"
    rules: RuleBook = attrs.field(
        default=attrs.Factory(lambda self: RuleBook(self.settings.rules), takes_self=True)
    )
    failed: int = 0  # hooks that could not be answered by our own fault
    at_once: anyio.CapacityLimiter = attrs.field(
        init=False, factory=lambda: anyio.CapacityLimiter(AT_ONCE)
    )
    long: anyio.CapacityLimiter = attrs.field(
        init=False, factory=lambda: anyio.CapacityLimiter(LONG_AT_ONCE)
    )
    places: Places = attrs.field(init=False, factory=Places)
    in_order: InOrder = attrs.field(init=False, factory=InOrder)
    ruling: anyio.CapacityLimiter = attrs.field(
        init=False, factory=lambda: anyio.CapacityLimiter(RULED_AT_ONCE)
    )
    afterwards: Afterwards = attrs.field(init=False, factory=Afterwards)
    learning: Wish = attrs.field(init=False, factory=Wish)
