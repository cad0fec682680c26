"""Kept outcomes for tests, as the feed of outcomes gives them."""

from itertools import count
from typing import Any

from atlas_actors.messages.outcome import KeptOutcome, OutcomeBatch


class Feed:
    """Numbers what it makes, as outcomes does."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._seq = count(1)
        self._made: list[KeptOutcome] = []

    def add(self, **fields: Any) -> KeptOutcome:
        """One outcome, of now."""
        context = {name: fields.pop(name) for name in list(fields) if name in _CONTEXT}
        seq = next(self._seq)
        made = KeptOutcome(
            seq=seq,
            **{
                "id": f"o-{seq}", "at_ms": self._clock.now_ms(), "action": f"t{seq}/1",
                "kind": "attempt", "result": "success", "verified_by": None,
                "infrastructure": False, "context": context, "duration_ms": 100, "tokens": 0,
                "cost_usd": 0.0, **fields,
            },
        )  # fmt: skip
        self._made.append(made)
        return made

    def attempts(self, times: int, provider: str = "haiku", **fields: Any) -> None:
        """Many that answered."""
        for _ in range(times):
            self.add(provider=provider, end="answered", **fields)

    def faults(self, times: int, fault: str, provider: str = "haiku", **fields: Any) -> None:
        """Many that did not, by a fault of the way."""
        end = "timed_out" if fault == "timed_out" else "busy"
        shown = {"end": end, "fault": "network" if fault == "timed_out" else fault}
        for _ in range(times):
            self.add(
                provider=provider, result="failure", infrastructure=True, **{**shown, **fields}
            )

    def after(self, seq: int, limit: int = 200) -> OutcomeBatch:
        """What has come after this number."""
        found = [one for one in self._made if one.seq > seq]
        upto = found[:limit][-1].seq if found else seq
        return OutcomeBatch(outcomes=tuple(found[:limit]), upto=upto, more=len(found) > limit)

    @property
    def newest(self) -> int:
        """The number of the last one."""
        return self._made[-1].seq if self._made else 0


_CONTEXT = ("provider", "end", "fault", "intent", "strategy", "rule", "full", "work_ms")
