"""Turns an ask into the names of its features: what the classifier weighs.

Words (`crash`), pairs in a row (`the crash`, `^ fix` at the start), beginnings (`cras*`), and with
a kind before a colon: f and g (the first telling words), l (the last word), c (pieces of scripts
without spaces), r and rr (signals of signals.toml and pairs of them); shapes begin with `_`.
Training and deciding share this file.
"""

import re
import string
import tomllib
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final

import attrs
import re2

from atlas_actors.router.normalise import Ask

SIGNALS_FILE: Final = Path(__file__).with_name("signals.toml")
TOKENS_MAX: Final = 80
CLAUSES_MAX: Final = 4
LEAD_CHARACTERS: Final = 120
START_CHARACTERS: Final = 80
_MARKS: Final = (
    ("@", "_at"),
    ("http", "_url"),
    ("/", "_slash"),
    ("`", "_tick"),
    ("!", "_exclaims"),
)
# Where a clause may begin.
_BORDER: Final = re.compile(r"[.!?;:,] | (?:-|and|then|but|you|to|please) ")
# Words, runs of a script that has no spaces, numbers, and the two marks that tell a mood.
_TOKEN: Final = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|\d+|[?!]")
_SPACES: Final = str.maketrans(
    dict.fromkeys((mark for mark in string.punctuation if mark not in "?!'"), " ")
)
_UNSPACED_FROM: Final = "\u3040"
_UNSPACED_TO: Final = "\ud7af"
# What may stand before the ask's own words. Every turn of its loop begins with a letter and ends
# with something else, so that there is one way to match and nothing to try again.
_LEAD: Final = re.compile(
    r"(?:(?:please|pls|plz|ok(?:ay)?|so|and|then|also|now|hey|hi|just|alright(?:y)?|well|great|cool"
    r"|nice|good|perfect|thanks|actually|btw|oh|hmm+|yes|yeah|sorry|wait|but|maybe"
    r"|(?:can|could|would|will) (?:you|u|we|i)(?: please| pls| also| just| now)?|lets|let's|let us"
    r"|i(?:'d| would)? (?:want|need|like)(?: you| u)? to|we (?:need to|have to|should|want to)"
    r"|you (?:should|must|need to|have to|can)|help me(?: to)?|try to|go ahead and"
    r"|use @?[\w-]+ (?:agent )?to|@agent-[\w-]+|por favor|porfa|ahora|bueno|vale|agora|então|entao"
    r"|bitte|jetzt|kannst du|puedes|podes|você pode|pode|peux-tu|tu peux)"
    r"(?:[\s,.:;!>*#-]+|$))+"
)
_SMALL_WORDS: Final = """
please pls plz can could would will you u now ok okay so and then also hey hi lets let's
just i want need to like us we alright great well but
"""
_SMALL: Final = frozenset(_SMALL_WORDS.split())


def core_of(ask: Ask) -> tuple[str, str]:
    """The ask in lower case on one line, and the same without what politely leads to it."""
    low = " ".join(ask.text.lower().replace("\u2019", "'").split())
    lead = _LEAD.match(low, 0, LEAD_CHARACTERS)
    return low, (low[lead.end() :] or low) if lead else low


@attrs.frozen(kw_only=True)
class Signals:
    """signals.toml, ready to match: an anchored RE2 set, and what single features signal."""

    starts: Any
    start_names: tuple[str, ...]
    words: dict[str, tuple[str, ...]]
    hits: frozenset[str]  # the keys of words
    negations: frozenset[str]
    negated: frozenset[str]


@cache
def signals() -> Signals:
    """The shipped signals."""
    table = tomllib.loads(SIGNALS_FILE.read_text("utf-8"))
    together = re2.Set.SearchSet()
    for pattern in table["start"].values():
        together.Add(f"^(?:{pattern})")
    together.Compile()
    words: dict[str, tuple[str, ...]] = {}
    for name, features in table["words"].items():
        for feature in features:
            words[feature] = (*words.get(feature, ()), name)
    return Signals(
        starts=together,
        start_names=tuple(table["start"]),
        words=words,
        hits=frozenset(words),
        negations=frozenset(table["negated"]["first"]),
        negated=frozenset(table["negated"]["second"]),
    )


