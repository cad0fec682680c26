"""Pieces of the transcript of a session that a client names: whole lines, without secrets."""

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO, Final

import attrs

from atlas_actors.attachments import open_regular
from atlas_actors.errors import UsageError
from atlas_actors.messages.memory import Origin
from atlas_actors.redaction import Redactor

PIECE_BYTES: Final = 262_144  # a longer line is passed over
PASSED_OVER_MAX: Final = 64 * 1_048_576
# Where people's own clients write down what was typed, of the user's home.
HOMES: Final = (".claude/projects", ".codex/sessions")


@attrs.frozen(kw_only=True)
class Piece:
    """Bytes `begin` to `end` of a file; `lines` is what is to be read of them."""

    head: bytes  # tells one file from another
    begin: int
    end: int
    lines: bytes
    is_last: bool


def piece_at(path: str, begin: int, redactor: Redactor) -> Piece:
    """The whole lines from there on. Raises UsageError for what is no regular file."""
    with open_regular(path) as file:
        first = file.readline(PIECE_BYTES)
        head = hashlib.blake2b(first, digest_size=16).digest() if first.endswith(b"\n") else b""
        file.seek(begin)
        data = file.read(PIECE_BYTES)
        whole = data[: data.rfind(b"\n") + 1]
        if whole or len(data) < PIECE_BYTES:  # what is being written is read the next time
            end = begin + len(whole)
            is_last = len(data) < PIECE_BYTES
            lines = b"".join(_clean(line, redactor) for line in whole.splitlines(keepends=True))
            return Piece(head=head, begin=begin, end=end, lines=lines, is_last=is_last)
        after = _after_line(file)
        return Piece(head=head, begin=begin, end=after or begin, lines=b"\n", is_last=after is None)


def channel_of(path: str) -> Origin:
    """A file that lies where people's own clients write is what they typed; another is a file."""
    try:
        real = Path(path).resolve()
        home = Path.home().resolve()
    except (OSError, RuntimeError, ValueError):
        return "file"
    return "person" if any(real.is_relative_to(home / folder) for folder in HOMES) else "file"


def _after_line(file: BinaryIO) -> int | None:
    """Where the line ends that is too long; None: it has no end yet."""
    passed = PIECE_BYTES
    while passed < PASSED_OVER_MAX and (more := file.readline(PIECE_BYTES)):
        if more.endswith(b"\n"):
            return file.tell()
        passed += len(more)
    return file.tell() if passed >= PASSED_OVER_MAX else None


def _clean(line: bytes, redactor: Redactor) -> bytes:
    """A line of JSON without secrets; an empty one in place of what is none."""
    try:
        value: Any = redactor.value(json.loads(line))
        return json.dumps(value).encode() + b"\n"
    except (ValueError, RecursionError, UsageError):
        return b"\n"
