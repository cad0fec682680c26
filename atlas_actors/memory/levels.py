"""What the room needs of its levels, and which ones it gets."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import attrs

from atlas_actors.memory.cache import Cache, open_cache
from atlas_actors.memory.embedder import open_embedder
from atlas_actors.memory.graph.graph import Graph as KnowledgeGraph
from atlas_actors.memory.graph.records import Gone
from atlas_actors.memory.hits import Hit, Related
from atlas_actors.memory.search import Search as TextSearch
from atlas_actors.messages.graph import GraphShown, ShowGraph
from atlas_actors.messages.memory import NewEntity, NewMemory, NewRelation, Origin, Recall
from atlas_actors.settings import MemorySettings
from atlas_actors.store import Store


class Search(Protocol):
    """L2: finds and ranks rows of `memories`."""

    def noting(self) -> AbstractContextManager[None]:
        """Around the notes of a batch: they are written together, at its end."""

    def note(self, number: int) -> None:
        """Index a row that was just inserted, or index it anew; in the same transaction."""

    def forget(self, numbers: Sequence[int]) -> None:
        """Take rows out of every index; called before they are deleted."""

    def find(self, wanted: Recall, now_ms: int, related: Sequence[Related] = ()) -> list[Hit]:
        """Best first; more than k when a budget may drop some."""

    def backfill(self, most: int) -> int:
        """Embed at most so many that have no vector yet; how many it were."""

    def recount(self) -> None:
        """Count anew what each project has."""

    def progress(self) -> dict[str, object]:
        """The embedder and how far it has come."""


class Graph(Protocol):
    """L3: entities and what connects them."""

    def noting(self) -> AbstractContextManager[None]:
        """Around the notes of a batch: they are written together, at its end."""

    def note(
        self, number: int, item: NewMemory, trust: int, at_ms: int, recorded_ms: int | None = None
    ) -> None:
        """Take in what a memory that was just inserted names; it was said at `at_ms`."""

    def forget(self, numbers: Sequence[int]) -> int:
        """Take out what only these have said; how many entities went with it."""

    def put_entity(self, entity: NewEntity, origin: Origin, at_ms: int) -> str:
        """Keep an entity; its id."""

    def put_relation(self, relation: NewRelation, origin: Origin, at_ms: int) -> str:
        """Keep a relation; its id."""

    def read_entity(
        self, number: int, item: NewEntity, trust: int, at_ms: int, now_ms: int
    ) -> None:
        """Keep what a model has read of an entity in a memory, as long as that is kept."""

    def read_relation(
        self, number: int, item: NewRelation, trust: int, at_ms: int, now_ms: int
    ) -> None:
        """Keep a fact that a model has read in a memory, as long as that is kept."""

    def forget_entity(self, name: str, project: str | None) -> int:
        """Delete an entity with all that is said of it; how many."""

    def forget_matching(self, match: str, project: str | None) -> Gone:
        """Delete what was said by itself and has this text."""

    def names_of(self, name: str, project: str | None) -> list[str]:
        """All names of an entity; none: there is no such entity."""

    def memories_of(self, name: str, project: str | None) -> list[int]:
        """The numbers of the memories that name an entity."""

    def related(self, query: str, project: str | None, at_ms: int) -> list[Related]:
        """Memories that what the query names leads to."""

    def show(self, wanted: ShowGraph) -> GraphShown:
        """An entity and what is around it. Raises NotFound."""


@attrs.frozen(kw_only=True)
class Levels:
    """What answers a recall."""

    search: Search
    graph: Graph
    cache: Cache

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Around the notes of a batch: they are written together, at its end."""
        with self.search.noting(), self.graph.noting():
            yield


def open_levels(store: Store, settings: MemorySettings, store_id: bytes) -> Levels:
    """The levels over one open store."""
    return Levels(
        search=TextSearch(
            store, open_embedder(settings.embedder), half_life_days=settings.half_life_days
        ),
        graph=KnowledgeGraph(store),
        cache=open_cache(settings, store_id),
    )
