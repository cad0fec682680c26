"""A graph over a memory.db of its own, with memories put in by hand."""

from pathlib import Path

from atlas_actors.cell import Fence
from atlas_actors.memory.actor import Memory
from atlas_actors.memory.graph.graph import Graph
from atlas_actors.messages.graph import ShowGraph
from atlas_actors.messages.memory import NewEntity, NewMemory, NewRelation
from atlas_actors.store import Store

_NEW_MEMORY = (
    "insert into memories (number, id, project, session, kind, speaker, origin, trust, text,"
    " rationale, alternatives, tags, source, lineage, at_ms, created_ms, fingerprint)"
    " values (?1, 'm' || ?1, ?2, '', 'learning', '', 'person', 3, ?3, '', '[]', '[]', '', '[]',"
    " ?4, ?4, randomblob(8))"
)


class GraphOn:
    """Every change is committed at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "memory.db"
        self.store = Store(self.path, Memory.schema, Fence())
        self.graph = Graph(self.store)
        self.last = 0

    def say(self, text, *, project=None, speaker=None, at_ms=0, trust=3) -> int:
        """Remember a text; its number."""
        self.last += 1
        item = NewMemory(kind="learning", text=text, project=project, speaker=speaker)
        self.store.begin(durable=False)
        self.store.run(_NEW_MEMORY, (self.last, project or "", text, at_ms))
        self.graph.note(self.last, item, trust, at_ms)
        self.store.commit()
        return self.last

    def entity(self, name, kind="thing", *, origin="person", at_ms=0, **more) -> str:
        return self.graph.put_entity(NewEntity(name=name, kind=kind, **more), origin, at_ms)

    def relation(self, subject, relation, thing, *, origin="person", at_ms=0, **more) -> str:
        item = NewRelation(subject=subject, relation=relation, object=thing, **more)
        return self.graph.put_relation(item, origin, at_ms)

    def forget(self, *numbers) -> int:
        """As memory does it: the graph first, then the rows."""
        self.store.begin(durable=False)
        gone = self.graph.forget(numbers)
        for number in numbers:
            self.store.run("delete from memories where number = ?", (number,))
        self.store.commit()
        return gone

    def names(self) -> set[str]:
        return {row["name"] for row in self.store.rows("select name from entities")}

    def facts(self, at_ms=None) -> set[tuple[str, str, str]]:
        """All of them; with a time those that hold then."""
        rows = self.store.rows(
            "select subject_name, relation, object_name from inspect_facts where ?1 is null"
            " or (from_ms <= ?1 and (until_ms is null or until_ms > ?1))",
            (at_ms,),
        )
        return {(row["subject_name"], row["relation"], row["object_name"]) for row in rows}

    def show(self, name, **more):
        return self.graph.show(ShowGraph(name=name, **more))

    def related(self, query, project=None, at_ms=10**12):
        return self.graph.related(query, project, at_ms)

    def close(self) -> None:
        self.store.close()
