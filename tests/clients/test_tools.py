"""Which tool was used on what, and what it came to."""

import pytest

from atlas_actors.clients.adapter import event_of
from atlas_actors.messages.client import FileTouch
from tests.clients.payloads import CWD, payload, ran, shell, tool


def use_of(told, client="claude"):
    use = event_of(client, "", told).tool
    assert use is not None
    return use


@pytest.mark.parametrize(
    ("client", "name", "given", "kind", "file", "whole"),
    [
        ("claude", "Read", {"file_path": "/a/b.py"}, "read", ("/a/b.py", "read"), True),
        (
            "claude",
            "Read",
            {"file_path": "b.py", "limit": 5},
            "read",
            (f"{CWD}/b.py", "read"),
            False,
        ),
        (
            "claude",
            "Read",
            {"file_path": "/a.pdf", "pages": "1"},
            "read",
            ("/a.pdf", "read"),
            False,
        ),
        ("claude", "Edit", {"file_path": "/a"}, "edit", ("/a", "edit"), False),
        ("claude", "MultiEdit", {"file_path": "/a"}, "edit", ("/a", "edit"), False),
        ("claude", "Write", {"file_path": "/a", "content": "x"}, "edit", ("/a", "edit"), False),
        ("claude", "NotebookEdit", {"notebook_path": "/n"}, "edit", ("/n", "edit"), False),
        (
            "claude",
            "Grep",
            {"pattern": "x", "path": "src"},
            "search",
            (f"{CWD}/src", "search"),
            False,
        ),
        ("claude", "Grep", {"pattern": "x"}, "search", None, False),
        ("claude", "Agent", {"prompt": "x"}, "agent", None, False),
        ("claude", "mcp__files__read", {"path": "/a"}, "mcp", None, False),
        ("claude", "Novel", {"file_path": "/a"}, "other", None, False),
        ("claude", "Read", {"file_path": ["/a"]}, "read", None, False),
        ("claude", "Read", "no object", "read", None, False),
        (
            "codex",
            "apply_patch",
            {"command": "*** Update File: q.py"},
            "edit",
            (f"{CWD}/q.py", "edit"),
            False,
        ),
        ("codex", "spawn_agent", {"message": "x"}, "agent", None, False),
        ("gemini", "read_file", {"file_path": "/a"}, "read", ("/a", "read"), True),
        (
            "gemini",
            "read_file",
            {"file_path": "/a", "start_line": 3},
            "read",
            ("/a", "read"),
            False,
        ),
        ("gemini", "replace", {"file_path": "/a"}, "edit", ("/a", "edit"), False),
    ],
)
def test_a_tool_is_known_by_its_clients_name(client, name, given, kind, file, whole):
    use = use_of(tool(client, name, given), client)
    assert use.kind == kind
    assert [(touch.path, touch.kind) for touch in use.files] == ([file] if file else [])
    assert use.whole is whole
    assert use.failed is None


def test_a_tool_of_an_mcp_server_is_known_by_its_context():
    told = tool("gemini", "lookup", {}, mcp_context={"server_name": "s"})
    assert use_of(told, "gemini").kind == "mcp"


def test_a_command_is_read_where_it_is_run():
    use = use_of(shell("claude", "cat a.py && git checkout -- b.py", tool_use_id="u1"))
    assert (use.kind, use.id, use.command) == ("shell", "u1", "cat a.py && git checkout -- b.py")
    assert FileTouch(path=f"{CWD}/a.py", kind="read") in use.files
    assert use.reverts == (f"{CWD}/b.py",)
    told = tool("gemini", "run_shell_command", {"command": "cat a", "dir_path": "sub"})
    assert use_of(told, "gemini").files == (FileTouch(path=f"{CWD}/sub/a", kind="read"),)
    listed = tool("codex", "shell", {"command": ["bash", "-lc", "cat a"]})
    use = use_of(listed, "codex")
    assert use.command == "bash -lc 'cat a'"
    assert use.files == (FileTouch(path=f"{CWD}/a", kind="read"),)


def test_what_a_search_has_found_is_told():
    told = payload(
        "claude",
        "PostToolUse",
        tool_name="Grep",
        tool_input={"pattern": "x"},
        tool_response={"filenames": ["a.py", "/b.py", 3], "numFiles": 2},
    )
    assert [file.path for file in use_of(told).files] == [f"{CWD}/a.py", "/b.py"]


BASH = {"stdout": "", "stderr": "", "interrupted": False}