def features_of(ask: Ask, low: str = "", core: str = "") -> list[str]:
    """Each feature once, in a stable order; `low` and `core` are core_of(ask) when known."""
    if not low:
        low, core = core_of(ask)
    known = signals()
    words, out = words_of(low)
    out += words
    out += map(" ".join, pairwise(("^", *words)))
    out += [word[:4] + "*" for word in words if len(word) > 4]
    out += [word[:6] + "*" for word in words if len(word) > 6]
    spoken = sorted({name for hit in known.hits.intersection(out) for name in known.words[hit]})
    if not known.negations.isdisjoint(words) and _negates(words, known):
        spoken.append("not_working")
    out += _shape(ask, low)
    starts = [known.start_names[at] for at in known.starts.Match(core[:START_CHARACTERS]) or ()]
    out += [f"r:{name}" for name in spoken]
    for at, first in enumerate(starts):
        out.append(f"r:^{first}")
        out += [f"rr:^{first}&^{second}" for second in starts[at + 1 :]]
        out += [f"rr:^{first}&{second}" for second in spoken]
    if not starts:
        out += [f"rr:-&{second}" for second in spoken]
    for border in islice(_BORDER.finditer(low), CLAUSES_MAX):
        clause = low[border.end() : border.end() + START_CHARACTERS]
        out += [f"r:,{known.start_names[at]}" for at in known.starts.Match(clause) or ()]
    telling = [word for word in words[:24] if word not in _SMALL]
    if telling:
        out += (f"f:{telling[0]}", f"f:{telling[0][:4]}*")
        if len(telling) > 1:
            out.append(f"g:{telling[0]} {telling[1]}")
    if words:
        out.append(f"l:{words[-1]}")
    return list(dict.fromkeys(out))


def words_of(low: str) -> tuple[list[str], list[str]]:
    """(words, pieces of unspaced scripts); numbers are all one word."""
    if low.isascii():  # nearly always, and quicker than the expression
        spaced = low.replace("?", " ? ").replace("!", " ! ").translate(_SPACES)
        return ["0" if token.isdigit() else token for token in spaced.split()[:TOKENS_MAX]], []
    tokens = _TOKEN.findall(low)[:TOKENS_MAX]
    words: list[str] = []
    pieces: list[str] = []
    for token in tokens:
        if _UNSPACED_FROM <= token[0] <= _UNSPACED_TO and len(token) > 1:
            pieces += [token[i : i + 2] for i in range(len(token) - 1)]
            pieces += [token[i : i + 3] for i in range(len(token) - 2)]
            words.append(token[:4])
        else:
            words.append("0" if token[0].isdigit() else token)
    return words, [f"c:{piece}" for piece in pieces]


def _negates(words: list[str], known: Signals) -> bool:
    """Something does not do what it should: a negation and a verb behind it."""
    for first, second in pairwise(words):
        if first in known.negations:
            if second in known.negated:
                return True
            if len(second) > 4 and (
                second[:4] + "*" in known.negated or second[:6] + "*" in known.negated
            ):
                return True
    return False


def _shape(ask: Ask, low: str) -> list[str]:
    """What is not words: length, pastes, language, marks."""
    count = ask.words
    size = 0 if count < 2 else 1 if count < 4 else 2 if count < 8 else 3 if count < 16 else 4
    out = [f"_size:{size if count < 40 else 5}"]
    if ask.pastes:
        out += [f"_paste:{kind}" for kind in ask.pastes]
        if count < 4:
            out.append("_paste:alone")
    if ask.language not in ("en", "und"):
        out.append("_foreign")
    if low.endswith("?"):
        out.append("_asks:end")
    elif "?" in low:
        out.append("_asks")
    out += [name for mark, name in _MARKS if mark in low]
    if ask.text.isupper():
        out.append("_upper")
    if "\n1." in ask.text or low.startswith("1.") or "\n- " in ask.text:
        out.append("_list")
    return out
