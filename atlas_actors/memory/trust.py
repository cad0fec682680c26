"""Whose words may be an order: trust comes from the channel, and below a person an order waits.

A text is data whatever it says of itself; nothing in it can raise its trust.
"""

import tomllib
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import re2

from atlas_actors.messages.memory import PINNED_KINDS, TRUST, NewMemory, Origin

ORDERS_FILE: Final = Path(__file__).with_name("orders.toml")
PERSON: Final = TRUST["person"]
# Their authors are unknown: any "must" of theirs is looked at twice.
WARY_OF: Final = frozenset({"program", "file", "external"})
BLOB_CHARACTERS: Final = 120
# A run of base64 (or hex) that is longer than any hash; a path has other characters between.
_BLOB: Final = re2.compile(rf"[A-Za-z0-9+/_-]{{{BLOB_CHARACTERS},}}={{0,2}}")


def trust_of(origin: Origin, lineage: Iterable[int]) -> int:
    """The least of the channel's trust and of what it was made from."""
    return min((TRUST[origin], *lineage))


def must_wait(item: NewMemory, origin: Origin, trust: int, *, hid: bool) -> bool:
    """Whether it is quarantined until a person decides: rules and orders of who is no person."""
    if trust >= PERSON:
        return False
    if item.kind in PINNED_KINDS or hid:
        return True
    texts = (item.text, item.rationale or "", *item.alternatives)
    return any(reads_as_order(text, wary=origin in WARY_OF) for text in texts if text)


def reads_as_order(text: str, *, wary: bool = False) -> bool:
    """Whether a text tells its reader to do something, rather than how things are."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    low = text.lower()
    orders, wary_of = _patterns()
    found = orders.search(low) or (wary and wary_of.search(low))
    return found or (len(text) >= BLOB_CHARACTERS and _BLOB.search(text) is not None)


class _Together:
    """Patterns that are searched for in one linear pass."""

    def __init__(self, patterns: list[str]) -> None:
        options = re2.Options()
        options.max_mem = 64 << 20
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def search(self, text: str) -> bool:
        """Whether any is found."""
        return bool(self._set.Match(text))


@cache
def _patterns() -> tuple[_Together, _Together]:
    """Of the data file, its lists of words filled in; built for the first text, in 40 ms."""
    data = tomllib.loads(ORDERS_FILE.read_text("utf-8"))
    words = {name: "|".join(found) for name, found in data["words"].items()}

    def filled(patterns: list[str]) -> list[str]:
        for name, choice in words.items():
            patterns = [pattern.replace(f"{{{name}}}", f"(?:{choice})") for pattern in patterns]
        return patterns

    return _Together(filled(data["orders"])), _Together(filled(data["wary"]))
