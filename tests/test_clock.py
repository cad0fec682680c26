"""Ids sort in the order in which they were made."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.clock import Ids, first_id
from tests.support.clocks import FakeClock


@given(st.lists(st.floats(-5, 5), max_size=50))
def test_ids_sort_in_order_of_making_whatever_the_clock_does(steps):
    clock = FakeClock()
    ids = Ids(clock)
    made = []
    for step in steps:
        clock.advance(step)
        made.append(ids.new())
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_more_ids_in_a_millisecond_than_its_counter_holds_still_sort():
    ids = Ids(FakeClock())
    made = [ids.new() for _ in range(5000)]
    assert made == sorted(made)


def test_an_id_is_a_uuid_of_version_7_with_its_time():
    clock = FakeClock()
    value = uuid.UUID(Ids(clock).new())
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == clock.now_ms()


def test_the_first_id_after_a_moment_lies_between_its_ids_and_those_of_the_next():
    clock = FakeClock()
    ids = Ids(clock)
    now = ids.new()
    clock.advance(0.001)
    later = ids.new()
    assert now < first_id(clock.now_ms() - 1) < later
