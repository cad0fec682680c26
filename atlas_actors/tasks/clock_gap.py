"""Notices that the wall clock was set, or that the machine slept; a refused batch is taken back."""

from typing import Final

from atlas_actors.clock import Clock

JUMP_MS: Final = 2_000  # the wall clock differs so much from the monotonic one: it was set


class ClockGap:
    """How far the wall clock is from the monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.gap_ms = self._kept_ms = self._now_ms()  # the second is as the rows have it

    def jump_ms(self) -> int:
        """How far the wall clock was set since this was asked last; 0: it was not."""
        jump_ms = self._now_ms() - self.gap_ms
        if abs(jump_ms) < JUMP_MS:
            return 0
        self.gap_ms += jump_ms
        return round(jump_ms)

    def keep(self) -> None:
        """The batch is on disk."""
        self._kept_ms = self.gap_ms

    def take_back(self) -> None:
        """The batch was refused, and with it what was moved in its rows."""
        self.gap_ms = self._kept_ms

    def _now_ms(self) -> float:
        return self._clock.now_ms() - self._clock.monotonic_s() * 1000
