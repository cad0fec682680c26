"""Pure: times and spans as people write them."""

import re
from datetime import datetime, timedelta
from typing import Final

from atlas_actors.errors import UsageError

_UNITS_S: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)")
_CLOCK: Final = re.compile(r"(?:(today|tomorrow)\s+)?(\d{1,2}):(\d{2})")


def span_s(text: str) -> float:
    """Seconds of `90s`, `30m`, `1h30m`, `2d`; a number alone is seconds. Raises UsageError."""
    plain = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        return float(plain)
    parts = _PART.findall(plain)
    if not parts or _PART.sub("", plain).strip():
        raise UsageError(f"{text!r} is no span of time", cure="like 90s, 30m, 1h30m, 2d")
    return float(sum(float(number) * _UNITS_S[unit] for number, unit in parts))


def moment_ms(text: str, now_ms: int) -> int:
    """A moment: `+2h`, `18:30` (the next), `tomorrow 09:00`, `2026-12-01 09:00`, ISO 8601; local
    where no zone is named. Raises UsageError."""
    plain = text.strip()
    if plain.startswith("+"):
        return now_ms + round(span_s(plain[1:]) * 1000)
    clock = _CLOCK.fullmatch(plain.lower())
    try:
        moment = _of_clock(clock, now_ms) if clock else datetime.fromisoformat(plain)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{text!r} is no time: {error}", cure="like 18:30, 2026-12-01 09:00, +2h"
        ) from error


def _of_clock(clock: re.Match[str], now_ms: int) -> datetime:
    day, hour, minute = clock.groups()
    now = datetime.fromtimestamp(now_ms / 1000)
    found = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    if day == "tomorrow" or (day is None and found <= now):
        found += timedelta(days=1)
    return found
