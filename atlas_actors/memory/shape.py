"""What can be seen of a text without understanding it: a question, a time, a number, a name."""

import re
from collections.abc import Collection
from typing import Final

import re2

from atlas_actors.memory.words import DATA

ASKS: Final = 1  # a question
TIME: Final = 2  # says when
NUMBER: Final = 4  # says how many
NAME: Final = 8  # a capital letter within a sentence
TITLE: Final = 16  # something in quotes
CAUSE: Final = 32  # says why
FIRST: Final = 64  # its speaker speaks of himself
CODE: Final = 128  # an identifier, a path or an address

_SHAPES: Final = DATA["shapes"]
_TIMES: Final = frozenset(_SHAPES["time"].split())
_NUMBERS: Final = frozenset(_SHAPES["number"].split())
_CAUSES: Final = frozenset(_SHAPES["cause"].split())
_FIRSTS: Final = frozenset(_SHAPES["first"].split())
_PATTERNS: Final = (
    (NAME, r"[a-z,’'] [A-Z][a-z]{2,}"),
    (TITLE, r"[\"“«][^\"”»]{2,80}[\"”»]"),
    (CODE, r"[^\W_][_/][^\W_]|[a-z0-9][A-Z]|\w\(\)|\w\.[a-z]{1,4}\b|`|://"),
)
_COMPILED: Final = tuple((bit, re.compile(pattern)) for bit, pattern in _PATTERNS)
_SEEN_MAX: Final = 4_000  # characters: shape is for short texts


def shape_of(text: str, said: Collection[str]) -> int:
    """The bits above that hold for a text of these folded words."""
    seen = text[:_SEEN_MAX]
    found = frozenset(said)
    shape = ASKS if "?" in seen else 0
    digits = any(map(str.isdigit, found))
    if digits or not _TIMES.isdisjoint(found):
        shape |= TIME
    if digits or not _NUMBERS.isdisjoint(found):
        shape |= NUMBER
    if not _CAUSES.isdisjoint(found):
        shape |= CAUSE
    if not _FIRSTS.isdisjoint(found):
        shape |= FIRST
    if seen.isascii():
        for n in _TOGETHER.Match(seen) or ():
            shape |= _PATTERNS[n][0]
        return shape
    for bit, pattern in _COMPILED:
        if pattern.search(seen):
            shape |= bit
    return shape


def _together() -> re2.Set:
    """All patterns in one pass; RE2 knows letters of ASCII only, for which it comes to the same."""
    together = re2.Set.SearchSet()
    for _, pattern in _PATTERNS:
        together.Add(pattern)
    together.Compile()
    return together


_TOGETHER: Final = _together()
