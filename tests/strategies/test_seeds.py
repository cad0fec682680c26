"""The starting set: every intent and provider, each with a reason."""

import pytest

from atlas_actors.messages.strategy import Genome
from atlas_actors.router.intents import shipped
from atlas_actors.strategies.genome import GENES
from atlas_actors.strategies.population import genome_with
from atlas_actors.strategies.seeds import order_from, seeded

TIERS = ["free", "cheap", "haiku", "quality"]
PROVIDERS = {"local": "free", "flash": "cheap", "haiku": "haiku", "opus": "quality"}


def test_each_provider_leads_one_strategy_of_each_intent_and_of_a_users_own():
    intents = [*shipped(), "poetry"]
    event = seeded(intents, PROVIDERS, TIERS)
    led = [(seed.intent, seed.genome.providers[0]) for seed in event.seeds]
    assert sorted(led) == sorted((intent, name) for intent in intents for name in PROVIDERS)


@pytest.mark.parametrize(
    ("lead", "order"),
    [
        ("local", ("local", "flash", "haiku", "opus")),
        ("flash", ("flash", "haiku", "opus", "local")),
        ("haiku", ("haiku", "opus", "flash", "local")),
        ("opus", ("opus", "haiku", "flash", "local")),
    ],
)
def test_after_the_lead_comes_its_tier_and_better_and_then_what_is_below_best_first(lead, order):
    assert order_from(lead, PROVIDERS, TIERS) == order


def test_a_tier_that_nobody_knows_counts_as_the_best():
    assert order_from("odd", {**PROVIDERS, "odd": "gold"}, TIERS)[:2] == ("odd", "opus")


def test_whatever_the_file_says_has_a_reason_and_makes_a_genome():
    event = seeded(shipped(), PROVIDERS, TIERS)
    assert all(one.why for one in (*event.seeds, *event.tries))
    for intent in shipped():
        start = next(seed.genome for seed in event.seeds if seed.intent == intent)
        tries = [one.genes for one in event.tries if one.intent == intent]
        children = [genome_with(start, genes) for genes in tries]
        assert all(child != start for child in children), f"a try of {intent} changes nothing"
        assert len(set(children)) == len(children)


def test_a_template_holds_the_request_once_or_is_empty():
    event = seeded(shipped(), PROVIDERS, TIERS)
    templates = {seed.genome.template for seed in event.seeds}
    templates |= {one.genes["template"] for one in event.tries if "template" in one.genes}
    for vocabulary in event.vocabulary.values():
        templates |= set(vocabulary["template"])
    assert len(templates) > 3
    assert all(text == "" or text.count("{request}") == 1 for text in templates)


def test_mutations_find_only_genes_that_there_are():
    vocabulary = seeded(["bug_fix"], PROVIDERS, TIERS).vocabulary["bug_fix"]
    assert set(vocabulary) <= set(GENES)
    for gene, values in vocabulary.items():
        assert all(genome_with(Genome(providers=("a",)), {gene: value}) for value in values)
