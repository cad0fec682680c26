"""Which value a memory claims for what can have only one, so that a newer one supersedes it.

Precision before recall: a sentence that is not plainly of one of these shapes claims nothing, and a
missed contradiction shows both memories with their dates, while a wrong one hides what holds.

    shape                                        kinds        about              value
    X is|= VALUE                                 all          X                  number, path, on
    X lives in|listens on|is owned by VALUE      all          X and the verb     any few words
    the default|main|current N (for S) is VALUE  all          that N             any few words
    we chose|use VALUE for|as S                  decision     S                  any few words
    prefer|use A over|instead of|, not B         not episode  A and B, unordered A
    (always|do not|never) DO                     rule, pref.  DO                 yes or no
"""

import hashlib
import re
from collections.abc import Callable
from typing import Final

import re2

from atlas_actors.memory.intake import canonical
from atlas_actors.messages.memory import PINNED_KINDS, NewMemory

Claim = tuple[str, str, str]  # shape, what it is about, the value
TEXT_CHARACTERS_MAX: Final = 240
SUBJECT_WORDS_MAX: Final = 8
VALUE_WORDS_MAX: Final = 5
# With one of these a sentence says when, how sure, or of what part it holds: no claim.
_QUALIFIES: Final = frozenset(
    {"if", "when", "unless", "until", "except", "while", "only", "sometimes", "often", "usually"}
    | {"maybe", "perhaps", "might", "may", "could", "would", "should", "was", "were", "or", "and"}
    | {"but", "both", "either", "not", "no", "also", "too", "between", "about", "around", "almost"}
    | {"some", "any", "each", "every", "other", "another", "one", "before", "after", "will", "on"}
    | {"than", "per", "with", "without", "during", "locally", "today", "where", "what", "how"}
)
# What a text calls so is another thing in the next text.
_VAGUE: Final = frozenset(
    {"it", "he", "she", "they", "there", "what", "this", "that", "these", "those", "here", "now"}
    | {"result", "results", "answer", "error", "code", "status", "file", "folder", "directory"}
    | {"path", "module", "function", "line", "problem", "issue", "bug", "cause", "reason", "time"}
    | {"date", "number", "value", "count", "total", "size", "output", "thing", "test", "task"}
    | {"name", "id", "commit", "message", "response", "meeting", "main", "first", "last", "same"}
    | {"current", "exit", "final", "new", "old", "next", "previous", "only", "real", "root"}
)
# With one of these behind the value, it is the value of a part.
_PLACED: Final = frozenset({"in", "at", "for", "from", "under", "as", "via", "of", "by"})
_NUMBER: Final = r"[~$€£]?-?\d[\d_.,:/-]*(?:\s?[a-zA-Z%°µ]{1,12})?(?:/[a-z]{1,3})?"
_NAMED: Final = (
    r"v?\d+(?:\.\d+)+\S*|https?://\S+|[~.]?/?[\w.-]+(?:/[\w.-]+)+/?|`[^`\s]+`"
    r"|on|off|enabled|disabled|true|false|yes|no|required|optional|allowed|forbidden"
)


def _pattern(text: str) -> re2._Regexp:
    return re2.compile(rf"(?i)^{text}[.!]?$")


_VERBS: Final = re.compile(
    r" (?:is|are|=|equals|defaults|lives|listens|runs on|belongs|times out|expires|over|instead"
    r"|rather|not) ",
    re.IGNORECASE,
)
_SINGLE: Final = _pattern(
    rf"(?:the |our )?(?P<s>[^,;:?!]+?) (?:is|are|=|is set to|is now|equals) "
    rf"(?P<v>{_NUMBER}|{_NAMED})"
)
_VERB: Final = _pattern(
    r"(?:the |our )?(?P<s>[^,;:?!]+?) (?P<p>defaults to|is set to|listens on|runs on port"
    r"|lives (?:in|at|under)|is (?:stored|kept|located|defined|configured) (?:in|at|under)"
    r"|is (?:owned|maintained) by|is hosted (?:on|by|at)|is deployed (?:to|on)"
    r"|is (?:named|called)|belongs to|is written in|times out after|expires after|is due)"
    r" (?:the )?(?P<v>[^,;:?!]+?)"
)
_UNIQUE: Final = _pattern(
    r"(?:the |our )?(?P<s>(?:default|main|primary|preferred|current|official|canonical|production"
    r"|staging)? ?[^,;:?!]+?) (?:is|=|is now) (?P<v>[^,;:?!]+?)"
)
_UNIQUE_NOUN: Final = re2.compile(
    r"(?i)^(?:(?:default|main|primary|preferred|current|official|canonical) \S|"
    r".*\b(?:owner|maintainer|lead|port|url|path|name|address|hostname|version|timeout|limit|branch"
    r"|region|license|package manager|test runner|build tool|formatter|linter|deadline)"
    r"(?: (?:of|for) .+)?$)"
)
_CHOSEN: Final = _pattern(
    r"(?:we |i )?(?:have )?(?:chose|choose|picked|pick|selected|select|decided on|decided to use"
    r"|use|will use|adopted|went with|go with|going with|settled on) (?P<v>[^,;:?!]+?)"
    r" (?:for|as) (?:the |our )?(?P<s>[^,;:?!]+?)"
    r"(?:,? (?:because|since|so that|as it|due to)\b.*)?"
)
_OVER: Final = _pattern(
    r"(?:please |always |we |i )*(?:prefers?|use|uses|choose|chose|pick) (?P<a>[^,;:?!]+?)"
    r"(?: over | instead of | rather than |,? (?:and )?not )(?P<b>[^,;:?!]+?)"
    r"(?: (?:for|in) (?P<s>[^,;:?!]+?))?"
)
_DO: Final = _pattern(r"(?:please )?(?:always |do |make sure to )?(?P<s>[^,;:?!]+?)")
_DO_NOT: Final = _pattern(r"(?:please )?(?:never|do not|don't|avoid) (?P<s>[^,;:?!]+?)")


