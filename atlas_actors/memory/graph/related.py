"""Which memories the graph reaches from what a query names, how strongly, and by which way."""

import json
import math
from typing import Final

from atlas_actors.memory.graph.extract import extract
from atlas_actors.memory.graph.names import norm
from atlas_actors.memory.graph.vocabulary import FILLERS, PLAIN_NO
from atlas_actors.memory.graph.walk import Step, walk
from atlas_actors.memory.hits import Related
from atlas_actors.store import Query

QUERY_CHARACTERS: Final = 2_000
QUERY_WORDS: Final = 48
WORDS_OF_A_NAME: Final = 3
# Along the facts: of so many entities that the query names, so many facts each way; then of
# so many of their neighbours, the rarest first.
STARTS_MAX: Final = 8
NEIGHBOURS_MAX: Final = 24
ONWARD_MAX: Final = 6
FAN_OUT: Final = (8, 4)
MENTIONS_MAX: Final = 64  # an entity with as many says nothing by itself
OF_A_HUB: Final = 8
OF_A_NEIGHBOUR: Final = 4
RELATED_MAX: Final = 64
A_HOP: Final = 0.5  # each makes it weaker by this
_EDGE: Final = "`()[]{}<>,;:!?\"'“”‘’«»*…|."
_BY_NAME: Final = (
    "select id, name from entities where norm in (select value from json_each(?1))"
    " and (?2 is null or project in ('', ?2))"
    " union all select entities.id, name from aliases join entities on entities.id = entity"
    " where aliases.norm in (select value from json_each(?1))"
    " and (?2 is null or aliases.project in ('', ?2)) limit ?3"
)
_MENTIONS: Final = "select number from mentions where entity = ? order by number desc limit ?"
_NAMES: Final = "select id, name from entities where id in (select value from json_each(?))"


def names_in(query: str) -> list[str]:
    """The normalised names that a query may hold: what has the shape of one, and any words."""
    text = query[:QUERY_CHARACTERS]
    found = extract(text)
    names = dict.fromkeys(norm(name) for _, name in found.names)
    words = [norm(word.strip(_EDGE)) for word in text.split()[:QUERY_WORDS]]
    for size in range(1, WORDS_OF_A_NAME + 1):
        for n in range(len(words) - size + 1):
            name = " ".join(words[n : n + size])
            if len(name) > 1 and name not in PLAIN_NO and name not in FILLERS:
                names[name] = None
    names.pop("", None)
    return list(names)


def weight(mentions: int) -> float:
    """What naming an entity says of a memory: the less, the more memories name it."""
    return 1 / (1 + math.log2(max(1, mentions)))


def related(rows: Query, query: str, project: str | None, at_ms: int) -> list[Related]:
    """Memories by the entities that the query names and their neighbours, strongest first."""
    given = json.dumps(names_in(query))
    named = {row["id"]: row["name"] for row in rows(_BY_NAME, (given, project, MENTIONS_MAX))}
    if not named:
        return []
    mentions = {id: _mentions(rows, id) for id in named}
    rarest = sorted(named, key=lambda id: (len(mentions[id]), -id))
    ways = _Ways()
    for id in rarest:
        numbers = mentions[id]
        kept = numbers[:OF_A_HUB] if len(numbers) >= MENTIONS_MAX else numbers
        for number in kept:
            ways.add(number, 0, weight(len(numbers)), f"mentions {named[id]}")
    reach = {id: weight(len(mentions[id])) for id in rarest[:STARTS_MAX]}
    first = walk(rows, reach, 1, at_ms, FAN_OUT, len(reach) + NEIGHBOURS_MAX)
    onward = _neighbours(rows, first, reach, ways)
    second = walk(rows, onward, 1, at_ms, FAN_OUT[1:]) if onward else []
    named |= _names(rows, [*first, *second])
    _say(first, 1, reach, named, ways)
    _say(second, 2, reach, named, ways)
    return ways.strongest()


def _names(rows: Query, steps: list[Step]) -> dict[int, str]:
    ids = {id for step in steps for id in (step.subject, step.object)}
    return {row["id"]: row["name"] for row in rows(_NAMES, (json.dumps(list(ids)),))}


def _say(
    steps: list[Step], hops: int, reach: dict[int, float], names: dict[int, str], ways: "_Ways"
) -> None:
    """A fact leads to the memory that says it, and to some that name what is at its far end."""
    for step in steps:
        strength = reach[step.near] * A_HOP
        why = f"{names[step.subject]} -{step.relation}-> {names[step.object]}"
        if step.number is not None:
            ways.add(step.number, hops, strength, why)
        for number in ways.beside.pop(step.far, ()):
            ways.add(number, hops, reach[step.far], why)


def _neighbours(
    rows: Query, steps: list[Step], reach: dict[int, float], ways: "_Ways"
) -> list[int]:
    """Those to go on from, the rarest first; from a hub everything is near, so none of them."""
    counted: list[tuple[int, int]] = []
    for step in steps:
        if step.far in reach:
            continue
        numbers = _mentions(rows, step.far)
        rare = len(numbers) < MENTIONS_MAX
        reach[step.far] = reach[step.near] * A_HOP * weight(len(numbers)) if rare else 0.0
        if rare:
            ways.beside[step.far] = numbers[:OF_A_NEIGHBOUR]
            counted.append((len(numbers), step.far))
    return [id for _, id in sorted(counted)[:ONWARD_MAX]]


def _mentions(rows: Query, id: int) -> list[int]:
    return [row["number"] for row in rows(_MENTIONS, (id, MENTIONS_MAX))]


class _Ways:
    """What leads to each memory: several ways make it stronger, the strongest says why."""

    def __init__(self) -> None:
        self.beside: dict[int, list[int]] = {}  # memories that name a neighbour
        self._found: dict[int, tuple[float, float, int, str]] = {}  # together, best, hops, why

    def add(self, number: int, hops: int, strength: float, why: str) -> None:
        """One more way."""
        if strength <= 0:
            return
        known = self._found.get(number)
        if known is None:
            self._found[number] = (strength, strength, hops, why)
            return
        together, best, least, reason = known
        if why != reason:
            together = 1 - (1 - together) * (1 - strength)
        if strength > best:
            best, reason = strength, why
        self._found[number] = (together, best, min(least, hops), reason)

    def strongest(self) -> list[Related]:
        """At most RELATED_MAX; of two that are as strong the newer."""
        ordered = sorted(self._found.items(), key=lambda item: (-item[1][0], -item[0]))
        return [
            Related(number=number, hops=hops, strength=strength, why=why)
            for number, (strength, _, hops, why) in ordered[:RELATED_MAX]
        ]
