"""The OpenAI chat protocol as LocalAI, llama.cpp and others serve it: pure, bytes in, values out.

Wire facts: POST /v1/chat/completions answers JSON, or with stream true server-sent events
`data: {chunk}` that end with `data: [DONE]`; GET /v1/models lists `data[].id`; /readyz answers 200
or 503 and is absent on servers other than LocalAI.
"""

import email.utils
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from atlas_actors.messages.execution import End, Usage

LINE_BYTES_MAX: Final = 1_048_576
ANSWER_BYTES_MAX: Final = 8 * 1_048_576
MESSAGE_CHARACTERS: Final = 300
MODEL_CHARACTERS: Final = 200
COUNT_MAX: Final = 2**53 - 1
_BUSY: Final = frozenset({402, 408, 425, 429, 503, 529})
SYSTEM: Final = (
    "You are a careful assistant. Do exactly what is asked, answer with the result only, "
    "and add no explanation that was not asked for."
)


class WireError(Exception):
    """The server sent something that is not this protocol."""


@attrs.frozen(kw_only=True)
class Refusal:
    """What an HTTP error means for the attempt."""

    end: End
    message: str
    retry_after_ms: int | None = None


@attrs.define(kw_only=True)
class Answer:
    """What has come so far."""

    text: str = ""
    finish: str = ""
    model: str = ""
    usage: Usage = attrs.field(factory=Usage)


def chat_request(
    *, model: str, prompt: str, schema: dict[str, Any] | None, answer_tokens_max: int
) -> dict[str, Any]:
    """The body of a streaming request. The system text comes first and never changes, so that
    a server's prompt cache holds it."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": prompt},
        ],
        "temperature": 0,
        "max_tokens": answer_tokens_max,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        }
    return body


def models_of(body: bytes) -> list[str]:
    """The ids of GET /v1/models. Raises WireError."""
    rows = _object(body).get("data")
    if not isinstance(rows, list):
        raise WireError("the list of models has no data")
    ids = [row.get("id") for row in rows if isinstance(row, dict)]
    return [_whole(id)[:MODEL_CHARACTERS] for id in ids if isinstance(id, str)]


class StreamReader:
    """Turns the bytes of an answer into text as it comes; bounded in line and total."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.done = False
        self._line = bytearray()
        self._total = 0

    def feed(self, data: bytes) -> Iterator[str]:
        """The new pieces of text in `data`. Raises WireError."""
        self._total += len(data)
        if self._total > ANSWER_BYTES_MAX:
            raise WireError(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
        self._line += data
        *lines, rest = self._line.split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            raise WireError(f"a line is longer than {LINE_BYTES_MAX} bytes")
        self._line = bytearray(rest)
        for line in lines:
            yield from self._read_line(bytes(line).strip())

    def close(self) -> None:
        """The answer is whole."""
        self.done = True
        self.answer.text = _whole(self.answer.text)

    def _read_line(self, line: bytes) -> Iterator[str]:
        if self.done or not line.startswith(b"data:"):
            return
        data = line[5:].strip()
        if data == b"[DONE]":
            self.close()
            return
        chunk = _object(data)
        error = chunk.get("error")
        if error is not None:
            raise WireError(f"the server failed while it answered: {_error_text(error)}")
        if isinstance(chunk.get("model"), str):
            self.answer.model = _whole(chunk["model"])[:MODEL_CHARACTERS]
        if isinstance(chunk.get("usage"), dict):
            self.answer.usage = usage_of(chunk["usage"])
        for choice in _choices(chunk):
            if isinstance(choice.get("finish_reason"), str):
                self.answer.finish = _whole(choice["finish_reason"])
            delta = choice.get("delta")
            text = delta.get("content") if isinstance(delta, dict) else None
            if isinstance(text, str) and text:
                self.answer.text += text
                yield _whole(text)


def answer_of(body: bytes) -> Answer:
    """An answer that came in one piece. Raises WireError."""
    value = _object(body)
    choices = _choices(value)
    if not choices:
        raise WireError("the answer has no choices")
    message = choices[0].get("message")
    text = message.get("content") if isinstance(message, dict) else None
    usage = value.get("usage")
    return Answer(
        text=_whole(text) if isinstance(text, str) else "",
        finish=_whole(str(choices[0].get("finish_reason") or "")),
        model=_whole(str(value.get("model") or ""))[:MODEL_CHARACTERS],
        usage=usage_of(usage) if isinstance(usage, dict) else Usage(),
    )


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Tokens; prompt_tokens includes what was cached, our input does not."""
    prompt = _count(usage.get("prompt_tokens"))
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    more = usage.get("completion_tokens_details")
    return Usage(
        input=max(0, prompt - cached),
        cache_read=cached,
        output=_count(usage.get("completion_tokens")),
        reasoning=_count(more.get("reasoning_tokens")) if isinstance(more, dict) else 0,
    )


def refusal_of(status: int, headers: Mapping[str, str], body: bytes, now_ms: int) -> Refusal:
    """What an HTTP status other than 200 means."""
    try:
        text = _error_text(_object(body).get("error"))
    except WireError:
        text = ""
    message = f"HTTP {status}{': ' + text if text else ''}"
    if status in _BUSY:
        retry_after_ms = retry_after(headers.get("retry-after"), now_ms)
        return Refusal(end=End.BUSY, message=message, retry_after_ms=retry_after_ms)
    if status >= 500:
        return Refusal(end=End.UNREACHABLE, message=message)
    return Refusal(end=End.REFUSED, message=message)


def retry_after(value: str | None, now_ms: int) -> int | None:
    """Milliseconds of a Retry-After header: seconds or an HTTP date."""
    if value is None:
        return None
    try:
        return max(0, int(float(value) * 1000))
    except (ValueError, OverflowError):
        pass
    try:
        return max(0, int(email.utils.parsedate_to_datetime(value).timestamp() * 1000) - now_ms)
    except (ValueError, OverflowError):
        return None


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError("the server did not send JSON") from error
    if not isinstance(value, dict):
        raise WireError("the server did not send a JSON object")
    return value


def _choices(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    choices = value.get("choices")
    if not isinstance(choices, list):
        return []
    return [choice for choice in choices if isinstance(choice, dict)]


def _error_text(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return _whole(" ".join(str(message or "").split()))[:MESSAGE_CHARACTERS]


def _count(value: Any) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return max(0, min(value, COUNT_MAX)) if whole else 0


def _whole(text: str) -> str:
    """Text without half surrogate pairs; halves that came apart are joined."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
