"""What of a text may be kept, and which texts say the same.

Two texts say the same when nothing but case, punctuation at the ends of words, spacing, Unicode
form and light words ("the", "just", "because" for "since") tells them apart, and their words come
in the same order. A question is never the same as a statement. That is stricter than a share of
equal words: "before" and "after", 30 s and 60 s, "use X" and "do not use X" are one word apart and
mean two things, and a wrong merge loses one of them, while a missed one costs a line.
"""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

import attrs

from atlas_actors import notes
from atlas_actors.errors import UsageError
from atlas_actors.messages.memory import NewMemory

TEXT_BYTES_MAX: Final = 65_536
LIST_MAX: Final = 100  # tags, alternatives, ids of one memory
PRIVATE: Final = "private"  # what a person marks as not to be kept

# Control characters but tab and newline, and what cannot be seen: zero width, directions, tags.
UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_LIGHT_WORDS: Final = """
a an the this that these those please just really very actually basically simply also so then
because since as which we our us i my have has currently now here hey ok okay note remember
"""
_LIGHT: Final = frozenset(_LIGHT_WORDS.split())
_SAME: Final = {"are": "is", "can't": "cannot", "don't": "do not", "won't": "will not"}
_CAPITALS: Final = frozenset({"US", "IT"})  # in small letters these are other words
# Else 10² would be 102.
_RAISED: Final = ("<super>", "<sub>", "<circle>", "<fraction>")
_BEHIND_A_QUESTION: Final = " \n.!…\"'`”’)]*"
KNOWN_CHARACTERS: Final = 32  # longer words are not worth remembering
_AROUND: Final = "\"'`“”‘’«»()[]{}*"
_BEHIND: Final = ".,;:!?…"
_DASHES: Final = frozenset("-–—")


@attrs.frozen(kw_only=True)
class Cleaned:
    """An item with what may be kept of it, and whether anything was hidden in it."""

    item: NewMemory
    hid: bool


def cleaned(item: NewMemory) -> Cleaned | None:
    """Without private and own parts and without what cannot be seen; None: nothing is left.

    Raises UsageError for what is too long.
    """
    _check(item)
    fields = (item.text, item.rationale or "", item.source or "", item.speaker or "")
    text, rationale, source, speaker = (clean(field) for field in fields)
    if not text:
        return None
    kept: dict[str, Any] = {
        "text": text,
        "rationale": rationale or None,
        "source": source or None,
        "speaker": speaker or None,
        "tags": _clean_all(item.tags),
        "alternatives": _clean_all(item.alternatives),
    }
    if any(getattr(item, name) != value for name, value in kept.items()):
        return Cleaned(item=attrs.evolve(item, **kept), hid=_hides(item.text))
    return Cleaned(item=item, hid=not text.isascii() and _hides(text))  # most


def clean(text: str) -> str:
    """A text without private and own parts and what cannot be seen."""
    if not text:
        return ""
    if not (text.isascii() and text.isprintable()):
        text = UNSEEN.sub("", text.replace("\r\n", "\n"))
    if "<" in text:
        text = without(without(text, notes.TAG), PRIVATE)  # ours is not learned again
    return text.strip()


def without(text: str, tag: str) -> str:
    """A text without what stands within <tag …>…</tag>, in any nesting and case.

    A tag that is not closed reaches to the end; a closing one without its opening is dropped.
    """
    kept: list[str] = []
    depth, begin = 0, 0
    for found in re.finditer(rf"<\s*(/\s*)?{tag}(?:[\s/][^<>]*)?>", text, re.IGNORECASE):
        if depth == 0:
            kept.append(text[begin : found.start()])
        depth = max(0, depth - 1) if found[1] else depth + 1
        begin = found.end()
    if depth == 0:
        kept.append(text[begin:])
    # What is left must not come to a tag of its own: "<priv<private>x</private>ate>".
    return "".join(kept) if begin == 0 else without(" ".join(kept), tag)


