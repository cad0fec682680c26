"""The messages protocol, event for event."""

import contextlib
import json

import pytest
from hypothesis import given

from atlas_actors.messages.execution import Fault, Usage
from atlas_actors.providers import anthropic_messages
from atlas_actors.providers.wire import Ask, WireError
from tests.support.streams import cuts_of, event, json_of, read


def ask(**changes):
    fields = {"model": "m", "prompt": "p", "schema": None, "answer_tokens_max": 5, **changes}
    return Ask(**fields)


def named(value):
    return event(value, value["type"])


def start(**usage):
    message = {"id": "msg", "role": "assistant", "model": "m-1", "content": [], "usage": usage}
    return named({"type": "message_start", "message": message})


def delta(**fields):
    return named({"type": "content_block_delta", "index": 0, "delta": fields})


def text(words):
    return delta(type="text_delta", text=words)


def end(reason, **usage):
    return named({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage})


PING = named({"type": "ping"})
STOP = named({"type": "message_stop"})
BEGUN = {
    "input_tokens": 120,
    "output_tokens": 1,
    "cache_creation_input_tokens": 64,
    "cache_read_input_tokens": 900,
    "cache_creation": {"ephemeral_5m_input_tokens": 44, "ephemeral_1h_input_tokens": 20},
}
USAGE = Usage(input=120, cache_read=900, cache_write=64, cache_write_1h=20, output=17)
STREAM = (
    start(**BEGUN)
    + PING
    + named({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}})
    + delta(type="thinking_delta", thinking="hidden")
    + delta(type="signature_delta", signature="hidden")
    + text("Grüß ")
    + delta(type="input_json_delta", partial_json="{hidden")
    + text("Gott 👋")
    + named({"type": "content_block_stop", "index": 0})
    + end("end_turn", output_tokens=17)
    + STOP
)


def test_a_request_has_the_prompt_and_a_bound():
    body = anthropic_messages.request(ask(prompt="2 + 2?"))
    assert body["messages"] == [{"role": "user", "content": "2 + 2?"}]
    assert (body["model"], body["max_tokens"], body["stream"]) == ("m", 5, True)
    assert body["system"]
    assert "output_config" not in body


def test_a_request_with_a_schema_asks_for_json():
    body = anthropic_messages.request(ask(schema={"type": "object"}, stream=False))
    assert body["output_config"]["format"] == {"type": "json_schema", "schema": {"type": "object"}}
    assert body["stream"] is False


def test_the_version_is_always_sent_and_the_key_where_there_is_one():
    assert anthropic_messages.headers("") == {"anthropic-version": "2023-06-01"}
    assert anthropic_messages.headers("k") == {"anthropic-version": "2023-06-01", "x-api-key": "k"}


@pytest.mark.slow
@given(cuts_of(STREAM))
def test_a_stream_reads_the_same_however_it_is_cut(cuts):
    reader = anthropic_messages.reader()
    assert "".join(read(reader, STREAM, cuts)) == reader.answer.text == "Grüß Gott 👋"
    assert (reader.done, reader.answer.finish, reader.answer.model) == (True, "stop", "m-1")
    assert reader.answer.usage == USAGE


def test_the_name_of_an_event_stands_in_for_its_type():
    reader = anthropic_messages.reader()
    assert read(reader, event({"delta": {"text": "a"}}, "content_block_delta")) == ["a"]


@pytest.mark.parametrize("cut", [start(**BEGUN) + text("half"), start() + text("half") + PING])
def test_a_cut_stream_is_not_done(cut):
    reader = anthropic_messages.reader()
    read(reader, cut)
    assert (reader.done, reader.answer.finish, reader.answer.text) == (False, "", "half")


def test_a_cut_stream_keeps_the_tokens_that_were_billed():
    reader = anthropic_messages.reader()
    read(reader, start(**BEGUN) + text("half"))
    assert reader.answer.usage == Usage(
        input=120, cache_read=900, cache_write=64, cache_write_1h=20, output=1
    )


def test_nothing_after_the_end_counts():
    reader = anthropic_messages.reader()
    read(reader, STREAM + text("more") + event("{") + end("max_tokens", output_tokens=999))
    assert (reader.answer.text, reader.answer.usage) == ("Grüß Gott 👋", USAGE)


