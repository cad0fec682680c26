"""Where a provider's answers come from: a configured server, or the embedded one."""

import os
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

import anyio
import attrs
import httpx

from atlas_actors.config import Home
from atlas_actors.errors import CannotStart, Unavailable
from atlas_actors.executor.embedded import EmbeddedServer
from atlas_actors.model.file import PULL_CURE, Model, selected
from atlas_actors.providers.openai_chat import WireError, models_of
from atlas_actors.settings import ProviderSettings

PROBE_S: Final = 5.0
CONNECTIONS_MAX: Final = 20  # httpx's cost for each call grows with its pool
PROBE_BYTES_MAX: Final = 1_048_576


class Backend(Protocol):
    """Gives clients that speak the protocol to `model`."""

    transport: str
    model: str
    note: str

    @property
    def state(self) -> str:
        """ready, or loading: the first answer takes longer."""

    async def client(self) -> httpx.AsyncClient:
        """A ready client. Raises CannotStart, OSError."""

    async def stop(self) -> None:
        """Close what is open."""


@attrs.define
class ConfiguredServer:
    """A server that the user runs."""

    transport: str
    model: str
    note: str
    http: httpx.AsyncClient
    state: str = "ready"

    async def client(self) -> httpx.AsyncClient:
        """The one client."""
        return self.http

    async def stop(self) -> None:
        """Close its connections."""
        await self.http.aclose()


@attrs.define
class EmbeddedBackend:
    """The model in our own child process."""

    model: str
    note: str
    server: EmbeddedServer
    transport: str = "openai-chat (embedded)"

    @property
    def state(self) -> str:
        """As the child is."""
        return self.server.state

    async def client(self) -> httpx.AsyncClient:
        """Start the child if need be."""
        return await self.server.client()

    async def stop(self) -> None:
        """End the child."""
        await self.server.stop()


async def choose_backend(
    settings: ProviderSettings,
    home: Home,
    *,
    spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
    on_change: Callable[[str], None],
) -> Backend:
    """The configured server when it is ready, else the embedded model when its file is there.

    Raises CannotStart with what is missing and what to do about it.
    """
    trouble = ""
    if settings.base_url:
        try:
            return await connect(settings)
        except (httpx.HTTPError, httpx.InvalidURL, WireError, Unavailable) as error:
            trouble = f"the server {settings.base_url} is not ready: {_words(error)}"
    if not settings.embedded:
        raise CannotStart(
            trouble or "no server is configured",
            cure=f"start it, or correct [providers.{settings.name}] base_url",
        )
    model = _model_file(home, settings, trouble)
    server = EmbeddedServer(home, model, settings, spawn=spawn, on_change=on_change)
    note = f"{trouble}; the embedded model is used" if trouble else ""
    return EmbeddedBackend(model=model.name, note=note, server=server)


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


async def connect(settings: ProviderSettings) -> ConfiguredServer:
    headers = {}
    if settings.key_env:
        key = os.environ.get(settings.key_env)
        if not key:
            raise Unavailable(f"the variable {settings.key_env} is not set")
        headers["authorization"] = f"Bearer {key}"
    client = httpx.AsyncClient(
        base_url=settings.base_url.rstrip("/").removesuffix("/v1"),
        headers=headers,
        limits=httpx.Limits(max_connections=min(CONNECTIONS_MAX, settings.slots)),
        timeout=httpx.Timeout(None, connect=10.0),
        trust_env=False,
    )
    try:
        model = await probe(client, settings)
    except BaseException:
        await client.aclose()
        raise
    return ConfiguredServer(transport="openai-chat", model=model, note="", http=client)


async def probe(client: httpx.AsyncClient, settings: ProviderSettings) -> str:
    """The model's name. Raises Unavailable, httpx.HTTPError, WireError; never takes long.

    /readyz exists on LocalAI only, so 404 there says nothing.
    """
    try:
        with anyio.fail_after(PROBE_S):
            return await _probe(client, settings)
    except TimeoutError:
        raise Unavailable(f"it did not answer in {PROBE_S:g} s") from None


async def _probe(client: httpx.AsyncClient, settings: ProviderSettings) -> str:
    status, _ = await _get(client, "/readyz")
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        raise Unavailable("it is still starting")
    status, body = await _get(client, "/v1/models")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Unavailable(
            f"it does not accept the key of {settings.key_env or '(no key_env is set)'}"
        )
    if status != httpx.codes.OK:
        raise Unavailable(f"/v1/models answered HTTP {status}")
    models = models_of(body)
    if settings.model:
        return settings.model
    if not models:
        raise Unavailable("it lists no models")
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
