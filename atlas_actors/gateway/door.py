"""What the methods of the socket may use of the gateway."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import anyio
import attrs

from atlas_actors.clock import Clock
from atlas_actors.config import Home
from atlas_actors.errors import DeadlinePassed
from atlas_actors.gateway.hook_desk import HookDesk
from atlas_actors.providers.prices import PriceTable
from atlas_actors.redaction import Redactor
from atlas_actors.settings import ProviderSettings

# Views are read on threads, so that a slow disk does not hold up the loop.
READERS_MAX: Final = 8
# A path that a client names may hang (a dead mount): views do not wait for it.
CLIENT_FILES_MAX: Final = 2


@attrs.define(kw_only=True)
class Door:
    """Asks actors and reads views, both within `answer_s`."""

    home: Home
    providers: dict[str, ProviderSettings]
    tiers: Sequence[str]
    prices: PriceTable
    answer_s: float
    brief_tokens: int
    ask: Callable[[str, Any, float], Awaitable[Any]]
    tell: Callable[[str, Any], None]  # lost where there is no room, or nobody
    clock: Clock
    hooks: HookDesk
    learn_with: str = ""  # the provider that reads sessions for memory
    redactor: Redactor = attrs.field(factory=Redactor)
    _readers: anyio.CapacityLimiter = attrs.field(
        init=False, factory=lambda: anyio.CapacityLimiter(READERS_MAX)
    )

    _client_files: anyio.CapacityLimiter = attrs.field(
        init=False, factory=lambda: anyio.CapacityLimiter(CLIENT_FILES_MAX)
    )

    async def call(self, path: str, message: Any) -> Any:
        """Ask an actor. Raises AtlasError."""
        return await self.ask(path, message, self.answer_s)

    async def read(self, view: Callable[..., Any], *arguments: Any) -> Any:
        """view(state directory, *arguments), on a thread. Raises DeadlinePassed."""
        return await self.on_thread(lambda: view(self.home.state, *arguments))

    async def on_thread(self, work: Callable[[], Any]) -> Any:
        """Work that waits on the disk. Raises DeadlinePassed; what has begun goes on unheard."""
        return await self._on_thread(work, self._readers)

    async def on_client_files(self, work: Callable[[], Any]) -> Any:
        """As on_thread, for work that opens paths which a client has named."""
        return await self._on_thread(work, self._client_files)

    async def _on_thread(self, work: Callable[[], Any], limiter: anyio.CapacityLimiter) -> Any:
        try:
            with anyio.fail_after(self.answer_s):
                return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)
        except TimeoutError:
            raise DeadlinePassed(f"reading took longer than {self.answer_s:g} s") from None
