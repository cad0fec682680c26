"""L1: what was found for a question before, kept in this process or on a Redis-protocol server."""

from collections import OrderedDict
from typing import Final, Protocol

from atlas_actors.clock import Clock, SystemClock
from atlas_actors.settings import MemorySettings

# What an entry costs beside its bytes: two objects and a link (measured: 180 to 230).
ENTRY_BYTES: Final = 220
# (what is wrong, what to do about it)
Trouble = tuple[str, str]


class Cache(Protocol):
    """Values by key. Nothing here raises, and nothing in it is needed: all may vanish."""

    def get(self, key: bytes) -> bytes | None:
        """What was put there, or nothing."""

    def put(self, key: bytes, value: bytes) -> None:
        """Keep it, for a while."""

    def clear(self) -> bool:
        """Drop all that this store has put; whether that is done, else it is done later."""

    def state(self) -> dict[str, object]:
        """For people: kind, url, state, hits, misses, refused, last_error and sizes."""

    def trouble(self) -> Trouble | None:
        """What a user should know, while recall goes on without it."""

    def close(self) -> None:
        """It is used no more."""


def open_cache(settings: MemorySettings, store_id: bytes, clock: Clock | None = None) -> Cache:
    """The cache that [memory] asks for, of the store with this random id. Never raises.

    A server is reached in the background; until then, nothing is found.
    """
    if not settings.cache_url:
        return ProcessCache(settings.cache_bytes_max)
    from atlas_actors.memory.cache_server import ServerCache  # noqa: PLC0415

    return ServerCache(
        settings.cache_url,
        store_id,
        timeout_s=settings.cache_timeout_s,
        clock=clock or SystemClock(),
    )


class ProcessCache:
    """The least recently used go first; used on one thread."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._entries: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0

    def get(self, key: bytes) -> bytes | None:
        """What was put there, or nothing."""
        value = self._entries.get(key)
        if value is None:
            self._misses += 1
            return None
        self._hits += 1
        self._entries.move_to_end(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Keep it until there is no room; what is larger than all room is not kept."""
        before = self._entries.pop(key, None)
        if before is not None:
            self._bytes -= _cost(key, before)
        if _cost(key, value) > self._bytes_max:
            return
        self._entries[key] = value
        self._bytes += _cost(key, value)
        while self._bytes > self._bytes_max:
            self._bytes -= _cost(*self._entries.popitem(last=False))

    def clear(self) -> bool:
        """Drop everything."""
        self._entries.clear()
        self._bytes = 0
        return True

    def state(self) -> dict[str, object]:
        """For people."""
        return {
            "kind": "process",
            "url": None,
            "state": "ready",
            "entries": len(self._entries),
            "bytes": self._bytes,
            "bytes_max": self._bytes_max,
            "hits": self._hits,
            "misses": self._misses,
            "refused": 0,
            "last_error": None,
        }

    def trouble(self) -> Trouble | None:
        """Never any."""
        return None

    def close(self) -> None:
        """Drop everything."""
        self.clear()


def _cost(key: bytes, value: bytes) -> int:
    return len(key) + len(value) + ENTRY_BYTES
