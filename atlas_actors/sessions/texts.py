"""Pure: texts and numbers of clients as they can be kept, whatever they hold."""

import json
from typing import Any, Final

UNKNOWN_BYTES_MAX: Final = 16_000
INTEGER_MAX: Final = 2**63 - 1
_FIELD_BYTES_MAX: Final = 500


def plain(text: str, characters_max: int | None) -> str:
    """The beginning of a text, without what UTF-8 cannot hold."""
    return text[:characters_max].encode("utf-8", "replace").decode("utf-8")


def first_words(text: str, characters_max: int) -> str:
    """The beginning of a text on one line."""
    line = " ".join(plain(text, 8 * characters_max).split())
    return line if len(line) <= characters_max else line[: characters_max - 1] + "…"


def whole(number: int | None) -> int | None:
    """A number that a column can hold."""
    return None if number is None else max(-INTEGER_MAX, min(number, INTEGER_MAX))


def unknown_text(unknown: dict[str, Any]) -> str | None:
    """Fields that nobody knows as JSON within its limit: of too much, what is small stays whole."""
    if not unknown:
        return None
    text = _json(unknown)
    if len(text) <= UNKNOWN_BYTES_MAX:
        return text
    kept: dict[str, Any] = {}
    left = UNKNOWN_BYTES_MAX - 100
    for name, value in unknown.items():
        length = len(_json(value))
        shown = value if length <= _FIELD_BYTES_MAX else f"({length} bytes)"
        left -= len(_json({name: shown}))
        if left < 0:
            kept["…"] = f"{len(unknown) - len(kept)} fields more"
            break
        kept[name] = shown
    return _json(kept)


def _json(value: Any) -> str:
    """In ASCII, which holds anything that came as JSON."""
    try:
        return json.dumps(value)
    except RecursionError:
        return '"(too deep)"'
