"""One provider: runs attempts, each to its end, and says how the provider is."""

import tempfile
from functools import partial
from typing import Any, Final

import anyio
import attrs
import httpx
from loguru import logger

from atlas_actors import failpoints
from atlas_actors.actor import Place
from atlas_actors.async_actor import AsyncActor
from atlas_actors.config import Home
from atlas_actors.errors import AtlasError, CannotStart, Unavailable
from atlas_actors.executor.backend import (
    Backend,
    EmbeddedBackend,
    choose_backend,
    connect,
)
from atlas_actors.executor.calls import Calls
from atlas_actors.executor.check import run_check
from atlas_actors.executor.context import GATHER_S, ProjectFiles
from atlas_actors.executor.handoff import GOAL_CHARACTERS
from atlas_actors.executor.keys import hide
from atlas_actors.executor.outcome import of_start
from atlas_actors.executor.privacy import redacted_check, redacted_checkpoint, redacted_end
from atlas_actors.executor.work import Work
from atlas_actors.executor.workspaces import Site, Workspaces
from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AnswerGrew,
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    CancelAttempt,
    CheckRun,
    End,
    ExecutorReported,
    Fault,
    ReportExecutor,
    RetireExecutor,
    RunAttempt,
)
from atlas_actors.messages.handoff import Checkpoint, SaveCheckpoint
from atlas_actors.messages.workspace import Workspace
from atlas_actors.model.file import is_verified, verify
from atlas_actors.providers.prices import PriceTable, shipped
from atlas_actors.providers.wire import Ask, CallEnd, WireError, failed
from atlas_actors.redaction import Redactor
from atlas_actors.settings import ProviderSettings

Inbox = RunAttempt | CancelAttempt | ReportExecutor | RetireExecutor


LOOK_EVERY_S: Final = 60.0
BEAT_S: Final = 5.0