def test_the_last_numbers_of_a_stream_replace_the_first():
    reader = anthropic_messages.reader()
    later = end("end_turn", input_tokens=130, output_tokens=20, cache_read_input_tokens=None)
    read(reader, start(**BEGUN) + later + STOP)
    assert reader.answer.usage == Usage(
        input=130, cache_read=900, cache_write=64, cache_write_1h=20, output=20
    )


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool"),
        ("refusal", "refusal"),
        ("something_new", "something_new"),
        (None, ""),
        (7, ""),
    ],
)
def test_how_an_answer_finished(reason, finish):
    reader = anthropic_messages.reader()
    read(reader, start() + end(reason) + STOP)
    assert reader.answer.finish == finish
    body = json.dumps({"content": [], "stop_reason": reason}).encode()
    assert anthropic_messages.answer_of(body).finish == finish


@pytest.mark.parametrize(
    ("kind", "words", "fault"),
    [
        ("overloaded_error", "Overloaded", Fault.RATE),
        ("rate_limit_error", "slow down", Fault.RATE),
        ("billing_error", "pay first", Fault.QUOTA),
        ("api_error", "Internal server error", Fault.SERVER),
        ("invalid_request_error", "prompt is too long: 2 tokens > 1 maximum", Fault.CONTEXT),
    ],
)
def test_an_error_after_http_200_keeps_its_class(kind, words, fault):
    error = {"type": "error", "error": {"type": kind, "message": words}}
    reader = anthropic_messages.reader()
    with pytest.raises(WireError, match=words) as caught:
        read(reader, start(**BEGUN) + text("begun ") + named(error))
    assert caught.value.fault is fault
    assert (reader.done, reader.answer.text) == (False, "begun ")
    with pytest.raises(WireError, match=words) as caught:
        anthropic_messages.answer_of(json.dumps(error).encode())
    assert caught.value.fault is fault


def test_a_whole_answer_is_read():
    body = {
        "type": "message",
        "model": "m-1",
        "content": [
            {"type": "thinking", "thinking": "hidden"},
            {"type": "text", "text": "Grüß "},
            {"type": "tool_use", "input": {}},
            {"type": "text", "text": "Gott 👋"},
        ],
        "stop_reason": "end_turn",
        "usage": {**BEGUN, "output_tokens": 17},
    }
    answer = anthropic_messages.answer_of(json.dumps(body).encode())
    assert (answer.text, answer.finish, answer.model) == ("Grüß Gott 👋", "stop", "m-1")
    assert answer.usage == USAGE


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"content": "x"}', b"[" * 9_000])
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(WireError):
        anthropic_messages.answer_of(body)


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({}, Usage()),
        # what was cached is not part of input_tokens: nothing is taken away
        ({"input_tokens": 1, "cache_read_input_tokens": 900}, Usage(input=1, cache_read=900)),
        ({"cache_creation_input_tokens": 9}, Usage(cache_write=9)),
        ({"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 9}},
         Usage(cache_write=9, cache_write_1h=9)),
        ({"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 99}},
         Usage(cache_write=9, cache_write_1h=9)),
        ({"input_tokens": -1, "output_tokens": True, "cache_creation": 3}, Usage()),
    ],
)  # fmt: skip
def test_tokens_by_kind(raw, usage):
    assert anthropic_messages.usage_of(raw) == usage


KEYS = (
    "type", "message", "model", "usage", "delta", "text", "stop_reason", "content", "error",
    "input_tokens", "output_tokens", "cache_creation", "cache_creation_input_tokens",
)  # fmt: skip
KINDS = ("message_start", "content_block_delta", "message_delta", "message_stop", "error")


@pytest.mark.slow
@given(json_of(*KEYS, *KINDS))
def test_json_of_any_shape_is_read_or_refused(value):
    for kind in ("", *KINDS):
        reader = anthropic_messages.reader()
        with contextlib.suppress(WireError):
            for shown in read(reader, event(value, kind)):
                shown.encode("utf-8")
        with contextlib.suppress(WireError):
            read(reader, event(
                {"type": kind, "message": value, "delta": value, "usage": value, "error": value}
            ))  # fmt: skip
    with contextlib.suppress(WireError):
        anthropic_messages.answer_of(json.dumps(value).encode())
    with contextlib.suppress(WireError):
        body = {"content": value, "usage": value, "stop_reason": value}
        anthropic_messages.answer_of(json.dumps(body).encode())
