"""The OpenAI Responses protocol: pure, bytes in, values out.

Wire facts (measured with Codex CLI 0.169): POST /v1/responses; a stream has one JSON object an
event, numbered by sequence_number, and is whole only with response.completed, .incomplete or
.failed; input_tokens includes what was cached.
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

PATH: Final = "/v1/responses"
_INCOMPLETE: Final = {"max_output_tokens": "length", "content_filter": "refusal"}


def headers(key: str) -> dict[str, str]:
    """A bearer token, where there is a key."""
    return bearer(key)


def request(ask: Ask) -> dict[str, Any]:
    """The body; nothing is kept by the server."""
    body: dict[str, Any] = {
        "model": ask.model,
        "instructions": SYSTEM,
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": ask.prompt}],
            }
        ],
        "max_output_tokens": ask.answer_tokens_max,
        **ask.temperature_or(),
        "store": False,
        "stream": ask.stream,
    }
    if ask.schema is not None:
        body["text"] = {
            "format": {
                "type": "json_schema",
                "name": "answer",
                "schema": ask.schema,
                "strict": True,
            }
        }
    return body


def reader() -> "StreamReader":
    """For a stream."""
    return StreamReader()


class StreamReader:
    """The events of one response."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.done = False
        self._number = -1

    def read(self, event: str, data: bytes) -> Iterator[str]:
        """The new piece of text in one event. Raises WireError."""
        if self.done or data == b"[DONE]":
            return
        value = object_of(data)
        number = value.get("sequence_number")
        if isinstance(number, int):
            if number <= self._number:
                return  # sent twice
            self._number = number
        kind = str(value.get("type") or event)
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            text = value.get("delta")
            if isinstance(text, str) and text:
                self.answer.text += text
                yield whole(text)
        elif kind in ("response.completed", "response.incomplete"):
            yield from self._end(part(value, "response"))
        elif kind == "response.failed":
            raise stream_error(part(value, "response").get("error"))
        elif kind == "error":
            raise stream_error(value.get("error") or value)

    def _end(self, response: Mapping[str, Any]) -> Iterator[str]:
        """The whole response: its text counts, the deltas only showed it early."""
        shown = self.answer.text
        whole_answer = _answer(response)
        if not whole_answer.text:  # some servers leave the output out of the last event
            whole_answer.text = shown
        self.answer, self.done = whole_answer, True
        if not shown and whole_answer.text:
            yield whole_answer.text


def answer_of(body: bytes) -> Answer:
    """An answer that came in one piece. Raises WireError."""
    value = object_of(body)
    if value.get("error"):
        raise stream_error(value["error"])
    if not isinstance(value.get("output"), list):
        raise WireError("the answer has no output")
    return _answer(value)


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Tokens; input_tokens includes what was cached, our input does not."""
    prompt = count(usage.get("input_tokens"))
    cached = min(prompt, count(part(usage, "input_tokens_details").get("cached_tokens")))
    return Usage(
        input=prompt - cached,
        cache_read=cached,
        output=count(usage.get("output_tokens")),
        reasoning=count(part(usage, "output_tokens_details").get("reasoning_tokens")),
    )


def _answer(response: Mapping[str, Any]) -> Answer:
    text, refused, called = [], False, False
    for item in rows_of(response.get("output")):
        called = called or str(item.get("type", "")).endswith("_call")
        for content in rows_of(item.get("content")) if item.get("type") == "message" else ():
            refused = refused or content.get("type") == "refusal"
            said = content.get("text") or content.get("refusal")
            if isinstance(said, str):
                text.append(said)
    finish = "refusal" if refused else "tool" if called and not text else "stop"
    if response.get("status") == "incomplete":
        reason = str(part(response, "incomplete_details").get("reason") or "length")
        finish = _INCOMPLETE.get(reason, "length")
    return Answer(
        text=whole("".join(text)),
        finish=finish,
        model=name_of(response.get("model")),
        usage=usage_of(part(response, "usage")),
    )
