"""Files with one JSON object a line, in parts that one line of the socket holds."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import attrs

from atlas_actors.errors import UsageError

PART_ROWS: Final = 500
PART_BYTES: Final = 400_000
ROW_BYTES_MAX: Final = 1_047_576  # a line of the socket, less what is around the object
_TOO_LONG: Final = "is longer than 1 MiB; give long texts as files by path"


@attrs.frozen(kw_only=True)
class Row:
    """One line that is not empty: its object, or what is wrong with it."""

    number: int
    value: dict[str, Any] = attrs.field(factory=dict)
    bytes: int = 0
    problem: str = ""


def rows(name: str) -> Iterator[Row]:
    """The lines of a file; - is stdin. Raises UsageError for a file that cannot be read."""
    with _opened(name) as file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _row(number, line)
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}") from error


def read(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a file; - is stdin. Raises UsageError, with the line."""
    for row in rows(name):
        if row.problem:
            raise UsageError(f"line {row.number} {row.problem}")
        yield row.number, row.value


def in_parts(
    numbered: Iterable[tuple[int, dict[str, Any]]],
) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """The same in lists of bounded length. Raises UsageError for one that is too long alone."""
    part: list[tuple[int, dict[str, Any]]] = []
    size = 0
    for number, value in numbered:
        length = len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        if length > ROW_BYTES_MAX:
            raise UsageError(f"line {number} {_TOO_LONG}")
        if part and (size + length > PART_BYTES or len(part) >= PART_ROWS):
            yield part
            part, size = [], 0
        part.append((number, value))
        size += length
    if part:
        yield part


def _row(number: int, line: bytes) -> Row:
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
        written = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeDecodeError:
        return Row(number=number, problem="is not UTF-8 text")
    except UnicodeEncodeError:
        return Row(number=number, problem="is not JSON: a text holds half a surrogate pair")
    except json.JSONDecodeError as error:
        return Row(number=number, problem=f"is not JSON: {error.msg} at column {error.colno}")
    except RecursionError:
        return Row(number=number, problem="is nested too deeply")
    except ValueError as error:
        return Row(number=number, problem=f"is not JSON: {error}")
    if not isinstance(value, dict):
        return Row(number=number, problem="is not a JSON object")
    if len(written) > ROW_BYTES_MAX:
        return Row(number=number, problem=_TOO_LONG)
    return Row(number=number, value=value, bytes=len(written))


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _opened(name: str) -> contextlib.AbstractContextManager[BinaryIO]:
    if name == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
