"""Answers hold only what the client takes, and can be read by any JSON reader."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.clients.adapter import CLIENTS
from atlas_actors.clients.answer import ANSWER_BYTES_MAX, Answer, encode
from atlas_actors.clients.table import table_of
from tests.clients.contracts import KEYS

PAIRS = [(client, event) for client in CLIENTS for event in table_of(client).events]
TEXT = st.text(max_size=200) | st.sampled_from(
    ["\ud800", "\x1b[31m", "a\r\nb", "\0", "x" * 30_000, "é\n" * 9_000, " \n ", "\u2028"]
)


@pytest.mark.slow
@settings(max_examples=150)
@given(pair=st.sampled_from(PAIRS), context=TEXT, deny=TEXT, line=TEXT)
def test_any_answer_is_nothing_or_has_only_keys_that_the_event_takes(pair, context, deny, line):
    printed = encode(*pair, Answer(context=context, deny=deny, line=line))
    if pair == ("claude", "StatusLine"):
        assert not re.search("[\\x00-\\x1f\\x7f]", printed.decode())
        return
    if not printed:
        return
    top, inside = (set(keys.split()) for keys in KEYS[pair])
    told = json.loads(printed.decode("utf-8", "strict"))
    assert set(told) <= top
    specific = told.get("hookSpecificOutput", {"hookEventName": pair[1]})
    assert specific["hookEventName"] == pair[1]
    assert set(specific) <= inside or not told.get("hookSpecificOutput")
    assert len(printed) < 2 * ANSWER_BYTES_MAX + 200
    assert "\\ud8" not in printed.decode()


def test_every_event_that_can_carry_something_is_written_down():
    telling = {pair for pair in PAIRS if encode(*pair, Answer(context="c", deny="d"))}
    assert telling == set(KEYS)


@pytest.mark.parametrize(
    ("client", "event"),
    [
        ("claude", "SessionStart"), ("claude", "UserPromptSubmit"), ("claude", "PreToolUse"),
        ("claude", "PostToolUse"), ("claude", "PostToolUseFailure"), ("claude", "SubagentStart"),
        ("codex", "SessionStart"), ("codex", "UserPromptSubmit"), ("codex", "PreToolUse"),
        ("codex", "PostToolUse"), ("gemini", "SessionStart"), ("gemini", "BeforeAgent"),
        ("gemini", "AfterTool"),
    ],
)  # fmt: skip
def test_context_reaches_the_model_where_it_can(client, event):
    told = json.loads(encode(client, event, Answer(context="seen\nbefore")))
    assert told == {
        "hookSpecificOutput": {"hookEventName": event, "additionalContext": "seen\nbefore"}
    }


@pytest.mark.parametrize(
    ("client", "event"),
    [("claude", "Stop"), ("claude", "SubagentStop"), ("claude", "PreCompact"),
     ("claude", "SessionEnd"), ("claude", "Nonsense"), ("codex", "Stop"), ("codex", "SessionEnd"),
     ("codex", "Interrupt"), ("codex", "PreCompact"), ("gemini", "AfterAgent"),
     ("cursor", "PreToolUse")],
)  # fmt: skip
def test_nothing_is_printed_where_it_would_block_or_is_not_taken(client, event):
    assert encode(client, event, Answer(context="c", deny="d", line="l")) == b""


def test_a_denied_tool_is_denied_in_the_clients_words():
    for client in ("claude", "codex"):
        told = json.loads(encode(client, "PreToolUse", Answer(deny=" no ", context="c")))
        assert told == {
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": "deny",
                "permissionDecisionReason": "no",
            }
        }
    asked = json.loads(encode("claude", "PermissionRequest", Answer(deny="no")))
    assert asked["hookSpecificOutput"]["decision"] == {"behavior": "deny", "message": "no"}
    told = json.loads(encode("gemini", "BeforeTool", Answer(deny="no")))
    assert told == {"decision": "deny", "reason": "no"}


@pytest.mark.parametrize("reason", ["", "  \n", "\x1b\x00"])
def test_a_deny_without_a_reason_denies_nothing(reason):
    assert encode("claude", "PreToolUse", Answer(deny=reason)) == b""


def test_long_context_is_cut_at_a_line_end():
    lines = [f"line {number} é" for number in range(2_000)]
    told = json.loads(encode("codex", "SessionStart", Answer(context="\n".join(lines))))
    context = told["hookSpecificOutput"]["additionalContext"]
    kept = context.split("\n")
    assert kept == lines[: len(kept)]
    assert ANSWER_BYTES_MAX - 20 < len(context.encode()) <= ANSWER_BYTES_MAX


def test_one_long_line_is_cut_within():
    told = json.loads(encode("claude", "SessionStart", Answer(context="\n" + "ü" * 9_000)))
    assert 4_700 < len(told["hookSpecificOutput"]["additionalContext"]) <= 4_800


def test_a_status_line_is_one_line_of_plain_text():
    line = Answer(line="T2 \x1b[31m$0.10\n40 %\ud800", context="c", deny="d")
    assert encode("claude", "StatusLine", line) == b"T2 [31m$0.10 40 %"
