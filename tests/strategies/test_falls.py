"""A provider that falls in several contexts at once, rule by rule."""

import pytest

from atlas_actors.strategies.falls import WINDOW, fall_of, seen_of


def seen(outcomes, contexts=("a/easy", "b/easy"), expected=0.92):
    """Trials of contexts by turns, the oldest first."""
    return [
        seen_of(number, expected, x, 1.0, contexts[number % len(contexts)])
        for number, x in enumerate(outcomes)
    ]


def test_failures_of_who_was_sure_to_pass_are_a_fall_after_a_few():
    fall = fall_of(seen([1] * 10 + [0] * 6))
    assert fall is not None
    assert fall.now < 0.2 < 0.9 < fall.before
    assert fall.choices == frozenset(range(10, 16))


@pytest.mark.parametrize(
    "outcomes",
    [
        [1] * WINDOW,
        [1] * 10 + [0, 1, 1, 1, 0, 1, 1, 1],  # no more often than may be
        [0] * 3,
    ],
)
def test_what_may_be_chance_is_no_fall(outcomes):
    assert fall_of(seen(outcomes)) is None


def test_who_was_not_expected_to_pass_does_not_fall():
    assert fall_of(seen([0] * 10, expected=0.3)) is None


def test_one_context_alone_is_left_to_find_out_by_itself():
    assert fall_of(seen([0] * 12, contexts=("a/easy",))) is None
    mostly = seen([0] * 12, contexts=("a/easy",))
    mostly[3][4] = "b/easy"
    assert fall_of(mostly) is None


def test_who_begins_to_pass_does_not_fall():
    assert fall_of(seen([1] * 12, expected=0.3)) is None
