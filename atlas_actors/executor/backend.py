"""Where a provider's answers come from: a server, the embedded model, or a command-line client."""

import os
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

import anyio
import attrs
import httpx
from loguru import logger

from atlas_actors.clock import Clock
from atlas_actors.config import Home
from atlas_actors.errors import CannotStart, Unavailable
from atlas_actors.executor.cli import CliBackend, own_home
from atlas_actors.executor.embedded import EmbeddedServer
from atlas_actors.executor.http import call, client_of
from atlas_actors.executor.keys import Hider, fresh_key, hide, key_of
from atlas_actors.executor.sessions import forget_old
from atlas_actors.executor.work import OnText, Work
from atlas_actors.messages.execution import Fault
from atlas_actors.model.file import PULL_CURE, Model, is_verified, selected
from atlas_actors.providers import openai_chat
from atlas_actors.providers.catalog import TRANSPORTS, Transport
from atlas_actors.providers.wire import (
    CallEnd,
    Codec,
    WireError,
    failed,
    models_of,
    refuses_temperature,
)
from atlas_actors.settings import ProviderSettings

PROBE_S: Final = 5.0
PROBE_BYTES_MAX: Final = 1_048_576


class Backend(Protocol):
    """Answers requests with `model`; `note` says what a person should know."""

    transport: str
    model: str
    note: str
    key: str

    @property
    def state(self) -> str:
        """ready, or loading: the first answer takes longer."""

    async def ask(self, work: Work, on_text: OnText) -> CallEnd:
        """Do one piece of work. Cancelling it leaves nothing running. Raises CannotStart."""

    async def alive(self) -> str:
        """Why it can do nothing any more, or an empty text."""

    async def stop(self) -> None:
        """Close what is open."""


@attrs.define
class ServerBackend:
    """A server that speaks one of the HTTP transports."""

    transport: str
    model: str
    settings: ProviderSettings
    codec: Codec
    http: httpx.AsyncClient
    key: str = attrs.field(repr=False)
    clock: Clock
    note: str = ""
    state: str = "ready"
    refuses_temperature: bool = False  # found out

    async def ask(self, work: Work, on_text: OnText) -> CallEnd:
        """One request; the key is in nothing that comes back."""
        ended = await self._call(work, on_text)
        fresh = await fresh_key(self.settings, self.key, ended)
        if fresh:
            self.key = fresh
            self.http.headers.update(self.codec.headers(fresh))
            ended = await self._call(work, on_text)
        ended.answer.text = hide(ended.answer.text, self.key)  # it may have come in pieces
        return attrs.evolve(ended, error=hide(ended.error, self.key))

    async def _call(self, work: Work, on_text: OnText) -> CallEnd:
        """One request; a second where the model refuses a temperature, which is not sent to it
        any more in this life."""
        shown = Hider(self.key, on_text)
        ask = attrs.evolve(work.ask, refuses_temperature=self.refuses_temperature)
        ended = await call(self.http, self.codec, ask, shown.feed, self.clock, key=self.key)
        if "temperature" in self.codec.request(ask) and refuses_temperature(ended):
            logger.info("model.refuses_temperature", provider=self.settings.name, model=self.model)
            self.refuses_temperature = True
            ask = attrs.evolve(ask, refuses_temperature=True)
            ended = await call(self.http, self.codec, ask, shown.feed, self.clock, key=self.key)
        shown.close()
        return ended

    async def alive(self) -> str:
        """A server of the user's may be gone, and another stand in for it; others are the
        breaker's business."""
        if not probed(self.settings):
            return ""
        try:
            await probe(self.http, self.settings)
        except (httpx.HTTPError, WireError, Unavailable) as error:
            return f"{self.settings.base_url} is not ready: {_words(error)}"
        return ""

    async def stop(self) -> None:
        """Close its connections."""
        await self.http.aclose()


@attrs.define
class EmbeddedBackend:
    """The model in our own child process."""

    model: str
    note: str
    server: EmbeddedServer
    home: Home
    clock: Clock
    transport: str = "openai-chat (embedded)"
    key: str = ""

    @property
    def state(self) -> str:
        """As the child is."""
        return self.server.state

    async def ask(self, work: Work, on_text: OnText) -> CallEnd:
        """Start the child if need be. No answer of a model whose file has changed counts."""
        try:
            client = await self.server.client()
        except OSError as error:
            return failed(Fault.SERVER, str(error))
        ended = await call(client, openai_chat, work.ask, on_text, self.clock)
        if is_verified(self.home, self.server.model):
            return ended
        await self.server.stop()
        return failed(Fault.SERVER, "the model file changed while it was in use")

    async def alive(self) -> str:
        """The child is started anew on need."""
        return ""

    async def stop(self) -> None:
        """End the child."""
        await self.server.stop()


