"""When two names are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.errors import UsageError
from atlas_actors.memory.graph.names import checked, norm


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Redis", "redis"),
        ("  a   name ", "A NAME"),
        ("./src/a.py", "src/a.py"),
        ("src\\a.py", "src/a.py"),
        ("src/", "src"),
        ("commit()", "commit"),
        ("`Store`", "store"),
        ("Straße", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_these_are_the_same(one, other):
    assert norm(one) == norm(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SR-2023-052", "SR-2023-053"),
        ("v1.2", "1.2"),
        ("1.2", "1.20"),
        ("store.py", "atlas_actors/store.py"),
        ("store", "stores"),
        ("#12", "GH-12"),
        ("cafe", "café"),
    ],
)
def test_these_are_not(one, other):
    assert norm(one) != norm(other)


@given(st.text())
def test_normalising_twice_changes_nothing_more(name):
    assert norm(norm(name)) == norm(name)


@given(st.text())
def test_a_name_is_shown_in_one_line_and_is_still_itself(name):
    if norm(" ".join(name.split())):
        assert norm(checked(name)) == norm(" ".join(name.split())[:500])
        assert "\n" not in checked(name)


@pytest.mark.parametrize("name", ["", "  ", "``", "\n"])
def test_an_empty_name_is_refused(name):
    with pytest.raises(UsageError, match="empty"):
        checked(name)
