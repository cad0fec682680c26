"""Pure: new genomes from those that have done well, by changing one gene or mixing two parents."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from atlas_actors.messages.strategy import Genome, Strategy
from atlas_actors.strategies.genome import GENES, canonical

# A challenger runs only where the request brings a check of its own: there the gene `check` changes
# nothing, and nothing could be learned about it. The lead stays: every provider has its own line.
BRED: Final = tuple(gene for gene in GENES if gene not in ("providers", "check"))
DRAWS_MAX: Final = 40


@attrs.frozen(kw_only=True)
class Birth:
    """A new genome and how it came about."""

    genome: Genome
    operator: str  # mutation or crossover
    parents: tuple[str, ...]  # the first is the one it is compared with


def bred(
    parents: Sequence[tuple[Strategy, float]],
    vocabulary: Mapping[str, Sequence[Any]],
    existed: frozenset[str],
    draw: random.Random,
) -> Birth | None:
    """A genome that has not existed (`existed`: canonical texts), from parents with their success;
    None when so many draws found none."""
    if not parents:
        return None
    strategies = [strategy for strategy, _ in parents]
    weights = [max(success, 0.01) for _, success in parents]
    for _ in range(DRAWS_MAX):
        first = draw.choices(strategies, weights)[0]
        second = draw.choices(strategies, weights)[0]
        if first != second and draw.random() < 0.5:
            genome = crossed(first.genome, second.genome, draw)
            birth = Birth(genome=genome, operator="crossover", parents=(first.id, second.id))
        else:
            genome = mutated(first.genome, vocabulary, draw)
            birth = Birth(genome=genome, operator="mutation", parents=(first.id,))
        if canonical(birth.genome) not in existed:
            return birth
    return None


def mutated(genome: Genome, vocabulary: Mapping[str, Sequence[Any]], draw: random.Random) -> Genome:
    """The genome with one gene of the vocabulary otherwise; the same where there is no other."""
    genes = [gene for gene in BRED if len(_others(genome, gene, vocabulary)) > 0]
    if not genes:
        return genome
    gene = draw.choice(genes)
    return attrs.evolve(genome, **{gene: draw.choice(_others(genome, gene, vocabulary))})


def crossed(first: Genome, second: Genome, draw: random.Random) -> Genome:
    """The first's providers, and of each other gene the first's or the second's."""
    taken = {gene: getattr(draw.choice((first, second)), gene) for gene in BRED}
    return attrs.evolve(first, **taken)


def _others(genome: Genome, gene: str, vocabulary: Mapping[str, Sequence[Any]]) -> list[Any]:
    return [value for value in vocabulary.get(gene, ()) if value != getattr(genome, gene)]
