"""The starting set of strategies, from seeds.toml and the providers there are."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from atlas_actors.messages.strategy import Genome
from atlas_actors.strategies.events import Seed, Seeded, Try
from atlas_actors.strategies.genome import GENES

SEEDS_FILE: Final = Path(__file__).with_name("seeds.toml")


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(SEEDS_FILE.read_text("utf-8"))


def seeded(
    intents: Iterable[str], providers: Mapping[str, str], tiers: Sequence[str], at_ms: int = 0
) -> Seeded:
    """The event with the starting set; `providers` says the tier of each, cheapest first within a
    tier, and `tiers` the classes, cheapest first."""
    orders = [order_from(lead, providers, tiers) for lead in providers]
    seeds: list[Seed] = []
    tries: list[Try] = []
    vocabulary: dict[str, dict[str, list[Any]]] = {}
    for intent in sorted(intents):
        section = _section(intent)
        genes = _genes(section)
        rows = [_genes(row) for row in section["tries"]]
        seeds += [
            Seed(intent=intent, genome=Genome(providers=order, **genes), why=section["why"])
            for order in orders
        ]
        tries += [
            Try(intent=intent, genes=row, why=said["why"])
            for row, said in zip(rows, section["tries"], strict=True)
        ]
        vocabulary[intent] = _vocabulary([genes, *rows])
    return Seeded(
        seeds=tuple(seeds),
        tries=tuple(tries),
        vocabulary=vocabulary,
        providers=tuple(providers),
        at_ms=at_ms,
    )


def _vocabulary(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """What each gene may become: the file's values, and those of the intent's own rows."""
    shared: dict[str, list[Any]] = _file()["vocabulary"]
    values = {gene: list(shared.get(gene, [])) for gene in GENES if gene != "providers"}
    values["template"] = [_file()["templates"][name].strip() for name in values["template"]]
    for row in rows:
        for gene, value in row.items():
            if value not in values[gene]:
                values[gene].append(value)
    return {gene: found for gene, found in values.items() if found}


def order_from(lead: str, providers: Mapping[str, str], tiers: Sequence[str]) -> tuple[str, ...]:
    """The lead, then who is at least of its tier upwards, then who is below, best first."""
    rank = {tier: number for number, tier in enumerate(tiers)}
    best = len(tiers) - 1
    at = rank.get(providers[lead], best)

    def key(name: str) -> tuple[bool, bool, int]:
        tier = rank.get(providers[name], best)
        return name != lead, tier < at, tier if tier >= at else -tier

    return tuple(sorted(providers, key=key))


def _section(intent: str) -> dict[str, Any]:
    """What the file says of an intent, over what it says of every intent."""
    default = _file()["default"]
    return {"tries": [], **default, **_file().get("intents", {}).get(intent, {})}


def _genes(row: Mapping[str, Any]) -> dict[str, Any]:
    """The genes that a row says, with the text of its template."""
    genes = {gene: row[gene] for gene in GENES if gene in row}
    if "template" in genes:
        genes["template"] = _file()["templates"][genes["template"]].strip()
    return genes
