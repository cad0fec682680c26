"""Runs the command that a person gave as a task's check; its exit code is the verdict."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

import anyio
from anyio.abc import Process

from atlas_actors.executor.keys import hide_bytes
from atlas_actors.executor.process import feed, finish, stop_reading
from atlas_actors.messages.execution import CheckRun

CHECK_S: Final = 600.0
OUTPUT_BYTES_MAX: Final = 4_096
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASS|CRED|AUTH", re.IGNORECASE)


async def run_check(
    command: Sequence[str], folder: str, answer: str, timeout_s: float = CHECK_S, key: str = ""
) -> CheckRun:
    """Run it in `folder` with the answer as its input. No shell; nothing of it is left running.
    The provider's key is neither in its variables nor in what is kept of its output."""
    try:
        process = await anyio.open_process(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=without_secrets(os.environ, key),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return CheckRun(code=None, output=f"{command[0]} does not start: {error}")
    output = bytearray()
    try:
        with anyio.move_on_after(timeout_s) as limit:
            await _run(process, answer, output)
    finally:
        with anyio.CancelScope(shield=True):
            await finish(process)
    said = hide_bytes(bytes(output), key).decode("utf-8", "replace")
    if limit.cancelled_caught:
        return CheckRun(code=None, output=f"it did not end in {timeout_s:g} s; {said}")
    return CheckRun(code=process.returncode, output=said)


def without_secrets(environment: Mapping[str, str], key: str = "") -> dict[str, str]:
    """The person's environment, which their command needs, but for what looks like a secret or
    holds the key."""
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET.search(name) and not (key and key in value)
    }


async def _run(process: Process, answer: str, output: bytearray) -> None:
    assert process.stdout is not None
    async with anyio.create_task_group() as group:
        group.start_soon(feed, process, answer)
        with anyio.CancelScope() as reading:
            group.start_soon(stop_reading, process, reading)
            async for data in process.stdout:
                output += data
                del output[:-OUTPUT_BYTES_MAX]
            await process.wait()
        group.cancel_scope.cancel()
