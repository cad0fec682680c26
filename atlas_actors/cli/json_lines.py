"""Files with one JSON object a line, in parts that one line of the socket holds."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from atlas_actors.errors import UsageError

PART_ROWS: Final = 500
PART_BYTES: Final = 400_000


def read(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a file; - is stdin. Raises UsageError, with the line."""
    number = 0
    with sys.stdin if name == "-" else _opened(name) as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, _object(json.loads(line))
        except (ValueError, RecursionError) as error:
            where = number + isinstance(error, UnicodeDecodeError)
            raise UsageError(f"line {where} is not JSON: {error}") from error


def in_parts(
    rows: Iterable[tuple[int, dict[str, Any]]],
) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """The same in lists of bounded length."""
    part: list[tuple[int, dict[str, Any]]] = []
    size = 0
    for row in rows:
        length = len(json.dumps(row[1]))
        if part and (size + length > PART_BYTES or len(part) >= PART_ROWS):
            yield part
            part, size = [], 0
        part.append(row)
        size += length
    if part:
        yield part


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    return value


def _opened(name: str) -> TextIO:
    try:
        return Path(name).open(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
