"""What the methods of the socket may use of the gateway."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import anyio
import attrs

from atlas_actors.config import Home
from atlas_actors.errors import DeadlinePassed
from atlas_actors.providers.prices import PriceTable
from atlas_actors.settings import ProviderSettings

# Views are read on threads, so that a slow disk does not hold up the loop.
READERS_MAX: Final = 8


@attrs.define(kw_only=True)
class Door:
    """Asks actors and reads views, both within `answer_s`."""

    home: Home
    providers: dict[str, ProviderSettings]
    tiers: Sequence[str]
    prices: PriceTable
    answer_s: float
    ask: Callable[[str, Any, float], Awaitable[Any]]
    _readers: anyio.CapacityLimiter = attrs.field(
        init=False, factory=lambda: anyio.CapacityLimiter(READERS_MAX)
    )

    async def call(self, path: str, message: Any) -> Any:
        """Ask an actor. Raises AtlasError."""
        return await self.ask(path, message, self.answer_s)

    async def read(self, view: Callable[..., Any], *arguments: Any) -> Any:
        """view(state directory, *arguments), on a thread. Raises DeadlinePassed."""
        return await self.on_thread(lambda: view(self.home.state, *arguments))

    async def on_thread(self, work: Callable[[], Any]) -> Any:
        """Work that waits on the disk. Raises DeadlinePassed; what has begun goes on unheard."""
        try:
            with anyio.fail_after(self.answer_s):
                return await anyio.to_thread.run_sync(
                    work, abandon_on_cancel=True, limiter=self._readers
                )
        except TimeoutError:
            raise DeadlinePassed(f"reading took longer than {self.answer_s:g} s") from None
