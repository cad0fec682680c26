"""A command-line client as a provider: its program, its own home, and which session a run is of."""

import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
import attrs
from loguru import logger

from atlas_actors.config import Home
from atlas_actors.errors import Unavailable
from atlas_actors.executor.checkpoints import Checkpoints
from atlas_actors.executor.handoff import go_on, told
from atlas_actors.executor.keys import Hider, fresh_key, hide
from atlas_actors.executor.run import Run
from atlas_actors.executor.sessions import session_of, used_by
from atlas_actors.executor.work import OnText, Work
from atlas_actors.messages.execution import End, Fault
from atlas_actors.orphans import end_orphans
from atlas_actors.providers.cli import Client, Job, Totals
from atlas_actors.providers.trail import Trail
from atlas_actors.providers.wire import CallEnd, failed
from atlas_actors.settings import ProviderSettings

PORT_S: Final = 5.0
# A session that its server does not take as it is, or that has grown too long.
_UNUSABLE: Final = frozenset({Fault.REQUEST, Fault.CONTEXT})


def own_home(home: Home, settings: ProviderSettings) -> Path:
    """Where a client lives that has no home of the person's: its sessions are kept there."""
    return home.root / "clients" / settings.name


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
        own = own_home(home, settings)
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = home.root / "clients" / f"{settings.name}.scratch"
        scratch.mkdir(mode=0o700, exist_ok=True)
        if ended := end_orphans(scratch):
            logger.warning("client.orphans_ended", count=ended)
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
        """One run, to its end or its cancellation; afterwards nothing of it runs. A session that
        cannot be gone on with is followed by a new one, once."""
        closed = await _closed_port(self.settings.base_url)
        if closed:
            return failed(Fault.NETWORK, closed)
        with tempfile.TemporaryDirectory(
            dir=self.scratch, prefix="run-", ignore_cleanup_errors=True
        ) as scratch:
            new = self._new_session(work, scratch)
            if not Path(new.folder).is_dir():
                return failed(Fault.TASK, f"{new.folder} is not a directory any more")
            ended = await self._go_on(work, new, scratch, on_text)
            if ended is None:
                ended, _ = await self._with_fresh_key(work, new, Totals(), scratch, on_text)
        ended.answer.text = hide(ended.answer.text, self.key)  # it may have come in pieces
        return ended

    async def alive(self) -> str:
        """A program does not go away."""
        return ""

    async def stop(self) -> None:
        """Runs end with the tasks that wait for them."""

    def _new_session(self, work: Work, scratch: str) -> Job:
        """What a person keeps in a home of their own is not added to unasked."""
        ask = attrs.evolve(work.ask, prompt=told(work.ask.prompt, work.handoff))
        return Job(
            ask=ask if work.folder is not None else work.ask,
            home=self.home,
            folder=work.folder or scratch,
            writes=work.writes,
            reads=work.folder is not None,
            session=str(uuid.uuid4()),
            keeps=work.folder is not None and not self.settings.client_home,
            key=self.key,
            key_as=self.settings.key_as or self.client.KEY_AS,
            base_url=self.settings.base_url,
            budget_usd=work.budget_usd,
            turns_max=self.settings.turns_max,
            allow_commands=self.settings.allow_commands,
        )

    async def _go_on(self, work: Work, new: Job, scratch: str, on_text: OnText) -> CallEnd | None:
        """One run in the session of an earlier attempt; None where there is none to go on with."""
        id = session_of(work.handoff, self.settings.name, new.folder) if new.keeps else ""
        if not id or work.handoff is None:
            return None
        before = await anyio.to_thread.run_sync(used_by, Path(self.home), self.client, id)
        if before is None:
            return None
        ask = attrs.evolve(work.ask, prompt=go_on(work.handoff, id))
        job = attrs.evolve(new, ask=ask, session=id, resumes=True)
        ended, trail = await self._with_fresh_key(work, job, before, scratch, on_text)
        lost = self.client.SESSION_LOST in ended.error.lower() or ended.fault in _UNUSABLE
        if lost and not trail.changes:
            logger.warning("client.session_lost", provider=self.settings.name, error=ended.error)
            return None
        return ended

    async def _with_fresh_key(
        self, work: Work, job: Job, before: Totals, scratch: str, on_text: OnText
    ) -> tuple[CallEnd, Trail]:
        """One run, and another where its key was refused and a command knows a new one."""
        ended, trail = await self._call(work, job, before, scratch, on_text)
        fresh = await fresh_key(self.settings, self.key, ended)
        if fresh:
            self.key = fresh
            session = job.session if job.resumes else str(uuid.uuid4())
            job = attrs.evolve(job, key=fresh, session=session)
            ended, trail = await self._call(work, job, before, scratch, on_text)
        return ended, trail

    async def _call(
        self, work: Work, job: Job, before: Totals, scratch: str, on_text: OnText
    ) -> tuple[CallEnd, Trail]:
        """One run, and what it leaves when it does not come to an answer."""
        reader = self.client.run_reader(job.folder)
        run = Run(
            program=self.program,
            launch=self.client.launch(job, os.environ),
            job=job,
            reader=reader,
            checkpoints=Checkpoints(work, job, reader, self.settings.name),
            marker=str(self.scratch),
            scratch=scratch,
        )
        shown = Hider(job.key, on_text)
        ended: CallEnd | None = None
        try:
            ended = await run.to_its_end(shown.feed, before)
        finally:
            if ended is None or ended.end is not End.ANSWERED:
                run.checkpoints.tell_if_changed()
        shown.close()
        return ended, reader.trail


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
