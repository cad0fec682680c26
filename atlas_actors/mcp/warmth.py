"""What is kept started, how each is, and when one that is down is tried again; pure."""

from typing import Final

import attrs

from atlas_actors.messages.mcp import ServerHealth, WarmState

BACKOFF_S: Final = 2.0
BACKOFF_MAX_S: Final = 300.0
STABLE_S: Final = 60.0  # up for so long, its failures before are forgotten


@attrs.define(kw_only=True)
class Warmth:
    """One server that is kept started."""

    name: str
    state: WarmState = "starting"
    since_ms: int
    since_s: float
    stays: bool = False  # it is tried again though it has never come up
    failures: int = 0  # in a row
    error: str = ""
    cure: str = ""
    last: ServerHealth | None = None

    def came_up(self, health: ServerHealth, now_ms: int, now_s: float) -> None:
        """It answers."""
        self.last, self.error, self.cure = health, "", ""
        self.stays = True
        self._turn("up", now_ms, now_s)

    def went_down(self, health: ServerHealth, now_ms: int, now_s: float) -> float | None:
        """It has failed; in how many seconds it is tried again, None: not at all."""
        if self.state == "up" and now_s - self.since_s >= STABLE_S:
            self.failures = 0
        self.failures += 1
        self.last, self.error, self.cure = health, health.error, health.cure
        if self.state != "down":
            self._turn("down", now_ms, now_s)
        return backoff_s(self.failures) if self.stays else None

    def _turn(self, state: WarmState, now_ms: int, now_s: float) -> None:
        self.state, self.since_ms, self.since_s = state, now_ms, now_s


def backoff_s(failures: int) -> float:
    """Twice as long each time; nothing hurries, since somebody else's program is at fault."""
    return min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** min(failures - 1, 20))


def trouble(warm: list[Warmth]) -> tuple[str, str]:
    """(reason, cure) for people when some are down; "" when none is."""
    down = [one for one in warm if one.state == "down"]
    if not down:
        return "", ""
    told = "; ".join(f"{one.name}: {one.error}" for one in down[:3])
    more = f"; and {len(down) - 3} more" if len(down) > 3 else ""
    cures = [one.cure for one in down if one.cure]
    return f"kept warm, but down: {told}{more}", cures[0] if cures else "atlas mcp status"