def claim_of(item: NewMemory) -> tuple[bytes, str] | None:
    """(a hash of what it is about in its project and kind, the value), or None."""
    if item.kind == "episode" or len(item.text) > TEXT_CHARACTERS_MAX or "\n" in item.text:
        return None
    claim = claimed(item.kind, item.text) if _may_claim(item) else None
    if claim is None:
        return None
    shape, about, value = claim
    key = "\0".join((item.project or "", item.kind, shape, about))
    return hashlib.blake2b(key.encode(), digest_size=16).digest(), value


def _may_claim(item: NewMemory) -> bool:
    """A quick look: has it a verb of the shapes?"""
    return item.kind == "decision" or item.kind in PINNED_KINDS or bool(_VERBS.search(item.text))


def claimed(kind: str, text: str) -> Claim | None:
    """The claim of one sentence, in words."""
    shapes: list[Callable[[str], Claim | None]] = [_over, _single, _verb, _unique]
    if kind == "decision":
        shapes.append(_chosen)
    if kind in PINNED_KINDS:
        shapes.append(_done)
    plain = text.strip().replace("’", "'")
    for shape in shapes:
        claim = shape(plain)
        if claim is not None:
            return claim
    return None


def _single(text: str) -> Claim | None:
    found = _SINGLE.match(text)
    return found and _made("is", found["s"], found["v"])


def _verb(text: str) -> Claim | None:
    found = _VERB.match(text)
    return found and _made(found["p"].lower().split()[-2:][0], found["s"], found["v"])


def _unique(text: str) -> Claim | None:
    found = _UNIQUE.match(text)
    if found is None or not _UNIQUE_NOUN.match(found["s"]):
        return None
    return _made("is", found["s"], found["v"])


def _chosen(text: str) -> Claim | None:
    found = _CHOSEN.match(text)
    return found and _made("for", found["s"], found["v"])


def _over(text: str) -> Claim | None:
    found = _OVER.match(text)
    if found is None:
        return None
    first, second = (" ".join(canonical(found[name])) for name in ("a", "b"))
    if first == second or max(len(first.split()), len(second.split())) > VALUE_WORDS_MAX:
        return None
    where = found["s"] or ""
    if _QUALIFIES.intersection(where.lower().split()):
        return None
    about = "\0".join((*sorted((first, second)), " ".join(canonical(where)) if where else ""))
    return "over", about, first


def _done(text: str) -> Claim | None:
    found, value = _DO_NOT.match(text), "no"
    if found is None:
        found, value = _DO.match(text), "yes"
    if found is None or len(found["s"].split()) < 2:
        return None
    return _made("do", found["s"], value, words_max=12)


def _made(
    shape: str, about: str, value: str, *, words_max: int = SUBJECT_WORDS_MAX
) -> Claim | None:
    """A claim when both sides are few and plain words."""
    subject, words = canonical(about), canonical(value)
    if not 1 <= len(subject) <= words_max or not 1 <= len(words) <= VALUE_WORDS_MAX:
        return None
    if shape == "do":  # the very same act, under whatever condition
        return shape, " ".join(subject), value
    said = {word.lower() for word in subject}
    said.update(word.lower() for word in words if len(words) > 1)
    if _QUALIFIES & said or _PLACED.intersection(words[1:]):
        return None
    if {word.lower() for word in subject} <= _VAGUE:
        return None
    return shape, " ".join(subject), " ".join(words)
