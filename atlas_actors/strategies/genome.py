"""Pure: genomes as canonical JSON, their identity, and what sets one apart from another."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from atlas_actors.messages.strategy import Genome, Strategy

ID_CHARACTERS: Final = 12
GENES: Final = tuple(field.name for field in attrs.fields(Genome))


def to_json(genome: Genome) -> dict[str, Any]:
    """Its genes as JSON has them."""
    return {gene: _plain(getattr(genome, gene)) for gene in GENES}


def from_json(value: Genome | Mapping[str, Any]) -> Genome:
    """A genome from its genes; a Genome is given back."""
    if isinstance(value, Genome):
        return value
    genes = dict(value)
    genes["providers"] = tuple(genes["providers"])
    return Genome(**genes)


def canonical(genome: Genome) -> str:
    """The one text for equal genomes: keys sorted, no spaces."""
    return json.dumps(to_json(genome), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def strategy_of(intent: str, genome: Genome) -> Strategy:
    """The strategy with these genes; its id is a hash of intent and genes."""
    digest = hashlib.sha256(f"{intent}\n{canonical(genome)}".encode()).hexdigest()
    return Strategy(id=digest[:ID_CHARACTERS], intent=intent, genome=genome)


def differences(before: Genome, after: Genome) -> tuple[str, ...]:
    """What `after` does otherwise, a short phrase a gene; empty when they are equal."""
    changed = [gene for gene in GENES if getattr(before, gene) != getattr(after, gene)]
    return tuple(
        f"{gene.replace('_', ' ')} {_said(getattr(before, gene))} -> {_said(getattr(after, gene))}"
        for gene in changed
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _said(value: Any) -> str:
    match value:
        case tuple():
            return ">".join(value)
        case bool():
            return "yes" if value else "no"
        case None:
            return "default"
        case str() if value == "":
            return "plain"
        case str():
            return value if len(value) <= 24 else f'"{value[:21]}..."'
        case _:
            return str(value)
