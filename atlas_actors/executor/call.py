"""One streaming request over HTTP, as the end of an attempt; nothing here outlives its deadline."""

import json
from collections.abc import Callable
from typing import Any, Final

import attrs
import httpx

from atlas_actors.clock import Clock
from atlas_actors.messages.execution import End
from atlas_actors.providers import openai_chat
from atlas_actors.providers.openai_chat import Answer, StreamReader, WireError

ERROR_BODY_BYTES_MAX: Final = 65_536


@attrs.frozen(kw_only=True)
class CallEnd:
    """How a call ended."""

    end: End
    answer: Answer = attrs.field(factory=Answer)
    error: str = ""
    retry_after_ms: int | None = None


async def call(
    client: httpx.AsyncClient, body: dict[str, Any], on_text: Callable[[str], None], clock: Clock
) -> CallEnd:
    """Ask once and pass text on as it comes. Cancelling it closes the connection."""
    reader = StreamReader()
    try:
        content = json.dumps(body, allow_nan=False).encode()
    except ValueError as error:
        return CallEnd(end=End.REFUSED, error=f"the request cannot be sent: {error}")
    headers = {"accept-encoding": "identity", "content-type": "application/json"}  # no bombs
    try:
        async with client.stream(
            "POST", "/v1/chat/completions", content=content, headers=headers
        ) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                return CallEnd(end=End.UNREACHABLE, error="the answer is compressed unasked")
            if response.status_code != httpx.codes.OK:
                return await _refused(response, clock)
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                return await _streamed(response, reader, on_text)
            return await _whole(response, on_text)
    except WireError as error:
        return CallEnd(end=End.UNREACHABLE, answer=reader.answer, error=str(error))
    except httpx.TimeoutException as error:
        return CallEnd(end=End.TIMED_OUT, answer=reader.answer, error=_words(error))
    except httpx.HTTPError as error:
        return CallEnd(end=End.UNREACHABLE, answer=reader.answer, error=_words(error))


async def _streamed(
    response: httpx.Response, reader: StreamReader, on_text: Callable[[str], None]
) -> CallEnd:
    async for data in response.aiter_raw():
        for text in reader.feed(data):
            on_text(text)
        if reader.done:
            break
    if not reader.done and not reader.answer.finish:
        return CallEnd(end=End.UNREACHABLE, answer=reader.answer, error="the stream was cut off")
    reader.close()
    return CallEnd(end=End.ANSWERED, answer=reader.answer)


async def _whole(response: httpx.Response, on_text: Callable[[str], None]) -> CallEnd:
    body = await _bounded(response, openai_chat.ANSWER_BYTES_MAX)
    answer = openai_chat.answer_of(body)
    on_text(answer.text)
    return CallEnd(end=End.ANSWERED, answer=answer)


async def _refused(response: httpx.Response, clock: Clock) -> CallEnd:
    try:
        body = await _bounded(response, ERROR_BODY_BYTES_MAX)
    except WireError:
        body = b""
    refusal = openai_chat.refusal_of(response.status_code, response.headers, body, clock.now_ms())
    return CallEnd(end=refusal.end, error=refusal.message, retry_after_ms=refusal.retry_after_ms)


async def _bounded(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for data in response.aiter_raw():
        body += data
        if len(body) > most:
            raise WireError(f"the answer is longer than {most} bytes")
    return bytes(body)


def _words(error: httpx.HTTPError) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[: openai_chat.MESSAGE_CHARACTERS]
