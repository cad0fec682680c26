"""Invariants of the engine, for any story."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.messages.strategy import Genome, Offer
from atlas_actors.strategies.engine import Engine
from atlas_actors.strategies.events import (
    Amended,
    Asked,
    Changed,
    Chosen,
    Configured,
    Ended,
    Evolved,
    Pinned,
    Retired,
    Seed,
    Seeded,
    Try,
    Unpinned,
)
from atlas_actors.strategies.genome import strategy_of

NAMES = ("a", "b", "c")
IDS = [strategy_of("x", Genome(providers=(name,))).id for name in NAMES]
START = (
    Configured(seed=5),
    Seeded(
        seeds=tuple(Seed(intent="x", genome=Genome(providers=(name,))) for name in NAMES),
        tries=(Try(intent="x", genes={"attempts": 2}),),
        vocabulary={"x": {"recall": [0, 8], "attempts": [1, 2]}},
        providers=NAMES,
    ),
)
OFFERS = st.lists(st.sampled_from(NAMES), unique=True).map(
    lambda names: tuple(
        Offer(provider=name, cost_usd=0.01 * NAMES.index(name), prior=0.8) for name in names
    )
)
RESULTS = st.sampled_from([0, 1, None])
WEIGHTS = st.sampled_from([0.2, 1.0])
STEPS = st.one_of(
    st.tuples(st.just("ask"), OFFERS, st.booleans(), st.sampled_from([0.1, 0.9])),
    st.tuples(st.just("live"), st.integers(1, 60), RESULTS, st.integers(1, 4)),
    st.tuples(st.just("end"), st.integers(0, 30), RESULTS, WEIGHTS),
    st.tuples(st.just("amend"), st.integers(0, 30), RESULTS, WEIGHTS),
    st.tuples(st.sampled_from(["pin", "retire"]), st.sampled_from(IDS)),
    st.tuples(st.sampled_from(["unpin", "evolve"])),
)
STORIES = st.lists(STEPS, max_size=25)


def events_of(step, asked):
    """The events of a step, when so many choices were made."""
    match step:
        case ("ask", offers, verifies, difficulty):
            yield asking(asked + 1, offers, verifies, difficulty)
        case ("live", count, x, every):
            offers = tuple(Offer(provider=name, cost_usd=0.01, prior=0.8) for name in NAMES)
            for number in range(asked + 1, asked + 1 + count):
                yield asking(number, offers, True, 0.9)
                yield Ended(choice=number, x=None if x is None else x ^ (number % every == 0),
                            cost_usd=0.01, latency_ms=10, at_ms=number)  # fmt: skip
        case ("end", back, x, weight):
            yield Ended(choice=asked - back, x=x, weight=weight, at_ms=asked)
        case ("amend", back, x, weight):
            yield Amended(choice=asked - back, x=x, weight=weight, at_ms=asked)
        case ("pin", id):
            yield Pinned(strategy=id, at_ms=asked)
        case ("retire", id):
            yield Retired(strategy=id, at_ms=asked)
        case ("unpin",):
            yield Unpinned(intent="x", at_ms=asked)
        case ("evolve",):
            yield Evolved(intent="x", at_ms=asked)


def asking(number, offers, verifies, difficulty):
    return Asked(
        number=number, intent="x", difficulty=difficulty, offers=offers, verifies=verifies,
        at_ms=number,
    )  # fmt: skip


def told(story):
    """An engine that lived through the story, its events and effects."""
    engine, log, effects = Engine(), [], []
    for event in START:
        log.append(event)
        effects += engine.apply(event)
    for step in story:
        for event in events_of(step, engine.asked):
            log.append(event)
            effects += engine.apply(event)
    return engine, log, effects


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(STORIES, st.integers(0, 10_000))
def test_the_same_events_and_a_stop_anywhere_come_to_the_same(story, cut):
    engine, log, effects = told(story)
    other, others = Engine(), []
    for number, event in enumerate(log):
        if number == cut % len(log):
            other = Engine(other.snapshot())
        others += other.apply(event)
    assert others == effects
    assert other.snapshot() == engine.snapshot()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(STORIES)
def test_counts_are_never_negative_and_ids_never_change(story):
    engine, _, effects = told(story)
    for effect in effects:
        if isinstance(effect, Changed) and effect.table == "cells":
            assert effect.row["successes"] >= 0
            assert effect.row["failures"] >= 0
        if isinstance(effect, Changed) and effect.table == "strategies":
            genes = {**effect.row["genome"], "providers": tuple(effect.row["genome"]["providers"])}
            assert strategy_of(effect.row["intent"], Genome(**genes)).id == effect.key[0]
    pools = json.loads(engine.snapshot())["state"]["pools"]
    assert all(count >= 0 for pool in pools.values() for count in pool)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(STORIES)
def test_who_is_chosen_is_offered_and_alive_and_children_keep_to_their_share(story):
    _, log, effects = told(story)
    chosen = {one.number: one for one in effects if isinstance(one, Chosen)}
    gone, children, asked = set(), {}, {}
    for event in log:
        if isinstance(event, Retired):
            gone.add(event.strategy)
        if not isinstance(event, Asked):
            continue
        one = chosen[event.number]
        asked[event.difficulty] = asked.get(event.difficulty, 0) + 1
        if one.strategy is None:
            continue
        assert one.strategy.genome.providers[0] in {offer.provider for offer in event.offers}
        assert one.strategy.id not in gone
        if one.role == "challenger":
            assert event.verifies
            children[event.difficulty] = children.get(event.difficulty, 0) + 1
            assert children[event.difficulty] <= 0.05 * asked[event.difficulty]


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(STORIES, st.lists(st.tuples(OFFERS, st.floats(0, 1)), min_size=1, max_size=20))
def test_faults_of_the_way_never_move_a_belief(story, asked):
    engine, _, _ = told(story)
    before = json.loads(engine.snapshot())["state"]
    for offers, cost_usd in asked:
        number = engine.asked + 1
        engine.apply(asking(number, offers, True, 0.9))
        engine.apply(Ended(choice=number, x=None, cost_usd=cost_usd, at_ms=number))
    after = json.loads(engine.snapshot())["state"]
    assert (after["cells"], after["pools"]) == (before["cells"], before["pools"])
    assert after["intents"]["x"]["spent"] == before["intents"]["x"]["spent"]
