"""Text and values of strangers, cut to what may be kept: short, shallow, and storable."""

import math
import re
from typing import Any, Final

DEPTH_MAX: Final = 6
ITEMS_MAX: Final = 50  # of one list or object
CHARS_MAX: Final = 2_000  # of one text
KEY_CHARS_MAX: Final = 200
VALUES_MAX: Final = 300  # of all that is unknown in one payload
ALL_CHARS_MAX: Final = 16_000
_INTEGER_MAX: Final = 2**63

# SQLite and UTF-8 have no place for these.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def text(value: Any, chars_max: int, *, end: bool = False) -> str:
    """A text's beginning, or its end; "" for anything that is no text."""
    if not isinstance(value, str):
        return ""
    cut = value[-chars_max:] if end else value[:chars_max]
    return _UNSTORABLE.sub("\ufffd", cut)


def bounded(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, as far as they fit: what is left out is marked by "…"."""
    left = _Left()
    shallow = left.value(values, DEPTH_MAX)
    return shallow if isinstance(shallow, dict) else {}


class _Left:
    """What may still be kept of one payload."""

    def __init__(self) -> None:
        self._values = VALUES_MAX
        self._chars = ALL_CHARS_MAX

    def value(self, value: Any, depth: int) -> Any:
        self._values -= 1
        if self._values < 0 or self._chars <= 0:
            return "…"
        match value:
            case bool() | None:
                return value
            case str():
                return self._text(value, CHARS_MAX)
            case int():
                return value if abs(value) < _INTEGER_MAX else "…"
            case float():
                return value if math.isfinite(value) else str(value)
            case dict() | list() if depth == 0:
                return "…"
            case dict():
                return self._object(value, depth)
            case list():
                return self._list(value, depth)
            case _:
                return self._text(type(value).__name__, CHARS_MAX)

    def _object(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            if len(kept) >= ITEMS_MAX or self._values <= 0 or self._chars <= 0:
                kept["…"] = len(value) - len(kept)
                break
            kept[self._text(str(key), KEY_CHARS_MAX)] = self.value(inner, depth - 1)
        return kept

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        kept: list[Any] = []
        for inner in value:
            if len(kept) >= ITEMS_MAX or self._values <= 0 or self._chars <= 0:
                kept.append("…")
                break
            kept.append(self.value(inner, depth - 1))
        return kept

    def _text(self, value: str, chars_max: int) -> str:
        most = max(0, min(chars_max, self._chars))
        self._chars -= min(len(value), most) + 1
        return text(value, most) + ("…" if len(value) > most else "")
