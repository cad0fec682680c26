"""Pure: a token bucket, which lets `per_minute` things begin in a minute, evenly.

It holds a tenth of a minute's worth, so that a burst after a pause stays small. Filled by a
monotonic clock; across restarts by the wall clock, of which a jump back fills nothing.
"""

from typing import Final, Self

import attrs

BURST: Final = 0.1  # of what a minute allows


@attrs.frozen(kw_only=True)
class Bucket:
    """Tokens as they were at `at_s` of the monotonic clock."""

    per_minute: int
    tokens: float
    at_s: float

    @classmethod
    def full(cls, per_minute: int, now_s: float) -> Self:
        """A new one."""
        return cls(per_minute=per_minute, tokens=_capacity(per_minute), at_s=now_s)

    @classmethod
    def kept(cls, per_minute: int, tokens: float, age_s: float, now_s: float) -> Self:
        """One that was written down `age_s` ago by the wall clock."""
        whole = min(_capacity(per_minute), tokens + max(0.0, age_s) * per_minute / 60)
        return cls(per_minute=per_minute, tokens=whole, at_s=now_s)

    def at(self, now_s: float) -> "Bucket":
        """As it is now."""
        more = max(0.0, now_s - self.at_s) * self.per_minute / 60
        tokens = min(_capacity(self.per_minute), self.tokens + more)
        return attrs.evolve(self, tokens=tokens, at_s=now_s)

    def taken(self, count: int) -> "Bucket":
        """After `count` tokens were taken."""
        return attrs.evolve(self, tokens=self.tokens - count)

    def wait_s(self) -> float:
        """Until there is a whole token; 0 when there is one."""
        return max(0.0, (1.0 - self.tokens) * 60 / self.per_minute)


def _capacity(per_minute: int) -> float:
    return max(1.0, per_minute * BURST)
