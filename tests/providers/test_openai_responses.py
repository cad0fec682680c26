"""The responses protocol, event for event."""

import contextlib
import json

import pytest
from hypothesis import given

from atlas_actors.messages.execution import Fault, Usage
from atlas_actors.providers import openai_responses
from atlas_actors.providers.wire import Ask, WireError
from tests.support.streams import cuts_of, event, json_of, read

RAW_USAGE = {
    "input_tokens": 1_000,
    "input_tokens_details": {"cached_tokens": 900},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 1_030,
}
USAGE = Usage(input=100, cache_read=900, output=30, reasoning=12)


def ask(**changes):
    fields = {"model": "m", "prompt": "p", "schema": None, "answer_tokens_max": 5, **changes}
    return Ask(**fields)


def message(*contents):
    return {"type": "message", "role": "assistant", "content": list(contents)}


def text(words):
    return {"type": "output_text", "text": words}


def response(*output, status="completed", **more):
    return {"id": "r", "model": "m-1", "status": status, "output": list(output), **more}


def numbered(*values):
    rows = [{**value, "sequence_number": number} for number, value in enumerate(values)]
    return b"".join(event(row, row["type"]) for row in rows)


def delta(words, kind="response.output_text.delta"):
    return {"type": kind, "delta": words}


def ended(value, kind="response.completed"):
    return {"type": kind, "response": value}


CREATED = {"type": "response.created", "response": {"id": "r", "status": "in_progress"}}
ANSWER = response(
    {"type": "reasoning", "summary": []}, message(text("Grüß Gott 👋")), usage=RAW_USAGE
)
STREAM = numbered(
    CREATED,
    {"type": "response.output_item.added", "item": {}},
    delta("Grüß "),
    {"type": "response.function_call_arguments.delta", "delta": "not text"},
    delta("Gott 👋"),
    ended(ANSWER),
)


def test_a_request_keeps_nothing_on_the_server():
    body = openai_responses.request(ask(prompt="2 + 2?"))
    assert body["input"][0]["content"] == [{"type": "input_text", "text": "2 + 2?"}]
    assert (body["model"], body["max_output_tokens"], body["store"], body["stream"]) == (
        "m", 5, False, True,
    )  # fmt: skip
    assert "text" not in body


def test_a_request_with_a_schema_asks_for_json():
    body = openai_responses.request(ask(schema={"type": "object"}, stream=False))
    assert body["text"]["format"]["type"] == "json_schema"
    assert body["text"]["format"]["schema"] == {"type": "object"}
    assert body["stream"] is False


def test_a_key_goes_into_the_header_alone():
    assert openai_responses.headers("k") == {"authorization": "Bearer k"}
    assert openai_responses.headers("") == {}


@pytest.mark.slow
@given(cuts_of(STREAM))
def test_a_stream_reads_the_same_however_it_is_cut(cuts):
    reader = openai_responses.reader()
    assert "".join(read(reader, STREAM, cuts)) == reader.answer.text == "Grüß Gott 👋"
    assert (reader.done, reader.answer.finish, reader.answer.model) == (True, "stop", "m-1")
    assert reader.answer.usage == USAGE


def test_an_event_that_is_sent_twice_counts_once():
    rows = [event({**delta(word), "sequence_number": n}) for n, word in enumerate("abc")]
    reader = openai_responses.reader()
    assert read(reader, b"".join(row * 2 for row in rows) + rows[0]) == ["a", "b", "c"]


def test_events_without_a_number_all_count():
    reader = openai_responses.reader()
    assert read(reader, event(delta("a")) + event(delta("a"))) == ["a", "a"]


def test_the_name_of_an_event_stands_in_for_its_type():
    reader = openai_responses.reader()
    assert read(reader, event({"delta": "a"}, "response.output_text.delta")) == ["a"]


def test_a_cut_stream_is_not_done():
    reader = openai_responses.reader()
    read(reader, numbered(CREATED, delta("half an ans")))
    assert (reader.done, reader.answer.finish, reader.answer.text) == (False, "", "half an ans")


def test_the_whole_answer_of_the_last_event_counts():
    reader = openai_responses.reader()
    stream = numbered(delta("dra"), delta("ft"), ended(response(message(text("final")))))
    assert read(reader, stream) == ["dra", "ft"]
    assert reader.answer.text == "final"


def test_the_deltas_stand_where_the_last_event_has_no_output():
    reader = openai_responses.reader()
    read(reader, numbered(delta("four"), ended({"id": "r", "usage": RAW_USAGE})))
    assert (reader.done, reader.answer.text, reader.answer.usage) == (True, "four", USAGE)


