"""What can be seen of a text without understanding it: a question, a time, a number, a name."""

import re
from collections.abc import Collection
from typing import Final

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
_NAME: Final = re.compile(r"[a-z,’'] [A-Z][a-z]{2,}")
_TITLE: Final = re.compile(r"[\"“«][^\"”»]{2,80}[\"”»]")
_CODE: Final = re.compile(r"[^\W_][_/][^\W_]|[a-z0-9][A-Z]|\w\(\)|\w\.[a-z]{1,4}\b|`|://")
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
    for bit, pattern in ((NAME, _NAME), (TITLE, _TITLE), (CODE, _CODE)):
        if pattern.search(seen):
            shape |= bit
    return shape
