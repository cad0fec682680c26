"""What texts name: each kind with what must not be taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.memory.graph.extract import NAMES_MAX, extract


def names(text):
    return set(extract(text).names)


def links(text):
    return [tuple(link) for link in extract(text).links]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see atlas_actors/store.py:12 there", ("path", "atlas_actors/store.py")),
        ("it is in (store.py).", ("path", "store.py")),
        ("open C:\\Users\\me\\a.py now", ("path", "C:\\Users\\me\\a.py")),
        ("dans données/été.txt", ("path", "données/été.txt")),
        ("it reads ~/.ssh/config and stops", ("path", "~/.ssh/config")),
        ("the Makefile.am and ./run", ("path", "./run")),
        ("call Store.commit() twice", ("symbol", "Store.commit")),
        ("os.path.join is slow", ("symbol", "os.path.join")),
        ("run_later is slow", ("symbol", "run_later")),
        ("foo() fails", ("symbol", "foo")),
        ("the StoreActor is slow", ("symbol", "StoreActor")),
        ("the name `budget` there", ("symbol", "budget")),
        ("a @pytest.fixture there", ("symbol", "pytest.fixture")),
        ("run `pytest -q tests` first", ("command", "pytest -q tests")),
        ("$ git rebase -i main", ("command", "git rebase -i main")),
        ("a ValueError again", ("error", "ValueError")),
        ("it says apsw.BusyError here", ("error", "apsw.BusyError")),
        ("it ended with ENOENT.", ("error", "ENOENT")),
        ("rustc says E0308", ("error", "E0308")),
        ("it exited with code 137", ("error", "exit code 137")),
        ("killed by SIGKILL", ("error", "SIGKILL")),
        ("pip install apsw attrs, then go", ("package", "attrs")),
        ("needs apsw==3.54.1 now", ("package", "apsw")),
        ("import numpy as np", ("package", "numpy")),
        ("from os.path import join", ("package", "os")),
        ("with @types/node there", ("package", "@types/node")),
        ("we use Node.js there", ("package", "Node.js")),
        ("ask @ann-b for it", ("person", "@ann-b")),
        ("mail bob@example.org", ("person", "bob@example.org")),
        ("Thanks, Mel! It works", ("person", "Mel")),
        ("it was reviewed by Ann", ("person", "Ann")),
        ("then Bob said no", ("person", "Bob")),
        ("see SR-2023-052 there", ("issue", "SR-2023-052")),
        ("closes #123.", ("issue", "#123")),
        ("see pykka/pykka#12", ("issue", "pykka/pykka#12")),
        ("at https://user@Example.org:80/x?y", ("host", "example.org")),
        ("since v1.2 it works", ("version", "v1.2")),
        ("since 3.54.1 it works", ("version", "3.54.1")),
        ("in commit 7a3f9c1 of then", ("commit", "7a3f9c1")),
        ("on feature/new-door now", ("branch", "feature/new-door")),
    ],
)
def test_each_kind_is_known_by_its_shape(text, found):
    assert found in names(text)


@pytest.mark.parametrize(
    "text",
    [
        "he/she and/or 24/7 w/ it, 1/2 of it",
        "at 1.2 seconds, 10.0.0.1 or 24.12.2025",
        "e.g. this, i.e. that, U.S. law, etc.",
        "it is done.Then we go",
        "UTF-8 and SHA-256 and HTTP-2 and COVID-19",
        "iPhone and GitHub and JavaScript",
        "Paris is nice in May. We went to London",
        "the number 1234567 and deadbeef",
        "a sentence of plain words, nothing else; really!",
        "--- === ... ``` ### ~~~ $",
        "Thanks! Hello there. Hey you",
    ],
)
def test_these_are_no_names(text):
    assert names(text) == set()


def test_two_records_of_like_names_stay_two():
    assert names("SR-2023-052 and SR-2023-053") == {
        ("issue", "SR-2023-052"),
        ("issue", "SR-2023-053"),
    }


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("store.py imports apsw", ("store.py", "imports", "apsw")),
        ("store.py depends on store_health.py", ("store.py", "depends_on", "store_health.py")),
        ("`a` replaces `b`", ("a", "replaces", "b")),
        ("`a` was replaced by `b`", ("b", "replaces", "a")),
        ("replaced `a` with `b`", ("b", "replaces", "a")),
        ("switched from redis_py to valkey_py", ("valkey_py", "replaces", "redis_py")),
        ("moved src/a.py to src/b/a.py", ("src/a.py", "lives_at", "src/b/a.py")),
        ("`Store` is owned by Alice", ("Store", "owned_by", "Alice")),
        ("billing is owned by Alice", ("billing", "owned_by", "Alice")),
        ("ValueError in atlas_actors/store.py", ("atlas_actors/store.py", "raises", "ValueError")),
        ("#12 was fixed by 7a3f9c1", ("7a3f9c1", "fixes", "#12")),
        ("upgraded `apsw` to v3.54", ("apsw", "has_version", "v3.54")),
        ("pin apsw==3.54.1", ("apsw", "has_version", "3.54.1")),
        ("test_store.py now also tests store.py", ("test_store.py", "tests", "store.py")),
    ],
)
def test_the_words_between_two_names_say_how_they_hang_together(text, link):
    assert links(text) == [link]


@pytest.mark.parametrize(
    "text",
    [
        "look at store.py. Replaces were made in actor.py",
        "store.py imports nothing",
        "it depends on foo_bar",
        "store.py and actor.py and door.py",
        "store.py is at home_page",
        "`Store` is owned by `Door`",
    ],
)
def test_no_relation_is_guessed(text):
    assert links(text) == []


@given(st.text(max_size=2_000))
def test_every_link_is_between_names_and_all_is_bounded(text):
    found = extract(text)
    assert len(found.names) <= NAMES_MAX
    named = {name for _, name in found.names}
    if len(found.names) < NAMES_MAX:
        assert all({link.subject, link.object} <= named for link in found.links)
    assert all(name.strip() for name in named)


@pytest.mark.parametrize("piece", ["(", "`", "a.", "a/", "-1", "#1 ", "Ab", "`a` is "])
def test_a_long_text_of_anything_names_a_bounded_number(piece):
    assert len(extract(piece * 20_000).names) <= NAMES_MAX
