"""Which command is a variant of another: rather nothing than a wrong word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.sessions.commands import (
    SOON,
    Failure,
    cured,
    normal,
    says_nothing,
    shape_of,
)


def failure(command, code=1, *, error="", tests=False, edited=False, position=1):
    return Failure(
        command=command, exit_code=code, error=error, tests=tests, position=position, edited=edited
    )


@pytest.mark.parametrize(
    ("failed", "worked"),
    [
        ("pytest tests/a.py", "python -m pytest tests/a.py"),
        ("python build.py", "python3 build.py"),
        ("pip install attrs", "pip3 install --user attrs"),
        ("npm test", "npm run test"),
        ("npm run build", "yarn build"),
        ("npm ci", "npm ci --legacy-peer-deps"),
        ("git push", "git push -u origin main"),
        ("make check", "cd sub && make check"),
        ("pytest tests", "uv run pytest tests"),
        ("pytest tests", "cd app && DEBUG=1 timeout 60 poetry run pytest tests -q 2>&1 | tail -5"),
        ("./deploy.sh staging", "bash deploy.sh staging"),
        ("node tool.ts", "tsx tool.ts"),
        ("cargo build", "sudo cargo build"),
        ("make check", "nice -n 5 make check"),
        ("make check", "(cd sub; make check)"),
    ],
)
def test_these_do_the_same_another_way(failed, worked):
    assert cured([failure(failed)], worked, 2) == failed


@pytest.mark.parametrize(
    ("failed", "worked"),
    [
        ("pytest tests/a.py", "pytest tests/b.py"),
        ("python build.py", "cat build.py"),
        ("python build.py", "ls build.py"),
        ("git push", "git status"),
        ("git checkout main", "git checkout other"),
        ("make check", "make clean"),
        ("python setup.py build", "python setup.py install"),
        ("./deploy.sh", "chmod +x deploy.sh"),
        ("grep one a.py", "grep two a.py"),
        ("npm test", "npm install"),
        ("curl http://a", "curl http://b"),
        ("python a.py", "node b.js"),
        ("make 'unfinished", "make 'unfinished too"),
        ("cat a.txt", "echo done"),
        ("make check", "make check"),
    ],
)
def test_these_do_not(failed, worked):
    assert cured([failure(failed)], worked, 2) is None


def test_what_worked_long_after_cured_nothing():
    assert cured([failure("make")], "make -j1", 1 + SOON) == "make"
    assert cured([failure("make")], "make -j1", 2 + SOON) is None


def test_the_newest_failure_is_meant():
    failed = [failure("make all", position=2), failure("make  all ", position=1)]
    assert cured(failed, "make all -j1", 3) == "make all"


@pytest.mark.parametrize(
    ("failed", "is_cure"),
    [
        (failure("pytest a.py", tests=True), False),
        (failure("pytest a.py", tests=True, error="No module named pytest"), True),
        (failure("pytest a.py", 4, tests=True), True),
        (failure("pytest a.py", 127, tests=True), True),
        (failure("pytest a.py", edited=True), False),
        (failure("pytest a.py", 127, edited=True), True),
    ],
    ids=["red", "not begun", "wrong usage", "not there", "edited since", "not there, edited since"],
)
def test_red_tests_and_edits_want_other_code_and_not_another_command(failed, is_cure):
    worked = cured([failed], "python -m pytest a.py", 2)
    assert (worked is not None) == is_cure


@pytest.mark.parametrize(
    ("command", "code", "output", "nothing"),
    [
        ("grep foo a.py", 1, "", True),
        ("test -f x", None, "", True),
        ("diff a b", 1, "", True),
        ("grep foo a.py", 2, "grep: a.py: No such file", False),
        ("ls nowhere", 2, "ls: cannot access", False),
        ("make", 1, "", False),
        ("grep 'foo", 1, "", False),
    ],
)
def test_a_search_that_finds_nothing_has_not_failed(command, code, output, nothing):
    assert says_nothing(command, code, output) == nothing


def test_spaces_make_no_other_command():
    assert normal("  make \n  check\t") == normal("make check") == "make check"
    assert normal("make  x") != normal("make y")


@pytest.mark.slow
@given(st.text(max_size=300))
def test_any_text_is_a_command_or_none(text):
    shape = shape_of(text)
    assert shape is None or isinstance(shape.program, str)
    assert len(normal(text)) <= 1_000
    assert cured([failure(normal(text))], normal(text), 2) is None


def test_a_megabyte_is_read_no_further_than_its_beginning():
    assert shape_of("make " + "x " * 1_000_000).program == "make"
