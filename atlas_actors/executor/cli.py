"""Runs a command-line client as a provider: its own home, a scrubbed environment, closed standard
input, a process group that ends as one, and JSON lines read with limits."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
import attrs
from anyio.abc import Process

from atlas_actors.config import Home
from atlas_actors.errors import Unavailable
from atlas_actors.executor.keys import Hider, fresh_key, hide, hide_bytes
from atlas_actors.executor.work import OnText, Work
from atlas_actors.messages.execution import Fault
from atlas_actors.orphans import end_orphans
from atlas_actors.process import feed, finish, stop_reading
from atlas_actors.providers.cli import MARKER, Client, Job, Totals
from atlas_actors.providers.wire import CallEnd, WireError, failed
from atlas_actors.settings import ProviderSettings

LINE_BYTES_MAX: Final = 16 * 1_048_576  # a tool's result is one line
OUTPUT_BYTES_MAX: Final = 256 * 1_048_576
STDERR_BYTES_MAX: Final = 65_536
PORT_S: Final = 5.0
SESSIONS_MAX: Final = 1_000


@attrs.define
class CliBackend:
    """One client program; each run is a process of its own."""

    transport: str
    model: str
    program: str
    client: Client
    settings: ProviderSettings
    home: str
    scratch: Path
    key: str = attrs.field(repr=False)
    note: str = ""
    state: str = "ready"
    # What each session had used when its last run ended: clients report sums.
    _used: dict[str, Totals] = attrs.field(factory=dict)

    @classmethod
    def find(
        cls, transport: str, client: Client, settings: ProviderSettings, home: Home, key: str
    ) -> "CliBackend":
        """The program and a login for it. Raises Unavailable."""
        name = settings.command or client.COMMAND
        program = shutil.which(name)
        if program is None:
            raise Unavailable(
                f"there is no program {name}",
                cure=f"install it, or set command in [providers.{settings.name}]",
            )
        own = home.root / "clients" / settings.name
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = home.root / "clients" / f"{settings.name}.scratch"
        scratch.mkdir(mode=0o700, exist_ok=True)
        end_orphans(scratch)
        where = Path(settings.client_home).expanduser() if settings.client_home else own
        if not key and not any((where / file).is_file() for file in client.LOGIN_FILES):
            raise Unavailable(
                f"{name} has neither a key nor a login in {where}",
                cure=f"set key_env in [providers.{settings.name}], or client_home to where you"
                " are logged in",
            )
        return cls(
            transport=transport,
            model=settings.model,
            program=program,
            client=client,
            settings=settings,
            home=str(where),
            scratch=scratch,
            key=key,
        )

    async def ask(self, work: Work, on_text: OnText) -> CallEnd:
        """One run, to its end or its cancellation; afterwards nothing of it runs."""
        closed = await _closed_port(self.settings.base_url)
        if closed:
            return failed(Fault.NETWORK, closed)
        with tempfile.TemporaryDirectory(
            dir=self.scratch, prefix="run-", ignore_cleanup_errors=True
        ) as scratch:
            job = Job(
                ask=work.ask,
                home=self.home,
                folder=work.folder or scratch,
                writes=work.writes,
                reads=work.folder is not None,
                session=str(uuid.uuid4()),
                key=self.key,
                key_as=self.settings.key_as or self.client.KEY_AS,
                base_url=self.settings.base_url,
                budget_usd=work.budget_usd,
                turns_max=self.settings.turns_max,
                allow_commands=self.settings.allow_commands,
            )
            if not Path(job.folder).is_dir():
                return failed(Fault.TASK, f"{job.folder} is not a directory any more")
            ended = await self._call(job, scratch, on_text)
            fresh = await fresh_key(self.settings, self.key, ended)
            if fresh:
                self.key = fresh
                job = attrs.evolve(job, key=fresh, session=str(uuid.uuid4()))
                ended = await self._call(job, scratch, on_text)
        ended.answer.text = hide(ended.answer.text, self.key)  # it may have come in pieces
        return ended

    async def alive(self) -> str:
        """A program does not go away."""
        return ""

    async def stop(self) -> None:
        """Runs end with the tasks that wait for them."""

    async def _call(self, job: Job, scratch: str, on_text: OnText) -> CallEnd:
        shown = Hider(self.key, on_text)
        ended = await self._run(job, scratch, shown.feed)
        shown.close()
        return ended

    async def _run(self, job: Job, scratch: str, on_text: OnText) -> CallEnd:
        launch = self.client.launch(job, os.environ)
        for name, text in launch.files.items():
            Path(scratch, name).write_text(text, "utf-8")
        arguments = [part.replace("{scratch}", scratch) for part in launch.arguments]
        variables = {
            name: value.replace("{scratch}", scratch) if name == "TMPDIR" else value
            for name, value in launch.environment.items()
        }
        variables[MARKER] = str(self.scratch)
        reader = self.client.run_reader()
        try:
            process = await anyio.open_process(
                [self.program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=job.folder,
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            return failed(Fault.SERVER, f"{self.program} does not start: {error.strerror}")
        stderr = bytearray()
        trouble: WireError | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(feed, process, launch.stdin)
                group.start_soon(_keep, process, stderr)
                with anyio.CancelScope() as reading:
                    group.start_soon(stop_reading, process, reading)
                    try:
                        async for line in _lines(process):
                            for text in reader.read(hide_bytes(line, self.key)):
                                on_text(text)
                        await process.wait()
                    except WireError as error:
                        trouble = error
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await finish(process)
        if trouble is not None:
            return failed(trouble.fault, str(trouble), reader.answer)
        code = process.returncode
        assert code is not None
        before = self._used.get(reader.session, Totals())
        said = hide_bytes(bytes(stderr), self.key).decode("utf-8", "replace")
        ended = reader.end(code, said, before)
        self._remember(reader.session, reader.totals)
        return ended

    def _remember(self, session: str, totals: Totals) -> None:
        self._used[session] = totals
        if len(self._used) > SESSIONS_MAX:
            del self._used[next(iter(self._used))]


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


async def _closed_port(base_url: str) -> str:
    """Why nothing listens at a configured server, or an empty text: some clients would wait for
    it without end."""
    if not base_url:
        return ""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with anyio.fail_after(PORT_S):
            stream = await anyio.connect_tcp(parts.hostname or "localhost", port)
    except TimeoutError:
        return f"{base_url} did not answer in {PORT_S:g} s"
    except OSError as error:
        return f"{base_url}: {error}"
    await stream.aclose()
    return ""