@pytest.mark.parametrize(
    ("command", "response", "failed", "exit_code"),
    [
        ("ls", BASH, False, 0),
        ("pytest", BASH, False, 0),
        ("pytest | tail", BASH, None, 0),
        ("pytest | tail", {**BASH, "stdout": "1 failed in 0.1s"}, True, 0),
        ("pytest | tail", {**BASH, "stdout": "2 passed in 0.1s"}, False, 0),
        ("cat log", {**BASH, "stdout": "1 failed in 0.1s"}, False, 0),
        ("grep x a", {**BASH, "returnCodeInterpretation": "No matches found"}, False, None),
        ("sleep 9", {**BASH, "backgroundTaskId": "b1"}, None, None),
        ("sleep 9", {**BASH, "interrupted": True}, None, None),
    ],
)
def test_claudes_commands_that_did_not_fail(command, response, failed, exit_code):
    use = use_of(ran("claude", command, response))
    assert (use.failed, use.exit_code) == (failed, exit_code)


def test_a_command_in_the_background_has_no_result():
    told = ran("claude", "pytest", BASH)
    told["tool_input"]["run_in_background"] = True
    assert use_of(told).failed is None


def failure(command, error, **fields):
    told = {**shell("claude", command), "hook_event_name": "PostToolUseFailure", "error": error}
    return use_of({**told, **fields})


def test_claudes_failed_command_has_its_exit_code_and_output():
    use = failure("pytest", "Exit code 2\n1 error in 0.1s", duration_ms=51)
    assert (use.failed, use.exit_code, use.output) == (True, 2, "1 error in 0.1s")
    assert use.duration_ms == 51


def test_an_error_without_an_exit_code_has_none():
    use = failure("sleep 9", "The command was not permitted")
    assert (use.failed, use.exit_code, use.output) == (True, None, "The command was not permitted")
    assert failure("x", {"no": "text"}).output == ""


def test_an_interrupted_command_says_nothing_of_itself():
    use = failure("pytest", "Exit code 130\n", is_interrupt=True)
    assert (use.failed, use.interrupted) == (None, True)


@pytest.mark.parametrize(
    ("command", "printed", "failed"),
    [
        ("false", "", None),
        ("pytest", "1 failed in 0.1s", True),
        ("pytest", "3 passed in 0.1s", False),
        ("pytest | tail", "3 passed in 0.1s", False),
        ("cat log", "1 failed in 0.1s", None),
        ("pytest", "", None),
    ],
)
def test_codex_names_no_exit_code_so_that_only_tests_are_known(command, printed, failed):
    use = use_of(ran("codex", command, printed), "codex")
    assert (use.failed, use.exit_code, use.output) == (failed, None, printed)


@pytest.mark.parametrize(
    ("command", "response", "failed", "exit_code"),
    [
        ("ls", {"llmContent": "Output: x\nExit Code: 0"}, False, 0),
        ("ls", {"llmContent": "Exit Code: 1\nOutput: x\nExit Code: 3\nSignal: (none)"}, True, 3),
        ("pytest | cat", {"llmContent": "1 failed in 0.1s\nExit Code: 0"}, True, 0),
        ("ls", {"llmContent": "Output: x"}, None, None),
        ("ls", {"llmContent": "no", "error": {"message": "no"}}, True, None),
        ("ls", "text", None, None),
    ],
)
def test_gemini_names_the_exit_code_in_its_text(command, response, failed, exit_code):
    use = use_of(ran("gemini", command, response), "gemini")
    assert (use.failed, use.exit_code) == (failed, exit_code)


def test_only_the_end_of_a_long_output_is_kept_from_a_line_on():
    use = use_of(ran("codex", "make", "start\n" + "line\n" * 9_000 + "last"), "codex")
    assert len(use.output) <= 8_000
    assert use.output.startswith("line\n")
    assert use.output.endswith("line\nlast")


def test_the_end_of_a_key_keeps_the_line_that_says_what_it_is():
    head = "-----BEGIN " + "PRIVATE KEY-----"
    use = use_of(ran("codex", "cat k", f"{head}\n" + "MIIabc\n" * 3_000), "codex")
    assert use.output.startswith(f"{head}\nMIIabc\n")
    ended = f"{head}\nM\n-----END " + "PRIVATE KEY-----\n" + "line\n" * 3_000
    assert use_of(ran("codex", "cat k", ended), "codex").output.startswith("line\n")


def test_parts_of_a_response_are_put_together():
    told = ran("codex", "x", [{"type": "text", "text": "a"}, {"content": [{"text": "b"}]}, 3, None])
    assert use_of(told, "codex").output == "a\nb"
    assert use_of(ran("claude", "x", {**BASH, "stdout": "o", "stderr": "e"})).output == "o\ne"
