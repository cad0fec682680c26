"""Three providers whose quality changes half-way, with the real engine: the work moves."""

import json

import pytest

from atlas_actors.messages.strategy import Genome, Offer
from atlas_actors.strategies.engine import Engine
from atlas_actors.strategies.events import Asked, Chosen, Configured, Ended, Noted, Seed, Seeded
from tests.support.flips import FLIPS, flip

NAMES = ("first", "second", "third")
INTENTS = ("one", "two", "three")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, world in FLIPS.items() if world.falls])
def test_the_work_of_several_contexts_moves_soon(name):
    flipped = flip(FLIPS[name], 5, contexts=6, outstanding=4)
    assert flipped.moved is not None
    assert flipped.moved <= 60


@pytest.mark.slow
@pytest.mark.parametrize("outstanding", [1, 4])
def test_it_costs_less_than_the_dearest_and_verifies_as_much(outstanding):
    flipped = flip(FLIPS["cheap falls, mid rises"], 3, outstanding=outstanding)
    assert flipped.spend < 0.3
    assert flipped.success > 0.96 - 0.02


@pytest.mark.slow
def test_who_is_two_tiers_below_is_tried_where_the_request_brings_a_check():
    assert 0 in flip(FLIPS["cheap falls, mid rises"], 1, tasks=60).picks


def engine_where_first_leads():
    engine = Engine()
    engine.apply(Configured(seed=1))
    seeds = tuple(
        Seed(intent=intent, genome=Genome(providers=(name,)))
        for intent in INTENTS
        for name in NAMES
    )
    engine.apply(Seeded(seeds=seeds, providers=NAMES))
    for _ in range(120):
        ask_and_end(engine, 1)
    return engine


def ask_and_end(engine, of_first):
    """(who was asked, the notes); `of_first` is how the first one fares, the others pass."""
    number = engine.asked + 1
    offers = tuple(
        Offer(provider=name, cost_usd=cost, prior=0.85)
        for name, cost in zip(NAMES, (0.0, 0.1, 1.0), strict=True)
    )
    intent = INTENTS[number % len(INTENTS)]
    asked = Asked(number=number, intent=intent, difficulty=0.2, offers=offers, verifies=True,
                  at_ms=number)  # fmt: skip
    chosen = next(one for one in engine.apply(asked) if isinstance(one, Chosen))
    lead = chosen.strategy.genome.providers[0]
    x = of_first if lead == "first" else 1
    effects = engine.apply(Ended(choice=number, x=x, at_ms=number))
    return lead, [one for one in effects if isinstance(one, Noted)]


def test_the_lineage_of_each_intent_says_in_which_contexts_a_provider_fell():
    engine = engine_where_first_leads()
    notes = [note for _ in range(20) for note in ask_and_end(engine, 0)[1]]
    drifts = [note for note in notes if note.what == "drift"]
    assert {note.intent for note in drifts} == set(INTENTS)
    assert all("first fell from" in note.why for note in drifts)
    assert "one/easy" in drifts[0].why and "three/easy" in drifts[0].why


def test_all_contexts_leave_a_provider_that_fell_in_some():
    engine = engine_where_first_leads()
    asked = [ask_and_end(engine, 0)[0] for _ in range(60)]
    assert asked[-30:].count("first") <= 3


def test_continued_from_a_snapshot_amid_a_fall_it_goes_on_the_same():
    engine = engine_where_first_leads()
    for _ in range(4):
        ask_and_end(engine, 0)
    again = Engine(json.loads(json.dumps(engine.snapshot())))
    for _ in range(30):
        assert ask_and_end(engine, 0) == ask_and_end(again, 0)
    assert engine.snapshot() == again.snapshot()
