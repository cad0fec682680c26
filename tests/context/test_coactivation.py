"""What a file gains from the files that it goes with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.context import score
from atlas_actors.context.coactivation import LIFT, PAIR_HALF_LIVES, Partner, lifts, pair_weight

HALF_LIFE = 7.0
LONG = HALF_LIFE * PAIR_HALF_LIVES


def partner(together, alone, *, id=1, of="a", clock=5):
    """`of` was touched `alone` times, `together` times with the other."""
    pair = kept = None
    for _ in range(together):
        pair = score.raised(pair, 1.0, clock, LONG)
    for _ in range(alone):
        kept = score.raised(kept, 1.0, clock, LONG)
    return Partner(id=id, of=of, pair=pair, alone=kept)


def lift(*partners, id=1):
    return lifts(partners, 5, HALF_LIFE)[id][0]


def test_who_always_comes_along_gains_more_than_who_does_sometimes():
    assert lift(partner(10, 10)) > lift(partner(5, 10)) > lift(partner(1, 10)) > 0


def test_many_turns_of_evidence_are_believed_more_than_one():
    assert lift(partner(10, 10)) > lift(partner(1, 1))


def test_two_files_at_hand_say_more_than_one_and_the_stronger_is_named():
    strong, weak = partner(9, 10, of="strong"), partner(2, 10, of="weak")
    gained, of = lifts([weak, strong], 5, HALF_LIFE)[1]
    assert gained > lift(strong)
    assert of == "strong"


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=6), st.integers(5, 400))
def test_a_gain_is_never_above_the_lift_nor_below_nothing(counts, clock):
    partners = [partner(together, alone) for together, alone in counts]
    for gained, _ in lifts(partners, clock, HALF_LIFE).values():
        assert 0 <= gained <= LIFT


def test_turns_further_apart_bind_less():
    assert [pair_weight(turns) for turns in (0, 1, 2)] == [1.0, pytest.approx(0.5), 0.25]
