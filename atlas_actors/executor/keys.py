"""A provider's key: from the variable or command that the settings name, in memory only."""

import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Final

import anyio

from atlas_actors.errors import Unavailable
from atlas_actors.messages.execution import Fault
from atlas_actors.process import finish
from atlas_actors.providers.wire import CallEnd
from atlas_actors.settings import ProviderSettings

COMMAND_S: Final = 15.0
KEY_CHARACTERS_MAX: Final = 10_000
RAW_KEY_MIN: Final = 16
KEY_CHARACTERS_MIN: Final = 4  # shorter, it would be found everywhere
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


async def fresh_key(settings: ProviderSettings, old: str, ended: CallEnd) -> str:
    """Another key where the old one was refused and a command gives them out; else empty."""
    if ended.fault is not Fault.KEY or not settings.key_command:
        return ""
    try:
        key = await _asked(settings)
    except Unavailable:
        return ""
    return key if key != old else ""


def hide(text: str, key: str) -> str:
    """The text without the key; servers quote what they were sent."""
    return text.replace(key, HIDDEN) if len(key) >= KEY_CHARACTERS_MIN else text


def hide_bytes(data: bytes, key: str) -> bytes:
    """The same for what has not been read yet, before a limit can cut a key in two; a short key
    could be a part of what holds the text together, and is left to `hide`."""
    return data.replace(key.encode(), HIDDEN.encode()) if len(key) >= RAW_KEY_MIN else data


class Hider:
    """Passes text on as it comes, but for the key, also where it comes in pieces."""

    def __init__(self, key: str, on_text: Callable[[str], None]) -> None:
        self._key = key if len(key) >= KEY_CHARACTERS_MIN else ""
        self._on_text = on_text
        self._held = ""

    def feed(self, text: str) -> None:
        """Pass on what cannot be the beginning of the key."""
        if not self._key:
            self._on_text(text)
            return
        text = hide(self._held + text, self._key)
        longest = min(len(self._key) - 1, len(text))
        held = next(
            (size for size in range(longest, 0, -1) if self._key.startswith(text[-size:])), 0
        )
        self._held = text[len(text) - held :]
        self._pass_on(text[: len(text) - held])

    def close(self) -> None:
        """Nothing more comes: what was held back was no key."""
        held, self._held = self._held, ""
        self._pass_on(held)

    def _pass_on(self, text: str) -> None:
        if text:
            self._on_text(text)


async def _asked(settings: ProviderSettings) -> str:
    """What the command prints; neither its output nor its errors go anywhere else."""
    program = settings.key_command[0]
    cure = f"run it yourself, or correct [providers.{settings.name}] key_command"
    try:
        process = await anyio.open_process(
            list(settings.key_command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"key_command {program}: {error.strerror}", cure=cure) from None
    output = bytearray()
    try:
        with anyio.move_on_after(COMMAND_S):
            assert process.stdout is not None
            async for data in process.stdout:
                output += data
                if len(output) > KEY_CHARACTERS_MAX:
                    break
            else:
                await process.wait()
    finally:
        ended_by_itself = process.returncode is not None
        with anyio.CancelScope(shield=True):
            await finish(process)
    if len(output) <= KEY_CHARACTERS_MAX:
        if not ended_by_itself:
            raise Unavailable(f"key_command {program} did not end in {COMMAND_S:g} s", cure=cure)
        if process.returncode != 0:
            raise Unavailable(f"key_command {program} ended with {process.returncode}", cure=cure)
    key = output.decode("utf-8", "replace").strip()
    if not key:
        raise Unavailable(f"key_command {program} printed nothing", cure=cure)
    return _usable(key, f"the output of {program}")


def _usable(key: str, where: str) -> str:
    """A key travels in an HTTP header."""
    if len(key) > KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
        raise Unavailable(f"{where} is no key: one line of printable ASCII is expected")
    return key
