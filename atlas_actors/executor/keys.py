"""A provider's key: from the variable or command that the settings name, in memory only."""

import os
import subprocess
from collections.abc import Mapping
from typing import Final

import anyio

from atlas_actors.errors import Unavailable
from atlas_actors.settings import ProviderSettings

COMMAND_S: Final = 15.0
KEY_CHARACTERS_MAX: Final = 10_000
HIDDEN: Final = "[key]"


async def key_of(settings: ProviderSettings, environment: Mapping[str, str] = os.environ) -> str:
    """The key, or an empty text when the settings name none. Raises Unavailable without it."""
    if settings.key_command:
        return await _asked(settings)
    if not settings.key_env:
        return ""
    key = environment.get(settings.key_env, "").strip()
    if not key:
        raise Unavailable(
            f"the variable {settings.key_env} is not set",
            cure=f"set it where the daemon starts, or name a key_command in "
            f"[providers.{settings.name}]",
        )
    return _usable(key, f"the variable {settings.key_env}")


def hide(text: str, key: str) -> str:
    """The text without the key; servers quote what they were sent."""
    return text.replace(key, HIDDEN) if len(key) >= 4 else text


async def _asked(settings: ProviderSettings) -> str:
    """What the command prints; neither its output nor its errors go anywhere else."""
    program = settings.key_command[0]
    cure = f"run it yourself, or correct [providers.{settings.name}] key_command"
    try:
        with anyio.fail_after(COMMAND_S):
            done = await anyio.run_process(
                list(settings.key_command),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
    except OSError as error:
        raise Unavailable(f"key_command {program}: {error.strerror}", cure=cure) from None
    except TimeoutError:
        raise Unavailable(
            f"key_command {program} did not end in {COMMAND_S:g} s", cure=cure
        ) from None
    if done.returncode != 0:
        raise Unavailable(f"key_command {program} ended with {done.returncode}", cure=cure)
    key = done.stdout.decode("utf-8", "replace").strip()
    if not key:
        raise Unavailable(f"key_command {program} printed nothing", cure=cure)
    return _usable(key, f"the output of {program}")


def _usable(key: str, where: str) -> str:
    """A key travels in an HTTP header."""
    if len(key) > KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
        raise Unavailable(f"{where} is no key: one line of printable ASCII is expected")
    return key
