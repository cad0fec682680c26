"""An asyncio loop whose clock stands still while the process is stopped.

A process that was stopped (SIGSTOP, a frozen container, a paused virtual machine) finds all its
deadlines passed when it goes on, though it had no time to meet them. This loop waits for no longer
than WAIT_S at a time; what a wait takes longer than it should have is a pause, and no time.

What its own callbacks take is time: under load they are slow, and deadlines must pass all the
same. So a process that is stopped while one of them runs, and not in a wait, is not seen to be.
"""

import asyncio
import selectors
import time
from typing import Final

WAIT_S: Final = 2.0
# So much later than wanted is what a busy machine does.
LATE_S: Final = 2.0


class AwakeSelector(selectors.DefaultSelector):
    """Counts the time for which the process was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.paused_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait as asked, but not for longer than WAIT_S at a time."""
        wait_s = WAIT_S if timeout is None else min(timeout, WAIT_S)
        began_s = self.now_s()
        found = super().select(wait_s)
        late_s = self.now_s() - began_s - max(0.0, wait_s)
        if late_s > LATE_S:
            self.paused_s += late_s
        return found

    def now_s(self) -> float:
        """The monotonic clock; a test has its own."""
        return time.monotonic()


class AwakeLoop(asyncio.SelectorEventLoop):
    """Its time is the monotonic clock's without the pauses."""

    def __init__(self) -> None:
        self._awake = AwakeSelector()
        super().__init__(self._awake)

    def time(self) -> float:
        """Seconds that the process has had."""
        return super().time() - self._awake.paused_s
