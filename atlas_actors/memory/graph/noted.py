"""Collects what a batch of memories names, and writes it at once."""

from collections.abc import Collection

from atlas_actors.memory.graph import records
from atlas_actors.store import Store


class Noted:
    """Mentions of one batch; the graph must not change by other ways before they are written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: dict[tuple[str, str], int] = {}
        self._newest: int | None = None  # looked up with the first mention
        self._mentions: list[tuple[int, int, int]] = []
        # By project: (number, words that may be names, entities it names for certain, the newest
        # entity then: what is named later only was no name yet).
        self._perhaps: dict[str, list[tuple[int, set[str], frozenset[int], int]]] = {}

    def entity(self, project: str, kind: str, name: str, key: str, now_ms: int) -> int:
        """The id of what is named; it is made when it is missing."""
        id = self._ids.get((project, key))
        if id is None:
            id = records.find(self._store, key, project)
            if id is None:
                id = records.add_entity(
                    self._store, project, kind, name, key, stated=False, now_ms=now_ms
                )
                self._newest = id
            self._ids[project, key] = id
        return id

    def mention(
        self, number: int, project: str, times: dict[int, int], words: Collection[str]
    ) -> None:
        """A memory names these entities so often, and what has one of these words as its name."""
        self._mentions += [(id, number, count) for id, count in times.items()]
        if words:
            if self._newest is None:
                self._newest = records.newest(self._store)
            one = (number, set(words), frozenset(times), self._newest)
            self._perhaps.setdefault(project, []).append(one)

    def write(self) -> None:
        """Write it."""
        for project, noted in self._perhaps.items():
            words = set[str]().union(*(one[1] for one in noted))
            known = records.known(self._store, words, project)
            for number, said, certain, newest in noted:
                ids = {id for word in said & known.keys() for id in known[word] if id <= newest}
                self._mentions += [(id, number, 1) for id in ids - certain]
        records.mention(self._store, self._mentions)
