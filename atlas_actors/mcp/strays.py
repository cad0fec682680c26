"""Ends processes that a server has left behind, also those that left its process group.

Only Linux shows them; elsewhere the process group is what is ended.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """From now on what our servers leave behind becomes our child, so that we can find it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_marked(variable: str) -> int:
    """Kill every process but ours with this `NAME=value` in its environment, or with a value
    that goes on with a slash after it; how many."""
    mark, below = os.fsencode(variable), os.fsencode(f"{variable}/")
    ended = 0
    for folder in PROC.glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has gone, or is not ours to look at
        is_marked = any(one == mark or one.startswith(below) for one in variables)
        if is_marked and int(folder.name) != os.getpid():
            ended += _kill(int(folder.name))
    return ended


def end_descendants() -> int:
    """Kill all that came from this process; how many."""
    return sum(_kill(pid) for pid in list(_descendants(os.getpid())))


def _descendants(pid: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            text = (folder / "stat").read_bytes()
        except OSError:
            continue
        parent = int(text.rpartition(b")")[2].split()[1])
        children.setdefault(parent, []).append(int(folder.name))
    ahead = [pid]
    while ahead:
        found = children.get(ahead.pop(), [])
        yield from found
        ahead += found


def _kill(pid: int) -> int:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return 0
    return 1
