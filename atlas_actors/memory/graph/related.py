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
STARTS_MAX: Final = 8
HOPS: Final = 2
FAN_OUT: Final = (12, 6)
ENTITIES_MAX: Final = 40
MENTIONS_MAX: Final = 64  # an entity with as many says nothing by itself
OF_A_HUB: Final = 8
OF_A_NEIGHBOUR: Final = 4
RELATED_MAX: Final = 64
A_HOP: Final = 0.5  # each makes it weaker by this
_EDGE: Final = "`()[]{}<>,;:!?\"'“”‘’«»*…|."
_BY_NAME: Final = (
    "select id, name from entities where norm in (select value from json_each(?1))"
    " and (?2 is null or project in ('', ?2))"
    " union select entities.id, name from aliases join entities on entities.id = entity"
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
    starts = rarest[:STARTS_MAX]
    steps = walk(rows, starts, HOPS, at_ms, FAN_OUT, ENTITIES_MAX)
    _follow(rows, steps, {id: weight(len(mentions[id])) for id in starts}, ways)
    return ways.strongest()


def _follow(rows: Query, steps: list[Step], reach: dict[int, float], ways: "_Ways") -> None:
    """A fact leads to the memory that says it, and to some that name what is at its far end."""
    if not steps:
        return
    ids = json.dumps(list({id for step in steps for id in (step.subject, step.object)}))
    names = {row["id"]: row["name"] for row in rows(_NAMES, (ids,))}
    for step in steps:
        strength = reach.get(step.near, 0.0) * A_HOP
        why = f"{names[step.subject]} -{step.relation}-> {names[step.object]}"
        if step.number is not None:
            ways.add(step.number, step.hop, strength, why)
        if step.far in reach:
            continue
        numbers = _mentions(rows, step.far)
        if len(numbers) >= MENTIONS_MAX:  # from a hub, everything is near
            reach[step.far] = 0.0
            continue
        reach[step.far] = strength
        for number in numbers[:OF_A_NEIGHBOUR]:
            ways.add(number, step.hop, strength * weight(len(numbers)), why)


def _mentions(rows: Query, id: int) -> list[int]:
    return [row["number"] for row in rows(_MENTIONS, (id, MENTIONS_MAX))]


class _Ways:
    """What leads to each memory: several ways make it stronger, the strongest says why."""

    def __init__(self) -> None:
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
