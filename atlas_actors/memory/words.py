"""Cuts a text into the words that memory indexes and asks for."""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

Tokenizer = Callable[[bytes], Iterable[Any]]  # FTS5's: (start, end, token) of each word
_FTS5_DOCUMENT: Final = 4  # FTS5_TOKENIZE_DOCUMENT
_KNOWN_MAX: Final = 100_000  # stems that are kept in memory
_WORD_LETTERS_MAX: Final = 64  # what is longer is a key or a blob; its beginning tells it

_RUN: Final = re.compile(r"[^\W_]+")
_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
# Written without spaces: pairs of letters stand for words.
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
# Each begins where a word does: else one long word is gone through again from each of its letters.
_COMPOUND: Final = re.compile(
    r"(?<![^\W_])[^\W_]+(?:[._/\\:-]+[^\W_]+)+|(?<!\w)\w*?[a-z0-9][A-Z]\w*"
)

_FILE: Final = Path(__file__).with_name("words.toml")
DATA: Final = tomllib.loads(_FILE.read_text("utf-8"))
STOP: Final = frozenset(DATA["stop"].split())
_BASE: Final[dict[str, str]] = DATA["base"]
_GROUPS: Final = tuple(tuple(group.split()) for group in DATA["kin"]["groups"])


def fold(text: str) -> str:
    """In small letters and without accents; surrogates and marks are dropped."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if unicodedata.category(c) not in ("Mn", "Cs", "Cf"))


def words(text: str) -> list[str]:
    """The folded words in their order; of an identifier its parts, and the whole if it is one.

    taskQueue gives task, queue and taskqueue; task-queue and task_queue give task and queue.
    """
    found: list[str] = []
    for run in _RUN.findall(text):
        if run.isascii() and (run.islower() or run.isdigit() or run[1:].islower()):
            found.append(run.lower()[:_WORD_LETTERS_MAX])
        else:
            found += _uncommon(run)
    return found


def compounds(text: str) -> list[tuple[str, ...]]:
    """The identifiers, paths and hyphenated words, each as the words that it gives."""
    found = (tuple(words(match)) for match in _COMPOUND.findall(text))
    return [parts for parts in found if len(parts) > 1]


class Stemmer:
    """FTS5's own porter over unicode61, with its answers kept.

    >>> Stemmer(connection.fts5_tokenizer("porter", ["unicode61", "remove_diacritics", "2"]))
    """

    def __init__(self, tokenizer: Callable[..., Any]) -> None:
        """Use what `Connection.fts5_tokenizer` returns."""
        self._tokenizer = tokenizer
        self._known: dict[str, str] = dict.fromkeys(STOP, "")
        self._kin: dict[str, frozenset[str]] = {}

    def terms(self, said: Iterable[str]) -> list[str]:
        """The stems of those folded words that say something, in their order."""
        known = self._known
        found = []
        for word in said:
            stem = known.get(word)
            if stem is None:
                stem = self._learn(word)
            if stem:
                found.append(stem)
        return found

    def stem(self, word: str) -> str:
        """The stem of one folded word, "" of one that says nothing."""
        stem = self._known.get(word)
        return self._learn(word) if stem is None else stem

    def kin(self, stem: str) -> frozenset[str]:
        """Stems of words of the same matter, without itself."""
        if not self._kin:
            for group in _GROUPS:
                stems = frozenset(filter(None, map(self.stem, group)))
                for one in stems:
                    self._kin[one] = self._kin.get(one, frozenset()) | stems - {one}
        return self._kin.get(stem, frozenset())

    def _learn(self, word: str) -> str:
        if len(self._known) >= _KNOWN_MAX:
            self._known = dict.fromkeys(STOP, "")
        base = _BASE.get(word, word)
        tokens = self._tokenizer(base.encode(), _FTS5_DOCUMENT, None, include_offsets=False)
        # A word of a script that unicode61 knows otherwise stands for itself.
        stem = tokens[0][0] if len(tokens) == 1 else base
        self._known[word] = stem
        return stem


def _uncommon(run: str) -> list[str]:
    """Of a word with inner capitals, digits or letters beyond ASCII."""
    whole = fold(run)[:_WORD_LETTERS_MAX]
    unspaced = _UNSPACED.search(whole)
    if unspaced:
        return [whole[at : at + 2] for at in range(len(whole) - 1)]
    whole = "".join(_RUN.findall(whole))
    if not whole:
        return []
    if not run.isascii() or run.isupper():
        return [whole]
    parts = [part.lower() for part in _CAMEL.findall(run)]
    return [*parts, whole] if 1 < len(parts) <= 8 else [whole]
