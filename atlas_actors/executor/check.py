"""Runs the command that a person gave as a task's check; its exit code is the verdict."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

import anyio
from anyio.abc import Process

from atlas_actors.executor.keys import RAW_KEY_MIN, hide
from atlas_actors.messages.execution import CheckRun
from atlas_actors.process import feed, finish, stop_reading

CHECK_S: Final = 600.0
OUTPUT_BYTES_MAX: Final = 4_096
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASS|CRED|AUTH(?!OR|_SOCK)", re.IGNORECASE)


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
            # More than is kept in the end: a key must not be cut before it is found.
            await _run(process, answer, output, OUTPUT_BYTES_MAX + len(key))
    finally:
        with anyio.CancelScope(shield=True):
            await finish(process)
    said = hide(output.decode("utf-8", "replace"), key)[-OUTPUT_BYTES_MAX:]
    if limit.cancelled_caught:
        return CheckRun(code=None, output=f"it did not end in {timeout_s:g} s; {said}")
    return CheckRun(code=process.returncode, output=said)


def without_secrets(environment: Mapping[str, str], key: str = "") -> dict[str, str]:
    """The person's environment, which their command needs, but for what looks like a secret or
    holds the key."""
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET.search(name) and not (key and _holds(value, key))
    }


def _holds(value: str, key: str) -> bool:
    """A short key would be found in many a path."""
    return key == value or (len(key) >= RAW_KEY_MIN and key in value)


async def _run(process: Process, answer: str, output: bytearray, kept: int) -> None:
    assert process.stdout is not None
    async with anyio.create_task_group() as group:
        group.start_soon(feed, process, answer)
        with anyio.CancelScope() as reading:
            group.start_soon(stop_reading, process, reading)
            async for data in process.stdout:
                output += data
                del output[:-kept]
            await process.wait()
        group.cancel_scope.cancel()
