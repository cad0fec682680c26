"""Rules that fail closed: a tool is denied where Atlas could not be asked, and only there."""

import json
import subprocess

import pytest

from atlas_actors.gateway.hook_line import FAILED, framed
from tests.support.hooks import FakeDoor, command, environment, hook, says, waits
from tests.support.trees import WAIT_S

CLOSED = (
    "claude\tBash,Write\tcommands are watched\n"
    "codex\tshell\tshells are watched\n"
    "gemini\trun_shell_command\tshells are watched here too\n"
)
SAID = b"commands are watched (Atlas could not be asked)\n"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "hooks-closed").write_text(CLOSED)
    return tmp_path


def payload(tool="Bash", event="PreToolUse", **more):
    said = {"session_id": "s", "hook_event_name": event, "tool_name": tool, **more}
    return json.dumps(said).encode()


def assert_denied(done, said=SAID):
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", said)


def assert_open(done):
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("client", "event", "tool", "said"),
    [
        ("claude", "PreToolUse", "Bash", b"commands are watched"),
        ("claude", "PreToolUse", "Write", b"commands are watched"),
        ("codex", "PreToolUse", "shell", b"shells are watched"),
        ("gemini", "BeforeTool", "run_shell_command", b"shells are watched here too"),
        ("claude", "PreToolUse", "Read", None),
        ("claude", "PreToolUse", "Bas", None),
        ("claude", "PreToolUse", "BashOutput", None),
        ("claude", "PreToolUse", "shell", None),
        ("codex", "PreToolUse", "Bash", None),
        ("gemini", "PreToolUse", "run_shell_command", None),
        ("claude", "BeforeTool", "Bash", None),
        ("claude", "PostToolUse", "Bash", None),
        ("claude", "Stop", "Bash", None),
        ("other", "PreToolUse", "Bash", None),
    ],
)
def test_who_what_and_when_decide(home, client, event, tool, said):
    done = hook(home, client, payload=payload(tool, event))
    if said is None:
        assert_open(done)
    else:
        assert_denied(done, said + b" (Atlas could not be asked)\n")


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\n", b"9\nshort", FAILED], ids=["none", "garbage", "half", "failed"]
)
def test_a_door_without_a_valid_answer_was_not_asked(home, answer):
    with FakeDoor(home, says(answer)):
        assert_denied(hook(home, "claude", payload=payload()))


def test_a_door_that_does_not_answer_was_not_asked(home):
    with FakeDoor(home, waits()):
        assert_denied(hook(home, "claude", "--deadline", "0.1", payload=payload()))


@pytest.mark.parametrize("answer", [b"", b'{"ok":1}'])
def test_who_was_asked_has_decided(home, answer):
    with FakeDoor(home, says(framed(answer))):
        done = hook(home, "claude", payload=payload())
    assert (done.returncode, done.stdout, done.stderr) == (0, answer, b"")


def test_a_star_is_every_tool_of_that_client(home):
    (home / "hooks-closed").write_text("claude\t*\tnothing at all\n")
    assert_denied(
        hook(home, "claude", payload=payload("mcp__a__b")),
        b"nothing at all (Atlas could not be asked)\n",
    )
    assert_open(hook(home, "codex", payload=payload("shell")))


def test_a_star_in_a_name_is_any_letters(home):
    (home / "hooks-closed").write_text("claude\tRead,mcp__github__*\tremote\n")
    said = b"remote (Atlas could not be asked)\n"
    assert_denied(hook(home, "claude", payload=payload("mcp__github__push")), said)
    assert_open(hook(home, "claude", payload=payload("mcp__git__push")))


def test_a_tool_of_an_mcp_server_is_one_whatever_its_name(home):
    (home / "hooks-closed").write_text("gemini\tmcp__*\tremote\n")
    said = payload("push", "BeforeTool", mcp_context={"server_name": "github"})
    assert_denied(hook(home, "gemini", payload=said), b"remote (Atlas could not be asked)\n")
    assert_open(hook(home, "gemini", payload=payload("push", "BeforeTool")))


def test_a_later_line_counts_too(home):
    (home / "hooks-closed").write_text("claude\tRead\tone\nclaude\tBash\ttwo\n")
    assert_denied(hook(home, "claude", payload=payload()), b"two (Atlas could not be asked)\n")


@pytest.mark.parametrize("indent", [None, 2])
def test_white_space_between_tokens_does_not_matter(home, indent):
    value = json.loads(payload())
    spaced = json.dumps(value, indent=indent, separators=(" ,\r", "\t:  ")).encode()
    assert_denied(hook(home, "claude", payload=spaced))
    compact = json.dumps(value, separators=(",", ":")).encode()
    assert_denied(hook(home, "claude", payload=compact))


def test_words_in_a_text_are_no_event_and_no_tool(home):
    quoted = '{"hook_event_name":"PreToolUse","tool_name":"Bash"}'
    assert_open(hook(home, "claude", payload=payload("Read", tool_input={"text": quoted})))
    assert_open(hook(home, "claude", payload=payload("Read", "Stop", text=quoted)))


def test_what_a_tool_is_given_hides_neither_event_nor_tool(home):
    inside = {"hook_event_name": "Stop", "tool_name": "Read"}
    assert_denied(hook(home, "claude", payload=payload(tool_input=inside)))
    first = {"tool_input": inside, **json.loads(payload())}
    assert_denied(hook(home, "claude", payload=json.dumps(first).encode()))


@pytest.mark.parametrize(
    "unreadable",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b'{"hook_event_name":"PreToolUse"}',
        b'{"hook_event_name":"Pre\\u0054oolUse","tool_name":"Bash"}',
        b'{"hook_event_name":"PreToolUse","tool_name":"B\\u0061sh"}',
        b'{"hook_event_name":"PreToolUse","tool_name":7}',
    ],
)
def test_a_payload_that_cannot_be_read_is_denied(home, unreadable):
    assert_denied(hook(home, "claude", payload=unreadable))


def test_the_command_lines_event_counts_before_the_payloads(home):
    assert_denied(hook(home, "claude", "PreToolUse", payload=b""))
    assert_open(hook(home, "claude", "Stop", payload=b""))


@pytest.mark.slow
def test_a_stdin_that_is_never_closed_is_denied(home):
    process = subprocess.Popen(
        command("claude", "--deadline", "0.1"), env=environment(home), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdin.write(b'{"session_id":')
    process.stdin.flush()
    assert process.wait(WAIT_S) == 2
    out, error = process.communicate()
    assert (out, error) == (b"", SAID)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n\n",
        b"claude Bash no tabs\n",
        b"claude\tBash\n",
        b"claude\tBash\t\n",
        b"claude\t\treason\n",
        b"\tBash\treason\n",
        b"\x00\xff" * 1_000,
        b"claude\tBash,Write",
    ],
)
def test_a_malformed_file_denies_nothing(home, text):
    (home / "hooks-closed").write_bytes(text)
    assert_open(hook(home, "claude", payload=payload()))


def test_without_the_file_nothing_is_denied(tmp_path):
    assert_open(hook(tmp_path, "claude", payload=payload()))


def test_a_folder_in_its_place_denies_nothing(tmp_path):
    (tmp_path / "hooks-closed").mkdir()
    assert_open(hook(tmp_path, "claude", payload=payload()))


def test_a_malformed_line_does_not_hide_the_next(home):
    (home / "hooks-closed").write_bytes(b"\xff\xff\nclaude\nclaude\tBash\t \n" + CLOSED.encode())
    assert_denied(hook(home, "claude", payload=payload()))
