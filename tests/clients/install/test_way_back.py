"""Old bytes come back from new ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.clients.install import way_back as module
from atlas_actors.clients.install.way_back import gone_back, way_back

TEXTS = st.lists(st.sampled_from([b"a", b"b\n", b"{\n", b"  ", b"\xff", b"key", b'"']), max_size=30)


@given(old=TEXTS, new=TEXTS)
def test_any_bytes_come_back_from_any_others(old, new):
    before, after = b"".join(old), b"".join(new)
    assert gone_back(after, way_back(before, after)) == before


@given(lines=TEXTS, at=st.integers(0, 30))
def test_of_what_was_only_added_to_nothing_is_said(lines, at):
    before, after = b"".join(lines), b"".join([*lines[:at], b"ours\n", *lines[at:]])
    assert not any(isinstance(piece, str) for piece in way_back(before, after))


def test_a_long_line_with_additions_at_both_ends_says_nothing():
    line = b'{"first": "hunter2", ' + b", ".join(b'"k": %d' % i for i in range(3_000)) + b"}"
    after = line.replace(b'"first"', b'"new": 1, "first"').replace(b"}", b', "last": {}}')
    pieces = way_back(line, after)
    assert gone_back(after, pieces) == line
    assert not any(isinstance(piece, str) for piece in pieces)


def test_what_is_too_much_to_be_compared_comes_back_too(monkeypatch):
    monkeypatch.setattr(module, "PARTS_MAX", 3)
    before, after = b"x\n1\n2\n3\n4\nq\ny\n", b"x\n0\n1\n2\n3\n4\n5\ny\nz\n"
    assert gone_back(after, way_back(before, after)) == before


@pytest.mark.parametrize("old", [b"", b"x"])
def test_what_is_gone_comes_back(old):
    assert gone_back(b"", way_back(old, b"")) == old
