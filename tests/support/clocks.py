"""A clock that only a test moves."""


class FakeClock:
    """Starts at a fixed instant; `advance` moves both times."""

    def __init__(self, now_ms: int = 1_750_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 1000.0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)
        self._monotonic_s += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock; the monotonic one goes on as it was."""
        self._now_ms += round(seconds * 1000)
