"""Runs the command that a person gave as a task's check; its exit code is the verdict."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

from atlas_actors import process
from atlas_actors.executor.keys import RAW_KEY_MIN, hide
from atlas_actors.messages.execution import CheckRun

CHECK_S: Final = 600.0
OUTPUT_BYTES_MAX: Final = 4_096


async def run_check(
    command: Sequence[str], folder: str, answer: str, timeout_s: float = CHECK_S, key: str = ""
) -> CheckRun:
    """Run it in `folder` with the answer as its input. No shell; nothing of it is left running.
    The provider's key is neither in its variables nor in what is kept of its output."""
    ran = await process.run_command(
        command,
        folder,
        text=answer,
        environment=without_secrets(os.environ, key),
        timeout_s=timeout_s,
        # More than is kept in the end: a key must not be cut before it is found.
        kept_bytes=OUTPUT_BYTES_MAX + len(key),
    )
    said = hide(ran.output.decode("utf-8", "replace"), key)[-OUTPUT_BYTES_MAX:]
    return CheckRun(code=ran.code, output="; ".join(part for part in (ran.why, said) if part))


def without_secrets(environment: Mapping[str, str], key: str = "") -> dict[str, str]:
    """The person's environment, which their command needs, but for what looks like a secret or
    holds the key."""
    return {
        name: value
        for name, value in process.without_secrets(environment).items()
        if not (key and _holds(value, key))
    }


def _holds(value: str, key: str) -> bool:
    """A short key would be found in many a path."""
    return key == value or (len(key) >= RAW_KEY_MIN and key in value)
