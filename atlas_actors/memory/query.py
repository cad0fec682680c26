"""Reads a question: which words, names, days and kind of answer it asks for. It is only data."""

import itertools
import re
from collections.abc import Callable
from typing import Final

import attrs

from atlas_actors.memory.dates import Days, days_in
from atlas_actors.memory.words import compounds, words

TERMS_MAX: Final = 64  # of a question; what comes later is not looked at
_READ_MAX: Final = 4_000  # characters

_WHEN: Final = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:day|date|month|year|time)\b|\bhow long ago\b"
)
_MANY: Final = re.compile(r"\bhow (?:many|much|often|long|old|far|big)\b")
_WHY: Final = re.compile(r"\bwhy\b|\b(?:what|which) (?:\w+ )?(?:reason|motivat\w+|inspir\w+|cause)")
_NAMED: Final = re.compile(
    r"\b(?:who|whom|whose|where|which)\b|\bwhat (?:\w+ )?(?:name|city|country)"
)
_TITLED: Final = re.compile(
    r"\b(?:book|movie|film|song|game|series|show|title|novel|album|called|name[ds]?|say|said)\b"
)


@attrs.frozen(kw_only=True)
class Query:
    """What a question asks for."""

    terms: tuple[str, ...]  # stems, each once, in order
    pairs: tuple[str, ...]  # "stem stem" of words that follow each other
    exact: tuple[str, ...]  # identifiers and paths, as their stems with spaces between
    said: frozenset[str]  # all folded words, for names
    stems: tuple[tuple[str, str], ...]  # (word, stem)
    days: Days
    when: bool
    many: bool
    why: bool
    named: bool
    titled: bool


def read(text: str, now_ms: int, stem: Callable[[str], str]) -> Query:
    """The question in `text`, asked at `now_ms`. Any text will do; of a long one the beginning."""
    text = text[:_READ_MAX]
    said = words(text)
    stems = [found for word in said if (found := stem(word))]
    terms = tuple(dict.fromkeys(stems))[:TERMS_MAX]
    identifiers = (" ".join(filter(None, map(stem, parts))) for parts in compounds(text))
    low = text.lower()
    return Query(
        terms=terms,
        pairs=tuple(dict.fromkeys(f"{a} {b}" for a, b in itertools.pairwise(stems) if a != b))[
            :TERMS_MAX
        ],
        exact=tuple(dict.fromkeys(found for found in identifiers if " " in found))[:TERMS_MAX],
        said=frozenset(said),
        stems=tuple({word: stem(word) for word in said}.items()),
        days=days_in(text, now_ms),
        when=bool(_WHEN.search(low)),
        many=bool(_MANY.search(low)),
        why=bool(_WHY.search(low)),
        named=bool(_NAMED.search(low)),
        titled=bool(_TITLED.search(low)),
    )
