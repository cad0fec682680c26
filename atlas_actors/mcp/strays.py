"""Ends the processes that servers have left behind in their host, whatever group they are in.

Only Linux shows them; elsewhere the process group is what is ended.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Final

from atlas_actors.orphans import PROC, kill

_PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """From now on what our servers leave behind becomes our child, so that we can find it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> int:
    """Kill all that came from this process; how many."""
    return sum(kill(pid) for pid in list(_descendants(os.getpid())))


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
