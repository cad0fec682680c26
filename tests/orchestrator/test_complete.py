"""An answer that leaves something out by its own account, and code in it that does not parse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.orchestrator.complete import blocks_of, problem_of


def fenced(*lines, language="python"):
    return "\n".join(["Here:", "", f"```{language}", *lines, "```", "Done."])


@pytest.mark.parametrize(
    "line",
    [
        "# ... rest of the code",
        "    # rest of the code unchanged",
        "// ... existing code ...",
        "// existing code here",
        "/* The rest of your file remains the same */",
        "# the remainder of this module goes here",
        "// … (omitted)",
        "<!-- existing code stays unchanged -->",
        "-- rest unchanged",
        "# your implementation here",
        "// Other methods remain unchanged.",
        "# Add your code here",
    ],
)
def test_a_comment_that_stands_for_code_leaves_it_out(line):
    assert line.strip() in problem_of(fenced("x = 1", line), "complete")


@pytest.mark.parametrize(
    "line",
    [
        "# The rest of the code assumes that it is sorted",
        "# other imports",
        "# Loading...",
        "print('# ...')",
        "def f(): ...",
        "    ...",
        "# existing tests cover the other branch",
        "x = [1, 2, 3]  # ... and so on",
        "# unchanged since 2019: see the RFC",
    ],
)
def test_a_comment_that_only_speaks_of_other_code_is_none(line):
    assert problem_of(fenced(line), "complete") == ""


@pytest.mark.parametrize(
    ("language", "problem"), [("js", True), ("rust", True), ("python", False), ("", False),
                              ("yaml", False), ("text", False)]
)  # fmt: skip
def test_dots_alone_leave_something_out_where_they_are_no_code(language, problem):
    assert bool(problem_of(fenced("a", "...", "b", language=language), "complete")) is problem


def test_words_outside_of_a_block_leave_nothing_out():
    assert problem_of("... the rest of the code is unchanged ...", "complete") == ""


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("```py\nx = 1", True),
        ("```py\nx = 1\n``", True),
        ("~~~py\nx = 1\n```", True),
        ("````md\n```py\n````", False),
        ("```py\nx = 1\n```", False),
        ("```py\nx = 1\n````", False),
        ("`x` and ```y``` inline", False),
        ("no block", False),
    ],
)
def test_a_block_that_is_not_closed_was_cut_off(answer, problem):
    assert bool(problem_of(answer, "complete")) is problem
    assert problem_of(answer, "text") == ""


@pytest.mark.parametrize(
    ("language", "text", "problem"),
    [
        ("python", "def f(:", True),
        ("py", "x = 1\n  y = 2", True),
        ("Python", "x = 1", False),
        ("python", "x = '\\d'", False),
        ("json", '{"a": 1}', False),
        ("json", '{"a": 1,}', True),
        ("toml", "a = 1", False),
        ("toml", "a = ", True),
        ("js", "function (", False),
        ("", "def f(:", False),
        ("python", "", False),
        ("python", "x = " + "(" * 300 + ")" * 300, True),
        ("json", "[" * 100_000, True),
        ("python", "x = '\0'", True),
    ],
)
def test_code_that_cannot_be_parsed_is_no_answer(language, text, problem):
    answer = fenced(text, language=language)
    assert bool(problem_of(answer, "code")) is problem
    assert problem_of(answer, "complete") == ""


def test_every_block_is_looked_at_and_the_first_that_is_wrong_is_named():
    answer = fenced("x = 1") + "\n" + fenced("{", language="json")
    assert problem_of(answer, "code").startswith("its json does not parse: ")


@given(st.text(alphabet="`~ab\n .#", max_size=200))
def test_whatever_is_answered_there_is_a_verdict(answer):
    assert isinstance(problem_of(answer, "code"), str)
    assert all(block.closed for block in blocks_of(answer)[:-1])
