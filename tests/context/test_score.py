"""The decayed count in log space is the decayed count."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.context import score

HALF_LIFE = 7.0


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from([0.3, 1.0, 2.0])), min_size=1),
    st.integers(0, 100),
)
def test_what_is_kept_is_the_sum_of_what_each_access_has_decayed_to(accesses, later):
    kept = None
    for clock, weight in accesses:
        kept = score.raised(kept, weight, clock, HALF_LIFE)
    now = 50 + later
    plain = sum(weight * 0.5 ** ((now - clock) / HALF_LIFE) for clock, weight in accesses)
    assert score.strength(kept, now, HALF_LIFE) == pytest.approx(plain)


def test_after_a_half_life_it_is_half():
    kept = score.raised(None, 1.0, 10, HALF_LIFE)
    assert score.strength(kept, 10, HALF_LIFE) == pytest.approx(1.0)
    assert score.strength(kept, 17, HALF_LIFE) == pytest.approx(0.5)


def test_a_million_turns_overflow_nothing():
    old = score.raised(None, 1.0, 0, HALF_LIFE)
    new = score.raised(old, 1.0, 1_000_000, HALF_LIFE)
    assert score.strength(new, 1_000_000, HALF_LIFE) == pytest.approx(1.0)
    assert score.strength(old, 1_000_000, HALF_LIFE) == 0.0
    assert math.isfinite(score.strength(new, 0, HALF_LIFE))


def test_an_edit_says_more_than_a_test_a_read_and_a_search_and_the_same_again_less():
    weights = [score.weight(kind, again=False) for kind in ("edit", "test", "read", "search")]
    assert weights == sorted(weights, reverse=True)
    assert score.weight("edit", again=True) < score.weight("read", again=False)
