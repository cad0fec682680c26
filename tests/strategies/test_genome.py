"""Genomes: one identity for equal ones, and differences in words."""

import json

import attrs
import pytest

from atlas_actors.messages.strategy import Genome
from atlas_actors.strategies import genome as genomes

PLAIN = Genome(providers=("a", "b"))


def test_an_id_is_a_hash_of_intent_and_genes_that_does_not_change():
    assert genomes.strategy_of("bug_fix", PLAIN).id == "92f9dab65a74"
    assert genomes.strategy_of("chat", PLAIN).id != genomes.strategy_of("bug_fix", PLAIN).id


@pytest.mark.parametrize(
    "changed",
    [
        {"providers": ("b", "a")},
        {"template": "{request}!"},
        {"recall": 4},
        {"context_tokens": 1},
        {"plan_first": True},
        {"attempts": 2},
        {"check": "code"},
        {"temperature": 0.0},
    ],
)
def test_every_gene_is_part_of_the_identity(changed):
    other = attrs.evolve(PLAIN, **changed)
    assert genomes.strategy_of("x", other).id != genomes.strategy_of("x", PLAIN).id
    assert len(genomes.differences(PLAIN, other)) == 1


def test_a_genome_comes_back_from_its_json():
    genome = Genome(providers=("b",), template="é {request}", temperature=0.7, check="code")
    assert genomes.from_json(json.loads(genomes.canonical(genome))) == genome


def test_differences_are_said_in_words():
    other = Genome(providers=("b", "a"), plan_first=True, temperature=0.5)
    assert genomes.differences(PLAIN, other) == (
        "providers a>b -> b>a",
        "plan first no -> yes",
        "temperature default -> 0.5",
    )
