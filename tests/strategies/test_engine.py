"""The engine: choices, what they are told, and the lives of strategies."""

import json

import attrs
import pytest

from atlas_actors.messages.strategy import Genome, Offer
from atlas_actors.strategies import events
from atlas_actors.strategies.engine import NEWS_MAX, Engine
from atlas_actors.strategies.events import (
    Amended,
    Asked,
    Born,
    Changed,
    Chosen,
    Configured,
    Ended,
    Evolved,
    Noted,
    Pinned,
    Retired,
    Seed,
    Seeded,
    Try,
    Unpinned,
)

LOCAL = Offer(provider="local", cost_usd=0.0, prior=0.6)
CHEAP = Offer(provider="cheap", cost_usd=0.01, prior=0.85)
BEST = Offer(provider="best", cost_usd=0.1, prior=0.85)
ALL = (LOCAL, CHEAP, BEST)


class Story:
    """An engine with three providers, and what came of its events."""

    def __init__(self, tries=(), **settings):
        self.engine = Engine()
        self.effects = []
        self.log = []
        self.apply(Configured(**settings))
        names = [offer.provider for offer in ALL]
        seeds = [Seed(intent="x", genome=Genome(providers=(name,)), why="so") for name in names]
        vocabulary = {"x": {"recall": [0, 8, 16], "attempts": [1, 2, 3]}}
        self.apply(Seeded(seeds=seeds, tries=tuple(tries), vocabulary=vocabulary, providers=names))

    def apply(self, event):
        self.log.append(event)
        effects = self.engine.apply(event)
        self.effects += effects
        return effects

    def ask(self, offers=ALL, verifies=True, difficulty=0.7, intent="x", **more):
        number = self.engine.asked + 1
        effects = self.apply(
            Asked(
                number=number, intent=intent, difficulty=difficulty, offers=offers,
                verifies=verifies, at_ms=number, **more,
            )
        )  # fmt: skip
        return next(effect for effect in effects if isinstance(effect, Chosen))

    def end(self, choice, x, weight=1.0, **more):
        return self.apply(Ended(choice=choice, x=x, weight=weight, at_ms=choice, **more))

    def live(self, count, passes, **ask):
        """So many requests; `passes` says by strategy and number whether it passes."""
        chosen = []
        for _ in range(count):
            one = self.ask(**ask)
            chosen.append(one)
            self.end(one.number, int(passes(one.strategy, one.number)))
        return chosen

    def notes(self, what):
        return [one for one in self.effects if isinstance(one, Noted) and one.what == what]

    def rows(self, table):
        found = {}
        for effect in self.effects:
            if isinstance(effect, Changed) and effect.table == table:
                found[effect.key] = effect.row
        return found


def lead(chosen):
    return chosen.strategy.genome.providers[0]


def only(name):
    return lambda strategy, number: strategy.genome.providers[0] == name


def test_the_cheapest_of_equals_is_taken_before_anything_is_known():
    assert lead(Story().ask(offers=(CHEAP, BEST), verifies=False)) == "cheap"


def test_nobody_leads_without_an_offer_or_a_strategy():
    story = Story()
    assert story.ask(offers=()).strategy is None
    assert story.ask(offers=(Offer(provider="new", cost_usd=0, prior=0.9),)).strategy is None
    assert "no strategies of y" in story.ask(intent="y").why


def test_what_works_is_chosen_almost_always_after_a_while():
    story = Story()
    story.live(150, only("best"))
    leads = [lead(one) for one in story.live(50, only("best"))]
    assert leads.count("best") >= 47


def test_a_look_keeps_nothing_and_says_the_best_known():
    story = Story()
    story.live(100, only("best"))
    before = story.engine.snapshot()
    assert lead(story.engine.best("x", 0.7, ALL)) == "best"
    assert story.engine.best("y", 0.7, ALL).strategy is None
    assert story.engine.snapshot() == before


def test_what_does_not_verify_itself_is_never_an_experiment():
    story = Story(tries=[Try(intent="x", genes={"attempts": 2})])
    story.live(60, only("best"))
    story.apply(Evolved(intent="x", at_ms=1))
    assert len(story.notes("born")) == 1
    chosen = story.live(100, only("best"), verifies=False)
    assert {one.role for one in chosen} == {"champion"}
    assert {lead(one) for one in chosen} == {"best"}