async def choose_backend(
    settings: ProviderSettings,
    home: Home,
    clock: Clock,
    *,
    spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
    on_change: Callable[[str], None],
) -> Backend:
    """What the settings name; where they allow it, the embedded model when that is not there.

    Raises CannotStart with what is missing and what to do about it.
    """
    transport = TRANSPORTS[settings.transport]
    cure = f"start it, or correct [providers.{settings.name}] base_url"
    trouble = ""
    try:
        if transport.client is not None:
            client = CliBackend.find(
                transport.name, transport.client, settings, home, await _key_or_login(settings)
            )
            forget_old(own_home(home, settings), transport.client, clock.now_ms())
            return client
        if settings.base_url or transport.base_url:
            return await connect(settings, clock)
    except Unavailable as error:
        trouble, cure = error.message, error.cure or cure
    except (httpx.HTTPError, httpx.InvalidURL, WireError) as error:
        trouble = f"the server {settings.base_url} is not ready: {_words(error)}"
    if not settings.embedded:
        raise CannotStart(trouble or "no server is configured", cure=cure)
    model = _model_file(home, settings, trouble)
    server = EmbeddedServer(home, model, settings, spawn=spawn, on_change=on_change)
    note = f"{trouble}; the embedded model is used" if trouble else ""
    return EmbeddedBackend(model=model.name, note=note, server=server, home=home, clock=clock)


async def _key_or_login(settings: ProviderSettings) -> str:
    """A program may be logged in where there is no key in the named variable."""
    if settings.key_env and not settings.key_command and not os.environ.get(settings.key_env):
        return ""
    return await key_of(settings)


def _model_file(home: Home, settings: ProviderSettings, trouble: str) -> Model:
    try:
        model = selected(home)
    except Unavailable as error:
        raise CannotStart(error.message, cure=error.cure) from error
    if not model.path.exists():
        missing = f"there is no model file {model.path}"
        raise CannotStart(
            f"{trouble}, and {missing}" if trouble else f"{missing} and no server is configured",
            cure=f"{PULL_CURE}, or set [providers.{settings.name}] base_url",
        )
    return model


def probed(settings: ProviderSettings) -> bool:
    """Servers of the user's own are asked whether they are ready; they may be starting, and list
    their models. A maker's service is only called when there is work."""
    return settings.transport == "openai-chat"


async def connect(settings: ProviderSettings, clock: Clock) -> ServerBackend:
    """A server with its key. Raises Unavailable, httpx.HTTPError, httpx.InvalidURL, WireError."""
    transport: Transport = TRANSPORTS[settings.transport]
    assert transport.codec is not None
    if not settings.model and not probed(settings):
        raise Unavailable(
            "no model is named", cure=f'set model = "…" in [providers.{settings.name}]'
        )
    key = await key_of(settings)
    client = client_of(
        settings.base_url or transport.base_url, transport.codec.headers(key), settings.idle_s
    )
    try:
        model = await probe(client, settings) if probed(settings) else settings.model
    except BaseException:
        await client.aclose()
        raise
    return ServerBackend(
        transport=transport.name,
        model=model,
        settings=settings,
        codec=transport.codec,
        http=client,
        key=key,
        clock=clock,
    )


async def probe(client: httpx.AsyncClient, settings: ProviderSettings) -> str:
    """The model's name. Raises Unavailable, httpx.HTTPError, WireError; never takes long.

    /readyz exists on LocalAI only, so 404 there says nothing.
    """
    try:
        with anyio.fail_after(PROBE_S):
            return await _probe(client, settings)
    except TimeoutError:
        raise Unavailable(
            f"the server {settings.base_url} did not answer in {PROBE_S:g} s"
        ) from None


async def _probe(client: httpx.AsyncClient, settings: ProviderSettings) -> str:
    server = f"the server {settings.base_url}"
    status, _ = await _get(client, "/readyz")
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        raise Unavailable(f"{server} is not ready: it is still starting")
    status, body = await _get(client, "/v1/models")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        whose = settings.key_env or " ".join(settings.key_command[:1]) or "(no key_env is set)"
        raise Unavailable(f"{server} does not accept the key of {whose}")
    if status != httpx.codes.OK:
        raise Unavailable(f"{server} is not ready: /v1/models answered HTTP {status}")
    models = models_of(body)
    if settings.model:
        return settings.model
    if not models:
        raise Unavailable(f"{server} is not ready: it lists no models")
    return models[0]


async def _get(client: httpx.AsyncClient, path: str) -> tuple[int, bytes]:
    """(status, the beginning of the body), read raw: nothing is unpacked."""
    body = bytearray()
    headers = {"accept-encoding": "identity"}
    async with client.stream("GET", path, headers=headers) as response:
        async for data in response.aiter_raw():
            body += data
            if len(body) > PROBE_BYTES_MAX:
                raise Unavailable(f"{path} answered more than {PROBE_BYTES_MAX} bytes")
    return response.status_code, bytes(body)


def _words(error: Exception) -> str:
    text = error.message if isinstance(error, Unavailable) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:200]
