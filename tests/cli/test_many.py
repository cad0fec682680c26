"""The order in which atlas submit --many sends its lines."""

import pytest

from atlas_actors.cli.json_lines import PART_BYTES, PART_ROWS, Row
from atlas_actors.cli.many import _sent, parts
from atlas_actors.errors import AtlasError, Busy


def rows(*values, bytes=10):
    return [Row(number=n, value=value, bytes=bytes) for n, value in enumerate(values, 1)]


def numbers(found):
    return [[row.number for row in part] for part in parts(found)]


def test_lines_that_come_after_nothing_keep_their_order():
    assert numbers(rows({}, {"key": "a"}, {})) == [[1, 2, 3]]


def test_a_line_comes_after_those_that_it_names_wherever_they_are():
    found = rows({"after": ["b"]}, {"key": "b", "after": ["a", "known already"]}, {"key": "a"})
    assert numbers(found) == [[3, 2, 1]]


def test_those_of_a_circle_and_after_it_come_last_in_one_part():
    found = rows(
        {"key": "a", "after": ["b"]}, *[{}] * PART_ROWS, {"key": "b", "after": ["a"]},
        {"after": ["a"]}, {"key": "self", "after": ["self"]},
    )  # fmt: skip
    *_, last = numbers(found)
    assert last == [1, PART_ROWS + 2, PART_ROWS + 3, PART_ROWS + 4]


def test_parts_are_bounded():
    assert [len(part) for part in parts(rows(*[{}] * (PART_ROWS + 1)))] == [PART_ROWS, 1]
    long = rows({}, {}, {}, bytes=PART_BYTES // 2)
    assert numbers(long) == [[1, 2], [3]]


def test_fields_that_are_none_of_ours_are_left_to_the_daemon():
    assert numbers(rows({"key": ["a"], "after": "a"}, {"key": 1, "after": [{}, None]})) == [[1, 2]]


class Daemon:
    """Refuses every call that has a bad task in it, and is `busy` if so told."""

    def __init__(self, busy=False):
        self._busy = busy

    def call(self, method, tasks):
        if self._busy:
            raise Busy("the limit", retry_after_ms=1)
        if {"prompt": "bad"} in tasks:
            raise AtlasError("not JSON: nested too deeply")
        return {"results": [{"id": task["prompt"], "created": True} for task in tasks]}


def test_a_part_that_is_refused_as_a_whole_is_sent_line_by_line():
    found = rows({"prompt": "a"}, {"prompt": "bad"}, {"prompt": "c"})
    assert _sent(Daemon(), found) == {
        1: {"id": "a", "created": True},
        2: {"error": "not JSON: nested too deeply"},
        3: {"id": "c", "created": True},
    }


def test_a_daemon_that_is_busy_is_no_fault_of_the_lines():
    with pytest.raises(Busy):
        _sent(Daemon(busy=True), rows({"prompt": "a"}, {"prompt": "b"}))
