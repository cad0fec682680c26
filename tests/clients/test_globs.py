"""Globs of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.clients.globs import Globs


@pytest.mark.parametrize(
    ("glob", "meant", "other"),
    [
        ("a.py", ["a.py"], ["b/a.py", "aXpy"]),
        ("./a.py", ["a.py"], ["b/a.py"]),
        ("*.pem", ["x.pem"], ["d/x.pem"]),
        ("**/*.pem", ["x.pem", "d/e/x.pem"], ["x.pe"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/b/c"]),
        ("secrets/**", ["secrets", "secrets/a", "secrets/a/b"], ["secrets2", "x/secrets"]),
        ("secrets/", ["secrets", "secrets/a/b"], ["secrets2"]),
        ("f?.[ch]", ["f1.c", "f2.h"], ["f.c", "f1.x"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("*.{key,pem}", ["a.key", "a.pem"], ["a.{key,pem}"]),
        ("[z-a]", ["[z-a]"], ["b"]),
        ("a+(b)$", ["a+(b)$"], ["aab"]),
        ("**", ["a", "a/b"], []),
        ("[a", ["[a"], ["a"]),
    ],
)
def test_a_relative_glob_is_one_of_the_project(glob, meant, other):
    globs = Globs((glob,))
    assert [globs.match(f"/p/{path}", ("/p",)) for path in meant] == [True] * len(meant)
    assert [globs.match(f"/p/{path}", ("/p",)) for path in other] == [False] * len(other)
    assert not globs.match(f"/q/{meant[0]}", ("/p",))


def test_an_absolute_glob_is_anywhere(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    globs = Globs(("/etc/**/*.conf", "~/.ssh/**"))
    assert globs.match("/etc/a.conf", ())
    assert globs.match("/etc/a/b.conf", ("/p",))
    assert globs.match("/home/me/.ssh/id", ())
    assert not globs.match("/home/you/.ssh/id", ())
    assert Globs(("/**/.env",)).match("/anywhere/.env", ())


def test_no_globs_mean_no_file():
    assert not Globs(()).match("/p/a", ("/p",))


@pytest.mark.slow
@given(st.text(alphabet="ab*?[]!^-{},/\\.~()+\n\ud800é", max_size=12))
def test_any_glob_can_be_read(glob):
    Globs((glob.encode("utf-8", "replace").decode(),)).match("/p/a/b", ("/p",))