class Executor(AsyncActor):
    """Speaks to one backend, `slots` attempts at a time; the others wait in line."""

    inbox = Inbox

    def __init__(
        self,
        place: Place,
        *,
        home: Home,
        settings: ProviderSettings,
        prices: PriceTable | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        super().__init__(place)
        self._prices = prices or shipped()
        self._redactor = redactor or Redactor()
        self._home = home
        self._settings = settings
        self._backend: Backend
        self._checked = True
        self._note = ""
        self._slots: anyio.CapacityLimiter
        self._files: ProjectFiles
        self._retired = False
        self._scopes: dict[tuple[str, int], anyio.CancelScope] = {}
        self._workspaces = Workspaces(home.workspaces)
        self._unwanted: set[tuple[str, int]] = set()  # cancelled by a person

    async def on_start_async(self) -> None:
        """Find the backend. Raises CannotStart when there is none: the supervisor parks us."""
        self._slots = anyio.CapacityLimiter(self._settings.slots)
        ask_context = partial(self.call, paths.CONTEXT, timeout_s=GATHER_S)
        self._files = ProjectFiles(ask=ask_context, redactor=self._redactor)
        self._backend = await choose_backend(
            self._settings,
            self._home,
            self.place.clock,
            spawn=self.spawn,
            on_change=self._on_backend_change,
        )
        self.spawn(self._close_at_the_end)
        self.spawn(self._beat)
        self._note = self._backend.note
        if self._note:
            self.place.cell.degrade(self._note, "start the server, or correct base_url")
            self.spawn(self._look_for_server)
        if not self._note and self._price_unknown():
            self.place.cell.degrade(
                f"the price of {self._backend.model} is not known: its calls count as free",
                f"set usd_input and usd_output in [providers.{self._settings.name}]",
            )
        if isinstance(self._backend, EmbeddedBackend):
            model = self._backend.server.model
            self._backend.server.on_start = self._on_model_start
            if not is_verified(self._home, model):
                self._checked = False
                self.spawn(self._check_model)
        self._report()

    def _price_unknown(self) -> bool:
        """Whether a service that costs money cannot be counted: no budget would hold it."""
        paid = self._settings.transport != "openai-chat" or bool(self._backend.key)
        said = self._settings.usd_input is not None or self._settings.usd_output is not None
        return paid and not said and self._prices.find(self._backend.model) is None

    async def on_stop_async(self) -> None:
        """Running attempts are cut: tasks has made them pending before."""
        for scope in self._scopes.values():
            scope.cancel()

    async def _close_at_the_end(self) -> None:
        """However we end, a crash too: no connection is left to the garbage collector."""
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await self._backend.stop()

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case RunAttempt():
                return self._on_run_attempt(message)
            case CancelAttempt():
                return self._on_cancel_attempt((message.task_id, message.attempt))
            case ReportExecutor():
                return self._report()
            case RetireExecutor():
                self._retired = True
                return self._end_if_done()

    async def _beat(self) -> None:
        """Attempts in flight whose executor says nothing any more are lost."""
        while True:
            await anyio.sleep(BEAT_S)
            if self._scopes:
                self._report()
                self._flush()

    def _on_cancel_attempt(self, key: tuple[str, int]) -> None:
        """Stop it; nobody will decide on what it had begun to change."""
        scope = self._scopes.get(key)
        if scope is not None:
            self._unwanted.add(key)
            scope.cancel()

    def _on_run_attempt(self, order: RunAttempt) -> None:
        started = order.started
        self._scopes[started.task_id, started.attempt] = anyio.CancelScope()
        self.tell(
            paths.ORCHESTRATOR,
            AttemptAccepted(
                task_id=started.task_id,
                attempt=started.attempt,
                provider=self._settings.name,
                incarnation=self.place.incarnation,
            ),
        )
        self.spawn(self._run_attempt, order)

    async def _check_model(self) -> None:
        """Hash a model file that is new or has changed; a wrong one parks this executor."""
        assert isinstance(self._backend, EmbeddedBackend)
        model = self._backend.server.model
        try:
            await anyio.to_thread.run_sync(verify, self._home, model, abandon_on_cancel=True)
        except Unavailable as error:
            raise CannotStart(error.message, cure=error.cure) from error
        self._checked = True
        self._on_backend_change("")

    async def _run_attempt(self, order: RunAttempt) -> None:
        """One attempt from its slot to its end; told to the orchestrator exactly once."""
        started = order.started
        key = (started.task_id, started.attempt)
        began_s = self.place.clock.monotonic_s()
        ended = CallEnd(end=End.CANCELLED, error="cancelled")
        workspace: Workspace | None = None
        check: CheckRun | None = None
        with self._scopes[key]:
            async with self._slots:
                began_s = self.place.clock.monotonic_s()
                ended, workspace, check = await self._work(order)
        # Beside the loop: an answer may be long. It is over, and is not cancelled any more.
        with anyio.CancelScope(shield=True):
            ended = await anyio.to_thread.run_sync(redacted_end, self._redactor, ended)
            check = await anyio.to_thread.run_sync(redacted_check, self._redactor, check)
        self._scopes.pop(key, None)
        unwanted = key in self._unwanted
        self._unwanted.discard(key)
        await self._workspaces.clean_up(key, unwanted=unwanted, in_flight=self._scopes)
        duration_ms = round((self.place.clock.monotonic_s() - began_s) * 1000)
        logger.info(
            "attempt.ended",
            task_id=started.task_id,
            attempt=started.attempt,
            provider=self._settings.name,
            end=str(ended.end),
            fault=str(ended.fault or ""),
            duration_ms=duration_ms,
        )
        failpoints.passing("executor.answered")
        answer = ended.answer
        self.tell(
            paths.ORCHESTRATOR,
            AttemptEnded(
                started=started,
                provider=self._settings.name,
                end=ended.end,
                fault=ended.fault,
                error=ended.error,
                answer=answer.text,
                finish=answer.finish,
                check=check,
                workspace=workspace,
                model=answer.model or self._backend.model,
                transport=self._backend.transport,
                usage=answer.usage,
                estimated=ended.estimated,
                cost_usd=ended.cost_usd,
                retry_after_ms=ended.retry_after_ms,
                duration_ms=duration_ms,
            ),
        )
        self._report()
        self._flush()
        self._end_if_done()
        await self._retire_if_dead(ended)

    async def _work(self, order: RunAttempt) -> tuple[CallEnd, Workspace | None, CheckRun | None]:
        """The directory, the answer, the check."""
        request = order.started.request
        try:
            site = await self._workspaces.prepare(order)
        except (AtlasError, OSError) as error:
            return failed(Fault.TASK, str(error)), None, None
        workspace = site.workspace
        ended = await self._ask(order, site)
        if ended.end is not End.ANSWERED:
            return ended, workspace, None
        if workspace is not None:
            try:
                workspace = await self._workspaces.collect(workspace)
            except (AtlasError, OSError) as error:
                return failed(Fault.TASK, str(error), ended.answer), workspace, None
        if request.check is None:
            return ended, workspace, None
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as empty:
            check = await run_check(
                request.check, site.folder or empty, ended.answer.text, key=self._backend.key
            )
        return ended, workspace, check

    async def _ask(self, order: RunAttempt, site: Site) -> CallEnd:
        started, settings = order.started, self._settings
        calls = Calls(
            backend=self._backend,
            settings=settings,
            prices=self._prices,
            files=self._files,
            on_text=partial(self._on_text, started),
        )
        work = Work(
            ask=Ask(
                model=self._backend.model,
                prompt=order.prompt,
                schema=started.request.schema,
                answer_tokens_max=settings.answer_tokens_max,
                stream=settings.stream,
                temperature=order.temperature,
            ),
            folder=site.folder,
            writes=order.writes,
            budget_usd=order.budget_usd,
            handoff=site.handoff,
            on_checkpoint=partial(self._on_checkpoint, started),
        )
        return await calls.make(order, work)

    async def _retire_if_dead(self, ended: CallEnd) -> None:
        """A server that is gone takes no new work from us: once what runs has ended, the next
        start finds another or parks."""
        if ended.end is not End.UNREACHABLE or ended.fault is not Fault.NETWORK or self._retired:
            return
        why = await self._backend.alive()
        if why:
            self._retired = True
            self._note = why
            self._report()
            self._flush()
            self._end_if_done()

    async def _look_for_server(self) -> None:
        """While the embedded model stands in for a configured server: take it once it is back."""
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            try:
                await (await connect(self._settings, self.place.clock)).stop()
            except (httpx.HTTPError, httpx.InvalidURL, WireError, Unavailable):
                continue
            self._retired = True  # ends when idle, and the supervisor starts us anew
            self._end_if_done()
            return

    def _end_if_done(self) -> None:
        if self._retired and not self._scopes:
            self.end()

    def _on_text(self, started: AttemptStarted, text: str) -> None:
        self.tell(
            paths.GATEWAY,
            AnswerGrew(task_id=started.task_id, attempt=started.attempt, text=text),
        )
        self._flush()

    def _on_checkpoint(self, started: AttemptStarted, checkpoint: Checkpoint) -> None:
        """Whoever keeps handoffs may be away: then the next one tells all the same."""
        goal = checkpoint.goal or hide(started.request.prompt, self._backend.key)[:GOAL_CHARACTERS]
        self.tell(
            paths.HANDOFFS,
            SaveCheckpoint(
                task_id=started.task_id,
                attempt=started.attempt,
                provider=self._settings.name,
                cwd=started.request.cwd,
                checkpoint=redacted_checkpoint(self._redactor, attrs.evolve(checkpoint, goal=goal)),
            ),
        )
        self._flush()

    def _on_model_start(self, took_s: float, error: str) -> None:
        started = of_start(
            self._settings.name,
            self._backend.model,
            now_ms=self.place.clock.now_ms(),
            took_s=took_s,
            error=error,
        )
        self.tell(paths.OUTCOMES, started)
        self._flush()

    def _on_backend_change(self, note: str) -> None:
        self._note = note
        self._report()
        self._flush()

    def _report(self) -> None:
        note = self._note if self._checked else "the model file is being checked"
        report = ExecutorReported(
            provider=self._settings.name,
            incarnation=self.place.incarnation,
            state=self._backend.state if self._checked and not self._retired else "starting",
            transport=self._backend.transport,
            model=self._backend.model,
            slots=self._settings.slots,
            in_flight=tuple(self._scopes),
            note=self._redactor.text(note),
        )
        self.tell(paths.ORCHESTRATOR, report)
        self.tell(paths.GATEWAY, report)
