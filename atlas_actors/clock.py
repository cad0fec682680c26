"""The one source of time and of ids."""

import os
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

DAY_MS: Final = 86_400_000


class Clock(Protocol):
    """Wall time for records, monotonic time for durations."""

    def now_ms(self) -> int:
        """Milliseconds UTC since 1970."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never goes back."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds UTC since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()


class Ids:
    """UUIDv7 text (RFC 9562): sorts by time, and by order of making within a millisecond.

    Like method 1 of its section 6.2, the 12 bits `rand_a` count within a millisecond. Used by
    one thread. A clock that goes back keeps the newest millisecond, so order holds.
    """

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._last_ms = 0
        self._count = 0

    def new(self) -> str:
        """The next id."""
        now_ms = self._clock.now_ms()
        if now_ms > self._last_ms:
            self._last_ms, self._count = now_ms, 0
        else:
            self._count += 1
            if self._count > 0xFFF:
                self._last_ms, self._count = self._last_ms + 1, 0
        tail = int.from_bytes(self._random_bytes(8)) & ((1 << 62) - 1)
        value = (self._last_ms & ((1 << 48) - 1)) << 80
        value |= 0x7 << 76 | self._count << 64 | 0b10 << 62 | tail
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def first_id(now_ms: int) -> str:
    """What every id that is made after this millisecond is greater than."""
    text = f"{now_ms + 1:012x}"
    return f"{text[:8]}-{text[8:]}"


def local_day(now_ms: int) -> str:
    """The day that it is here, as 2026-11-22."""
    return datetime.fromtimestamp(now_ms / 1000).date().isoformat()
