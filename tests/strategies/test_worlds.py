"""The four worlds, with the real engine in them: cheap to run, far from the limits."""

import statistics

import attrs
import pytest

from tests.support.worlds import KINDS, POLICIES, SHAPES, Atlas, Shape, Thompson, World, drive

SMALL = Shape(decisions=1_000, contexts=2)


def test_a_world_is_the_same_for_everybody():
    one, other = (World("drifting", 3, SMALL) for _ in range(2))
    assert [one.rates(t) for t in range(20)] == [other.rates(t) for t in range(20)]


@pytest.mark.parametrize("kind", KINDS)
def test_rates_stay_rates(kind):
    world = World(kind, 1, SHAPES["wild"])
    for t in range(400):
        assert all(0.05 <= rate <= 0.98 for row in world.rates(t) for rate in row)


def test_the_best_falls_and_another_rises():
    world = World("abrupt", 1, SMALL)
    assert world.rates(0) == world.base
    assert world.rates(334) != world.base
    assert world.rates(667) != world.rates(334)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in POLICIES if name != "Atlas"])
def test_nobody_loses_more_than_the_worst_choice_each_time(name):
    world = World("stationary", 1, SMALL)
    worst = max(
        max(row) - min(rate - 0.25 * cost for rate, cost in zip(row, SMALL.costs, strict=True))
        for row in world.base
    )
    run = drive(world, POLICIES[name](SMALL, 1), 1)
    assert 0 <= run.last_quarter <= run.regret <= worst * SMALL.decisions


@pytest.mark.slow
def test_the_engine_loses_much_less_than_plain_sampling_over_the_four_worlds():
    def lost(policy):
        return sum(
            drive(World(kind, seed, SMALL), policy(SMALL, seed), seed).regret
            for kind in KINDS
            for seed in range(2)
        )

    assert lost(Atlas) < 0.95 * lost(Thompson)


@pytest.mark.slow
def test_the_work_moves_soon_when_the_best_falls_and_the_worst_rises():
    moved = []
    small = attrs.evolve(SMALL, decisions=660, contexts=1, spread=0.0, seen=1.0, flipped=0.0)
    for seed in range(5):
        shape = attrs.evolve(small, rates=(0.92, 0.6, 0.45), costs=(0.3, 0.2, 0.1), delay=3)
        world = World("stationary", seed, shape)
        rates = world.base[0]
        world.rates = lambda t, rates=rates: [rates if t < 400 else rates[::-1]]
        chosen = drive(world, Atlas(shape, seed), seed).chosen
        moved.append(next(t for t in range(400, 620) if chosen[t : t + 20].count(2) >= 16) - 400)
    assert statistics.median(moved) <= 40
    assert max(moved) <= 120
