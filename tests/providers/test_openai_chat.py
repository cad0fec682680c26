"""The chat protocol, byte for byte."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.messages.execution import End, Usage
from atlas_actors.providers import openai_chat, wire
from atlas_actors.providers.openai_chat import StreamReader
from atlas_actors.providers.wire import Ask, EventReader, WireError


class Stream:
    """The bytes of one answer, read as a transport reads them."""

    def __init__(self):
        self.events, self.reader = EventReader(), StreamReader()

    def feed(self, data):
        for event, value in self.events.feed(data):
            yield from self.reader.read(event, value)


def event(value):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def chunk(text=None, finish=None):
    return event({"model": "m", "choices": [{"delta": {"content": text}, "finish_reason": finish}]})


STREAM = (
    event({"choices": [{"delta": {"role": "assistant", "content": None}}]})
    + b": a comment\n\n"
    + chunk("Grüß ")
    + chunk("Gott 👋")
    + chunk(None, "stop")
    + event(
        {
            "choices": [],
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
        }
    )
    + event(b"[DONE]")
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_reads_the_same_however_it_is_cut(cuts):
    stream, texts, last = Stream(), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        texts += stream.feed(STREAM[last:cut])
        last = cut
    reader = stream.reader
    assert "".join(texts) == reader.answer.text == "Grüß Gott 👋"
    assert (reader.done, reader.answer.finish, reader.answer.model) == (True, "stop", "m")
    assert reader.answer.usage == Usage(input=6, cache_read=4, output=3)


@pytest.mark.parametrize(
    "bad",
    [
        event(b"{"),
        event(b"[]"),
        event({"error": {"message": "overloaded"}}),
        b"data: " + b"[" * 5000 + b"\n\n",
        b"x" * (wire.LINE_BYTES_MAX + 1),
    ],
)
def test_what_is_not_the_protocol_is_a_named_error(bad):
    with pytest.raises(WireError):
        list(Stream().feed(bad))


def test_an_answer_without_end_is_cut():
    stream = Stream()
    with pytest.raises(WireError, match="longer than"):
        while True:
            list(stream.feed(chunk("x" * 60_000)))


@given(st.binary(max_size=300))
def test_noise_is_read_or_refused_but_never_crashes(noise):
    try:
        list(Stream().feed(b"data: " + noise + b"\n"))
    except WireError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "content", "usage", "model", "message",
                             "finish_reason", "prompt_tokens", "data", "id"]),
            inner, max_size=4),
        max_leaves=20,
    )
)  # fmt: skip
def test_json_of_any_shape_is_read_or_refused(value):
    for read in (openai_chat.answer_of, wire.models_of):
        with contextlib.suppress(WireError):
            read(json.dumps(value).encode())
    with contextlib.suppress(WireError):
        list(Stream().feed(event(value)))


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (400, End.REFUSED), (401, End.REFUSED), (404, End.REFUSED), (402, End.BUSY),
        (429, End.BUSY), (503, End.BUSY), (529, End.BUSY), (408, End.BUSY),
        (500, End.UNREACHABLE), (502, End.UNREACHABLE), (307, End.REFUSED),
    ],
)  # fmt: skip
def test_what_a_status_means(status, end):
    refusal = wire.refusal_of(status, {}, b'{"error": {"message": "why"}}', 0)
    assert refusal.end is end
    assert refusal.message == f"HTTP {status}: why"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", 3_000),
        ("0.5", 500),
        ("Sat, 01 Jan 2000 00:00:10 GMT", 10_000),
        ("-5", 0),
        ("soon", None),
        ("inf", None),
        (None, None),
    ],
)
def test_retry_after(value, expected):
    assert wire.retry_after(value, now_ms=946_684_800_000) == expected


def test_a_request_with_a_schema_asks_for_json_and_the_system_text_never_changes():
    ask = Ask(model="m", prompt="p", schema={"type": "object"}, answer_tokens_max=5)
    body = openai_chat.request(ask)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert body["messages"][0] == {"role": "system", "content": wire.SYSTEM}
    assert (body["stream"], body["temperature"], body["max_tokens"]) == (True, 0, 5)
