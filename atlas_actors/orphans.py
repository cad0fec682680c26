"""Ends what was started for us and has outlived who started it, by the mark in its environment."""

import os
import shutil
import signal
from pathlib import Path
from typing import Final

from atlas_actors.providers.cli import MARKER

PROC: Final = Path("/proc")


def end_orphans(scratch: Path) -> int:
    """End every process whose marker says that it worked for this folder, and empty the folder.

    How many there were. Only Linux shows other processes' variables; elsewhere a client that
    outlives a killed daemon runs to its own end.
    """
    ended = end_marked(str(scratch))
    for run in scratch.glob("run-*"):
        shutil.rmtree(run, ignore_errors=True)
    return ended


def end_marked(mark: str) -> int:
    """Kill every process but ours with this marker, or one that goes on with a slash after it;
    how many."""
    exact = os.fsencode(f"{MARKER}={mark}")
    ended = 0
    for folder in PROC.glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has gone, or is not ours to look at
        is_marked = any(one == exact or one.startswith(exact + b"/") for one in variables)
        if is_marked and int(folder.name) != os.getpid():
            ended += kill(int(folder.name))
    return ended


def kill(pid: int) -> int:
    """SIGKILL; 1 if there was somebody to be told, else 0."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return 0
    return 1
