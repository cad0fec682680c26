"""Ends what an earlier life of the daemon has left running: clients of ours that outlived it."""

import os
import shutil
import signal
from pathlib import Path
from typing import Final

from loguru import logger

from atlas_actors.providers.cli import MARKER

PROC: Final = Path("/proc")


def end_orphans(scratch: Path) -> int:
    """End every process whose marker says that it worked for this folder, and empty the folder.

    How many there were. Only Linux shows other processes' variables; elsewhere a client that
    outlives a killed daemon runs to its own end.
    """
    mark = f"{MARKER}={scratch}".encode()
    ended = 0
    for folder in PROC.glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has gone, or is not ours to look at
        if mark in variables and int(folder.name) != os.getpid():
            try:
                os.kill(int(folder.name), signal.SIGKILL)
            except ProcessLookupError:
                continue
            ended += 1
    if ended:
        logger.warning("client.orphans_ended", count=ended)
    for run in scratch.glob("run-*"):
        shutil.rmtree(run, ignore_errors=True)
    return ended
