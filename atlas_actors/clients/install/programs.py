"""Runs programs of others with bounds on time, output and environment; nothing of them is left."""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from atlas_actors.errors import AtlasError

STOP_S: Final = 2.0
WORD_S: Final = 15.0  # for a program that has only a word to say
WORD_BYTES_MAX: Final = 65_536
# What a program needs to run; never keys, nor variables that steer it.
PASSED_ON: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR",
)  # fmt: skip
_VERSION: Final = re.compile(r"\d+\.\d+[\w.+-]*")


class ProgramError(AtlasError):
    """A program does not start, end or answer as it should."""


def needed(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a program is given."""
    return {name: environment[name] for name in PASSED_ON if name in environment}


def version_of(program: str, environment: Mapping[str, str], deadline_s: float = WORD_S) -> str:
    """What `program --version` says. Raises ProgramError."""
    said = output_of([program, "--version"], needed(environment), deadline_s)
    found = _VERSION.search(said)
    if found is None:
        raise ProgramError(f"{program} --version names no version")
    return found[0][:40]


def output_of(
    words: Sequence[str], environment: Mapping[str, str], deadline_s: float = WORD_S
) -> str:
    """All that a short command prints. Raises ProgramError when it fails or does not end."""
    until, said = time.monotonic() + deadline_s, b""
    with running(words, environment, Path("/")) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        try:
            while True:
                wait(pipe, selectors.EVENT_READ, until)
                if not (piece := os.read(pipe, 4_096)):
                    break
                said += piece
                if len(said) > WORD_BYTES_MAX:
                    raise ProgramError(f"{words[0]} says more than anybody reads")
            code = process.wait(max(0.0, until - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise ProgramError(f"{words[0]} does not end in {deadline_s:g} s") from None
    if code != 0:
        raise ProgramError(f"{words[0]} fails with exit code {code}")
    return said.decode("utf-8", "replace")


@contextlib.contextmanager
def running(
    words: Sequence[str], environment: Mapping[str, str], cwd: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, with pipes to and from it; afterwards it is ended with all it started."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own program
            list(words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ProgramError(f"{words[0]} does not start: {error}") from error
    try:
        yield process
    finally:
        _end(process)


def wait(file: int, direction: int, until: float) -> None:
    """Until the pipe is ready. Raises TimeoutError at `until`, a monotonic time."""
    left_s = until - time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(file, direction)
        if left_s <= 0 or not selector.select(left_s):
            raise TimeoutError


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close its input, which ends most; after a while end its whole group, whatever it does."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was not sent does not matter any more
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
