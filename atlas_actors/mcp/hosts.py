"""Holds the process that speaks with MCP servers: fed, read, never left behind."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import anyio
from anyio.abc import ByteReceiveStream, Process

from atlas_actors.mcp.servers import Server
from atlas_actors.orphans import end_marked
from atlas_actors.process import finish
from atlas_actors.providers.cli import MARKER, PASSED_ON

PROGRAM: Final = (sys.executable, "-I", str(Path(__file__).with_name("host.py")))
LINE_BYTES_MAX: Final = 4 * 1_048_576
STDERR_BYTES: Final = 2_048
END_S: Final = 12.0  # it ends its servers first
_ALSO_PASSED_ON: Final = (
    "HOME", "TERM", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
)  # fmt: skip
_numbers = count(1)


class HostEndedError(Exception):
    """The process ended though it was still needed; str: how."""


class Host:
    """One running process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stderr = bytearray()

    async def send(self, job: Mapping[str, Any]) -> None:
        """Hand it a job. Raises HostEndedError."""
        assert self._process.stdin is not None
        try:
            await self._process.stdin.send(json.dumps(job).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            raise HostEndedError(await self._ending()) from None

    async def said(self) -> AsyncIterator[dict[str, Any]]:
        """What it says. Raises HostEndedError at its end."""
        assert self._process.stdout is not None
        buffer = bytearray()
        async for data in self._process.stdout:
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                yield json.loads(line)
            if len(buffer) > LINE_BYTES_MAX:
                raise HostEndedError("it says more than it may")
        raise HostEndedError(await self._ending())

    async def keep_stderr(self, stderr: ByteReceiveStream) -> None:
        """Its last words, for when it fails."""
        async for data in stderr:
            self._stderr += data
            del self._stderr[:-STDERR_BYTES]

    async def _ending(self) -> str:
        code = await self._process.wait()
        lines = self._stderr.decode("utf-8", "replace").strip().splitlines()
        return f"it ended with {code}" + (f": {lines[-1]}" if lines else "")


@asynccontextmanager
async def running(
    scratch: str, parallel: int, program: Sequence[str] = PROGRAM
) -> AsyncIterator[Host]:
    """A host for as long as the block lasts; nothing of it or its servers is left running."""
    mark = f"{scratch}/host-{next(_numbers)}"
    process = await anyio.open_process(
        [*program, json.dumps({"mark": mark, "parallel": parallel})],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**passed_on(os.environ), MARKER: mark},
        start_new_session=True,
    )
    failure: HostEndedError | None = None
    try:
        async with anyio.create_task_group() as group:
            host = Host(process)
            assert process.stderr is not None
            group.start_soon(host.keep_stderr, process.stderr)
            try:
                yield host
            except HostEndedError as error:  # as it is, not in a group
                failure = error
            finally:
                group.cancel_scope.cancel()
        if failure is not None:
            raise failure
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process, mark)


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What servers get of our environment, beside what they are configured with."""
    names = (*PASSED_ON, *_ALSO_PASSED_ON)
    return {name: environment[name] for name in names if name in environment}


def job_of(server: Server, home: str) -> dict[str, Any]:
    """A server as the host is told of it."""
    return {
        "transport": server.transport,
        "command": server.command,
        "args": list(server.args),
        "env": server.env,
        "folder": server.folder or home,
        "url": server.url,
        "headers": server.headers,
    }


async def _end(process: Process, mark: str) -> None:
    """Its stdin's end tells it to end all; then whatever is left is killed."""
    assert process.stdin is not None
    await process.stdin.aclose()
    with anyio.move_on_after(END_S):
        await process.wait()
    await finish(process)
    await anyio.to_thread.run_sync(end_marked, mark)
