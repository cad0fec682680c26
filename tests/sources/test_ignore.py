"""Patterns in gitignore's language, and names of secrets."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.sources.ignore import Patterns, is_secret


@pytest.mark.parametrize(
    ("lines", "name", "left_out"),
    [
        (["*.log"], "a.log", True),
        (["*.log"], "deep/in/a.log", True),
        (["*.log"], "a.log.txt", False),
        (["/a.log"], "b/a.log", False),
        (["doc/*.txt"], "doc/a.txt", True),
        (["doc/*.txt"], "doc/b/a.txt", False),
        (["doc/*.txt"], "x/doc/a.txt", False),
        (["build/"], "build/x/y", True),
        (["build/"], "x/build/y", True),
        (["build/"], "build", False),
        (["**/gen"], "a/b/gen/c", True),
        (["gen/**"], "gen/a/b", True),
        (["a/**/b"], "a/x/y/b", True),
        (["a/**/b"], "a/b", True),
        (["*.py", "!keep.py"], "x/keep.py", False),
        (["dir/", "!dir/keep.py"], "dir/keep.py", True),
        (["!keep.py", "*.py"], "keep.py", True),
        (["file[0-9].txt"], "file7.txt", True),
        (["file[!0-9].txt"], "file7.txt", False),
        (["f?o"], "foo", True),
        (["f?o"], "f/o", False),
        (["\\#a", "# a"], "#a", True),
        (["a\\ "], "a ", True),
        (["a  "], "a", True),
        (["[", "a"], "a", True),
        (["", "#x", "/"], "x", False),
    ],
)
def test_a_pattern_leaves_out_what_gitignore_says(lines, name, left_out):
    assert Patterns(lines).matches(name) is left_out


@pytest.mark.slow
def test_git_says_the_same(tmp_path):
    lines = ["*.log", "!keep.log", "/top", "build/", "doc/*.txt", "a/**/b", "x[0-9]", "q?"]
    names = ["a.log", "s/keep.log", "top", "s/top", "s/build/f", "doc/a.txt", "doc/b/a.txt",
             "a/b", "a/c/b", "x1", "xx", "qq", "s/qa"]  # fmt: skip
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(lines))
    done = subprocess.run(
        ["git", "check-ignore", "--stdin"], cwd=tmp_path, input="\n".join(names), text=True,
        capture_output=True, check=False, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip
    said = set(done.stdout.splitlines())
    assert said
    patterns = Patterns(lines)
    assert {name for name in names if patterns.matches(name)} == said


@given(st.lists(st.text(alphabet="a*?[]!/\\-^#. ~&|", max_size=12), max_size=4), st.text("a/.b"))
def test_no_pattern_raises(lines, name):
    assert Patterns(lines).matches(name) in (True, False)


def test_a_pattern_made_to_take_for_ever_does_not():
    assert not Patterns(["*a" * 200 + "b"]).matches("a" * 5_000)


@pytest.mark.parametrize(
    "name",
    [".env", "a/.env.local", "prod.pem", "server.KEY", "id_rsa", "id_rsa.pub", "id_ed25519",
     "x/.ssh/known_hosts", ".aws/config", ".git/config", "sub/.git/HEAD", ".netrc",
     "credentials.json", "secrets.yaml", "terraform.tfstate"],
)  # fmt: skip
def test_what_may_hold_keys_is_known_by_its_name(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", [".env.example", "environment.py", "keys.py", "a/gitconfig.md"])
def test_what_merely_sounds_like_it_is_not(name):
    assert not is_secret(name)
