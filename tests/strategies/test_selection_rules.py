"""Pacing, benching, the Pareto front and breeding, rule by rule."""

import random

import pytest

from atlas_actors.messages.strategy import Genome
from atlas_actors.strategies.benching import Standing, may_rest, near_best, should_return
from atlas_actors.strategies.breeding import bred, crossed
from atlas_actors.strategies.genome import canonical, differences, strategy_of
from atlas_actors.strategies.pacing import cost_weight
from atlas_actors.strategies.pareto import Point, front

VOCABULARY = {"recall": [0, 8], "attempts": [1, 2]}


@pytest.mark.parametrize(
    ("spent", "day", "least", "most"),
    [
        (0.0, 0.5, 0.25, 0.25),
        (0.5, 0.5, 0.25, 0.25),  # at the day's pace
        (0.8, 0.4, 0.5, 1.0),  # twice as fast
        (1.0, 0.1, 2.0, 6.0),
        (0.05, 0.0, 0.25, 0.25),  # midnight
    ],
)
def test_a_dollar_weighs_more_when_the_budget_goes_faster_than_the_day(spent, day, least, most):
    assert least <= cost_weight(0.25, spent, day) <= most


def test_price_counts_even_where_it_is_set_to_nothing_once_money_runs_out():
    assert cost_weight(0.0, 1.0, 0.2) > 0


def test_the_front_is_who_nobody_beats():
    points = {
        "best": Point(success=0.9, cost_usd=1.0, n=10),
        "cheap": Point(success=0.7, cost_usd=0.0, n=10),
        "beaten": Point(success=0.7, cost_usd=0.5, n=10),
        "between": Point(success=0.8, cost_usd=0.4, n=10),
    }
    assert front(points) == {"best", "cheap", "between"}
    assert front({}) == frozenset()


def test_equals_stay_on_the_front_together():
    point = Point(success=0.5, cost_usd=0.1, n=10)
    assert front({"a": point, "b": point}) == {"a", "b"}


def test_who_is_surely_worse_has_little_chance_of_being_near_the_best():
    good = Standing(worth=0.8, deviation=0.03, n=100)
    bad = Standing(worth=0.5, deviation=0.05, n=60)
    assert near_best(bad, [good]) < 0.01 < 0.9 < near_best(good, [bad])
    assert near_best(bad, []) == 1.0


@pytest.mark.parametrize(
    ("chances", "evidence", "rests"),
    [
        ({"easy": 0.001, "hard": 0.5}, {"easy": 40, "hard": 0}, True),
        ({"easy": 0.001, "hard": 0.5}, {"easy": 40, "hard": 20}, False),
        ({"easy": 0.001, "hard": 0.001}, {"easy": 20, "hard": 20}, False),
        ({"easy": 0.02, "hard": 0.5}, {"easy": 40, "hard": 0}, False),
    ],
)
def test_a_strategy_rests_where_enough_is_known_and_it_is_good_nowhere(chances, evidence, rests):
    assert may_rest(chances, evidence) is rests


def test_a_benched_one_returns_only_where_something_is_known_of_it():
    assert should_return({"easy": 0.2, "hard": 0.0}, {"easy": 30, "hard": 30})
    assert not should_return({"easy": 0.2, "hard": 0.0}, {"easy": 0, "hard": 30})


def test_what_is_born_has_never_existed_and_differs_in_known_genes():
    parent = strategy_of("x", Genome(providers=("a", "b")))
    existed = {canonical(parent.genome)}
    draw = random.Random(3)
    for _ in range(3):  # 2 x 2 genomes in all
        birth = bred([(parent, 0.8)], VOCABULARY, frozenset(existed), draw)
        if birth is None:
            break
        assert canonical(birth.genome) not in existed
        assert len(differences(parent.genome, birth.genome)) == 1
        existed.add(canonical(birth.genome))
    assert len(existed) == 3
    assert bred([(parent, 0.8)], VOCABULARY, frozenset(existed), draw) is None


def test_nobody_is_bred_of_nobody():
    assert bred([], VOCABULARY, frozenset(), random.Random(1)) is None


def test_a_crossing_keeps_the_first_ones_providers_and_check():
    first = Genome(providers=("a",), recall=0, check="code")
    second = Genome(providers=("b",), recall=16, attempts=3)
    for seed in range(20):
        child = crossed(first, second, random.Random(seed))
        assert (child.providers, child.check) == (("a",), "code")
        assert child.recall in (0, 16)
        assert child.attempts in (1, 3)
