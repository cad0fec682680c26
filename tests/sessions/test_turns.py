"""Which turn an event belongs to, and what a turn comes to: table by table."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.messages.client import ClientEvent, FileTouch, ToolUse
from atlas_actors.sessions.turns import (
    FILES_MAX,
    LINES_MAX,
    Turn,
    after,
    superseded,
    turn_of,
    verdict,
    within,
)

FIRST = Turn(number=1, turn_id="p1", began_ms=5)


def event(kind, **fields):
    return ClientEvent(client="claude", event="X", kind=kind, session="s", **fields)


def shell(code=0, **fields):
    return ToolUse(
        name="Bash", kind="shell", command="pytest", exit_code=code,
        **{"failed": bool(code), **fields},
    )  # fmt: skip


def edit(*names):
    files = tuple(FileTouch(path=f"/p/{name}", kind="edit") for name in names)
    return ToolUse(name="Edit", kind="edit", files=files, failed=False)


def lived(*tools, turn=FIRST, kind="post_tool"):
    for tool in tools:
        happened = event("tool_failed" if tool.failed else kind, tool=tool)
        turn = after(turn, happened, is_newest=True, root="/p", at_ms=9)
    return turn


@pytest.mark.parametrize(
    ("happened", "newest", "named", "number", "begins"),
    [
        (event("prompt", turn_id="p1"), None, None, 1, True),
        (event("prompt", turn_id="p2"), FIRST, None, 2, True),
        (event("prompt", turn_id="p1"), FIRST, FIRST, 1, False),
        (event("prompt"), FIRST, None, 2, True),
        (event("prompt", turn_id="p9", agent_id="a"), FIRST, None, 1, False),
        (event("post_tool", turn_id="p1"), FIRST, FIRST, 1, False),
        (event("post_tool"), FIRST, None, 1, False),
        (event("post_tool", turn_id="p2"), FIRST, None, 2, True),
        (event("post_tool", turn_id="p9", agent_id="a"), FIRST, None, 1, False),
        (event("stop", turn_id="p2"), FIRST, None, 2, True),
        (event("session_end", turn_id="p2"), FIRST, None, 1, False),
        (event("session_start", turn_id="p2"), FIRST, None, 1, False),
        (event("pre_tool"), None, None, 0, True),
    ],
    ids=[
        "the first prompt", "another prompt", "a prompt told twice", "a prompt without a name",
        "what a subagent is told", "a tool", "a tool without a name", "a turn begun unheard",
        "a tool of a subagent", "a turn of which only the end is heard", "an end begins nothing",
        "nor does a start", "a tool before any prompt",
    ],
)  # fmt: skip
def test_the_turn_of_an_event(happened, newest, named, number, begins):
    last = newest.number if newest is not None else 0
    turn, began = turn_of(happened, last, newest, named, 7)
    assert (turn.number, began) == (number, begins)


def test_what_only_belongs_to_a_session_has_no_turn_before_the_first_prompt():
    assert turn_of(event("session_start"), 0, None, None, 7) == (None, False)


def test_tools_that_bring_the_name_of_a_turn_that_began_without_one_give_it_to_it():
    nameless = Turn(number=1, began_ms=5)
    turn, begins = turn_of(event("post_tool", turn_id="x"), 1, nameless, None, 7)
    assert (turn.number, turn.turn_id, begins) == (1, "x", False)


def test_what_was_before_the_first_prompt_is_not_the_turn_of_a_prompt_that_was_not_heard():
    before = Turn(number=0, began_ms=5)
    turn, begins = turn_of(event("post_tool", turn_id="x"), 0, before, None, 7)
    assert (turn.number, begins) == (1, True)


def test_a_turn_whose_record_is_gone_keeps_its_number():
    turn, _ = turn_of(event("prompt", turn_id="p9"), 8, None, None, 7)
    assert turn.number == 9


@pytest.mark.parametrize(
    ("tools", "came_to"),
    [
        ([], ("success", None)),
        ([edit("a.py")], ("success", None)),
        ([edit("a.py"), shell(test=True)], ("success", "test")),
        ([edit("a.py"), shell(1, test=True)], ("failure", "test")),
        ([shell(1, test=True), shell(test=True)], ("success", "test")),
        ([shell(test=True), edit("a.py")], ("success", None)),
        ([shell(1, test=True), edit("a.py")], ("success", None)),
        ([shell(test=True), edit("README.md")], ("success", "test")),
        ([shell(1)], ("success", None)),
        ([shell(1, test=True, interrupted=True)], ("success", None)),
        ([shell(test=True, failed=None)], ("success", None)),
    ],
    ids=[
        "nothing", "an edit", "green", "red", "red then green", "edited after green",
        "edited after red", "prose after green", "a command that failed", "tests cut off",
        "tests of which nobody knows",
    ],
)  # fmt: skip
def test_what_a_turn_comes_to(tools, came_to):
    assert verdict(lived(*tools)) == came_to


def test_a_file_that_is_put_back_is_not_changed_any_more():
    turn = lived(edit("a.py", "b.py"), shell(reverts=("/p/a.py",)))
    assert turn.files == ("b.py",)


def test_a_failed_edit_and_a_failed_revert_change_nothing():
    broken = ToolUse(name="Edit", kind="edit", files=edit("c.py").files, failed=True)
    turn = lived(edit("a.py"), broken, shell(1, reverts=("/p/a.py",)))
    assert turn.files == ("a.py",)


def test_counts_and_lines_say_what_was_done():
    turn = lived(shell(), shell(), shell(2), edit("a.py"))
    assert (turn.commands, turn.failed, turn.tests) == (3, 1, 0)
    assert turn.done == ("ran: pytest (worked)", "ran: pytest (exit 2)", "edited: a.py")


def test_a_tool_after_the_end_lets_a_turn_go_on_and_a_late_result_does_not():
    over = after(FIRST, event("stop"), is_newest=True, root=None, at_ms=9)
    assert not over.is_open
    assert not lived(shell(), turn=over).is_open
    assert lived(shell(), turn=over, kind="pre_tool").is_open


def test_of_a_command_whose_end_nobody_knows_the_files_count():
    touched = FileTouch(path="/p/a.py", kind="edit")
    turn = lived(shell(failed=None, files=(touched,)))
    assert (turn.files, turn.commands, turn.failed) == (("a.py",), 1, 0)
    assert turn.done == ("ran: pytest", "edited: a.py")
    assert lived(shell(failed=None, files=(touched,), interrupted=True)).files == ()


def test_codex_tells_of_a_patch_only_before_it():
    told = ClientEvent(
        client="codex", event="PreToolUse", kind="pre_tool", session="s", tool=edit("a.py")
    )
    assert after(FIRST, told, is_newest=True, root="/p", at_ms=9).files == ("a.py",)
    patch = attrs.evolve(edit("b.py"), kind="shell", command="apply_patch <<EOF ...")
    told = attrs.evolve(told, tool=patch)
    assert after(FIRST, told, is_newest=True, root="/p", at_ms=9).files == ("b.py",)
    told = attrs.evolve(told, tool=attrs.evolve(patch, command="sed -i s/a/b/ b.py"))
    assert after(FIRST, told, is_newest=True, root="/p", at_ms=9).files == ()
    claude = lived(edit("a.py"), kind="pre_tool")
    assert claude.files == ()


def test_of_a_turn_that_is_over_no_words_are_kept():
    asked = after(FIRST, event("prompt", prompt="secret plans"), is_newest=True, root=None, at_ms=6)
    assert asked.goal == "secret plans"
    old = superseded(lived(edit("a.py"), turn=asked), 9)
    assert (old.goal, old.done, old.words) == ("", (), "")
    assert (old.result, old.files) == ("interrupted", ("a.py",))


@pytest.mark.parametrize(
    ("path", "root", "name"),
    [
        ("/p/a/b.py", "/p", "a/b.py"),
        ("/p/a/b.py", "/p/", "a/b.py"),
        ("/pa/b.py", "/p", "/pa/b.py"),
        ("/x/b.py", None, "/x/b.py"),
    ],
)
def test_paths_are_named_from_the_project_when_they_are_in_it(path, root, name):
    assert within(path, root) == name


@pytest.mark.slow
@given(st.lists(st.sampled_from(["a", "b", "fail", "test", "edit", "stop", "go"]), max_size=200))
def test_a_turn_stays_bounded_whatever_happens_in_it(steps):
    turn = FIRST
    for count, step in enumerate(steps):
        match step:
            case "stop":
                turn = after(turn, event("stop"), is_newest=True, root="/p", at_ms=count)
            case "edit":
                turn = lived(edit(*(f"{count}-{one}.py" for one in range(9))), turn=turn)
            case "go":
                turn = lived(shell(), turn=turn, kind="pre_tool")
            case _:
                turn = lived(shell(step == "fail", test=step == "test"), turn=turn)
    assert len(turn.files) <= FILES_MAX
    assert len(turn.done) <= LINES_MAX
    assert turn.failed <= turn.commands
    assert turn.is_open == (turn.result == "")
