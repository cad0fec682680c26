"""The graph of one memory.db: what is put in, what is forgotten, what is asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.memory.graph import records, show
from atlas_actors.memory.graph.extract import extract
from atlas_actors.memory.graph.names import checked, norm
from atlas_actors.memory.graph.noted import Noted
from atlas_actors.memory.graph.related import related
from atlas_actors.memory.hits import Related
from atlas_actors.messages.graph import GraphShown, ShowGraph
from atlas_actors.messages.memory import TRUST, NewEntity, NewMemory, NewRelation, Origin
from atlas_actors.store import Store

UNKNOWN_KIND: Final = "thing"  # of what a relation names and nothing has described
RELATION_CHARACTERS: Final = 200


class Graph:
    """Entities, facts and mentions; every call is within the transaction of its caller."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: Noted | None = None

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Within it, what is noted is written at its end, together; nothing of it when it raises.

        Not to be asked for anything meanwhile.
        """
        self._noted = Noted(self._store)
        try:
            yield
            self._noted.write()
        finally:
            self._noted = None

    def note(
        self, number: int, item: NewMemory, trust: int, at_ms: int, recorded_ms: int | None = None
    ) -> None:
        """Note what a memory that was just kept names and says; `at_ms` is when it was said."""
        noted = self._noted
        if noted is None:
            with self.noting():
                return self.note(number, item, trust, at_ms, recorded_ms)
        now_ms = at_ms if recorded_ms is None else recorded_ms
        project = item.project or ""
        text = item.text if item.rationale is None else f"{item.text}\n{item.rationale}"
        found = extract(text)
        names = [*found.names, ("person", item.speaker)] if item.speaker else found.names
        counted: dict[str, list[Any]] = {}
        for kind, name in names:
            known = counted.setdefault(norm(name), [kind, name, 0])
            known[2] += 1
        counted.pop("", None)
        ids = {
            key: noted.entity(project, kind, checked(name), key, now_ms)
            for key, (kind, name, _) in counted.items()
        }
        times = {ids[key]: count for key, (_, _, count) in counted.items()}
        noted.mention(number, project, times, set(map(norm, found.perhaps)))
        for subject, relation, thing in found.links:
            fact = records.NewFact(
                subject=ids[norm(subject)], relation=relation, object=ids[norm(thing)],
                from_ms=at_ms, recorded_ms=now_ms, trust=trust, number=number,
            )  # fmt: skip
            if fact.subject != fact.object:
                records.add_fact(self._store, fact)
        return None

    def forget(self, numbers: Sequence[int]) -> int:
        """Delete all that only these memories named or said; how many entities are gone.

        To be called before the memories themselves are deleted.
        """
        return records.forget_memories(self._store, numbers) if numbers else 0

    def put_entity(
        self, item: NewEntity, origin: Origin, at_ms: int, recorded_ms: int | None = None
    ) -> str:
        """Keep an entity with its aliases and observations; its id.

        Raises UsageError, and Conflict when an alias is the name of something else.
        """
        self._settle()
        now_ms = at_ms if recorded_ms is None else recorded_ms
        project = item.project or ""
        kind = " ".join(item.kind.split()) or UNKNOWN_KIND
        id = self._stated(project, item.name, kind, now_ms)
        for alias in item.aliases:
            self._alias(id, project, alias)
        from_ms = at_ms if item.at_ms is None else item.at_ms
        for text in item.observations:
            records.observe(
                self._store, id, text, from_ms=from_ms, recorded_ms=now_ms,
                trust=TRUST[origin], origin=origin,
            )  # fmt: skip
        return f"entity-{id}"

    def put_relation(
        self, item: NewRelation, origin: Origin, at_ms: int, recorded_ms: int | None = None
    ) -> str:
        """Keep a fact between entities that are made when missing; its id. Raises UsageError."""
        self._settle()
        now_ms = at_ms if recorded_ms is None else recorded_ms
        project = item.project or ""
        relation = " ".join(item.relation.split())[:RELATION_CHARACTERS]
        if not relation:
            raise UsageError("the relation is empty")
        fact = records.NewFact(
            subject=self._stated(project, item.subject, None, now_ms),
            relation=relation,
            object=self._stated(project, item.object, None, now_ms),
            from_ms=at_ms if item.at_ms is None else item.at_ms,
            recorded_ms=now_ms,
            trust=TRUST[origin],
            origin=origin,
        )
        return f"fact-{records.add_fact(self._store, fact)}"

    def read_entity(
        self, number: int, item: NewEntity, trust: int, at_ms: int, now_ms: int
    ) -> None:
        """Keep what a model has read of an entity in a memory, for as long as that is kept."""
        id = self._read(number, item.project or "", item.name, item.kind, now_ms)
        for text in item.observations:
            records.observe(
                self._store, id, text, from_ms=at_ms, recorded_ms=now_ms, trust=trust,
                origin="agent", number=number,
            )  # fmt: skip

    def read_relation(
        self, number: int, item: NewRelation, trust: int, at_ms: int, now_ms: int
    ) -> None:
        """Keep a fact that a model has read in a memory, for as long as that is kept."""
        project = item.project or ""
        fact = records.NewFact(
            subject=self._read(number, project, item.subject, "", now_ms),
            relation=" ".join(item.relation.split())[:RELATION_CHARACTERS],
            object=self._read(number, project, item.object, "", now_ms),
            from_ms=at_ms, recorded_ms=now_ms, trust=trust, origin="agent", number=number,
        )  # fmt: skip
        if fact.subject != fact.object and fact.relation:
            records.add_fact(self._store, fact)

    def _read(self, number: int, project: str, name: str, kind: str, now_ms: int) -> int:
        shown = checked(name)
        given = " ".join(kind.split()) or UNKNOWN_KIND
        key = norm(shown)
        id = records.find(self._store, key, project)
        if id is None:
            id = records.add_entity(
                self._store, project, given, shown, key, stated=False, now_ms=now_ms
            )
        records.mention_once(self._store, number, id)
        return id

    def forget_entity(self, name: str, project: str | None) -> int:
        """Delete an entity (None: in every project) with all that is said of it, and what only
        that named; how many entities are gone."""
        found = records.named(self._store, norm(name), project)
        return sum(records.remove(self._store, id) for id in found)

    def forget_matching(self, match: str, project: str | None) -> records.Gone:
        """Delete what was said by itself (by no memory) and has this text, in any case."""
        return records.forget_matching(self._store, match, project)

    def names_of(self, name: str, project: str | None) -> list[str]:
        """All names of the entities that have this one; None: in every project."""
        found = records.named(self._store, norm(name), project)
        return [shown for id in found for shown in records.names_of(self._store, id)]

    def memories_of(self, name: str, project: str | None) -> list[int]:
        """The numbers of the memories that name an entity; None: in every project."""
        found = records.named(self._store, norm(name), project)
        return [number for id in found for number in records.memories_of(self._store, id)]

    def related(self, query: str, project: str | None, at_ms: int) -> list[Related]:
        """The memories that the graph reaches from what the query names, strongest first."""
        return related(self._store.rows, query, project, at_ms)

    def show(self, wanted: ShowGraph) -> GraphShown:
        """An entity and what is around it. Raises NotFound."""
        shown = show.shown(self._store.rows, wanted)
        if shown is None:
            raise NotFound(
                f"the graph has no {wanted.name[:100]}", cure="atlas graph list lists what it has"
            )
        return shown

    def _settle(self) -> None:
        """Write what is noted so far: the graph changes by another way now."""
        if self._noted is not None:
            self._noted.write()
            self._noted = Noted(self._store)

    def _stated(self, project: str, name: str, kind: str | None, now_ms: int) -> int:
        shown = checked(name)
        key = norm(shown)
        id = records.find(self._store, key, project)
        if id is None:
            given = kind or UNKNOWN_KIND
            return records.add_entity(
                self._store, project, given, shown, key, stated=True, now_ms=now_ms
            )
        records.state(self._store, id, kind)
        return id

    def _alias(self, id: int, project: str, alias: str) -> None:
        shown = checked(alias)
        key = norm(shown)
        other = records.find(self._store, key, project)
        if other == id:
            return
        if other is None:
            records.add_alias(self._store, id, project, key, shown)
            return
        known = records.entity(self._store, other)
        if known["stated"]:
            raise Conflict(
                f"{shown} is the name of another {known['kind']}, {known['name']}",
                cure="forget that one first, or leave this alias out",
            )
        records.merge(self._store, id, other)
