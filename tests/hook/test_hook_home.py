"""A client starts hooks with its own environment: the home installed for is in the words."""

from atlas_actors.gateway.hook_line import framed
from tests.support.hooks import FakeDoor, hook, says

ANSWER = b'{"continue":true}'


def test_the_home_in_the_words_wins_over_the_one_of_the_environment(tmp_path):
    other = tmp_path / "other ü"
    other.mkdir()
    with FakeDoor(other, says(framed(ANSWER))):
        assert hook(tmp_path, "claude", "Stop", "--home", str(other)).stdout == ANSWER


def test_rules_for_an_absent_daemon_are_looked_for_in_the_home_of_the_words(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "hooks-closed").write_text("claude\tBash\tno shell today\n")
    call = b'{"hook_event_name":"PreToolUse","tool_name":"Bash"}'
    assert hook(tmp_path, "claude", "PreToolUse", payload=call).returncode == 0
    done = hook(tmp_path, "claude", "PreToolUse", "--home", str(other), payload=call)
    assert done.returncode == 2
    assert b"no shell today" in done.stderr


def test_a_home_that_is_not_said_leaves_the_usual_one(tmp_path):
    with FakeDoor(tmp_path, says(framed(ANSWER))):
        assert hook(tmp_path, "claude", "Stop", "--home").stdout == ANSWER
