"""A server started over stdio for the SDK: what it prints is bounded, and all of it is ended.

The SDK's own transport holds an endless line in memory, and leaves running what a server that
ended in time has left behind; loaded in the host process only.
"""

import contextlib
import math
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import mcp_types
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from atlas_actors.orphans import end_marked
from atlas_actors.providers.cli import MARKER

LINE_BYTES_MAX: Final = 4 * 1_048_576
BYTES_MAX: Final = 32 * 1_048_576  # between two resets
LINES_MAX: Final = 2_000
STDERR_BYTES: Final = 4_096
# To end by itself once its input is closed, then after SIGTERM.
EOF_S: Final = 0.5
TERM_S: Final = 1.0
CLOSE_S: Final = 1.0
_LOOK_S: Final = 0.01


class Pipe:
    """One start of a server; `fault` is what made us give up on it: its kind and a text."""

    def __init__(self, server: dict[str, Any], mark: str) -> None:
        self._server = server
        self._mark = mark
        self._bytes = self._lines = 0
        self.garbage = 0
        self.first_garbage = ""
        self.fault: tuple[str, str] | None = None
        self.started = False
        self.gone = anyio.Event()  # nothing more can come from it
        self._stderr = bytearray()
        self.ended = False  # by itself, before we ended it
        self.exit_code: int | None = None  # then

    @property
    def complaint(self) -> str:
        """The last line of its stderr."""
        lines = self._stderr.decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def reset(self) -> None:
        """Count what it prints from nothing."""
        self._bytes = self._lines = 0

    @asynccontextmanager
    async def streams(
        self,
    ) -> AsyncIterator[
        tuple[
            MemoryObjectReceiveStream[SessionMessage | Exception],
            MemoryObjectSendStream[SessionMessage],
        ]
    ]:
        """Start it. Raises OSError, ValueError."""
        process = await anyio.open_process(
            [self._server["command"], *self._server["args"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._server["folder"],
            env={**os.environ, **self._server["env"], MARKER: self._mark},
            start_new_session=True,
        )
        self.started = True
        incoming, to_session = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        # Bounded by what it may print at all.
        read, to_hand_over = anyio.create_memory_object_stream[bytes](math.inf)
        outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](0)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._read, process.stdout, read, incoming)
                group.start_soon(self._hand_over, to_hand_over, incoming)
                group.start_soon(_write, process.stdin, from_session)
                group.start_soon(self._keep_stderr, process.stderr)
                try:
                    with to_session, outgoing:
                        yield to_session, outgoing
                finally:
                    self.ended = self.gone.is_set()
                    group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._end(process)

    async def _read(
        self,
        stdout: ByteReceiveStream,
        lines: MemoryObjectSendStream[bytes],
        incoming: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        """Take its lines as fast as they come: who floods is told by their number, not by the
        time that it takes to hand them over."""
        rest = bytearray()
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError), lines:
            async for data in stdout:
                *whole, rest = (rest + data).split(b"\n")
                self._bytes += len(data)
                self._lines += len(whole)
                if self._is_too_much(len(rest)):
                    incoming.close()
                    return
                for line in whole:
                    lines.send_nowait(bytes(line))

    def _is_too_much(self, begun: int) -> bool:
        """Whether we give up on it."""
        if begun > LINE_BYTES_MAX or self._bytes > BYTES_MAX:
            self.fault = ("flood", f"it prints without end: {self._bytes:,} bytes")
        elif self._lines > LINES_MAX:
            self.fault = ("flood", f"it prints without end: {self._lines:,} lines")
        return self.fault is not None

    async def _hand_over(
        self,
        lines: MemoryObjectReceiveStream[bytes],
        incoming: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        """Give its messages to the session until it ends."""
        try:
            with incoming, lines:
                async for line in lines:
                    message = self._message(line)
                    if message is not None:
                        await incoming.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the session is gone, or we have given up
        finally:
            self.gone.set()

    def _message(self, line: bytes) -> SessionMessage | None:
        if not line.strip():
            return None
        try:
            message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            self.garbage += 1
            self.first_garbage = self.first_garbage or line[:200].decode("utf-8", "replace")
            return None
        return SessionMessage(message)

    async def _keep_stderr(self, stderr: ByteReceiveStream) -> None:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for data in stderr:
                self._stderr += data
                del self._stderr[:-STDERR_BYTES]

    async def _end(self, process: Process) -> None:
        """End of input, SIGTERM, SIGKILL to the group; then whoever has left the group."""
        if process.stdin is not None:
            with contextlib.suppress(OSError, anyio.BrokenResourceError):
                await process.stdin.aclose()
        if await _ends(process, EOF_S):
            self.exit_code = process.returncode
        else:
            _signal(process.pid, signal.SIGTERM)
            await _ends(process, TERM_S)
        _signal(process.pid, signal.SIGKILL)
        await anyio.to_thread.run_sync(end_marked, self._mark)
        await _ends(process, TERM_S)
        with anyio.move_on_after(CLOSE_S):  # somebody who hides from us may hold a pipe
            await process.aclose()


async def _write(
    stdin: ByteSendStream, outgoing: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    try:
        with outgoing:
            async for one in outgoing:
                text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stdin.send(text.encode("utf-8", "replace") + b"\n")
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        return  # it reads no more: its end says why


async def _ends(process: Process, seconds: float) -> bool:
    """Whether it is over by then; wait() would wait for whoever holds its pipes, too."""
    with anyio.move_on_after(seconds):
        while process.returncode is None:
            await anyio.sleep(_LOOK_S)
    return process.returncode is not None


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
