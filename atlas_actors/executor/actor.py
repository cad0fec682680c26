"""One provider: runs attempts, each to its end, and says how the provider is."""

from typing import Any, Final

import anyio
import httpx
from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.async_actor import AsyncActor
from atlas_actors.config import Home
from atlas_actors.errors import CannotStart, Unavailable
from atlas_actors.executor.backend import (
    Backend,
    ConfiguredServer,
    EmbeddedBackend,
    choose_backend,
    connect,
    probe,
)
from atlas_actors.executor.call import CallEnd, call
from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AnswerGrew,
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    CancelAttempt,
    End,
    ExecutorReported,
    ReportExecutor,
    RetireExecutor,
    RunAttempt,
)
from atlas_actors.model.file import is_verified, verify
from atlas_actors.providers.openai_chat import WireError, chat_request
from atlas_actors.settings import ProviderSettings

Inbox = RunAttempt | CancelAttempt | ReportExecutor | RetireExecutor


LOOK_EVERY_S: Final = 60.0


class ServerLostError(Exception):
    """The configured server went away while we ran."""


class Executor(AsyncActor):
    """Speaks to one backend, `slots` attempts at a time; the others wait in line."""

    inbox = Inbox

    def __init__(self, place: Place, *, home: Home, settings: ProviderSettings) -> None:
        super().__init__(place)
        self._home = home
        self._settings = settings
        self._backend: Backend
        self._checked = True
        self._note = ""
        self._slots: anyio.CapacityLimiter
        self._retired = False
        self._scopes: dict[tuple[str, int], anyio.CancelScope] = {}

    async def on_start_async(self) -> None:
        """Find the backend. Raises CannotStart when there is none: the supervisor parks us."""
        self._slots = anyio.CapacityLimiter(self._settings.slots)
        self._backend = await choose_backend(
            self._settings, self._home, spawn=self.spawn, on_change=self._on_backend_change
        )
        self._note = self._backend.note
        if self._note:
            self.place.cell.degrade(self._note, "start the server, or correct base_url")
            self.spawn(self._look_for_server)
        if isinstance(self._backend, EmbeddedBackend):
            model = self._backend.server.model
            if not is_verified(self._home, model):
                self._checked = False
                self.spawn(self._check_model)
        self._report()

    async def on_stop_async(self) -> None:
        """Running attempts are cut: tasks has made them pending before."""
        for scope in self._scopes.values():
            scope.cancel()
        await self._backend.stop()

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case RunAttempt():
                return self._on_run_attempt(message)
            case CancelAttempt():
                scope = self._scopes.get((message.task_id, message.attempt))
                return scope.cancel() if scope is not None else None
            case ReportExecutor():
                return self._report()
            case RetireExecutor():
                self._retired = True
                return self._end_if_done()

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
        with self._scopes[key]:
            async with self._slots:
                began_s = self.place.clock.monotonic_s()
                ended = await self._ask(order)
        self._scopes.pop(key, None)
        duration_ms = round((self.place.clock.monotonic_s() - began_s) * 1000)
        logger.info(
            "attempt.ended",
            task_id=started.task_id,
            attempt=started.attempt,
            provider=self._settings.name,
            end=str(ended.end),
            duration_ms=duration_ms,
        )
        answer = ended.answer
        self.tell(
            paths.ORCHESTRATOR,
            AttemptEnded(
                started=started,
                provider=self._settings.name,
                end=ended.end,
                error=ended.error,
                answer=answer.text,
                finish=answer.finish,
                model=answer.model or self._backend.model,
                transport=self._backend.transport,
                usage=answer.usage,
                retry_after_ms=ended.retry_after_ms,
                duration_ms=duration_ms,
            ),
        )
        self._report()
        self._flush()
        self._end_if_done()
        await self._end_if_server_lost(ended)

    async def _ask(self, order: RunAttempt) -> CallEnd:
        started = order.started
        try:
            client = await self._backend.client()
        except OSError as error:
            return CallEnd(end=End.UNREACHABLE, error=str(error))
        body = chat_request(
            model=self._backend.model,
            prompt=order.prompt,
            schema=started.request.schema,
            answer_tokens_max=self._settings.answer_tokens_max,
        )
        deadline_s = self._settings.deadline_s
        try:
            with anyio.fail_after(deadline_s):
                ended = await call(
                    client, body, lambda text: self._on_text(started, text), self.place.clock
                )
        except TimeoutError:
            ended = CallEnd(end=End.TIMED_OUT, error=f"no whole answer in {deadline_s:g} s")
        return await self._trusted(ended)

    async def _trusted(self, ended: CallEnd) -> CallEnd:
        """No answer of a model whose file has changed under it counts; it is loaded anew."""
        if not isinstance(self._backend, EmbeddedBackend):
            return ended
        if is_verified(self._home, self._backend.server.model):
            return ended
        await self._backend.stop()
        return CallEnd(end=End.UNREACHABLE, error="the model file changed while it was in use")

    async def _end_if_server_lost(self, ended: CallEnd) -> None:
        """A configured server that is gone ends us: the next start finds another or parks."""
        if ended.end is not End.UNREACHABLE or not isinstance(self._backend, ConfiguredServer):
            return
        try:
            await probe(self._backend.http, self._settings)
        except (httpx.HTTPError, WireError, Unavailable) as error:
            raise ServerLostError(f"{self._settings.base_url} is not ready: {error}") from error

    async def _look_for_server(self) -> None:
        """While the embedded model stands in for a configured server: take it once it is back."""
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            try:
                await (await connect(self._settings)).stop()
            except (httpx.HTTPError, WireError, Unavailable):
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

    def _on_backend_change(self, note: str) -> None:
        self._note = note
        self._report()
        self._flush()

    def _report(self) -> None:
        report = ExecutorReported(
            provider=self._settings.name,
            incarnation=self.place.incarnation,
            state=self._backend.state if self._checked else "starting",
            transport=self._backend.transport,
            model=self._backend.model,
            slots=self._settings.slots,
            in_flight=tuple(self._scopes),
            note=self._note if self._checked else "the model file is being checked",
        )
        self.tell(paths.ORCHESTRATOR, report)
        self.tell(paths.GATEWAY, report)
