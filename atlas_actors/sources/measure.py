"""Looks at files in a child process: what each costs in full and as an outline, within a time."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import attrs

from atlas_actors.errors import Unavailable
from atlas_actors.messages.context import FileMeasure
from atlas_actors.process import Ran, run_command, without_secrets

CHILD: Final = Path(__file__).with_name("child.py")
OUTPUT_BYTES_MAX: Final = 32 * 1_048_576
FILE_S: Final = 3.0  # of one file; a million bytes take well below one second
CHILDREN_MAX: Final = 5  # a file that ends its child costs one more


@attrs.frozen(kw_only=True)
class Look:
    """What a look at a file came to; `outline` is its text, when that was asked for."""

    measure: FileMeasure
    outline: str | None = None


async def look_at(
    root: Path,
    names: Sequence[str],
    *,
    bytes_max: int,
    timeout_s: float,
    texts: bool = False,
    file_s: float = FILE_S,
) -> list[Look]:
    """Looks in the order of `names`; there is none of a file for which there was no time.

    Raises Unavailable when no child process starts.
    """
    ahead, found = list(names), list[Look]()
    until_s = anyio.current_time() + timeout_s
    for _ in range(CHILDREN_MAX):
        left_s = until_s - anyio.current_time()
        if not ahead or left_s <= 0:
            break
        job = {
            "root": os.fspath(root),
            "names": ahead,
            "bytes_max": bytes_max,
            "file_s": file_s,
            "texts": texts,
        }
        ran = await run_command(
            [sys.executable, "-I", str(CHILD)],
            "/",
            environment=without_secrets(os.environ),
            timeout_s=left_s,
            kept_bytes=OUTPUT_BYTES_MAX,
            text=json.dumps(job),
        )
        looks, begun = told(ran.output)
        found += looks
        ahead = ahead[len(looks) :]
        if ran.code is None:
            if not ran.output and not found and anyio.current_time() < until_s:
                raise Unavailable(f"files cannot be looked at: {ran.why}", part="context")
            break
        if ahead:
            if begun != ahead[0]:
                raise Unavailable(f"files cannot be looked at: {_last_words(ran)}", part="context")
            found.append(Look(measure=FileMeasure(path=begun, state="failed")))
            ahead = ahead[1:]
    return found


def told(output: bytes) -> tuple[list[Look], str | None]:
    """The looks that a child has printed, and the file that it had begun with when it ended."""
    looks: list[Look] = []
    begun: str | None = None
    for line in output.split(b"\n"):
        row = _row(line)
        if row is None:
            continue
        if "begins" in row:
            begun = str(row["begins"])
        elif row.get("name") == begun:
            looks.append(_look(row))
            begun = None
    return looks, begun


def _row(line: bytes) -> dict[str, Any] | None:
    """None for what is not ours: a warning of an interpreter, half a line."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _look(row: dict[str, Any]) -> Look:
    fields = attrs.fields_dict(FileMeasure)
    known = {name: value for name, value in row.items() if name in fields}
    return Look(measure=FileMeasure(path=row["name"], **known), outline=row.get("outline"))


def _last_words(ran: Ran) -> str:
    return " ".join(ran.output[-300:].decode("utf-8", "replace").split()) or f"exit {ran.code}"