def test_a_fault_of_the_way_moves_no_belief():
    story = Story()
    story.live(20, only("best"))
    before = {key: row["mean"] for key, row in story.rows("cells").items()}
    for _ in range(30):
        story.end(story.ask().number, None, cost_usd=0.5)
    assert {key: row["mean"] for key, row in story.rows("cells").items()} == before


def test_an_end_counts_once_and_that_of_nobody_not_at_all():
    story = Story()
    chosen = story.ask()
    story.end(chosen.number, 1)
    assert story.end(chosen.number, 1) == []
    assert story.end(99, 1) == []
    assert story.apply(Amended(choice=99, x=0, at_ms=1)) == []


def test_a_persons_later_word_replaces_what_was_counted():
    story = Story()
    chosen = story.ask()
    story.end(chosen.number, 1, weight=0.2)
    story.apply(Amended(choice=chosen.number, x=0, weight=1.0, at_ms=5))
    row = story.rows("cells")["x", "hard", chosen.strategy.id]
    assert (row["successes"], row["failures"]) == (0.0, 1.0)
    story.apply(Amended(choice=chosen.number, x=None, at_ms=6))
    row = story.rows("cells")["x", "hard", chosen.strategy.id]
    assert (row["successes"], row["failures"]) == (0.0, 0.0)
    story.apply(Amended(choice=chosen.number, x=1, at_ms=7))
    assert story.rows("cells")["x", "hard", chosen.strategy.id]["successes"] == 1.0


def test_who_falls_is_found_out_and_the_lineage_says_why_the_work_moved():
    story = Story()
    story.live(200, only("best"))
    after = story.live(60, only("cheap"))
    assert [lead(one) for one in after[-20:]].count("cheap") >= 16
    drift, leads = story.notes("drift")[0], story.notes("leads")[-1]
    assert "best" in drift.why
    assert "fell from" in drift.why
    assert "cheap" in leads.why
    assert "leads instead of best" in leads.why
    assert "in easy requests" in leads.why or "in hard requests" in leads.why
    assert leads.numbers["before"] == drift.strategy


def test_money_that_goes_too_fast_makes_the_dear_one_rare():
    passes = lambda strategy, number: only("best")(strategy, number) or number % 4 > 0  # noqa: E731
    story = Story(cost_weight=0.0)
    story.live(200, passes)
    assert lead(story.ask(verifies=False)) == "best"
    hurry = story.ask(verifies=False, spent_share=0.9, day_share=0.1)
    assert lead(hurry) != "best"


def test_what_is_paid_counts_not_what_was_expected():
    story = Story()
    dear = (attrs.evolve(CHEAP, cost_usd=0.1), attrs.evolve(BEST, cost_usd=0.1))
    for _ in range(80):  # one of two equals really takes five times what was expected
        chosen = story.ask(offers=dear)
        story.end(chosen.number, 1, cost_usd=0.5 if lead(chosen) == "cheap" else 0.1)
    assert lead(story.ask(offers=dear, verifies=False)) == "best"


def test_a_minute_has_its_price():
    story = Story()
    same = (attrs.evolve(CHEAP, cost_usd=0.1), attrs.evolve(BEST, cost_usd=0.1))
    for _ in range(80):
        chosen = story.ask(offers=same)
        slow = 180_000 if lead(chosen) == "cheap" else 1_000
        story.end(chosen.number, 1, latency_ms=slow)
    assert lead(story.ask(offers=same, verifies=False)) == "best"


def test_a_price_keeps_its_weight_while_the_dearest_is_away():
    story = Story()
    passes = lambda strategy, number: not only("local")(strategy, number) or number % 20 > 0  # noqa: E731
    story.live(150, passes)
    assert lead(story.engine.best("x", 0.7, ALL)) == lead(
        story.engine.best("x", 0.7, (LOCAL, CHEAP))
    )


def grown(better, tries=({"attempts": 2},), count=3_000, **settings):
    """A story with a challenger; `better` says by strategy and number whether it passes."""
    story = Story(tries=[Try(intent="x", genes=genes) for genes in tries], **settings)
    story.live(100, only("best"))
    story.apply(Evolved(intent="x", at_ms=100))
    story.live(count, better)
    return story


