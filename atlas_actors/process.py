"""Child processes: fed, read to their end, and ended as a whole group."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

import anyio
import attrs
from anyio.abc import Process

STOP_S: Final = 3.0
GRACE_S: Final = 1.0
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASS|CRED|AUTH(?!OR|_SOCK)", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Ran:
    """What became of a command: its exit code (None: it did not start or end, and `why`), and
    the end of what it said."""

    code: int | None
    output: bytes = b""
    why: str = ""


async def run_command(
    command: Sequence[str],
    folder: str,
    *,
    environment: Mapping[str, str],
    timeout_s: float,
    kept_bytes: int,
    text: str = "",
) -> Ran:
    """Run it in `folder` with `text` as its input. No shell; nothing of it is left running."""
    try:
        process = await anyio.open_process(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ran(code=None, why=f"{command[0]} does not start: {error}")
    output = bytearray()
    try:
        with anyio.move_on_after(timeout_s) as limit:
            await _run(process, text, output, kept_bytes)
    finally:
        with anyio.CancelScope(shield=True):
            await finish(process)
    if limit.cancelled_caught:
        return Ran(code=None, output=bytes(output), why=f"it did not end in {timeout_s:g} s")
    return Ran(code=process.returncode, output=bytes(output))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The person's environment, which their command needs, but for what looks like a secret."""
    return {name: value for name, value in environment.items() if not _SECRET.search(name)}


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


async def _run(process: Process, text: str, output: bytearray, kept_bytes: int) -> None:
    assert process.stdout is not None
    async with anyio.create_task_group() as group:
        group.start_soon(feed, process, text)
        with anyio.CancelScope() as reading:
            group.start_soon(stop_reading, process, reading)
            async for data in process.stdout:
                output += data
                del output[:-kept_bytes]
            await process.wait()
        group.cancel_scope.cancel()
