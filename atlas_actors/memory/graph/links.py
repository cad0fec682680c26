"""Which relations stand between the names of one line; the words in between say so."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from atlas_actors.memory.graph.vocabulary import (
    CONNECTORS,
    FILLERS,
    LEADS,
    OBJECT_KINDS,
    PLACES,
    PLAIN_NO,
    PLAIN_OBJECT,
    PLAIN_SUBJECT,
    SWITCHED,
)

Spanned = tuple[int, int, str, str]  # start, end, kind, name
Linked = tuple[str, str, str]  # subject, relation, object
GAP_WORDS: Final = 6
_END: Final = re.compile(r"[.!?;:,]$")
_GOES_ON: Final = frozenset({"and", "for", "to", "because", "since", "instead", "but", "which"})
_PLAIN: Final = re.compile(r"[A-Za-z_][\w-]{1,60}")


def between(words: Sequence[str], spans: Sequence[Spanned]) -> list[Linked]:
    """Relations of neighbours; `spans` are in order."""
    pairs = (_pair(words, one, other) for one, other in pairwise(spans))
    return [link for link in pairs if link is not None]


def _pair(words: Sequence[str], one: Spanned, other: Spanned) -> Linked | None:
    gap = words[one[1] : other[0]]
    if not gap or len(gap) > GAP_WORDS or _END.search(words[one[1] - 1]):
        return None
    if any(_END.search(word) for word in gap):
        return None
    plain = [word for raw in gap if (word := raw.lower()) not in FILLERS]
    if len(plain) == 1:
        if one[2] == "error" and plain[0] in PLACES and other[2] in ("path", "symbol"):
            return (other[3], "raises", one[3])
        lead = _lead(words, one[0], plain[0])
        if lead is not None:
            return _told(lead, one, other)
    known = CONNECTORS.get(" ".join(plain))
    return None if known is None else _told(known, one, other)


def _lead(words: Sequence[str], start: int, word: str) -> tuple[str, bool] | None:
    """moved X to Y: what stands before X, with the word after it."""
    before = start - 1
    while before >= 0 and words[before].lower() in FILLERS:
        before -= 1
    if before < 0:
        return None
    verb = words[before].lower()
    if verb == "from" and (before == 0 or words[before - 1].lower() not in SWITCHED):
        return None
    return LEADS.get((verb, word))


def _told(known: tuple[str, bool], one: Spanned, other: Spanned) -> Linked | None:
    relation, turned = known
    subject, thing = (other, one) if turned else (one, other)
    kinds = OBJECT_KINDS.get(relation)
    if kinds is not None and thing[2] not in kinds:
        return None
    return None if subject[3] == thing[3] else (subject[3], relation, thing[3])


def object_by_a_plain_word(words: Sequence[str], span: Spanned) -> Linked | None:
    """store.py imports apsw: the second has no shape, but the words between leave no doubt."""
    if span[2] not in ("path", "symbol", "package") or _END.search(words[span[1] - 1]):
        return None
    for end in (span[1] + 1, span[1] + 2):
        if end >= len(words):
            return None
        known = CONNECTORS.get(" ".join(words[span[1] : end]).lower())
        if known is None or known[0] not in PLAIN_OBJECT or known[1]:
            continue
        word = words[end].rstrip(",.;:!?)")
        last = word != words[end] or end + 1 == len(words) or words[end + 1] in _GOES_ON
        return (span[3], known[0], word) if last and _is_name(word) else None
    return None


def subject_by_a_plain_word(words: Sequence[str], span: Spanned) -> Linked | None:
    """The billing service is owned by Ann: one plain word that begins its sentence."""
    for size in (1, 2, 3):
        at = span[0] - size - 1
        if at < 0:
            return None
        known = CONNECTORS.get(" ".join(words[at + 1 : span[0]]).lower())
        if known is None or known[0] not in PLAIN_SUBJECT or known[1]:
            continue
        kinds = OBJECT_KINDS.get(known[0])
        begins = at == 0 or _END.search(words[at - 1]) or words[at - 1].lower() in FILLERS
        if begins and _is_name(words[at]) and (kinds is None or span[2] in kinds):
            return (words[at], known[0], span[3])
    return None


def _is_name(word: str) -> bool:
    return bool(_PLAIN.fullmatch(word)) and word.islower() and word not in PLAIN_NO