def test_an_answer_that_came_without_deltas_is_shown_at_its_end():
    assert read(openai_responses.reader(), numbered(ended(ANSWER))) == ["Grüß Gott 👋"]


def test_nothing_after_the_end_counts():
    reader = openai_responses.reader()
    assert read(reader, STREAM + event(delta("more")) + event("{") + event("[DONE]"))
    assert reader.answer.text == "Grüß Gott 👋"


@pytest.mark.parametrize(
    ("output", "more", "finish"),
    [
        ([message(text("a"))], {}, "stop"),
        ([message({"type": "refusal", "refusal": "no"})], {}, "refusal"),
        ([{"type": "function_call", "name": "f", "arguments": "{}"}], {}, "tool"),
        ([message(text("a")), {"type": "web_search_call"}], {}, "stop"),
        ([], {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ([], {"incomplete_details": {"reason": "content_filter"}}, "refusal"),
        ([], {"incomplete_details": {"reason": "something new"}}, "length"),
        ([], {"incomplete_details": None}, "length"),
    ],
)
def test_how_an_answer_finished(output, more, finish):
    status = "incomplete" if more else "completed"
    value = response(*output, status=status, **more)
    assert openai_responses.answer_of(json.dumps(value).encode()).finish == finish
    reader = openai_responses.reader()
    read(reader, numbered(ended(value, f"response.{status}")))
    assert (reader.done, reader.answer.finish) == (True, finish)


def test_a_refusal_is_shown_as_text():
    reader = openai_responses.reader()
    assert read(reader, numbered(delta("I will not", "response.refusal.delta"))) == ["I will not"]


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("context_length_exceeded", Fault.CONTEXT),
        ("insufficient_quota", Fault.QUOTA),
        ("rate_limit_exceeded", Fault.RATE),
        ("server_error", Fault.SERVER),
        (500, Fault.SERVER),
    ],
)
def test_a_failure_within_a_stream_keeps_its_class(code, fault):
    error = {"code": code, "message": "the words"}
    failures = [
        ended({"status": "failed", "error": error}, "response.failed"),
        {"type": "error", **error},
        {"type": "error", "error": error},
    ]
    for failure in failures:
        reader = openai_responses.reader()
        with pytest.raises(WireError, match="the words") as caught:
            read(reader, numbered(CREATED, delta("begun "), failure))
        assert caught.value.fault is fault
        assert (reader.done, reader.answer.text) == (False, "begun ")


def test_a_whole_answer_is_read():
    answer = openai_responses.answer_of(json.dumps(ANSWER).encode())
    assert (answer.text, answer.finish, answer.model) == ("Grüß Gott 👋", "stop", "m-1")
    assert answer.usage == USAGE


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"output": "x"}', b"[" * 9_000])
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(WireError):
        openai_responses.answer_of(body)


def test_a_failed_answer_in_one_piece_is_refused_with_its_class():
    body = response(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"})
    with pytest.raises(WireError, match="slow") as caught:
        openai_responses.answer_of(json.dumps(body).encode())
    assert caught.value.fault is Fault.RATE


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({}, Usage()),
        ({"input_tokens": 10}, Usage(input=10)),
        ({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 99}},
         Usage(cache_read=10)),
        ({"input_tokens": -1, "output_tokens": True, "output_tokens_details": 3}, Usage()),
        ({"input_tokens": "7", "output_tokens": 1.5}, Usage()),
    ],
)  # fmt: skip
def test_tokens_that_make_no_sense_never_count_twice(raw, usage):
    assert openai_responses.usage_of(raw) == usage


KEYS = (
    "type", "sequence_number", "delta", "response", "output", "content", "text", "refusal",
    "status", "incomplete_details", "reason", "usage", "input_tokens", "input_tokens_details",
    "cached_tokens", "error", "code", "message", "model",
)  # fmt: skip
KINDS = (
    "response.output_text.delta", "response.completed", "response.incomplete", "response.failed",
    "error",
)  # fmt: skip


@pytest.mark.slow
@given(json_of(*KEYS, *KINDS))
def test_json_of_any_shape_is_read_or_refused(value):
    for kind in ("", *KINDS):
        reader = openai_responses.reader()
        with contextlib.suppress(WireError):
            for shown in read(reader, event(value, kind)):
                shown.encode("utf-8")
        with contextlib.suppress(WireError):
            read(reader, event({"type": kind, "response": value, "delta": value, "error": value}))
    with contextlib.suppress(WireError):
        openai_responses.answer_of(json.dumps(value).encode())
    with contextlib.suppress(WireError):
        openai_responses.answer_of(json.dumps({"output": value, "usage": value}).encode())
