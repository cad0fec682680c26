"""Pure: how to get a file's old bytes from its new ones, saying as little of them as can be.

Settings may hold keys, so no copy of them is kept: what old and new have in common is named by its
place in the new bytes.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

Piece = list[int] | str  # [start, end] of the new bytes, or bytes that they do not have, as Latin-1

PARTS_MAX: Final = 1_000  # that are compared, each with each
_LINES: Final = re.compile(rb"[^\n]*\n|[^\n]+")
_WORDS: Final = re.compile(rb"[A-Za-z0-9]+|[^A-Za-z0-9]")


def way_back(old: bytes, new: bytes) -> list[Piece]:
    """What `gone_back` makes the old bytes from."""
    return list(_pieces(old, new, 0, (_LINES, _WORDS)))


def gone_back(new: bytes, pieces: Sequence[Piece]) -> bytes:
    """The old bytes."""
    return b"".join(
        piece.encode("latin-1") if isinstance(piece, str) else new[piece[0] : piece[1]]
        for piece in pieces
    )


def _pieces(old: bytes, new: bytes, at: int, kinds: Sequence[re.Pattern[bytes]]) -> Iterator[Piece]:
    """`new` begins at that place of the whole."""
    most = min(len(old), len(new))
    head = _common(old, new, most)
    tail = _common(old[::-1], new[::-1], most - head)
    if head:
        yield [at, at + head]
    inner_old, inner_new = old[head : len(old) - tail], new[head : len(new) - tail]
    added = _added_to(inner_old, inner_new, at + head)
    if added is not None:
        yield from added
    elif inner_new and kinds:
        yield from _compared(inner_old, inner_new, at + head, kinds)
    else:
        yield inner_old.decode("latin-1")
    if tail:
        yield [at + len(new) - tail, at + len(new)]


def _added_to(old: bytes, new: bytes, at: int) -> list[Piece] | None:
    """The pieces where `new` has all words of `old` in their order; None: it has not."""
    found: list[list[int]] = []
    words = _WORDS.finditer(new)
    for word in _WORDS.findall(old):
        place = next((one for one in words if one[0] == word), None)
        if place is None:
            return None
        start, end = place.start() + at, place.end() + at
        if found and found[-1][1] == start:
            found[-1][1] = end
        else:
            found.append([start, end])
    return [*found]


def _compared(
    old: bytes, new: bytes, at: int, kinds: Sequence[re.Pattern[bytes]]
) -> Iterator[Piece]:
    """By lines first, and what differs of those by words."""
    parts, others = kinds[0].findall(old), kinds[0].findall(new)
    if max(len(parts), len(others)) > PARTS_MAX:
        yield old.decode("latin-1")
        return
    for _, first, last, begin, end in difflib.SequenceMatcher(
        None, parts, others, autojunk=False
    ).get_opcodes():
        mine, other = b"".join(parts[first:last]), b"".join(others[begin:end])
        place = at + sum(map(len, others[:begin]))
        yield from _pieces(mine, other, place, kinds[1:])


def _common(one: bytes, other: bytes, most: int) -> int:
    """How many bytes at their beginnings are the same."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
