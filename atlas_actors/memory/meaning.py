"""How near a text is in meaning to a question, by a small built-in table of word vectors."""

import functools
import math
import sys
from collections.abc import Iterable, Sequence
from operator import mul
from pathlib import Path
from typing import Final

VERSION: Final = "atlas-words-1"
DIMENSIONS: Final = 64
# Made by scripts/make-word-table from wordllama's table and wordninja's list of words (both MIT).
TABLE_FILE: Final = Path(__file__).with_name("words.bin")
_ZERO: Final = 128  # a byte of this value is 0
_ONE: Final = 127.0  # so far from it is 1
# A lane of 16 bits holds the sum of 257 bytes.
_TERMS_MAX: Final = 256
_UNITS_MAX: Final = 8_192  # texts whose vectors are kept


class Meaning:
    """Compares texts, given as their stems; the table is read when it is first needed.

    A vector is kept as one number with a lane of 16 bits a dimension, so that the words of a text
    are added up by one addition each.
    """

    def __init__(self, file: Path = TABLE_FILE) -> None:
        self._file = file
        self._lanes_of: dict[str, int] = {}
        # By the hash of a text, so that no text outlives its being forgotten.
        self._units: dict[int, bytes] = {}

    def cosines(self, asked: Sequence[str], texts: Iterable[tuple[int, str]]) -> dict[int, float]:
        """How near each (number, stems with a space between) is: what is above 0, at most 1."""
        unit = self._unit(" ".join(asked))
        if not unit:
            return {}
        wanted = [(value - _ZERO) / _ONE**2 for value in unit]
        shift = sum(wanted) * _ZERO
        found = {}
        for number, terms in texts:
            known = self._units.get(hash(terms))
            said = self._learn(terms) if known is None else known
            cosine = sum(map(mul, said, wanted)) - shift if said else 0.0
            if cosine > 0.0:
                found[number] = min(1.0, cosine)
        return found

    def _learn(self, terms: str) -> bytes:
        if len(self._units) >= _UNITS_MAX:
            self._units.clear()
        found = self._units[hash(terms)] = self._unit(terms)
        return found

    def _unit(self, terms: str) -> bytes:
        """The vector of length 1, a byte a dimension; nothing when no word is known."""
        total = count = 0
        for term in terms.split()[:_TERMS_MAX]:
            lanes = self._lanes_of.get(term)
            if lanes is None:
                at = self._words.get(term)
                if at is None:
                    continue
                lanes = self._lanes(term, at)
            total += lanes
            count += 1
        sums = memoryview(total.to_bytes(2 * DIMENSIONS, sys.byteorder)).cast("H")
        middle = _ZERO * count
        centred = [value - middle for value in sums]
        length = math.sqrt(sum(map(mul, centred, centred)))
        if not length:
            return b""
        scale = _ONE / length
        return bytes([round(value * scale) + _ZERO for value in centred])

    def _lanes(self, term: str, at: int) -> int:
        wide = bytearray(2 * DIMENSIONS)
        wide[::2] = self._bytes[at * DIMENSIONS : (at + 1) * DIMENSIONS]
        found = self._lanes_of[term] = int.from_bytes(wide, "little")
        return found

    @functools.cached_property
    def _words(self) -> dict[str, int]:
        names = self._parts[1].decode().split(" ")
        return {name: at for at, name in enumerate(names)}

    @functools.cached_property
    def _bytes(self) -> bytes:
        return self._parts[2]

    @functools.cached_property
    def _parts(self) -> tuple[bytes, bytes, bytes]:
        head, names, table = self._file.read_bytes().split(b"\n", 2)
        wanted = f"{VERSION} {DIMENSIONS} {len(table) // DIMENSIONS}".encode()
        assert head == wanted, f"{self._file} is not the table that belongs to this version"
        return head, names, table
