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

_BEGIN: Final = "-----BEGIN "
_END: Final = "-----END "
# SQLite and UTF-8 have no place for these.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def text(value: Any, chars_max: int) -> str:
    """A text's beginning; "" for anything that is no text."""
    return _UNSTORABLE.sub("\ufffd", value[:chars_max]) if isinstance(value, str) else ""


def end_of(value: str, chars_max: int) -> str:
    """A text's last whole lines. Where they are within a key (`-----BEGIN ...`), the line that it
    begins with stays before them: without it nobody could tell what they are."""
    if len(value) <= chars_max:
        return text(value, chars_max)
    gone, cut = value[:-chars_max], value[-chars_max:]
    line, found, rest = cut.partition("\n")
    if found and len(line) <= CHARS_MAX and not gone.endswith("\n"):
        cut = rest
    begin = gone.rfind(_BEGIN)
    if begin > gone.rfind(_END):
        cut = f"{gone[begin:].partition(chr(10))[0][:KEY_CHARS_MAX]}\n{cut}"
    return text(cut, len(cut))


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
