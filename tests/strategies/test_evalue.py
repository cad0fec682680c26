"""The e-value: what it is, and that looking after every pair does not promote by chance."""

import math
import random

import pytest

from atlas_actors.strategies.evalue import ENOUGH, e_value


def by_integration(child_only, parent_only, steps=4_000):
    """2^(D+L) times the integral over (1/2, 1) of 2 p^D (1-p)^L."""
    total = 0.0
    for step in range(steps):
        p = 0.5 + (step + 0.5) / steps / 2
        total += 2 * (2 * p) ** child_only * (2 * (1 - p)) ** parent_only / steps / 2
    return total


@pytest.mark.parametrize(("child_only", "parent_only"), [(0, 0), (1, 0), (0, 3), (12, 3), (30, 25)])
def test_it_is_the_mixture_of_the_chances_above_one_half(child_only, parent_only):
    expected = by_integration(child_only, parent_only)
    assert e_value(child_only, parent_only) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("pairs", [0, 1, 5, 20])
def test_under_no_difference_its_expectation_is_one(pairs):
    chances = [math.comb(pairs, d) / 2**pairs for d in range(pairs + 1)]
    mean = sum(p * e_value(d, pairs - d) for d, p in enumerate(chances))
    assert mean == pytest.approx(1.0)


def test_very_many_pairs_do_not_overflow():
    assert e_value(400, 0) > 1e100
    assert 0 < e_value(0, 400) < 0.01


def peeking_z(child, parent, n):
    pooled = (child + parent) / (2 * n)
    spread = math.sqrt(max(2 * pooled * (1 - pooled) / n, 1e-12))
    return (child - parent) / n / spread


def ever_promoted(draw, rate_parent, rate_child, pairs=400):
    """Whether the e-value, and a z test that is looked at after every pair, ever promote, and
    after how many pairs the e-value does."""
    child = parent = child_only = parent_only = 0
    by_e, by_z = None, False
    for n in range(1, pairs + 1):
        one, other = draw.random() < rate_child, draw.random() < rate_parent
        child, parent = child + one, parent + other
        child_only, parent_only = (
            child_only + (one and not other),
            parent_only + (other and not one),
        )
        if one != other and by_e is None and e_value(child_only, parent_only) >= ENOUGH:
            by_e = n
        by_z = by_z or (n >= 10 and peeking_z(child, parent, n) > 1.96)
    return by_e, by_z


@pytest.mark.slow
def test_of_equals_few_are_promoted_where_a_z_test_that_is_peeked_at_promotes_many():
    draw = random.Random(1)
    runs = [ever_promoted(draw, 0.7, 0.7) for _ in range(150)]
    by_e, by_z = sum(e is not None for e, _ in runs), sum(z for _, z in runs)
    assert by_e <= 0.08 * len(runs)
    assert by_z >= 0.12 * len(runs)


@pytest.mark.slow
def test_a_child_that_is_better_by_a_fifth_is_found_within_200_pairs():
    draw = random.Random(2)
    runs = [ever_promoted(draw, 0.6, 0.8, pairs=200)[0] for _ in range(100)]
    assert sum(pairs is not None for pairs in runs) >= 95
