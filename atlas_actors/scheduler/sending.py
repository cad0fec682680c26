"""Pure: which requests to tasks are under way, and when to go on after a refusal."""

from typing import Final

IN_FLIGHT_MAX: Final = 64
UNANSWERED_S: Final = 120.0  # then it is requested again, which its key makes harmless
RETRY_BASE_S: Final = 1.0
RETRY_MAX_S: Final = 60.0
_DOUBLINGS_MAX: Final = 10


class Sending:
    """Kept by one incarnation; times are monotonic.

    A refusal holds up everything, for tasks are one room: it is full, parked or not there.
    """

    def __init__(self) -> None:
        self._begun_s: dict[str, float] = {}
        self._failures = 0
        self._hold_until_s = 0.0

    def __len__(self) -> int:
        return len(self._begun_s)

    def room(self, now_s: float) -> int:
        """How many more may be requested now."""
        if now_s < self._hold_until_s:
            return 0
        for key, begun_s in list(self._begun_s.items()):
            if now_s - begun_s >= UNANSWERED_S:
                del self._begun_s[key]
        return IN_FLIGHT_MAX - len(self._begun_s)

    def begin(self, key: str, now_s: float) -> bool:
        """False when it is under way, or when enough are."""
        if key in self._begun_s or len(self._begun_s) >= IN_FLIGHT_MAX:
            return False
        self._begun_s[key] = now_s
        return True

    def accepted(self, key: str) -> None:
        """It is over, and tasks takes work."""
        self._begun_s.pop(key, None)
        self._failures = 0

    def failed(self, key: str, now_s: float) -> float | None:
        """It is over without a task; how long nothing is requested from now on, in seconds.

        None while that lasts: an answer to what had been sent before.
        """
        self._begun_s.pop(key, None)
        if now_s < self._hold_until_s:
            return None
        wait_s: float = min(RETRY_MAX_S, RETRY_BASE_S * 2**self._failures)
        self._failures = min(self._failures + 1, _DOUBLINGS_MAX)
        self._hold_until_s = now_s + wait_s
        return wait_s

    def again_s(self, now_s: float) -> float | None:
        """How long nothing is requested; None when nothing stands against it."""
        return self._hold_until_s - now_s if now_s < self._hold_until_s else None

    def forget(self) -> None:
        """Nothing is known to be under way."""
        self._begun_s.clear()
