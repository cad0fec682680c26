"""When a server that is kept started is tried again, and what is said while it is down."""

import pytest

from atlas_actors.mcp.health import Looker
from atlas_actors.mcp.servers import Server
from atlas_actors.mcp.warmth import BACKOFF_MAX_S, STABLE_S, Warmth, backoff_s, trouble
from atlas_actors.redaction import Redactor

SERVER = Server(name="one", sources=("f",), transport="stdio", command="c")
LOOKER = Looker(redactor=Redactor(), why="warm", at_ms=1, timeout_s=5.0)
UP = LOOKER.said(SERVER, {"ok": True, "stage": "done"})
DOWN = LOOKER.said(SERVER, {"ok": False, "stage": "ping", "kind": "ended", "error": "it ended"})


def warmth(**more):
    return Warmth(name="one", stays=True, since_ms=0, since_s=0.0, **more)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 4), (5, 32), (9, 300), (10**6, 300)])
def test_each_failure_in_a_row_waits_longer_up_to_a_limit(failures, seconds):
    assert backoff_s(failures) == seconds
    assert seconds <= BACKOFF_MAX_S


def test_one_that_ends_soon_after_it_came_up_has_not_recovered():
    one = warmth(failures=4)
    one.came_up(UP, 1, 1.0)
    assert one.went_down(DOWN, 2, STABLE_S / 2) == backoff_s(5)


def test_one_that_was_up_for_long_begins_anew():
    one = warmth(failures=4)
    one.came_up(UP, 1, 1.0)
    assert one.went_down(DOWN, 2, 2 * STABLE_S) == backoff_s(1)


def test_it_is_down_since_it_went_down_however_often_it_is_tried():
    one = warmth()
    one.went_down(DOWN, 5, 5.0)
    one.went_down(DOWN, 9, 9.0)
    assert (one.state, one.since_ms, one.failures) == ("down", 5, 2)


def test_one_that_nobody_marked_is_not_tried_again_unless_it_has_been_up():
    one = Warmth(name="one", since_ms=0, since_s=0.0)
    assert one.went_down(DOWN, 1, 1.0) is None
    one.came_up(UP, 2, 2.0)
    assert one.went_down(DOWN, 3, 3.0) is not None


def test_what_is_down_is_told_with_its_cure_and_what_is_up_is_not():
    up, down = warmth(), warmth()
    up.came_up(UP, 1, 1.0)
    down.went_down(DOWN, 1, 1.0)
    assert trouble([up]) == ("", "")
    reason, cure = trouble([up, down])
    assert reason == "kept warm, but down: one: it ended"
    assert "terminal" in cure


def test_many_that_are_down_are_counted():
    several = [warmth() for _ in range(5)]
    for one in several:
        one.went_down(DOWN, 1, 1.0)
    assert trouble(several)[0].endswith("; and 2 more")