def passes_more(strategy, number):
    """The child always passes, its parent of the same provider two times in three."""
    if strategy.genome.providers[0] != "best":
        return False
    return strategy.genome.attempts == 2 or number % 3 > 0


@pytest.mark.slow
def test_a_better_child_is_promoted_with_the_evidence():
    story = grown(passes_more)
    promoted = story.notes("promoted")[0]
    assert promoted.numbers["e_value"] >= 20
    assert promoted.numbers["child_only"] > promoted.numbers["parent_only"]
    assert story.rows("strategies")[promoted.strategy,]["state"] == "active"
    row = story.rows("pairs")[promoted.strategy,]
    assert row["e_value"] == promoted.numbers["e_value"]


@pytest.mark.slow
def test_a_worse_child_is_culled_and_never_comes_back():
    worse = lambda strategy, number: (  # noqa: E731
        only("best")(strategy, number) and strategy.genome.attempts == 1
    )
    story = grown(worse)
    culled = story.notes("culled")[0]
    assert culled.numbers["e_worse"] >= 20
    for number in range(5):
        story.live(20, only("best"))
        story.apply(Evolved(intent="x", at_ms=number))
    born = [note.strategy for note in story.notes("born")]
    assert len(set(born)) == len(born)


@pytest.mark.slow
def test_a_child_gets_at_most_its_share_of_a_context():
    story = grown(only("best"), count=1_000)
    roles = [one.role for one in story.effects if isinstance(one, Chosen)]
    assert 0 < roles.count("challenger") <= 0.05 * len(roles)


def test_a_child_says_where_it_comes_from():
    story = grown(only("best"), count=1)
    born = story.notes("born")[0]
    assert born.numbers["operator"] == "try"
    assert born.numbers["changed"] == ["attempts 1 -> 2"]
    (parent,) = born.numbers["parents"]
    assert born.numbers["of_parents"][parent]["n"] > 50
    assert story.rows("strategies")[born.strategy,]["parents"] == [parent]


def test_nothing_is_born_twice_of_the_same_evidence_nor_without_room():
    story = grown(only("best"), count=0)
    story.apply(Evolved(intent="x", at_ms=101))
    story.live(30, only("best"))
    story.apply(Evolved(intent="x", at_ms=102))
    assert len(story.notes("born")) == 1
    first, second = story.notes("nothing")
    assert "0 new verified trials" in first.why
    assert "no room" in second.why


def test_after_the_tries_come_mutations_of_the_front():
    story = grown(only("best"), tries=(), count=0)
    assert story.notes("archived")
    born = story.notes("born")[0]
    assert born.numbers["operator"] == "mutation"
    assert born.numbers["parents"][0] in {note.strategy for note in story.notes("archived")}


def test_nothing_evolves_where_a_person_does_not_want_it():
    story = grown(only("best"), evolve=False, count=10)
    assert story.notes("born") == []
    assert "evolve = false" in story.notes("nothing")[0].why


def test_a_reflections_genome_is_tried_now_or_when_there_is_room():
    story = Story()
    story.live(50, only("best"))
    parent = story.notes("leads")[-1].strategy
    for text in ("{request} one", "{request} two"):
        genome = Genome(providers=("best",), template=text)
        story.apply(Born(intent="x", genome=genome, parents=(parent,), why="thought", at_ms=1))
    (first,) = story.notes("born")
    assert first.numbers["operator"] == "reflection"
    assert "waits" in story.notes("nothing")[0].why
    story.apply(Retired(strategy=first.strategy, at_ms=2))
    story.live(20, only("best"))
    story.apply(Evolved(intent="x", at_ms=3))
    assert story.rows("strategies")[story.notes("born")[1].strategy,]["genome"]["template"] == (
        "{request} two"
    )


def test_a_pin_is_above_what_is_known_until_it_is_taken_away():
    story = Story()
    story.live(100, only("best"))
    local = next(key[0] for key, row in story.rows("strategies").items() if row["lead"] == "local")
    story.apply(Pinned(strategy=local, at_ms=1))
    assert (story.ask().role, lead(story.ask())) == ("pinned", "local")
    assert lead(story.ask(offers=(CHEAP, BEST))) == "best"
    story.apply(Unpinned(intent="x", at_ms=2))
    assert lead(story.ask(verifies=False)) == "best"
    assert story.apply(Unpinned(intent="x", at_ms=2)) == []


