"""What hooks tell is redacted whole before it is cut; nothing that is secret comes through."""

import anyio
import attrs
import pytest

from atlas_actors.clients.adapter import event_of
from atlas_actors.gateway.hook_privacy import (
    HEAD_CHARACTERS,
    TAIL_CHARACTERS,
    clean_event,
    is_long,
    with_fields,
)
from atlas_actors.gateway.privacy import redacted
from atlas_actors.gateway.rpc import Call
from atlas_actors.messages.client import HookHappened
from atlas_actors.redaction import Redactor
from tests.support.hook_rooms import Rooms, payload, shell

REDACTOR = Redactor()
SECRET = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"


def clean(said, client="claude", fields=None):
    raw = with_fields(event_of(client, "", said), fields or {})
    return clean_event(REDACTOR, raw, "", said, fields or {})


@pytest.mark.parametrize(
    "said",
    [
        payload("UserPromptSubmit", prompt=f"use {SECRET}"),
        payload("UserPromptSubmit", f"/{SECRET}", prompt="x", transcript_path=f"/{SECRET}"),
        payload(f"E{SECRET}", **{SECRET: SECRET}),
        payload("Stop", last_assistant_message=SECRET, zebra=[{"a": SECRET}], session_id=SECRET),
        payload("SessionEnd", reason=SECRET, prompt_id=SECRET),
        shell(f"curl -H 'Authorization: Bearer {SECRET}'"),
        {**shell("x", event="PostToolUse"), "tool_response": {"stdout": SECRET, "stderr": ""}},
        {**shell("x", event="PostToolUseFailure"), "error": SECRET},
        payload("PostToolUse", tool_name=SECRET, tool_input={"file_path": f"/{SECRET}/x"}),
    ],
)
def test_a_secret_anywhere_in_a_payload_comes_through_nowhere(said):
    event = clean(said)
    assert SECRET not in repr(event)
    assert "secret:" in repr(event)


def test_a_secret_in_the_hook_s_environment_comes_through_nowhere():
    event = clean({"hook_event_name": "Stop"}, fields={"CLAUDE_CODE_SESSION_ID": SECRET})
    assert SECRET not in repr(event)


@pytest.mark.parametrize("before", [7_990, 19_990, 99_990, HEAD_CHARACTERS - 10])
def test_no_half_of_a_secret_is_left_where_a_text_is_cut(before):
    filler = "some words " * (before // 11 + 1)
    text = filler[:before] + SECRET + " more words" * 30_000
    half = SECRET[4:14]
    for said in (
        payload("UserPromptSubmit", prompt=text),
        payload("Stop", last_assistant_message=text, zebra=text),
        shell(text),
        {**shell("x", event="PostToolUse"), "tool_response": {"stdout": text[::-1]}},
    ):
        shown = repr(clean(said))
        assert half not in shown
        assert half[::-1] not in shown


def test_of_a_text_of_megabytes_only_the_ends_are_worked_on():
    worked_on = []

    class Counting(Redactor):
        def value(self, value):
            worked_on.append(len(value["prompt"]))
            return super().value(value)

    text = f"begin {'x ' * 1_000_000}end"
    said = payload("Stop", last_assistant_message=text, prompt=text)
    event = clean_event(Counting(), event_of("claude", "", said), "", said, {})
    assert worked_on == [HEAD_CHARACTERS + TAIL_CHARACTERS]
    assert event.message.startswith("begin")


def test_a_payload_too_deep_to_be_redacted_keeps_only_its_names():
    deep = SECRET
    for _ in range(300):
        deep = [deep]
    event = clean(payload("UserPromptSubmit", prompt=f"hello {SECRET}", zebra=deep))
    assert (event.kind, event.session, event.prompt) == ("prompt", "s1", "")
    assert SECRET not in repr(event)


def test_private_parts_go_whatever_they_hold():
    event = clean(payload("UserPromptSubmit", prompt="a <private>the Heron plan</private> b"))
    assert "Heron" not in repr(event)
    assert event.prompt.split() == ["a", "b"] or "[private]" in event.prompt


@pytest.mark.parametrize(
    ("said", "long"),
    [
        ({}, False),
        ({"a": "x" * 100}, False),
        ({"a": "x" * 30_000}, True),
        ({"a": ["x" * 3_000] * 10}, True),
        ({"a": [0] * 5_000}, True),
        ({str(n): n for n in range(5_000)}, True),
    ],
)
def test_long_payloads_are_seen_at_a_look(said, long):
    assert is_long(said) == long


def test_the_calls_door_leaves_a_payload_to_the_hook_s_own(tmp_path):
    rooms = Rooms(tmp_path / "home")
    said = {**shell(f"deploy --token {SECRET}"), "cwd": f"/tmp/{SECRET}"}
    call = Call(id=1, method="hook.event", params={"client": "claude", "payload": said},
                wants_answer=True)  # fmt: skip
    assert anyio.run(redacted, rooms.door.redactor, call) is call.params
    rooms.prints(said)
    (happened,) = rooms.told(HookHappened)
    assert happened.event.tool is not None
    assert SECRET not in repr(attrs.asdict(happened))
