"""The OpenAI chat protocol as LocalAI, llama.cpp and others serve it: pure, bytes in, values out.

Wire facts: POST /v1/chat/completions answers JSON, or with stream true server-sent events
`data: {chunk}` that end with `data: [DONE]`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from atlas_actors.messages.execution import Usage
from atlas_actors.providers.wire import (
    SYSTEM,
    Answer,
    Ask,
    WireError,
    bearer,
    count,
    name_of,
    object_of,
    part,
    rows_of,
    stream_error,
    whole,
)

PATH: Final = "/v1/chat/completions"
_FINISH: Final = {
    "content_filter": "refusal",
    "tool_calls": "tool",
    "function_call": "tool",
}


def headers(key: str) -> dict[str, str]:
    """A bearer token, where there is a key."""
    return bearer(key)


def request(ask: Ask) -> dict[str, Any]:
    """The body. The system text comes first and never changes, so that a server's prompt cache
    holds it."""
    body: dict[str, Any] = {
        "model": ask.model,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": ask.prompt},
        ],
        **ask.temperature_or(0),
        "max_tokens": ask.answer_tokens_max,
        "stream": ask.stream,
    }
    if ask.stream:
        body["stream_options"] = {"include_usage": True}
    if ask.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": ask.schema, "strict": True},
        }
    return body


def reader() -> "StreamReader":
    """For a stream."""
    return StreamReader()


class StreamReader:
    """The chunks of one answer."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.done = False

    def read(self, _event: str, data: bytes) -> Iterator[str]:
        """The new piece of text in one chunk. Raises WireError."""
        if self.done:
            return
        if data == b"[DONE]":
            self.done = True
            return
        chunk = object_of(data)
        if chunk.get("error") is not None:
            raise stream_error(chunk["error"])
        self.answer.model = name_of(chunk.get("model")) or self.answer.model
        if isinstance(chunk.get("usage"), dict):
            self.answer.usage = usage_of(chunk["usage"])
        for choice in rows_of(chunk.get("choices")):
            self.answer.finish = _finish(choice) or self.answer.finish
            text = part(choice, "delta").get("content")
            if isinstance(text, str) and text:
                self.answer.text += text
                yield whole(text)


def answer_of(body: bytes) -> Answer:
    """An answer that came in one piece. Raises WireError."""
    value = object_of(body)
    choices = rows_of(value.get("choices"))
    if not choices:
        raise WireError("the answer has no choices")
    text = part(choices[0], "message").get("content")
    return Answer(
        text=whole(text) if isinstance(text, str) else "",
        finish=_finish(choices[0]),
        model=name_of(value.get("model")),
        usage=usage_of(part(value, "usage")),
    )


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Tokens; prompt_tokens includes what was cached, our input does not."""
    prompt = count(usage.get("prompt_tokens"))
    cached = min(prompt, count(part(usage, "prompt_tokens_details").get("cached_tokens")))
    details = part(usage, "completion_tokens_details")
    return Usage(
        input=prompt - cached,
        cache_read=cached,
        output=count(usage.get("completion_tokens")),
        reasoning=count(details.get("reasoning_tokens")),
    )


def _finish(choice: Mapping[str, Any]) -> str:
    said = choice.get("finish_reason")
    return _FINISH.get(said, name_of(said)) if isinstance(said, str) else ""
