"""A hook's line: what is read of it, what is refused, and the frame around its answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.errors import UsageError
from atlas_actors.gateway.hook_line import (
    ANSWER_BYTES_MAX,
    DEPTH_MAX,
    FAILED,
    FIELD_BYTES_MAX,
    FIELDS,
    HEAD_BYTES_MAX,
    framed,
    read_hook,
)


def line(
    *fields, client="claude", deadline="1000", began="1750000000000", event="Stop", payload="{}"
):
    head = "\x1f".join(["hook", client, deadline, began, event, *fields])
    return f"{head}\x1e".encode() + (payload if isinstance(payload, bytes) else payload.encode())


def test_a_line_is_read_whole():
    call = read_hook(line("CODEX_HOME=/h", client="codex", payload='{"a": [1, "é"]}'))
    assert call.client == "codex"
    assert call.event == "Stop"
    assert call.deadline_ms == 1000
    assert call.began_ms == 1_750_000_000_000
    assert call.fields == {"CODEX_HOME": "/h"}
    assert call.payload == {"a": [1, "é"]}


def test_what_the_payload_or_nobody_says_may_be_left_out():
    call = read_hook(line(event="", began=""))
    assert call.event == ""
    assert call.began_ms is None
    assert call.fields == {}


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"hook",
        b"hook\x1f",
        b"hook\x1e{}",
        b"hook\x1fclaude\x1f1000\x1e{}",
        b'{"jsonrpc":"2.0"}',
        line(client=""),
        line(client="Claude; drop"),
        line(client="c" * 33),
        line(event="Stop\x00"),
        line(event="e" * 65),
        line(deadline=""),
        line(deadline="0"),
        line(deadline="-1"),
        line(deadline="1e3"),
        line(deadline="٣"),
        line(deadline="9" * 17),
        line(began="soon"),
        line(payload=""),
        line(payload="{"),
        line(payload='{"a":1} {"b":2}'),
        line(payload="[" * 100_000),
        b"hook\x1fclaude\x1f1000\x1f\x1fStop\x1fA=" + b"x" * HEAD_BYTES_MAX + b"\x1e{}",
    ],
    ids=range(23),
)
def test_a_bad_line_is_refused(bad):
    with pytest.raises(UsageError):
        read_hook(bad)


def test_a_refusal_quotes_nothing_of_the_line():
    with pytest.raises(UsageError) as refusal:
        read_hook(line(payload='{"prompt": "hunter2", }'))
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_only_known_variables_of_bounded_length_are_kept_and_the_first_counts():
    call = read_hook(
        line(
            "ANTHROPIC_API_KEY=sk",
            "CODEX_HOME=" + "x" * (FIELD_BYTES_MAX + 1),
            "CLAUDE_PROJECT_DIR=/one=1",
            "CLAUDE_PROJECT_DIR=/two",
            "GEMINI_PROJECT_DIR=",
            "noise",
        )
    )
    assert call.fields == {"CLAUDE_PROJECT_DIR": "/one=1"}


def test_no_name_of_a_key_is_in_the_allow_list():
    assert not [name for name in FIELDS if "KEY" in name or "TOKEN" in name or "SECRET" in name]


def test_a_second_separator_belongs_to_the_payload():
    with pytest.raises(UsageError):
        read_hook(line(payload=b'\x1e{"a":1}'))


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b'{"a":"\\ud83d"}', {"a": "?"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a":"\xff"}', {"a": "�"}),
        (b'{"a":NaN,"b":-Infinity,"c":1e999}', {"a": None, "b": None, "c": None}),
        (b'{"a":1,"b":%b,"c":-%b}' % (b"9" * 6_000, b"9" * 6_000), {"a": 1, "b": None, "c": None}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    ],
)
def test_what_no_text_or_number_can_hold_is_replaced(payload, value):
    assert read_hook(line(payload=payload)).payload == value


@pytest.mark.parametrize("depth", [900, 5_000, 200_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"[\\"{":', "}")])
@pytest.mark.parametrize("half", ["", '"\\ud83d",'])
def test_what_is_nested_too_deeply_costs_nothing_beside_it(depth, opens, closes, half):
    deep = opens * depth + "1" + closes * depth
    said = f'{{"a":[{half}{deep},"]\\"}}"],"b":{deep},"command":"rm -rf /"}}'
    payload = read_hook(line(payload=said)).payload
    assert payload["command"] == "rm -rf /"
    assert payload["a"][-1] == ']"}'
    assert list(payload) == ["a", "b", "command"]


def test_what_is_nested_as_deeply_as_is_kept_stays_whole():
    def nested(depth):
        return f'{{"a":{"[" * depth}7{"]" * depth},"b":{"[" * 5_000}{"]" * 5_000}}}'

    kept = read_hook(line(payload=nested(DEPTH_MAX - 1))).payload["a"]
    lost = read_hook(line(payload=nested(DEPTH_MAX))).payload["a"]
    for _ in range(DEPTH_MAX - 1):
        (kept,), (lost,) = kept, lost
    assert (kept, lost) == (7, None)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s, max_size=3)
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_any_payload_comes_through(payload):
    assert read_hook(line(payload=json.dumps(payload))).payload == payload


@given(st.binary(max_size=300))
def test_noise_is_read_or_refused_and_nothing_else(noise):
    for data in (noise, b"hook\x1f" + noise, line(payload=noise)):
        try:
            read_hook(data)
        except UsageError:
            continue


def test_an_answer_is_framed_by_its_bytes():
    assert framed(b"") == b"0\n"
    assert framed("é\n".encode()) == b"3\n\xc3\xa9\n"


def test_an_answer_that_no_hook_would_print_is_sent_as_none():
    assert framed(b"x" * (ANSWER_BYTES_MAX + 1)) == FAILED
    assert framed(b"x" * ANSWER_BYTES_MAX).startswith(b"%d\n" % ANSWER_BYTES_MAX)
