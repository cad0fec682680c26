"""What clients write down of a session becomes turns; whose turn it is, is not said by its text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.memory.learning.transcripts import WAITING_MAX, reader_of, turns_of

AT = "2025-01-22T06:23:24.341Z"


def claude(type, content, **fields):
    record = {"type": type, "message": {"role": type, "content": content}, "timestamp": AT}
    return json.dumps({**record, "uuid": "u-1", **fields}).encode()


def call(id, name, **given):
    return claude("assistant", [{"type": "tool_use", "id": id, "name": name, "input": given}])


def result(id, content, **fields):
    block = {"type": "tool_result", "tool_use_id": id, "content": content, **fields}
    return claude("user", [block], toolUseResult={"stdout": content})


def codex(kind, /, **payload):
    return json.dumps({"timestamp": AT, "type": kind, "payload": payload}).encode()


def read(client, *lines, waiting=None):
    waiting = {} if waiting is None else waiting
    return list(turns_of(reader_of(client, waiting), lines, 1))


def test_what_a_claude_user_typed_is_a_turn_of_the_user():
    first, second = read(
        "claude",
        claude("user", "hello"),
        claude("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
    )
    assert (first.who, first.said, first.number, first.id) == ("user", "hello", 1, "u-1")
    assert first.at_ms == 1_737_527_004_341
    assert (second.said, second.number) == ("a\nb", 2)


@pytest.mark.parametrize(
    "line",
    [
        claude("user", "x", isMeta=True),
        claude("user", "x", isSidechain=True),
        claude("user", "x", isCompactSummary=True),
        claude("user", "x", entrypoint="sdk-cli"),
        claude("user", "x", origin={"kind": "task-notification"}),
        claude("user", "This session is being continued from a previous conversation that ran"),
        claude("user", "<command-name>/clear</command-name>"),
        claude("user", "[Request interrupted by user]"),
        claude("user", "   "),
        claude("user", None),
        claude("user", [1, None, {"type": "image"}]),
        claude("system", "x"),
        json.dumps({"type": "summary", "summary": "x"}).encode(),
        json.dumps({"type": "user", "message": "x"}).encode(),
        b"",
        b"[]",
        b"null",
        b'{"type": "user", "mess',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
    ids=range(20),
)
def test_what_no_claude_user_typed_is_nobodys_turn(line):
    assert read("claude", line) == []


def test_what_claude_says_a_person_typed_is_a_turn_of_the_user():
    (said,) = read("claude", claude("user", "hello", origin={"kind": "human"}, entrypoint="cli"))
    assert said.said == "hello"


def test_a_claude_tool_is_paired_with_its_result():
    ran, edited, failed, unknown = read(
        "claude",
        call("t1", "Bash", command="ls"),
        call("t2", "Edit", file_path="/w/a.py"),
        result("t1", "ok", is_error=False),
        result("t2", "done"),
        call("t3", "Bash", command="pytest"),
        result("t3", [{"type": "text", "text": "Exit code 1"}], is_error=True),
        result("t9", "never asked for"),
    )
    assert (ran.tool, ran.command, ran.output, ran.failed) == ("shell", "ls", "ok", False)
    assert (edited.tool, edited.path) == ("edit", "/w/a.py")
    assert (failed.command, failed.output, failed.failed) == ("pytest", "Exit code 1", True)
    assert (unknown.who, unknown.tool) == ("tool", "")


def test_a_result_that_comes_with_the_next_piece_is_paired_too():
    waiting = {}
    assert read("claude", call("t1", "Bash", command="ls"), waiting=waiting) == []
    kept = json.loads(json.dumps(waiting))
    (ran,) = read("claude", result("t1", "ok"), waiting=kept)
    assert ran.command == "ls"
    assert kept == {}


def test_calls_that_never_come_back_are_bounded():
    waiting = {}
    read(
        "claude", *(call(f"t{n}", "Bash", command="x" * 9_999) for n in range(200)), waiting=waiting
    )
    assert len(waiting) == WAITING_MAX
    assert max(len(command) for _, command, _ in waiting.values()) == 500


def test_what_a_codex_user_typed_is_a_turn_of_the_user():
    meta = codex("session_meta", id="s", source="cli")
    (said,) = read("codex", meta, codex("event_msg", type="user_message", message="hello"))
    assert (said.who, said.said, said.number) == ("user", "hello", 2)


def typed_into_codex(said):
    """As Codex 0.169 writes it, in its terminal and with `exec`."""
    item = {"type": "UserMessage", "id": "i", "content": [{"type": "text", "text": said}]}
    return codex("event_msg", type="item_completed", item=item)


def test_what_a_codex_user_typed_is_a_turn_of_the_user_in_newer_rollouts_too():
    meta = codex("session_meta", id="s", source="vscode", originator="codex-tui")
    answer = {"type": "AgentMessage", "content": [{"type": "Text", "text": "always"}]}
    answered = codex("event_msg", type="item_completed", item=answer)
    (said,) = read("codex", meta, typed_into_codex("hello"), answered)
    assert (said.who, said.said, said.number) == ("user", "hello", 2)


@pytest.mark.parametrize("source", ["exec", "mcp", {"subagent": "review"}, None, ""])
def test_what_a_program_gave_to_codex_is_nobodys_turn(source):
    meta = codex("session_meta", id="s", source=source)
    older = codex("event_msg", type="user_message", message="hello")
    assert read("codex", meta, older, typed_into_codex("hello")) == []


@pytest.mark.parametrize(
    "line",
    [
        codex("response_item", type="message", role="user",
              content=[{"type": "input_text", "text": "<environment_context>always"}]),
        codex("response_item", type="message", role="developer", content=[{"text": "never"}]),
        codex("response_item", type="reasoning", summary=[]),
        codex("compacted", message="x"),
        codex("turn_context", cwd="/w"),
        codex("event_msg", type="token_count", info={}),
        codex("event_msg", type="user_message", message="no session_meta was seen"),
    ],
    ids=range(7),
)  # fmt: skip
def test_what_codex_puts_in_itself_is_nobodys_turn(line):
    assert read("codex", line) == []


@pytest.mark.parametrize(
    ("output", "failed"),
    [
        ("Exit code: 0\nOutput:\nok", False),
        ("Process exited with code 2\nno", True),
        (json.dumps({"output": "x", "metadata": {"exit_code": 1}}), True),
        (json.dumps({"output": "x", "metadata": {"exit_code": 0}}), False),
        ({"content": "x", "success": True}, False),
        ("just text", None),
        (None, None),
    ],
    ids=range(7),
)
def test_a_codex_command_is_paired_with_its_output(output, failed):
    words = json.dumps({"command": ["bash", "-lc", "pytest -q"]})
    (ran,) = read(
        "codex",
        codex("response_item", type="function_call", name="shell", arguments=words, call_id="c"),
        codex("response_item", type="function_call_output", call_id="c", output=output),
    )
    assert (ran.tool, ran.command, ran.failed) == ("shell", "pytest -q", failed)


def test_each_file_of_a_codex_patch_is_an_edit():
    patch = "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n*** Add File: b.py\n+y\n*** End Patch"
    turns = read(
        "codex",
        codex("response_item", type="custom_tool_call", name="apply_patch", input=patch,
              call_id="c"),
        codex("response_item", type="custom_tool_call_output", call_id="c", output="Done"),
    )  # fmt: skip
    assert [(turn.tool, turn.path) for turn in turns] == [("edit", "a.py"), ("edit", "b.py")]


def test_of_a_client_that_nobody_knows_nothing_is_read():
    assert reader_of("other", {}) is None


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["type", "message", "content", "text", "payload", "role", "id", "name",
                         "input", "command", "output", "tool_use_id", "timestamp", "call_id",
                         "arguments", "metadata", "exit_code", "source"]) | st.text(max_size=3),
        inner | st.sampled_from(["user", "assistant", "tool_use", "tool_result", "text",
                                 "response_item", "event_msg", "function_call",
                                 "function_call_output", "session_meta", "message"]),
        max_size=6),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.slow
@given(st.sampled_from(["claude", "codex"]), st.lists(JSONS, max_size=5))
def test_no_record_makes_reading_fail(client, records):
    waiting = {}
    for turn in read(client, *(json.dumps(record).encode() for record in records), waiting=waiting):
        assert turn.number >= 1
    json.dumps(waiting)