def test_who_is_retired_is_never_chosen_again_and_takes_its_challengers_along():
    story = grown(only("best"), count=10)
    parent = story.notes("born")[0].numbers["parents"][0]
    story.apply(Pinned(strategy=parent, at_ms=1))
    story.apply(Retired(strategy=parent, reason="too dear", at_ms=2))
    assert {lead(one) for one in story.live(50, only("best"))} <= {"local", "cheap"}
    assert story.notes("retired")[0].why == "too dear"
    assert "was retired" in story.notes("culled")[0].why
    assert story.notes("unpinned")


@pytest.mark.slow
def test_an_extra_strategy_that_is_clearly_worse_rests_and_a_providers_last_one_never_does():
    story = grown(passes_more, tries=({"attempts": 2},))
    child = story.notes("promoted")[0].strategy
    parent = story.notes("promoted")[0].numbers["parent"]
    child_fails = lambda strategy, number: strategy.id == parent  # noqa: E731
    story.live(1_500, child_fails)
    benched = {note.strategy for note in story.notes("benched")}
    assert benched <= {child, parent}
    assert benched
    states = {row["lead"]: 0 for row in story.rows("strategies").values()}
    for row in story.rows("strategies").values():
        states[row["lead"]] += row["state"] == "active"
    assert min(states.values()) >= 1


def test_a_provider_that_appears_later_gets_a_strategy_and_nobody_a_second_one():
    story = Story()
    before = len(story.rows("strategies"))
    again = Seeded(
        seeds=(
            Seed(intent="x", genome=Genome(providers=("best", "new"))),
            Seed(intent="x", genome=Genome(providers=("new", "best"))),
        ),
        providers=("best", "new"),
        at_ms=9,
    )
    story.apply(again)
    assert len(story.rows("strategies")) == before + 1
    assert story.apply(again) == []


def test_an_engine_that_continues_from_a_snapshot_decides_as_if_it_had_never_stopped():
    story = grown(passes_more, count=100)
    copy = Engine(story.engine.snapshot())
    story.live(100, passes_more)
    for event in story.log[-200:]:
        copy.apply(event)
    assert copy.snapshot() == story.engine.snapshot()


def test_every_event_comes_back_from_its_json():
    story = grown(passes_more, count=30)
    genome = Genome(providers=("best",), template="{request}!")
    story.apply(Born(intent="x", genome=genome, parents=("p",), at_ms=1))
    story.apply(Amended(choice=1, x=0, at_ms=2))
    leader = story.notes("leads")[0].strategy
    story.apply(Pinned(strategy=leader, at_ms=3))
    story.apply(Unpinned(intent="x", at_ms=3))
    story.apply(Retired(strategy=leader, at_ms=3))
    assert {events.kind_of(event) for event in story.log} == set(events.EVENTS)
    for event in story.log:
        row = json.loads(json.dumps(events.to_json(event)))
        assert events.from_json(events.kind_of(event), row) == event


def test_a_choice_that_has_not_begun_stands_while_hardly_anything_was_learned():
    life = Story()
    waits = life.ask()
    assert life.engine.standing(waits.number, ALL) == waits.strategy
    life.live(NEWS_MAX, lambda *_: True)
    assert life.engine.standing(waits.number, ALL) == waits.strategy
    life.live(1, lambda *_: True)
    assert life.engine.standing(waits.number, ALL) is None


def test_a_choice_stands_no_longer_when_its_lead_is_not_offered():
    life = Story()
    waits = life.ask()
    others = tuple(one for one in ALL if one.provider != waits.strategy.genome.providers[0])
    assert life.engine.standing(waits.number, others) is None


def test_a_choice_that_is_replaced_teaches_nothing():
    life = Story()
    waits = life.ask()
    life.ask(instead=waits.number)
    assert life.engine.standing(waits.number, ALL) is None
    before = life.engine.snapshot()
    life.end(waits.number, 1)
    assert life.engine.snapshot() == before
