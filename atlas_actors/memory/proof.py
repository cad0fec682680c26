"""Whether deleted texts are still somewhere in the bytes of files."""

import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs
import re2

from atlas_actors.store import Reader

PIECE_BYTES: Final = 40
PIECES_OF_A_TEXT: Final = 8
NEEDLES_MAX: Final = 2_000
WORDS_MAX: Final = 200
NEEDLE_BYTES_MIN: Final = 6  # shorter ones are everywhere by chance
CHUNK_BYTES: Final = 4 << 20
_WORD: Final = re.compile(r"[^\W\d_]{8,40}")
_STEM_CUT: Final = 3  # what a stemmer may take off the end of a word

# Where what is kept has its texts.
_KEPT: Final = " union all ".join(
    f"select 1 as kept from {view} where "  # noqa: S608
    + " or ".join(f"instr(lower(coalesce({column}, '')), lower(?1))" for column in columns.split())
    for view, columns in (
        (
            "inspect_memories",
            "text rationale alternatives tags source speaker session project kind state origin",
        ),
        ("inspect_sources", "source speaker session project"),
        ("inspect_entities", "name kind project"),
        ("inspect_aliases", "alias"),
        ("inspect_observations", "text"),
        ("inspect_facts", "relation"),
        ("inspect_transcripts", "session path"),
        ("sqlite_schema", "sql"),
    )
)


class Needles:
    """Pieces of deleted texts, as many as can be looked for; evenly from the first ones on."""

    def __init__(self) -> None:
        self.pieces: set[bytes] = set()
        self.words: set[bytes] = set()

    def add(self, *texts: str) -> None:
        """Look for these, too."""
        for text in texts:
            if len(self.pieces) < NEEDLES_MAX:
                self.pieces.update(pieces_of(text))
            if len(self.words) < WORDS_MAX:
                for word in _WORD.findall(text.lower()):
                    self.words.add(word[:-_STEM_CUT].encode())


def pieces_of(text: str) -> Iterator[bytes]:
    """Parts of a text that lie apart: a page's end cuts at most one of them in two."""
    whole = text.strip().encode(errors="replace")
    if len(whole) <= PIECE_BYTES:
        if len(whole) >= NEEDLE_BYTES_MIN:
            yield whole
        return
    last = len(whole) - PIECE_BYTES
    count = min(PIECES_OF_A_TEXT, 1 + len(whole) // PIECE_BYTES)
    for number in range(count):
        begin = last * number // max(1, count - 1)
        yield whole[begin : begin + PIECE_BYTES]


def found_in(files: Iterable[Path], needles: Iterable[bytes]) -> dict[bytes, int]:
    """In how many files each needle occurs, of those that do; case counts.

    What is found in a file is not looked for any further there: a common word is everywhere.
    """
    wanted = frozenset(needles)
    found: dict[bytes, int] = {}
    for file in files:
        left = set(wanted)
        for chunk in _chunks(file, max(map(len, wanted), default=1) - 1):
            for needle in _found_once(chunk, left):
                found[needle] = found.get(needle, 0) + 1
    return found


def _found_once(chunk: bytes, left: set[bytes]) -> Iterator[bytes]:
    """The needles that a chunk has, each once; they are taken out of `left`."""
    place = 0
    while left and (match := _any_of(frozenset(left)).search(chunk, place)) is not None:
        place = match.start()  # a longer one may begin at the same place
        left.discard(match.group())
        yield match.group()


@functools.lru_cache(maxsize=4)
def _any_of(needles: frozenset[bytes]) -> "re2._Regexp":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 256 << 20
    return re2.compile(b"|".join(map(re2.escape, sorted(needles))), options)


def _chunks(file: Path, overlap: int) -> Iterator[bytes]:
    """A file's bytes; each chunk begins with the end of the one before."""
    try:
        stream = file.open("rb")
    except FileNotFoundError:
        return
    with stream:
        before = b""
        while read := stream.read(CHUNK_BYTES):
            yield before + read
            before = read[-overlap:] if overlap else b""


@attrs.frozen(kw_only=True)
class Proof:
    """Which files were searched, and what was found there that nothing kept has."""

    files: tuple[str, ...]
    found_again: int  # pieces, each once in each file
    found_in: tuple[str, ...]
    live: bool  # one of them is the database's own


def search(database: Path, logs: Path | None, needles: Needles) -> Proof:
    """Look for what was deleted.

    In the database's own files and copies that were set aside; in the logs, whole pieces only,
    since a word of a log is nobody's memory.
    """
    ours = sorted(
        file
        for file in database.parent.glob(f"*{database.name}*")
        if file.is_file() and not file.name.endswith(".known")
    )
    written = sorted(file for file in logs.glob("*") if file.is_file()) if logs else []
    kept: dict[bytes, bool] = {}
    found_again = 0
    holding: list[Path] = []
    for files, wanted in ((ours, needles.pieces | needles.words), (written, needles.pieces)):
        for file in files:
            found = 0
            for needle in found_in([file], wanted):
                if needle not in kept:
                    kept[needle] = _is_kept(database, needle)
                found += not kept[needle]
            if found:
                found_again += found
                holding.append(file)
    names = {f"{database.name}{end}" for end in ("", "-wal", "-shm", "-journal")}
    return Proof(
        files=tuple(map(str, (*ours, *written))),
        found_again=found_again,
        found_in=tuple(map(str, holding)),
        live=any(file.name in names for file in holding),
    )


def _is_kept(database: Path, needle: bytes) -> bool:
    """Whether something that was not deleted has it, too."""
    text = needle.decode(errors="ignore")
    rows = Reader(database).rows(f"{_KEPT} limit 1", (text,))
    return bool(rows)
