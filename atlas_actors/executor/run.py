"""One process of a client: a scrubbed environment, closed standard input, a group that ends as one,
and JSON lines read with limits."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import anyio
import attrs
from anyio.abc import Process

from atlas_actors.executor.checkpoints import Checkpoints
from atlas_actors.executor.keys import hide_bytes
from atlas_actors.executor.work import OnText
from atlas_actors.messages.execution import Fault
from atlas_actors.process import feed, finish, stop_reading
from atlas_actors.providers.cli import MARKER, Job, Launch, RunReader, Totals
from atlas_actors.providers.wire import CallEnd, WireError, failed

LINE_BYTES_MAX: Final = 16 * 1_048_576  # a tool's result is one line
OUTPUT_BYTES_MAX: Final = 256 * 1_048_576
STDERR_BYTES_MAX: Final = 65_536


@attrs.frozen(kw_only=True)
class Run:
    """What is started, and who reads what it prints."""

    program: str
    launch: Launch
    job: Job
    reader: RunReader
    checkpoints: Checkpoints
    marker: str  # by which it is known as ours after a crash of the daemon
    scratch: str

    async def to_its_end(self, on_text: OnText, before: Totals) -> CallEnd:
        """Start it, read it, and end its group, also when this is cancelled."""
        try:
            process = await self._start()
        except OSError as error:
            return failed(Fault.SERVER, f"{self.program} does not start: {error.strerror}")
        stderr = bytearray()
        trouble: WireError | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(feed, process, self.launch.stdin)
                group.start_soon(_keep, process, stderr)
                group.start_soon(self.checkpoints.keep_telling)
                with anyio.CancelScope() as reading:
                    group.start_soon(stop_reading, process, reading)
                    try:
                        await self._read(process, on_text)
                        await process.wait()
                    except WireError as error:
                        trouble = error
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await finish(process)
        if trouble is not None:
            return failed(trouble.fault, str(trouble), self.reader.answer)
        code = process.returncode
        assert code is not None
        said = hide_bytes(bytes(stderr), self.job.key).decode("utf-8", "replace")
        return self.reader.end(code, said, before)

    async def _start(self) -> Process:
        launch, scratch = self.launch, self.scratch
        for name, text in launch.files.items():
            Path(scratch, name).write_text(text, "utf-8")
        arguments = [part.replace("{scratch}", scratch) for part in launch.arguments]
        variables = {
            name: value.replace("{scratch}", scratch) if name == "TMPDIR" else value
            for name, value in launch.environment.items()
        }
        variables[MARKER] = self.marker
        return await anyio.open_process(
            [self.program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.job.folder,
            env=variables,
            start_new_session=True,
        )

    async def _read(self, process: Process, on_text: OnText) -> None:
        async for line in _lines(process):
            for text in self.reader.read(hide_bytes(line, self.job.key)):
                on_text(text)
            self.checkpoints.on_line()


async def _keep(process: Process, kept: bytearray) -> None:
    """The end of standard error."""
    assert process.stderr is not None
    async for data in process.stderr:
        kept += data
        del kept[:-STDERR_BYTES_MAX]


async def _lines(process: Process) -> AsyncIterator[bytes]:
    """Whole lines of standard output. Raises WireError when there is too much of it."""
    assert process.stdout is not None
    rest, total = bytearray(), 0
    async for data in process.stdout:
        total += len(data)
        if total > OUTPUT_BYTES_MAX:
            raise WireError(f"it printed more than {OUTPUT_BYTES_MAX} bytes")
        rest += data
        if b"\n" in data:
            *lines, last = rest.split(b"\n")
            rest = bytearray(last)
            for line in lines:
                if line.strip():
                    yield bytes(line)
        if len(rest) > LINE_BYTES_MAX:
            raise WireError(f"it printed a line of more than {LINE_BYTES_MAX} bytes")
    if rest.strip():
        yield bytes(rest)
