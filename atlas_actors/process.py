"""Child processes: fed, read to their end, and ended as a whole group."""

import contextlib
import os
import signal
from typing import Final

import anyio
from anyio.abc import Process

STOP_S: Final = 3.0
GRACE_S: Final = 1.0


async def finish(process: Process) -> None:
    """End the group and close its pipes: asyncio closes one that is read to its end."""
    await end_group(process)
    if process.stdin is not None:
        await process.stdin.aclose()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            with anyio.move_on_after(GRACE_S):  # somebody who left the group may hold it
                async for _ in stream:
                    pass


async def end_group(process: Process) -> None:
    """SIGTERM to the whole group, then SIGKILL; grandchildren too, also when the leader is gone."""
    if not _signal(process.pid, signal.SIGTERM):
        return
    with anyio.move_on_after(STOP_S):
        await process.wait()
        with anyio.move_on_after(GRACE_S):  # the dead count until they are buried
            while _signal(process.pid, 0):
                await anyio.sleep(0.02)
            return
    _signal(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        await process.wait()


def _signal(group: int, number: int) -> bool:
    """Whether there was somebody to be told."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


async def stop_reading(process: Process, reading: anyio.CancelScope) -> None:
    """Its output ends with it: a grandchild that holds the pipe open is not waited for."""
    await process.wait()
    await anyio.sleep(GRACE_S)
    reading.cancel()


async def feed(process: Process, text: str) -> None:
    """The prompt, then the end of standard input."""
    assert process.stdin is not None
    try:
        await process.stdin.send(text.encode("utf-8", "replace"))
    except (BrokenPipeError, ConnectionResetError, anyio.BrokenResourceError):
        return  # it ended without reading: its exit says why
    finally:
        await process.stdin.aclose()
