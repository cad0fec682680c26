"""What all HTTP transports share: events however cut, and what every refusal means."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.messages.execution import End, Fault
from atlas_actors.providers import wire
from atlas_actors.providers.wire import EventReader, WireError, fault_in, refusal_of, retry_after
from tests.support.streams import cuts_of, json_of, pieces

NOW_MS = 946_684_800_000  # 2000-01-01 00:00:00 UTC
HTML = b"<html>\r\n<body><h1>Bad Gateway</h1></body></html>"
STREAM = (
    b": hello\n\n"
    b"event: first\r\ndata: {}\r\n\r\n"
    b"data:no space\n\n"
    b"id: 7\nretry: 10\nevent: second\ndata: \xc3\xa4\n: a comment in between\n\n"
    b"data: [DONE]\n\n"
)
EVENTS = [("first", b"{}"), ("", b"no space"), ("second", b"\xc3\xa4"), ("", b"[DONE]")]


def fed(*chunks):
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)]


@pytest.mark.slow
@given(cuts_of(STREAM))
def test_events_are_the_same_however_the_stream_is_cut(cuts):
    assert fed(*pieces(STREAM, cuts)) == EVENTS


def test_events_are_the_same_one_byte_at_a_time():
    assert fed(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == EVENTS


@pytest.mark.slow
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6))
def test_noise_gives_the_same_events_however_it_is_cut(noise, cuts):
    assert fed(*pieces(noise, cuts)) == fed(noise)


def test_a_name_holds_for_its_own_event_only():
    assert fed(b"event: a\ndata: 1\n\ndata: 2\n\n") == [("a", b"1"), ("", b"2")]


def test_a_line_without_its_end_is_no_event():
    assert fed(b"data: 1\n\ndata: 2") == [("", b"1")]


def test_a_line_is_bounded(monkeypatch):
    monkeypatch.setattr(wire, "LINE_BYTES_MAX", 100)
    with pytest.raises(WireError, match="line is longer than 100 bytes"):
        fed(b"data: ", b"x" * 60, b"x" * 60)


def test_what_follows_a_whole_line_is_bounded_too(monkeypatch):
    monkeypatch.setattr(wire, "LINE_BYTES_MAX", 100)
    with pytest.raises(WireError, match="line is longer than 100 bytes"):
        fed(b"data: 1\n" + b"x" * 101)


def test_a_stream_is_bounded_even_of_comments(monkeypatch):
    monkeypatch.setattr(wire, "ANSWER_BYTES_MAX", 1_000)
    with pytest.raises(WireError, match="answer is longer than 1000 bytes"):
        fed(*([b": ping\n\n"] * 1_000))


def openai(kind, message="why", code=None):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(kind, message="why"):
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"}


TOO_LONG = "prompt is too long: 210000 tokens > 200000 maximum"
NO_CREDIT = "Your credit balance is too low to access the Anthropic API."
LIMITED = "You have reached your specified API usage limits."
MINUTE = "This request would exceed your organization's rate limit of 30,000 input tokens a minute"
TPM = "Rate limit reached for m on tokens per min (TPM): Limit 9, Used 9. Try again in 6ms."
PLAN = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("status", "body", "fault", "end"),
    [
        (400, openai("invalid_request_error"), Fault.REQUEST, End.REFUSED),
        (400, anthropic("invalid_request_error"), Fault.REQUEST, End.REFUSED),
        (400, anthropic("invalid_request_error", TOO_LONG), Fault.CONTEXT, End.REFUSED),
        (400, openai("invalid_request_error", code="context_length_exceeded"), Fault.CONTEXT,
         End.REFUSED),
        (400, openai("exceed_context_size_error", code=400), Fault.CONTEXT, End.REFUSED),
        (400, anthropic("invalid_request_error", NO_CREDIT), Fault.QUOTA, End.BUSY),
        (400, anthropic("invalid_request_error", LIMITED), Fault.QUOTA, End.BUSY),
        (400, openai("invalid_request_error", code="billing_hard_limit_reached"), Fault.QUOTA,
         End.BUSY),
        (400, HTML, Fault.REQUEST, End.REFUSED),
        (401, openai("invalid_request_error", code="invalid_api_key"), Fault.KEY, End.REFUSED),
        (401, openai("invalid_request_error", code=401), Fault.KEY, End.REFUSED),  # LocalAI
        (401, anthropic("authentication_error"), Fault.KEY, End.REFUSED),
        (401, b"", Fault.KEY, End.REFUSED),
        (402, anthropic("billing_error"), Fault.QUOTA, End.BUSY),
        (402, b"", Fault.QUOTA, End.BUSY),
        (403, anthropic("permission_error"), Fault.KEY, End.REFUSED),
        (403, HTML, Fault.KEY, End.REFUSED),
        (404, anthropic("not_found_error", "model: x"), Fault.REQUEST, End.REFUSED),
        (404, openai("invalid_request_error", code="model_not_found"), Fault.REQUEST, End.REFUSED),
        (404, b"", Fault.REQUEST, End.REFUSED),
        (408, b"", Fault.RATE, End.BUSY),
        (409, anthropic("conflict_error"), Fault.RATE, End.BUSY),
        (413, anthropic("request_too_large"), Fault.CONTEXT, End.REFUSED),
        (413, HTML, Fault.CONTEXT, End.REFUSED),
        (429, anthropic("rate_limit_error", MINUTE), Fault.RATE, End.BUSY),
        (429, openai("tokens", TPM, "rate_limit_exceeded"), Fault.RATE, End.BUSY),
        (429, openai("insufficient_quota", PLAN, "insufficient_quota"), Fault.QUOTA, End.BUSY),
        (429, openai("usage_limit_reached", "The usage limit has been reached"), Fault.QUOTA,
         End.BUSY),
        (429, anthropic("rate_limit_error", "Your spend limit is reached"), Fault.QUOTA, End.BUSY),
        (429, HTML, Fault.RATE, End.BUSY),
        (429, {"error": "slow down"}, Fault.RATE, End.BUSY),
        (500, anthropic("api_error"), Fault.SERVER, End.UNREACHABLE),
        (500, openai("server_error", code=500), Fault.SERVER, End.UNREACHABLE),
        (500, b"", Fault.SERVER, End.UNREACHABLE),
        (502, HTML, Fault.SERVER, End.UNREACHABLE),
        (503, openai("server_error", "loading", 503), Fault.RATE, End.BUSY),
        (504, anthropic("timeout_error"), Fault.SERVER, End.UNREACHABLE),
        (529, anthropic("overloaded_error", "Overloaded"), Fault.RATE, End.BUSY),
        (307, b"", Fault.REQUEST, End.REFUSED),
    ],
)  # fmt: skip
def test_what_a_refusal_means(status, body, fault, end):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    refusal = refusal_of(status, {}, data, NOW_MS)
    assert (refusal.fault, refusal.end, refusal.retry_after_ms) == (fault, end, None)


def test_a_refusal_quotes_the_server_on_one_line():
    body = json.dumps(openai("x", "no \n such\tmodel")).encode()
    assert refusal_of(404, {}, body, NOW_MS).message == "HTTP 404: no such model"
    assert refusal_of(502, {}, HTML, NOW_MS).message == "HTTP 502"


def test_a_refusal_carries_the_wait_that_the_server_asks_for():
    refusal = refusal_of(503, {"retry-after": "7"}, b'{"status": "starting"}', NOW_MS)
    assert (refusal.fault, refusal.retry_after_ms) == (Fault.RATE, 7_000)


@pytest.mark.slow
@given(st.integers(300, 599), json_of("error", "type", "code", "message") | st.binary(max_size=50))
def test_any_body_is_a_refusal_that_can_be_written_down(status, body):
    data = body if isinstance(body, bytes) else json.dumps({"error": body}).encode()
    refusal = refusal_of(status, {}, data, NOW_MS)
    assert wire.END_OF[refusal.fault] is refusal.end
    assert len(refusal.message.encode("utf-8").splitlines()) == 1
    assert len(refusal.message) < 350


def test_every_fault_ends_an_attempt():
    assert set(wire.END_OF) == set(Fault)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, Fault.RATE),
        ({"type": "rate_limit_error"}, Fault.RATE),
        ({"code": "rate_limit_exceeded", "message": "try again in 3s"}, Fault.RATE),
        ({"type": "insufficient_quota"}, Fault.QUOTA),
        ({"code": "usage_limit_reached"}, Fault.QUOTA),
        ({"type": "billing_error"}, Fault.QUOTA),
        ({"message": NO_CREDIT}, Fault.QUOTA),
        # what is used up does not come back with the next minute
        ({"type": "rate_limit_error", "message": "the monthly spend limit"}, Fault.QUOTA),
        ({"code": "context_length_exceeded"}, Fault.CONTEXT),
        ({"message": TOO_LONG}, Fault.CONTEXT),
        ({"message": "This model's maximum context length is 8192 tokens"}, Fault.CONTEXT),
        ("the request exceeds the available context size", Fault.CONTEXT),
        ({"type": "api_error", "message": "Internal server error"}, None),
        ({"type": None, "code": 500, "message": ["x"]}, None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_what_an_error_says_by_itself(error, fault):
    assert fault_in(error) is fault


def test_an_error_in_a_stream_keeps_its_class_and_its_words():
    error = wire.stream_error({"type": "overloaded_error", "message": "Overloaded"})
    assert error.fault is Fault.RATE
    assert "Overloaded" in str(error)
    assert "api_error" in str(wire.stream_error({"type": "api_error"}))


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        ("3", 3_000),
        (" 3 ", 3_000),
        ("0.5", 500),
        ("0", 0),
        ("-5", 0),
        ("99999999999", wire.RETRY_AFTER_MAX_MS),
        ("1e300", wire.RETRY_AFTER_MAX_MS),
        ("Sat, 01 Jan 2000 00:00:10 GMT", 10_000),
        ("Sat, 01 Jan 2000 02:00:10 +0200", 10_000),
        ("Fri, 31 Dec 1999 23:59:00 GMT", 0),
        ("Thu, 31 Dec 2099 23:59:59 GMT", wire.RETRY_AFTER_MAX_MS),
        ("Sat, 01 Jan 99999 00:00:10 GMT", None),
        ("soon", None),
        ("", None),
        ("inf", None),
        ("-inf", None),
        ("nan", None),
        ("9" * 5_000, None),
        (None, None),
    ],
)
def test_how_long_to_wait(value, wait_ms):
    assert retry_after(value, NOW_MS) == wait_ms


@pytest.mark.parametrize("value", ["Sat Jan  1 00:00:10 2000", "Sat, 01 Jan 2000 00:00:10 -0000"])
def test_a_date_without_a_zone_is_utc(value, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert retry_after(value, NOW_MS) == 10_000
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.slow
@given(
    st.text(max_size=30)
    | st.from_regex(
        r"\A(Sat, )?\d{1,2} (Jan|Feb|Foo) \d{1,6} \d{1,3}:\d{1,2}(:\d{1,2})?( GMT| [+-]\d{1,6})?\Z"
    ),
    st.integers(0, 2**45),
)
def test_any_header_gives_a_wait_within_bounds_or_none(value, now_ms):
    wait_ms = retry_after(value, now_ms)
    assert wait_ms is None or 0 <= wait_ms <= wire.RETRY_AFTER_MAX_MS


def test_models_are_listed_by_id():
    body = json.dumps({"data": [{"id": "a"}, {"id": 1}, "x", {"id": "b"}]}).encode()
    assert wire.models_of(body) == ["a", "b"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": {}}', b"[" * 9_000, b"\xff"])
def test_what_is_no_list_of_models_is_refused(body):
    with pytest.raises(WireError):
        wire.models_of(body)
