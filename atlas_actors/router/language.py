"""Tells the language of a short text, by its script or by its frequent small words."""

import tomllib
from pathlib import Path
from typing import Final

LANGUAGES_FILE: Final = Path(__file__).with_name("languages.toml")
WORDS_MAX: Final = 60
CHARACTERS_MAX: Final = 200
# The scripts that tell a language by themselves: first and last code point.
_SCRIPTS: Final = (
    ("ja", 0x3040, 0x30FF),
    ("ko", 0xAC00, 0xD7AF),
    ("zh", 0x4E00, 0x9FFF),
    ("ru", 0x0400, 0x04FF),
    ("ar", 0x0600, 0x06FF),
    ("hi", 0x0900, 0x097F),
    ("el", 0x0370, 0x03FF),
)


def _votes() -> dict[str, tuple[str, ...]]:
    """Word → the languages that it speaks for."""
    votes: dict[str, tuple[str, ...]] = {}
    for language, words in tomllib.loads(LANGUAGES_FILE.read_text("utf-8")).items():
        for word in words.split():
            votes[word] = (*votes.get(word, ()), language)
    return votes


_VOTES: Final = _votes()
_ENGLISH: Final = frozenset(word for word, languages in _VOTES.items() if "en" in languages)


def language_of(text: str, words: list[str]) -> str:
    """The language of a short text: by its script, else by its frequent words."""
    if text.isascii():
        if 4 * sum(map(_ENGLISH.__contains__, words)) > len(words):
            return "en"
    else:
        counts = dict.fromkeys((name for name, _, _ in _SCRIPTS), 0)
        for character in text[:CHARACTERS_MAX]:
            if character > "\u036f":
                point = ord(character)
                for name, first, last in _SCRIPTS:
                    if first <= point <= last:
                        counts[name] += 1
                        break
        if counts["ja"] and counts["zh"]:  # Japanese has both
            counts["ja"] += counts["zh"]
        most = max(counts, key=lambda name: counts[name])
        if counts[most] >= 2 or (counts[most] and not words):
            return most
    votes: dict[str, int] = {}
    for word in words[:WORDS_MAX]:
        for name in _VOTES.get(word, ()):
            votes[name] = votes.get(name, 0) + 1
    if not votes:
        return "und"
    best = max(votes, key=lambda name: (votes[name], name == "en"))
    return best if votes[best] >= 2 or len(words) < 6 else "und"
