"""The Anthropic Messages protocol: pure, bytes in, values out.

Wire facts: POST /v1/messages with anthropic-version; a stream goes message_start (with the input's
tokens), content_block_*, message_delta (stop reason and final output tokens), message_stop, or an
error event after HTTP 200; input_tokens excludes both kinds of cached tokens.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from atlas_actors.messages.execution import Usage
from atlas_actors.providers.wire import (
    SYSTEM,
    Answer,
    Ask,
    WireError,
    count,
    name_of,
    object_of,
    part,
    rows_of,
    stream_error,
    whole,
)

PATH: Final = "/v1/messages"
VERSION: Final = "2023-06-01"
TEMPERATURE_MAX: Final = 1.0  # theirs ends where that of others is in the middle
_FINISH: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "tool_use": "tool",
}


def headers(key: str) -> dict[str, str]:
    """The version, and the key where there is one."""
    return {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}


def request(ask: Ask) -> dict[str, Any]:
    """The body."""
    body: dict[str, Any] = {
        "model": ask.model,
        "max_tokens": ask.answer_tokens_max,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": ask.prompt}],
        "stream": ask.stream,
    }
    body |= {key: min(value, TEMPERATURE_MAX) for key, value in ask.temperature_or().items()}
    if ask.schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
    return body


def reader() -> "StreamReader":
    """For a stream."""
    return StreamReader()


class StreamReader:
    """The events of one message."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.done = False
        self._usage: dict[str, Any] = {}

    def read(self, event: str, data: bytes) -> Iterator[str]:
        """The new piece of text in one event. Raises WireError."""
        if self.done or data == b"[DONE]":
            return
        value = object_of(data)
        match str(value.get("type") or event):
            case "message_start":
                message = part(value, "message")
                self.answer.model = name_of(message.get("model"))
                self._count(part(message, "usage"))
            case "content_block_delta":
                text = part(value, "delta").get("text")
                if isinstance(text, str) and text:
                    self.answer.text += text
                    yield whole(text)
            case "message_delta":
                self.answer.finish = _finish(part(value, "delta")) or self.answer.finish
                self._count(part(value, "usage"))
            case "message_stop":
                self.done = True
            case "error":
                raise stream_error(value.get("error"))

    def _count(self, usage: Mapping[str, Any]) -> None:
        """The later numbers replace the earlier; what the last event leaves out stays."""
        self._usage.update({key: value for key, value in usage.items() if value is not None})
        self.answer.usage = usage_of(self._usage)


def answer_of(body: bytes) -> Answer:
    """An answer that came in one piece. Raises WireError."""
    value = object_of(body)
    if value.get("type") == "error":
        raise stream_error(value.get("error"))
    if not isinstance(value.get("content"), list):
        raise WireError("the answer has no content")
    texts = [block.get("text") for block in rows_of(value["content"])]
    return Answer(
        text=whole("".join(text for text in texts if isinstance(text, str))),
        finish=_finish(value),
        model=name_of(value.get("model")),
        usage=usage_of(part(value, "usage")),
    )


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Tokens by kind; of what was written to the cache, how much for an hour."""
    hour = count(part(usage, "cache_creation").get("ephemeral_1h_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input=count(usage.get("input_tokens")),
        cache_read=count(usage.get("cache_read_input_tokens")),
        cache_write=written,
        cache_write_1h=min(hour, written),
        output=count(usage.get("output_tokens")),
    )


def _finish(value: Mapping[str, Any]) -> str:
    said = value.get("stop_reason")
    return _FINISH.get(said, name_of(said)) if isinstance(said, str) else ""
