"""Any payload becomes an event; what is not known is kept, within bounds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.clients.adapter import CLIENTS, event_of
from atlas_actors.clients.bounds import ALL_CHARS_MAX
from atlas_actors.clients.table import table_of
from atlas_actors.errors import UsageError
from atlas_actors.messages.client import ClientEvent, ContextUse
from tests.clients.payloads import BEFORE_TOOL, CWD, payload, shell, tool

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["\ud800", "\0", "x" * 5_000, 10**400, "cat 'a", "/etc/../x", "~/a"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)  # fmt: skip
KEYS = sorted({key for client in CLIENTS for row in table_of(client).events.values()
               for key in row.fields})  # fmt: skip
EVENTS = sorted({name for client in CLIENTS for name in table_of(client).events})
TOOLS = sorted({name for client in CLIENTS for name in table_of(client).tools})
HOSTILE = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=10), ANYTHING, max_size=8)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    client=st.sampled_from(CLIENTS),
    event=st.sampled_from(["", *EVENTS]) | st.text(max_size=10),
    fields=HOSTILE,
    name=st.sampled_from(TOOLS) | ANYTHING,
    said=st.sampled_from(EVENTS) | ANYTHING,
)
def test_no_payload_makes_it_fail_and_every_event_can_be_stored(client, event, fields, name, said):
    hostile = {"hook_event_name": said, "tool_name": name, **fields}
    heard = event_of(client, event, hostile)
    assert isinstance(heard.session, str)
    for value in (heard.event, heard.session, heard.prompt, heard.message, heard.cwd, heard.error):
        assert "\0" not in value
        value.encode()
    if heard.tool is not None:
        assert all(file.path.startswith("/") for file in heard.tool.files)
        heard.tool.output.encode()
        heard.tool.command.encode()
        "".join(file.path for file in heard.tool.files).encode()
    stored = json.dumps(heard.unknown, ensure_ascii=False, allow_nan=False)
    assert len(stored.encode()) < 8 * ALL_CHARS_MAX


@pytest.mark.parametrize("wrong", [None, [], "text", 3, True])
def test_a_payload_that_is_no_object_is_the_callers_fault(wrong):
    with pytest.raises(UsageError, match="JSON object"):
        event_of("claude", "", wrong)


def test_an_unknown_client_is_the_callers_fault():
    with pytest.raises(UsageError, match="no such client"):
        event_of("cursor", "", {})


def test_a_prompt_of_each_client_is_the_same_event():
    heard = [
        event_of("claude", "", payload("claude", "UserPromptSubmit", prompt="mend it")),
        event_of("codex", "", payload("codex", "UserPromptSubmit", prompt="mend it")),
        event_of("gemini", "", payload("gemini", "BeforeAgent", prompt="mend it")),
    ]
    assert {(event.kind, event.prompt, event.cwd) for event in heard} == {
        ("prompt", "mend it", CWD)
    }
    assert [event.turn_id for event in heard] == ["p-1", "t-1", ""]
    assert [event.unknown for event in heard] == [{}, {}, {}]
    assert heard[1].model == "gpt-6-sol"


def test_an_unknown_event_is_kept_with_all_that_is_not_common():
    told = payload("claude", "Daydream", depth=3, words=["a"])
    heard = event_of("claude", "", told)
    assert (heard.kind, heard.event, heard.session) == ("other", "Daydream", "c-1")
    assert heard.unknown == {"depth": 3, "words": ["a"]}


def test_an_unknown_field_is_kept_and_a_wrong_type_is_too():
    told = payload("claude", "Stop", mood="good", last_assistant_message=7)
    heard = event_of("claude", "", told)
    assert heard.unknown == {"mood": "good", "last_assistant_message": 7}
    assert heard.message == ""


def test_without_a_session_it_has_none():
    assert event_of("codex", "Stop", {}).session == ""
    assert event_of("codex", "Stop", {"session_id": ["x"]}).session == ""


def test_the_name_that_the_hook_was_called_with_stands_before_the_payloads():
    assert event_of("claude", "Stop", {"hook_event_name": "SessionEnd"}).kind == "stop"


def test_a_turn_that_has_ended_says_how():
    told = payload(
        "gemini", "AfterAgent", prompt="p", prompt_response="done", stop_hook_active=True
    )
    heard = event_of("gemini", "", told)
    assert (heard.kind, heard.message) == ("stop", "done")
    failed = payload("claude", "StopFailure", error="rate_limit", last_assistant_message="later")
    heard = event_of("claude", "", failed)
    assert (heard.kind, heard.error, heard.message) == ("stop_failed", "rate_limit", "later")


def test_a_switch_of_models_names_the_new_one():
    told = payload("claude", "PostModelSwitch", from_model="a", to_model="b", context_tokens=12)
    heard = event_of("claude", "", told)
    assert (heard.kind, heard.to_model, heard.model) == ("model_switch", "b", "b")
    assert heard.use == ContextUse(used_tokens=12)


def test_a_status_line_is_known_without_its_name():
    told = {
        "session_id": "s", "cwd": "/p", "version": "2.1.330",
        "model": {"id": "claude-opus-5-5", "display_name": "Opus"},
        "cost": {"total_cost_usd": 0.25},
        "context_window": {
            "context_window_size": 200_000, "total_input_tokens": 50_000, "used_percentage": 25,
        },
    }  # fmt: skip
    heard = event_of("claude", "", told)
    assert heard == ClientEvent(
        client="claude", event="StatusLine", kind="status", session="s", cwd="/p",
        version="2.1.330", model="claude-opus-5-5",
        use=ContextUse(
            used_tokens=50_000, window_tokens=200_000, used_percent=25.0, cost_usd=0.25,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("wrong", [True, -1, "5", float("nan"), float("inf"), 10**30])
def test_a_number_that_cannot_be_is_no_number(wrong):
    told = {"context_window": {"used_percentage": wrong, "context_window_size": 5}}
    heard = event_of("claude", "", told)
    assert heard.use == ContextUse(window_tokens=5)
    assert list(heard.unknown) == ["context_window.used_percentage"]


def test_texts_are_cut_and_broken_characters_replaced():
    told = payload("claude", "UserPromptSubmit", prompt="a\ud800\0" + "x" * 200_000)
    heard = event_of("claude", "", told)
    assert heard.prompt.startswith("a\ufffd\ufffdx")
    assert len(heard.prompt) == 100_000
    long = shell("claude", "echo " + "y" * 50_000)
    use = event_of("claude", "", long).tool
    assert use is not None
    assert len(use.command) == 20_000


def test_what_is_unknown_is_kept_shallow_and_short():
    nest: list[object] = []
    for _ in range(500):
        nest = [nest]
    told = payload(
        "claude", "New", deep=nest, long="z" * 10**6, many={str(i): i for i in range(999)}
    )
    unknown = event_of("claude", "", told).unknown
    assert json.dumps(unknown["deep"]).count("[") < 8
    assert unknown["long"] == "z" * 2_000 + "…"
    assert unknown["many"]["…"] == 949


@pytest.mark.parametrize("client", CLIENTS)
def test_only_events_about_tools_have_one(client):
    told = tool(client, "Read", {"file_path": "/a"})
    assert event_of(client, "", told).tool is not None
    assert event_of(client, "SessionStart", told).tool is None
    assert event_of(client, BEFORE_TOOL[client], {"tool_input": {}}).tool is None


@pytest.mark.parametrize("said", [None, 7, "", ["Stop"]])
def test_an_event_whose_name_is_no_text_is_no_status_line(said):
    payload = {"hook_event_name": said, "context_window": {"used_percentage": 5}}
    assert event_of("claude", "", payload).kind == "other"
