"""One request over HTTP, as the end of an attempt; nothing here outlives its deadline."""

import json
import ssl
from collections.abc import Callable
from typing import Final

import httpx

from atlas_actors.clock import Clock
from atlas_actors.executor.connections import Connections
from atlas_actors.executor.keys import hide_bytes
from atlas_actors.messages.execution import End, Fault
from atlas_actors.providers.wire import (
    ANSWER_BYTES_MAX,
    MESSAGE_CHARACTERS,
    Answer,
    Ask,
    CallEnd,
    Codec,
    EventReader,
    Reader,
    WireError,
    failed,
    refusal_of,
    whole,
)

CONNECT_S: Final = 10.0
ERROR_BODY_BYTES_MAX: Final = 65_536


def client_of(base_url: str, headers: dict[str, str], idle_s: float | None) -> httpx.AsyncClient:
    """A client of one server; no proxy, no redirect, `idle_s` without a byte ends a call."""
    # To read the authorities takes 70 ms of CPU, and a plain address never needs them: redirects
    # are not followed.
    plain = base_url.startswith("http://")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context()
    one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.AsyncClient(
        base_url=base_url.rstrip("/").removesuffix("/v1"),
        headers=headers,
        transport=Connections(lambda: httpx.AsyncHTTPTransport(verify=context, limits=one)),
        timeout=httpx.Timeout(idle_s, connect=CONNECT_S, pool=None),
        trust_env=False,
    )


async def call(
    client: httpx.AsyncClient,
    codec: Codec,
    ask: Ask,
    on_text: Callable[[str], None],
    clock: Clock,
    *,
    key: str = "",
) -> CallEnd:
    """Ask once and pass text on as it comes. Cancelling it closes the connection. The key is taken
    out of what the server says before it is read."""
    reader = codec.reader()
    try:
        content = json.dumps(codec.request(ask), allow_nan=False).encode()
    except ValueError as error:
        return failed(Fault.REQUEST, f"the request cannot be sent: {error}")
    headers = {"accept-encoding": "identity", "content-type": "application/json"}  # no bombs
    try:
        async with client.stream("POST", codec.PATH, content=content, headers=headers) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                return failed(Fault.SERVER, "the answer is compressed unasked")
            if response.status_code != httpx.codes.OK:
                return await _refused(response, clock, key)
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                return await _streamed(response, reader, on_text, key)
            return await _whole(response, codec, on_text, key)
    except WireError as error:
        return failed(error.fault, str(error), reader.answer)
    except httpx.TimeoutException as error:
        return CallEnd(
            end=End.TIMED_OUT, fault=Fault.NETWORK, answer=reader.answer, error=_silence(error)
        )
    except httpx.HTTPError as error:
        return failed(Fault.NETWORK, _words(error), reader.answer)


async def _streamed(
    response: httpx.Response, reader: Reader, on_text: Callable[[str], None], key: str
) -> CallEnd:
    events = EventReader()
    async for data in response.aiter_raw():
        for event, value in events.feed(data):
            for text in reader.read(event, hide_bytes(value, key)):
                on_text(text)
        if reader.done:
            break
    if not reader.done and not reader.answer.finish:
        return failed(Fault.SERVER, "the stream was cut off", reader.answer)
    reader.answer.text = whole(reader.answer.text)
    return CallEnd(end=End.ANSWERED, answer=reader.answer)


async def _whole(
    response: httpx.Response, codec: Codec, on_text: Callable[[str], None], key: str
) -> CallEnd:
    answer = codec.answer_of(hide_bytes(await _bounded(response, ANSWER_BYTES_MAX), key))
    on_text(answer.text)
    return CallEnd(end=End.ANSWERED, answer=answer)


async def _refused(response: httpx.Response, clock: Clock, key: str) -> CallEnd:
    try:
        body = hide_bytes(await _bounded(response, ERROR_BODY_BYTES_MAX), key)
    except WireError:
        body = b""
    refusal = refusal_of(response.status_code, response.headers, body, clock.now_ms())
    return CallEnd(
        end=refusal.end,
        fault=refusal.fault,
        error=refusal.message,
        answer=Answer(),
        retry_after_ms=refusal.retry_after_ms,
    )


async def _bounded(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for data in response.aiter_raw():
        body += data
        if len(body) > most:
            raise WireError(f"the answer is longer than {most} bytes")
    return bytes(body)


def _silence(error: httpx.TimeoutException) -> str:
    what = "no connection" if isinstance(error, httpx.ConnectTimeout) else "no byte"
    timeouts = error.request.extensions.get("timeout", {})
    limit = timeouts.get("connect" if what == "no connection" else "read")
    return f"{what} in {limit:g} s" if limit else what


def _words(error: httpx.HTTPError) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:MESSAGE_CHARACTERS]