def fingerprint(item: NewMemory) -> bytes:
    """16 bytes: equal for what is one memory.

    Of an episode, it is its very text at its place. Two turns of a session with the same words are
    two when their time or source differs; without either they cannot be told from one that is
    delivered twice, and are one.
    """
    project = item.project or ""
    if item.kind == "episode":
        parts: Iterable[str] = (
            item.session or "",
            item.speaker or "",
            item.source or "",
            "" if item.at_ms is None else str(item.at_ms),
            item.text,
        )
    else:
        parts = canonical(item.text)
    key = "\0".join((project, item.kind, *parts))
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


def canonical(text: str) -> list[str]:
    """The words that carry a text's meaning, in order; all of them when all are light."""
    if not text.isascii():
        raised = any(unicodedata.decomposition(one).startswith(_RAISED) for one in set(text))
        text = unicodedata.normalize("NFC" if raised else "NFKC", text).replace("’", "'")
    words = " ".join(
        [
            _known_bare(token) if len(token) <= KNOWN_CHARACTERS else _bare(token)
            for token in text.split()
        ]
    ).split()
    carrying = [word for word in words if word not in _LIGHT] or words
    asks = text.rstrip(_BEHIND_A_QUESTION).endswith("?")
    return [*carrying, "?"] if asks else carrying


def _bare(token: str) -> str:
    """A word without what surrounds it; names of code keep their case, operators stay."""
    if token in _DASHES:
        return ""
    bare = token.rstrip(_BEHIND).strip(_AROUND)
    if bare.endswith(tuple(_BEHIND)) and "`" not in token:
        bare = bare.rstrip(_BEHIND)
    if bare.isalpha():  # the first letter does not make it another word: Redis, redis
        low = bare.lower()
        if (bare[1:] == low[1:] or bare.isupper()) and bare not in _CAPITALS:
            bare = low
        return _SAME.get(bare, bare)
    low = bare.lower()
    if low in _SAME:
        return _SAME[low]
    return low if _is_prose(bare) else bare


_known_bare: Final = functools.lru_cache(maxsize=32_768)(_bare)


def forget_words() -> None:
    """Words of what was forgotten are not kept in this process, either."""
    _known_bare.cache_clear()


def _is_prose(word: str) -> bool:
    """Whether only its first letter may be a capital, and letters, "-" and "'" are all it has."""
    return word[1:].islower() and word.replace("-", "").replace("'", "").isalpha()


def _hides(text: str) -> bool:
    """Whether a text holds what nobody types: unseen characters inside of words, turned
    directions, words of two scripts."""
    if text.isascii():
        return False
    return _HIDING.search(text) is not None


_ALIKE: Final = (  # Cyrillic, and of Greek those without a meaning of their own in formulas
    "\u0400-\u04ff\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf"
)
_HIDING: Final = re.compile(
    # Letters of another script that look like Latin ones, in a Latin word.
    f"[A-Za-z][{_ALIKE}]|[{_ALIKE}][A-Za-z]|"
    "[A-Za-z][\xad\u200b-\u200f\u2060\ufeff]+[A-Za-z]|[\u202a-\u202e\u2066-\u2069]"
    "|[\U000e0020-\U000e007f]{3}"
)


def _clean_all(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in map(clean, texts) if text) if texts else texts


def _check(item: NewMemory) -> None:
    if len(item.text) > TEXT_BYTES_MAX // 4 and len(item.text.encode(errors="replace")) > (
        TEXT_BYTES_MAX
    ):
        raise UsageError(
            f"a memory has at most {TEXT_BYTES_MAX} bytes",
            cure="keep what matters of it, or store its parts one by one",
        )
    lists = (item.tags, item.alternatives, item.supersedes, item.lineage)
    if any(len(one) > LIST_MAX for one in lists):
        raise UsageError(f"a memory has at most {LIST_MAX} tags, alternatives or ids")
